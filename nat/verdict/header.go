package verdict

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// The headers of a packet that nobody has sent: what follows from the question is known, all else is not.

// networkHeader is struct iphdr (linux/ip.h) or struct ipv6hdr (linux/ipv6.h), going to dst.
func (p *Packet) networkHeader(dst netip.Addr) value {
	if p.Dst.Is4() {
		h := unknown(20)
		h.set(0, 0x45)       // version 4, five words: no options
		h.bits(6, 0, 0x3f)   // no fragment; its flag DF may be set
		h.set(7, 0)          // nor its offset
		h.set(9, p.Proto)    // protocol
		h.address(12, p.Src) // saddr
		h.address(16, dst)   // daddr
		return h
	}
	h := unknown(40)
	h.bits(0, 0x60, 0xf0) // version
	h.set(6, p.Proto)     // nexthdr
	h.address(8, p.Src)
	h.address(24, dst)
	return h
}

// Flags of TCP, at byte 13 of its header: RFC 9293, section 3.1.
const (
	tcpFlags = 13
	tcpFIN   = 0x01
	tcpSYN   = 0x02
	tcpRST   = 0x04
	tcpACK   = 0x10
	tcpURG   = 0x20
)

// transportHeader is that of the packet's protocol, going to a port.
func (p *Packet) transportHeader(port uint16) value {
	h := unknown(20)
	if p.forICMP() {
		h.set(0, byte(p.SrcPort))
		h.set(1, byte(p.DstPort))
		return h
	}
	h.set(0, byte(p.SrcPort>>8), byte(p.SrcPort), byte(port>>8), byte(port))
	if p.Proto == unix.IPPROTO_TCP {
		if p.Reply {
			h.bits(tcpFlags, tcpACK, tcpACK|tcpSYN|tcpRST|tcpURG)
		} else {
			h.bits(tcpFlags, tcpSYN, 0x3f) // ECE and CWR may be set: RFC 3168
		}
	}
	return h
}

// set says what bytes are.
//
//go:noinline
func (v value) set(offset int, b ...byte) {
	copy(v.data[offset:], b)
	for i := range b {
		v.known[offset+i] = 0xff
	}
}

// bits says what those bits of a byte are that are set in mask.
//
//go:noinline
func (v value) bits(offset int, b, mask byte) { v.data[offset], v.known[offset] = b&mask, mask }

// address sets an address. The zero Addr is one that is not known.
func (v value) address(offset int, a netip.Addr) {
	if a.IsValid() {
		v.set(offset, a.AsSlice()...)
	}
}

// host32 is a number of which some bits are known, in the host's byte order, as meta and ct leave it.
//
//go:noinline
func host32(n, known uint32) value {
	return value{binary.NativeEndian.AppendUint32(nil, n&known), binary.NativeEndian.AppendUint32(nil, known)}
}

// all32 is that all bits of a number are known.
const all32 = ^uint32(0)
