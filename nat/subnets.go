package nat

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sort"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A subnet is shared by its containers, so none of them takes it along when it goes. It stays in nets4 until the table goes, or
// until somebody wants a subnet that overlaps it.

// whyNotSubnet is called when a subnet overlaps another. One in which nobody has an address any more is removed, and then the
// attach may be tried again.
func (c *Conn) whyNotSubnet(subnet netip.Prefix, err error) (again bool, reason error) {
	removed, cleaning := c.removeUnusedSubnets(subnet)
	if cleaning != nil {
		return false, errors.Join(err, cleaning)
	}
	if removed {
		return true, err
	}
	return false, &OverlapError{Subnet: subnet}
}

// A Net is a subnet that plumb masquerades, and the network's name that it belongs to.
type Net struct {
	Name   string // "" for one without a name
	Subnet netip.Prefix
}

// Nets returns the subnets that are in use, or were; none where plumb's table is not there.
func (c *Conn) Nets() ([]Net, error) {
	gen, err := c.GenID()
	if err != nil {
		return nil, err
	}
	return c.NetsAt(gen)
}

// NetsAt is Nets, for one who has just read the generation id.
func (c *Conn) NetsAt(gen uint32) ([]Net, error) {
	var all []Net
	for _, f := range []*ipFamily{&ipv4, &ipv6} {
		of, err := c.netsOf(gen, f)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
}

// netsOf are those of one family.
func (c *Conn) netsOf(gen uint32, f *ipFamily) ([]Net, error) {
	if known, ok := c.known.at(gen).nets[f.nets]; ok {
		return known, nil
	}
	elements, err := c.elements(f.nets)
	if err != nil {
		return nil, fmt.Errorf("list the subnets: %w", err)
	}
	all := nets(elements)
	c.known.note(gen, func(m *memo) { m.nets = with(m.nets, f.nets, all) })
	return all, nil
}

func nets(elements []Element) []Net {
	var all []Net
	for _, s := range spans(elements) {
		if p := s.prefix(); p.IsValid() {
			all = append(all, Net{s.name, p})
		}
	}
	return all
}

// knows reports whether the table has a place's subnet. The error is a *NetworkError where it is another network's, or the
// network has another one, in which addresses are leased.
func (c *Conn) knows(gen uint32, p placeOf, network string) (bool, error) {
	all, err := c.netsOf(gen, p.ipFamily)
	if err != nil {
		return false, err
	}
	for _, n := range all {
		switch {
		case n.Subnet == p.Subnet && n.Name == network:
			return true, nil
		case n.Subnet != p.Subnet && (network == "" || n.Name != network):
			continue
		}
		if removed, err := c.removeUnusedSubnets(n.Subnet); err != nil || removed {
			return false, err
		}
		return false, &NetworkError{network, p.Subnet, n}
	}
	return false, nil
}

// A span is the addresses of an interval, both ends included.
type span struct {
	first, last netip.Addr
	name        string // of the network
}

// prefix is the subnet of that span; not valid where it is none.
func (s span) prefix() netip.Prefix {
	for bits := s.first.BitLen(); bits >= 0; bits-- {
		p := netip.PrefixFrom(s.first, bits)
		first, last := bounds(p)
		if first != s.first {
			break
		}
		if last == s.last {
			return p
		}
	}
	return netip.Prefix{}
}

// removeUnusedSubnets removes the subnets that overlap p and in which no address is leased. It reports whether there
// were any, or whether that could not be told because something changed meanwhile.
func (c *Conn) removeUnusedSubnets(p netip.Prefix) (removed bool, err error) {
	f := familyOf(p.Addr())
	gen, err := c.GenID()
	if err != nil {
		return false, err
	}
	requests, err := c.unusedSubnets(f, p)
	if err != nil || len(requests) == 0 {
		return false, err
	}
	err = c.BatchAt(gen, requests...)
	if errors.Is(err, ErrStale) || errors.Is(err, unix.ENOENT) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove subnets that nobody uses: %w", err)
	}
	return true, nil
}

// unusedSubnets are the requests that remove them, from nets4 and from within4.
func (c *Conn) unusedSubnets(f *ipFamily, p netip.Prefix) ([]wire.Request, error) {
	elements, err := c.Elements(NFPROTO_INET, TableName, f.nets)
	if err != nil {
		return nil, err
	}
	within, err := c.Elements(NFPROTO_INET, TableName, f.within)
	if err != nil {
		return nil, err
	}
	leases, err := c.Leases()
	if err != nil {
		return nil, err
	}
	first, last := bounds(p)
	unused := func(s span) bool {
		overlaps := !s.last.Less(first) && !last.Less(s.first)
		return overlaps && !slices.ContainsFunc(leases, func(l Lease) bool {
			return !l.Addr.Less(s.first) && !s.last.Less(l.Addr) // Less also orders by family: another's is outside
		})
	}
	var requests []wire.Request
	remove := func(set string, es ...Element) {
		requests = append(requests, DelElements(&ElementList{Header: inet, Table: TableName, Set: set, Elements: es}))
	}
	for _, s := range spans(elements) {
		if unused(s) {
			remove(f.nets, s.elements()...)
		}
	}
	for _, e := range within {
		if s, ok := squareOf(e, f); ok && unused(s) {
			remove(f.within, Element{Key: e.Key, KeyEnd: e.KeyEnd})
		}
	}
	return requests, nil
}

// spans are the intervals of a set of intervals. The kernel lists them in any order: each begins with a key, and ends
// before the next key that is flagged so.
func spans(elements []Element) []span {
	elements = slices.Clone(elements)
	elements = slices.DeleteFunc(elements, func(e Element) bool { return e.Key == nil || !addrOf(e.Key.Value).IsValid() })
	sort.SliceStable(elements, func(i, j int) bool {
		a, b := &elements[i], &elements[j]
		if c := addrOf(a.Key.Value).Compare(addrOf(b.Key.Value)); c != 0 {
			return c < 0
		}
		// One ends where the next begins.
		return a.Flags&NFT_SET_ELEM_INTERVAL_END != 0 && b.Flags&NFT_SET_ELEM_INTERVAL_END == 0
	})
	var all []span
	open := false
	for _, e := range elements {
		at := addrOf(e.Key.Value)
		ends := e.Flags&NFT_SET_ELEM_INTERVAL_END != 0
		if open && ends {
			all[len(all)-1].last = at.Prev()
		}
		if !ends {
			all = append(all, span{at, lastOf(at), e.UserData.Comment()})
		}
		open = !ends
	}
	return all
}

// lastOf is the last address of a's family, where an interval ends that has no end.
func lastOf(a netip.Addr) netip.Addr {
	_, last := bounds(netip.PrefixFrom(a, 0))
	return last
}

// elements are the span as interval makes it of a prefix.
func (s span) elements() []Element {
	elements := []Element{{Key: &Data{Value: s.first.AsSlice()}}}
	if end := s.last.Next(); end.IsValid() {
		elements = append(elements, Element{Key: &Data{Value: end.AsSlice()}, Flags: NFT_SET_ELEM_INTERVAL_END})
	}
	return elements
}

// squareOf is the subnet of an element that square made.
func squareOf(e Element, f *ipFamily) (span, bool) {
	n := int(f.addrLen)
	if e.Key == nil || e.KeyEnd == nil || len(e.Key.Value) < n || len(e.KeyEnd.Value) < n {
		return span{}, false
	}
	return span{first: addrOf(e.Key.Value[:n]), last: addrOf(e.KeyEnd.Value[:n])}, true
}
