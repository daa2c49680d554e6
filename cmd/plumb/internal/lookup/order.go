package lookup

import (
	"net/netip"
	"sort"

	"golang.org/x/sys/unix"
)

// Sort brings the addresses into the order in which to try them: the rules 1, 2, 5 and 6 of RFC 6724,
// section 6. An address without a route comes last; IPv6 comes before IPv4, unless all that this host has
// is a unique local address, which no answer from the internet would find back to.
func Sort(addrs []netip.Addr) { order(addrs, source) }

// order is Sort with another way to learn the source address that an address would be reached from.
func order(addrs []netip.Addr, source func(netip.Addr) netip.Addr) {
	type candidate struct {
		addr   netip.Addr
		source netip.Addr // invalid without a route
	}
	list := make([]candidate, len(addrs))
	for i, a := range addrs {
		list[i] = candidate{a, source(a)}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		pa, pb := policyOf(a.addr), policyOf(b.addr)
		for _, c := range []int{
			first(a.source.IsValid(), b.source.IsValid()),
			first(scope(a.addr) == scope(a.source), scope(b.addr) == scope(b.source)),
			first(pa.label == policyOf(a.source).label, pb.label == policyOf(b.source).label),
			pb.precedence - pa.precedence,
		} {
			if c != 0 {
				return c < 0
			}
		}
		return false
	})
	for i, c := range list {
		addrs[i] = c.addr
	}
}

// first puts a before b when a alone holds.
func first(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

// source is the address that the kernel would send from. Connecting a UDP socket finds the route and
// sends nothing.
func source(to netip.Addr) netip.Addr {
	fd, err := openFor(to, unix.SOCK_DGRAM)
	if err != nil {
		return netip.Addr{}
	}
	defer unix.Close(fd)
	const discard = 9 // any port will do
	sa, err := Sockaddr(fd, to.Unmap(), discard)
	if err != nil || unix.Connect(fd, sa) != nil {
		return netip.Addr{}
	}
	from, err := unix.Getsockname(fd)
	if err != nil {
		return netip.Addr{}
	}
	return SockaddrAddr(from)
}

// The scopes of RFC 4291, section 2.7, as RFC 6724, sections 3.1 and 3.2, gives them to all addresses.
const (
	linkLocal = 0x2
	siteLocal = 0x5
	global    = 0xe
)

func scope(a netip.Addr) int {
	switch {
	case a.Is6() && a.IsMulticast():
		return int(a.As16()[1] & 0xf)
	case a.IsLoopback(), a.IsLinkLocalUnicast():
		return linkLocal
	case a.Is6() && netip.MustParsePrefix("fec0::/10").Contains(a):
		return siteLocal
	}
	return global
}

// A policy is a row of the table in RFC 6724, section 2.1.
type policy struct {
	prefix            string
	precedence, label int
}

func policyOf(a netip.Addr) policy {
	// The longest prefix first.
	for _, p := range []policy{
		{"::1/128", 50, 0},
		{"::ffff:0:0/96", 35, 4},
		{"::/96", 1, 3},
		{"2001::/32", 5, 5},
		{"2002::/16", 30, 2},
		{"3ffe::/16", 1, 12},
		{"fec0::/10", 1, 11},
		{"fc00::/7", 3, 13},
	} {
		if a.IsValid() && netip.MustParsePrefix(p.prefix).Contains(netip.AddrFrom16(a.As16())) {
			return p
		}
	}
	return policy{"::/0", 40, 1}
}
