package nat

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/mdlayher/netlink"
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

// same reports whether both are the same taking of an address: a name may come again, with another index and another time.
func (l *Lease) same(other *Lease) bool {
	return l.Addr == other.Addr && l.Link == other.Link && l.Comment.String() == other.Comment.String()
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
		elements, err := c.Elements(NFPROTO_INET, TableName, f.lease)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
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

// elementOf is the lease as an element.
func (l *Lease) element() Element {
	return Element{
		Key: &Data{Value: l.Addr.AsSlice()}, Data: &Data{Value: IfName(l.Link)},
		UserData: CommentData(l.Comment.String()),
	}
}

// memberKey is the key of the lease in member4 or member6.
func (l *Lease) memberKey() *Data {
	b := appendIfName(make([]byte, 0, ifNameSize+16), l.Link)
	return &Data{Value: append(b, l.Addr.AsSlice()...)}
}

// An Attachment is a lease and the network that it is in.
type Attachment struct {
	Lease
	Subnet   netip.Prefix // of the network: masqueraded on the way out
	Internal bool         // no way out: only the gateway and the neighbours in the subnet are reached
}

// check refuses what the kernel would take and others could not read.
func (a *Attachment) check() error {
	switch {
	case !a.Addr.IsValid() || a.Addr.Zone() != "" || a.Addr.Is4In6():
		return fmt.Errorf("attach %s: %q is no address of a container", a.Link, a.Addr)
	case !a.Subnet.Contains(a.Addr):
		return fmt.Errorf("attach %s: address %s is not in subnet %s", a.Link, a.Addr, a.Subnet)
	case a.Link == "" || len(a.Link) >= ifNameSize || strings.ContainsRune(a.Link, 0):
		return fmt.Errorf("attach %s: %q is no name of a link: it has 1 to %d bytes", a.Addr, a.Link, ifNameSize-1)
	}
	return nil
}

// A step is what a request of an attach is about, so that its refusal can be told.
type step uint8

const (
	stepOther step = iota
	stepLease
	stepSubnet
)

// attachRequests are the elements of attachments, and beside each what it is about and whose.
func attachRequests(as []*Attachment) (requests []wire.Request, what []step, whose []*Attachment) {
	add := func(a *Attachment, s step, set string, flags netlink.HeaderFlags, purpose string, elements ...Element) {
		l := &ElementList{Header: inet, Table: TableName, Set: set, Elements: elements}
		requests = append(requests, newSetElem.New(netlink.Create|flags, l, purpose))
		what, whose = append(what, s), append(whose, a)
	}
	requests = make([]wire.Request, 0, 3*len(as))
	for _, a := range as {
		f := familyOf(a.Addr)
		addr, name := a.Addr.String(), CommentData(a.Comment.Name)
		add(a, stepLease, f.lease, netlink.Excl, "lease "+addr+" to "+a.Link, a.element())
		add(a, stepOther, f.member, 0, "let "+a.Link+" send from "+addr, Element{Key: a.memberKey(), UserData: name})
		add(a, stepSubnet, f.nets, 0, "masquerade "+a.Subnet.String(), interval(a.Subnet)...)
		if a.Internal {
			add(a, stepOther, f.internal, 0, "leave "+a.Link+" no way out", Element{Key: &Data{Value: IfName(a.Link)}, UserData: name})
			add(a, stepOther, f.within, 0, "let "+a.Subnet.String()+" speak within", square(a.Subnet))
		}
	}
	return requests, what, whose
}

// interval is a prefix in a set of intervals: its first address, and the one after its last, where it ends.
func interval(p netip.Prefix) []Element {
	first, last := bounds(p)
	elements := []Element{{Key: &Data{Value: first.AsSlice()}}}
	if end := last.Next(); end.IsValid() {
		elements = append(elements, Element{Key: &Data{Value: end.AsSlice()}, Flags: NFT_SET_ELEM_INTERVAL_END})
	}
	return elements
}

// square is all pairs of addresses of a prefix, in a set of concatenated intervals.
func square(p netip.Prefix) Element {
	first, last := bounds(p)
	a, b := first.AsSlice(), last.AsSlice()
	return Element{Key: &Data{Value: Concat(a, a)}, KeyEnd: &Data{Value: Concat(b, b)}}
}
