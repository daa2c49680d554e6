package verdict

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/nat"
)

// A Packet is one that is asked about.
type Packet struct {
	What string // for people: "new connections from the container to the internet (tcp)"
	Kind Kind

	Way      []nat.HookNum // the hooks that it passes, in their order
	In, Out  Link          // the zero Link for none
	Src, Dst netip.Addr    // of one family
	Proto    uint8         // IPPROTO_*
	SrcPort  uint16        // of ICMP the type, in DstPort the code
	DstPort  uint16

	// Before is where the packet was going before plumb's own DNAT, at dstnat priority in prerouting. The zero value is a
	// packet that is not translated.
	Before netip.AddrPort

	Reply            bool // of a connection that is established, as an answer; otherwise the first of a new one
	ToHost, FromHost bool // Dst, or Src, is an address of the host's
}

// Kind is what sort of packet of a container it is, which decides how it is let pass.
type Kind uint8

// The kinds.
const (
	FromContainer Kind = iota // to anywhere beyond the host
	ToHost                    // to the gateway: name resolution
	Answer                    // to the container, on a connection that it began
	Published                 // to the container, by a published port
	FromHost                  // to the container, from the host itself
)

// A Link is an interface, as rules see it.
type Link struct {
	Name  string // at most 15 bytes
	Index uint32
	Group uint32
}

// family is the packet's: NFPROTO_IPV4 or NFPROTO_IPV6.
func (p *Packet) family() nat.Family {
	if p.Dst.Is4() {
		return nat.NFPROTO_IPV4
	}
	return nat.NFPROTO_IPV6
}

// forICMP reports whether the packet is an ICMP or ICMPv6 message.
func (p *Packet) forICMP() bool {
	return p.Proto == unix.IPPROTO_ICMP || p.Proto == unix.IPPROTO_ICMPV6
}

// protocolName is what people call the packet's protocol.
func (p *Packet) protocolName() string {
	switch p.Proto {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	}
	return "icmp"
}
