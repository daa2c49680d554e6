package container

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"

	"plumb/nat"
	"plumb/rtnl"

	"golang.org/x/sys/unix"
)

// An OverlapError is a subnet that the host already uses otherwise.
type OverlapError struct {
	Subnet, Route netip.Prefix
	Link          string
}

func (e *OverlapError) Error() string {
	option := "--subnet"
	if e.Subnet.Addr().Is6() {
		option = "--subnet6"
	}
	return fmt.Sprintf("subnet %s overlaps %s, which the host reaches by %s: give another one with %s", e.Subnet, e.Route, e.Link, option)
}

// A chooser chooses a container's subnet of one family.
type chooser struct {
	host   *Host
	net    *Network
	given  netip.Prefix // not valid: the default
	first  netip.Prefix // the default
	other  netip.Prefix // what was given in the other family, if it is not the default there
	nets   []nat.Net    // what the table knows, of both families
	routes func() ([]rtnl.Route, error)
}

// choose returns the subnet: the network's, where it has one, else the one that is given, else the first default that neither the host
// nor another network uses. One that the table knows was found free when it was taken.
func (c *chooser) choose() (netip.Prefix, error) {
	if known := c.known(); known.IsValid() {
		if c.given.IsValid() && c.given != known {
			return known, &nat.NetworkError{Network: c.net.Network, Subnet: c.given, Holder: nat.Net{Name: c.net.Network, Subnet: known}}
		}
		return known, nil
	}
	subnet := c.given
	if !subnet.IsValid() {
		subnet = c.first
		if c.other.IsValid() && c.net.Network == "" {
			subnet = besideOf(c.other, subnet)
		}
		if c.net.Network != "" {
			subnet = nextSubnet(subnet) // the first is left to those who name no network
		}
	}
	wanted := subnet
	var first error
	for {
		why, err := c.usable(subnet)
		if err != nil {
			return subnet, err
		}
		if why == nil {
			if first != nil && c.net.Network == "" {
				c.host.notice(fmt.Sprintf("subnet %s is in use%s: taking %s", wanted, whose(first), subnet))
			}
			return subnet, nil
		}
		if first == nil {
			first = why
		}
		next := nextSubnet(subnet)
		if c.given.IsValid() || !next.IsValid() {
			return wanted, first
		}
		subnet = next
	}
}

// besideOf is the default subnet beside one of the other family that is not the default: containers with different subnets in one family must not
// share one in the other. It is the same each time, and among those that networks with names hardly get to.
func besideOf(other, first netip.Prefix) netip.Prefix {
	hash := fnv.New32a()
	hash.Write([]byte(other.String()))
	sum := hash.Sum32()
	if first.Addr().Is4() {
		b := first.Addr().As4()
		b[2] = byte(128 + sum%128)
		return netip.PrefixFrom(netip.AddrFrom4(b), first.Bits())
	}
	b := first.Addr().As16()
	b[6], b[7] = byte(0x80|sum>>8), byte(sum)
	return netip.PrefixFrom(netip.AddrFrom16(b), first.Bits())
}

// whose is by whom a subnet is used, for a note.
func whose(err error) string {
	var route *OverlapError
	var network *nat.NetworkError
	switch {
	case errors.As(err, &route):
		return fmt.Sprintf(" by %s (%s)", route.Link, route.Route)
	case errors.As(err, &network):
		return fmt.Sprintf(" by network %s (%s)", network.Holder.Name, network.Holder.Subnet)
	}
	return ""
}

// known is the subnet that a named network has already.
func (c *chooser) known() netip.Prefix {
	for _, n := range c.nets {
		if c.net.Network != "" && n.Name == c.net.Network && n.Subnet.Addr().Is4() == c.first.Addr().Is4() {
			return n.Subnet
		}
	}
	return netip.Prefix{}
}

// usable says why a subnet cannot be had. It can where it is the network's already, and where nobody uses it.
func (c *chooser) usable(subnet netip.Prefix) (why, err error) {
	for _, n := range c.nets {
		switch {
		case n.Subnet == subnet && n.Name == c.net.Network:
			return nil, nil
		case n.Name != "" && n.Subnet.Overlaps(subnet), n.Subnet == subnet:
			return &nat.NetworkError{Network: c.net.Network, Subnet: subnet, Holder: n}, nil
		}
	}
	routes, err := c.routes()
	if err != nil {
		return nil, err
	}
	overlap, err := c.host.overlap(subnet, routes)
	if overlap != nil {
		why = overlap
	}
	return why, err
}

// nextSubnet is the next to try: 10.0.0.0/24 to 10.0.255.0/24, 172.31.0.0/24 to 172.31.255.0/24, 192.168.255.0/24 to
// 192.168.0.0/24; fd70:6c75:6d62::/64 to fd70:6c75:6d62:ffff::/64.
func nextSubnet(subnet netip.Prefix) netip.Prefix {
	if subnet.Addr().Is6() {
		b := subnet.Addr().As16()
		if b[7]++; b[7] == 0 {
			if b[6]++; b[6] == 0 {
				return netip.Prefix{}
			}
		}
		return netip.PrefixFrom(netip.AddrFrom16(b), subnet.Bits())
	}
	b := subnet.Addr().As4()
	switch {
	case b[0] == 10 && b[2] == 255:
		b = [4]byte{172, 31, 0, 0}
	case b[0] == 172 && b[2] == 255:
		b = [4]byte{192, 168, 255, 0}
	case b[0] != 192:
		b[2]++
	case b[2] == 0:
		return netip.Prefix{}
	default:
		b[2]--
	}
	return netip.PrefixFrom(netip.AddrFrom4(b), subnet.Bits())
}

// overlap finds a route of the host's into the subnet, other than those of containers.
func (h *Host) overlap(subnet netip.Prefix, routes []rtnl.Route) (*OverlapError, error) {
	ours := map[uint32]bool{}
	for i := range routes {
		r := &routes[i]
		dst := r.Destination()
		links := r.OutLinks()
		if r.DstLen <= 1 || len(links) == 0 || !dst.Overlaps(subnet) || isSharedGateway(r, subnet) {
			continue
		}
		// A container's own route has the gateway as its source, and its link is of our group. There is one
		// such route for each container: the link of the first tells enough of the others.
		single := dst.IsSingleIP() && r.PrefSrc == gatewayOf(subnet)
		if single && len(ours) > 0 {
			continue
		}
		link, err := h.rtnl.LinkByIndex(links[0])
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("see whose route %s is: %w", dst, err)
		}
		if !isHostEnd(link) {
			return &OverlapError{Subnet: subnet, Route: dst, Link: link.Name}, nil
		}
		ours[links[0]] = true
	}
	return nil, nil
}
