package nat

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A Lease says that a host end's container has an address. It is an element of lease4 or lease6; taking one is adding the element
// with NLM_F_EXCL, so that the kernel decides between all who want it.
type Lease struct {
	Addr    netip.Addr
	Link    string // name of the host end, at most 15 bytes
	Comment Comment
}

// same reports whether both are the same taking of an address.
func (l *Lease) same(other *Lease) bool {
	return l.Addr == other.Addr && l.Link == other.Link && l.Comment.same(other.Comment)
}

// A LeasedError says that an address is taken. errors.Is(err, unix.EEXIST) is true of it.
type LeasedError struct {
	Addr   netip.Addr
	Holder Lease
}

func (e *LeasedError) Error() string {
	return fmt.Sprintf("address %s is leased to %s (%s)", e.Addr, e.Holder.Comment.Name, e.Holder.Link)
}

// Unwrap returns unix.EEXIST.
func (e *LeasedError) Unwrap() error { return unix.EEXIST }

// Leases returns all leases, IPv4 first; none where plumb's table is not there.
func (c *Conn) Leases() ([]Lease, error) {
	var all []Lease
	for _, f := range []*ipFamily{&ipv4, &ipv6} {
		elements, err := c.elements(f.lease)
		if err != nil {
			return nil, err
		}
		for i := range elements {
			if l, ok := leaseOf(&elements[i]); ok {
				all = append(all, l)
			}
		}
	}
	return all, nil
}

// elements are those of one of plumb's sets; none where its table is not there.
func (c *Conn) elements(set string) ([]Element, error) {
	elements, err := c.Elements(NFPROTO_INET, TableName, set)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	return elements, err
}

// recall is elements of a set that an attach changes only where it is told so in attempt.remember, for one who has read the generation id before.
func (c *Conn) recall(gen uint32, set string) ([]Element, error) {
	if known, ok := c.known.at(gen).sets[set]; ok {
		return known, nil
	}
	elements, err := c.elements(set)
	if err == nil {
		c.known.note(gen, func(m *memo) { m.sets = with(m.sets, set, elements) })
	}
	return elements, err
}

// Lease returns the lease of an address; the error is unix.ENOENT where it has none.
func (c *Conn) Lease(addr netip.Addr) (*Lease, error) {
	addr = addr.Unmap()
	e, err := c.Element(NFPROTO_INET, TableName, familyOf(addr).lease, Element{Key: &Data{Value: addr.AsSlice()}})
	if err != nil {
		return nil, err
	}
	l, ok := leaseOf(e)
	if !ok {
		return nil, fmt.Errorf("the lease of %s cannot be read: %w", addr, wire.ErrTruncated)
	}
	return &l, nil
}

// leaseOf reads an element of a lease map.
func leaseOf(e *Element) (l Lease, ok bool) {
	if e.Key == nil || e.Data == nil {
		return l, false
	}
	l = Lease{Addr: addrOf(e.Key.Value), Link: ifNameOf(e.Data.Value), Comment: ParseComment(e.UserData.Comment())}
	return l, l.Addr.IsValid()
}

// element is the lease as an element.
func (l *Lease) element() Element {
	return Element{
		Key: &Data{Value: l.Addr.AsSlice()}, Data: &Data{Value: IfName(l.Link)},
		UserData: CommentData(l.Comment.String()),
	}
}

// memberKey is the key of an address in member4 or member6.
func memberKey(link string, addr netip.Addr) *Data {
	b := appendIfName(make([]byte, 0, ifNameSize+16), link)
	return &Data{Value: append(b, addr.AsSlice()...)}
}

// A Holding is an element of map link: what a host end's container has.
type Holding struct {
	Link       string
	Comment    Comment
	IPv4, IPv6 netip.Addr // not valid: none
}

// Holding returns what the table holds of a host end; the error is unix.ENOENT where it holds nothing.
func (c *Conn) Holding(link string) (*Holding, error) {
	e, err := c.Element(NFPROTO_INET, TableName, linkMap, Element{Key: &Data{Value: IfName(link)}})
	if err != nil {
		return nil, err
	}
	h, ok := holdingOf(e)
	if !ok {
		return nil, fmt.Errorf("what %s holds cannot be read: %w", link, wire.ErrTruncated)
	}
	return &h, nil
}

// Holdings returns all; none where plumb's table is not there.
func (c *Conn) Holdings() ([]Holding, error) {
	elements, err := c.elements(linkMap)
	var all []Holding
	for i := range elements {
		if h, ok := holdingOf(&elements[i]); ok {
			all = append(all, h)
		}
	}
	return all, err
}

func holdingOf(e *Element) (h Holding, ok bool) {
	if e.Key == nil || e.Data == nil || len(e.Data.Value) < 20 {
		return h, false
	}
	h = Holding{Link: ifNameOf(e.Key.Value), Comment: ParseComment(e.UserData.Comment())}
	if a := addrOf(e.Data.Value[:4]); !a.IsUnspecified() {
		h.IPv4 = a
	}
	if a := addrOf(e.Data.Value[4:20]); !a.IsUnspecified() {
		h.IPv6 = a
	}
	return h, true
}

// Address is the holder's, IPv4 if it has that.
func (h *Holding) Address() netip.Addr {
	if h.IPv4.IsValid() {
		return h.IPv4
	}
	return h.IPv6
}

// element is the holding as an element.
func (h *Holding) element() Element {
	addrs := make([]byte, 20)
	if h.IPv4.IsValid() {
		copy(addrs, h.IPv4.AsSlice())
	}
	if h.IPv6.IsValid() {
		copy(addrs[4:], h.IPv6.AsSlice())
	}
	return Element{Key: &Data{Value: IfName(h.Link)}, Data: &Data{Value: addrs}, UserData: CommentData(h.Comment.String())}
}

// addrs are the addresses that there are.
func (h *Holding) addrs() []netip.Addr {
	var all []netip.Addr
	for _, a := range []netip.Addr{h.IPv4, h.IPv6} {
		if a.IsValid() {
			all = append(all, a)
		}
	}
	return all
}
