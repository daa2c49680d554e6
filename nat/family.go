package nat

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// An ipFamily is what differs between IPv4 and IPv6 in plumb's ruleset.
type ipFamily struct {
	proto    Family
	addrType DataType
	addrLen  uint32 // bytes
	src, dst uint32 // offsets of the addresses in struct iphdr (linux/ip.h) or struct ipv6hdr (linux/ipv6.h)

	lease, member, nets, within, publish, publishHost, forward, full string // names of sets and maps
}

// The sets and maps of both families: those of a host end's name.
const (
	linkMap     = "link"
	internalSet = "internal"
	isolateSet  = "isolate"
	noHostSet   = "nohost"
)

var (
	ipv4 = ipFamily{
		proto: NFPROTO_IPV4, addrType: TypeIPv4Addr, addrLen: 4, src: 12, dst: 16,
		lease: "lease4", member: "member4", nets: "nets4", within: "within4",
		publish: "publish4", publishHost: "publish4h", forward: "forward4", full: "full4",
	}
	ipv6 = ipFamily{
		proto: NFPROTO_IPV6, addrType: TypeIPv6Addr, addrLen: 16, src: 8, dst: 24,
		lease: "lease6", member: "member6", nets: "nets6", within: "within6",
		publish: "publish6", publishHost: "publish6h", forward: "forward6", full: "full6",
	}
)

// familyOf is the family of an address.
func familyOf(a netip.Addr) *ipFamily {
	if a.Unmap().Is4() {
		return &ipv4
	}
	return &ipv6
}

// registers is how many registers of 4 bytes an address takes.
func (f *ipFamily) registers() int { return int(f.addrLen / 4) }

// bounds are the first and the last address of a prefix.
func bounds(p netip.Prefix) (first, last netip.Addr) {
	if !p.IsValid() {
		return first, last
	}
	first = p.Masked().Addr()
	bits := first.BitLen()
	b := first.As16()                  // an IPv4 address is at its end
	from := p.Bits() + 8*len(b) - bits // the first bit that is not the prefix's
	for i := from / 8; i < len(b); i++ {
		b[i] |= 0xff >> max(from-8*i, 0)
	}
	if last = netip.AddrFrom16(b); bits == 32 {
		last = last.Unmap()
	}
	return first, last
}

// rtnLocal is RTN_LOCAL, linux/rtnetlink.h: an address of this host's.
const rtnLocal = unix.RTN_LOCAL
