package nat

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/mdlayher/netlink"

	"plumb/rtnl/wire"
)

// An Attachment is all that plumb's table holds of one container.
type Attachment struct {
	Link    string  // name of the host end, at most 15 bytes
	Comment Comment // who and when; its Options are set by Attach
	Network string  // name of the network that the subnets belong to, at most 15 bytes; "" for one without a name

	IPv4, IPv6 Place // a zero one: no addresses of that family
	Options    Options
	Publish    []Publish
	Police     uint64                              // bytes a second that it may send; 0: as many as it can
	Avoid      func(proto uint8, port uint16) bool // host ports that are not to be chosen; nil for none
	Seen       *Sight                              // what Look has seen of it beforehand, or nil

	chain uint64 // of the memo, when it was attached
}

// A Place is where a container is in a subnet.
type Place struct {
	Addr        netip.Addr   // Attach chooses it where it is not valid
	First, Last netip.Addr   // the range in which it then takes the lowest that is free
	Subnet      netip.Prefix // masqueraded on the way out
	Record      Record       // of what the host gets for the subnet's sake; recorded with the subnet; none where it has no Link
}

// LinkLocal is the link-local address of every container that has IPv6, on its own cable to the host.
var LinkLocal = netip.MustParseAddr("fe80::2")

// places are those that there are, each with its family.
func (a *Attachment) places() []placeOf {
	var all []placeOf
	for _, p := range []placeOf{{&ipv4, &a.IPv4}, {&ipv6, &a.IPv6}} {
		if p.Subnet.IsValid() {
			all = append(all, p)
		}
	}
	return all
}

type placeOf struct {
	*ipFamily
	*Place
}

// index is 0 for IPv4, and 1 for IPv6.
func (p *placeOf) index() int {
	if p.ipFamily == &ipv6 {
		return 1
	}
	return 0
}

// Leases are the attachment's leases, as far as their addresses are known.
func (a *Attachment) Leases() []Lease {
	var all []Lease
	for _, p := range a.places() {
		if p.Addr.IsValid() {
			all = append(all, Lease{Addr: p.Addr, Link: a.Link, Comment: a.Comment})
		}
	}
	return all
}

// check refuses what the kernel would take and others could not read.
func (a *Attachment) check() error {
	switch {
	case a.Link == "" || len(a.Link) >= ifNameSize || strings.ContainsRune(a.Link, 0):
		return fmt.Errorf("attach: %q is no name of a link: it has 1 to %d bytes", a.Link, ifNameSize-1)
	case len(a.places()) == 0:
		return fmt.Errorf("attach %s: it has no subnet", a.Link)
	}
	for _, p := range a.places() {
		switch {
		case p.Subnet.Addr().BitLen() != int(p.addrLen)*8:
			return fmt.Errorf("attach %s: subnet %s is of the other family", a.Link, p.Subnet)
		case p.Addr.IsValid() && !p.Subnet.Contains(p.Addr): // which is false of an address with a zone, or in the other family's form
			return fmt.Errorf("attach %s: address %s is not in subnet %s", a.Link, p.Addr, p.Subnet)
		case !p.Addr.IsValid() && !(p.Subnet.Contains(p.First) && p.Subnet.Contains(p.Last)):
			return fmt.Errorf("attach %s: %s to %s is no range of subnet %s", a.Link, p.First, p.Last, p.Subnet)
		}
	}
	for i := range a.Publish {
		if err := a.Publish[i].check(); err != nil {
			return fmt.Errorf("attach %s: %w", a.Link, err)
		}
	}
	return nil
}

// A step is what a request of an attach is about, so that its refusal can be told.
type step struct {
	kind  stepKind
	addr  netip.Addr   // of stepLease
	net   netip.Prefix // of stepSubnet
	ports *portList    // of stepPublish
}

type stepKind uint8

const (
	stepOther stepKind = iota
	stepLink
	stepLease
	stepSubnet
	stepPublish
)

// A plan is the requests of an attach, and beside each what it is about.
type plan struct {
	link     string
	requests []wire.Request
	steps    []step
	lists    []*ElementList // of the requests that add elements
}

func (p *plan) add(s step, set string, flags netlink.HeaderFlags, purpose string, elements ...Element) {
	l := &ElementList{Header: inet, Table: TableName, Set: set, Elements: elements}
	p.lists = append(p.lists, l)
	p.append(s, newSetElem.New(netlink.Create|flags, l, purpose))
}

func (p *plan) append(s step, r wire.Request) {
	p.requests, p.steps = append(p.requests, r), append(p.steps, s)
}

// plan is what adds the attachment to the table. known are subnets that are in it already.
func (a *Attachment) plan(known []netip.Prefix) *plan {
	p := &plan{link: a.Link, requests: make([]wire.Request, 0, 12), steps: make([]step, 0, 12)}
	h := Holding{Link: a.Link, Comment: a.Comment, IPv4: a.IPv4.Addr, IPv6: a.IPv6.Addr}
	h.Comment.Options = a.Options
	if len(a.Publish) > 0 {
		h.Comment.Options |= ports
	}
	if a.Police > 0 {
		h.Comment.Options |= rate
	}
	p.add(step{kind: stepLink}, linkMap, netlink.Excl, "say what "+a.Link+" has", h.element())
	name := CommentData(a.Comment.Name)
	for _, l := range a.Leases() {
		f, addr := familyOf(l.Addr), l.Addr.String()
		p.add(step{kind: stepLease, addr: l.Addr}, f.lease, netlink.Excl, "lease "+addr+" to "+a.Link, l.element())
		members := []Element{{Key: memberKey(a.Link, l.Addr), UserData: name}}
		if f == &ipv6 {
			members = append(members, Element{Key: memberKey(a.Link, LinkLocal), UserData: name})
		}
		p.add(step{}, f.member, 0, "let "+a.Link+" send from "+addr, members...)
	}
	a.planSubnets(p, known)
	key := []Element{{Key: &Data{Value: IfName(a.Link)}, UserData: name}}
	for _, o := range optionSets() {
		if a.Options&o.option != 0 {
			p.add(step{}, o.set, 0, o.purpose+a.Link, key...)
		}
	}
	if a.Police > 0 {
		p.add(step{}, policeSet, 0, "hold "+a.Link+" to its limit", PoliceElement(a.Link, a.Police, a.Comment.Name))
	}
	a.planPorts(p)
	return p
}

// planSubnets adds the subnets that are not known, with the name of their network.
func (a *Attachment) planSubnets(p *plan, known []netip.Prefix) {
	for _, at := range a.places() {
		if containsPrefix(known, at.Subnet) {
			continue
		}
		subnet := at.Subnet.String()
		p.add(step{kind: stepSubnet, net: at.Subnet}, at.nets, 0, "masquerade "+subnet, interval(at.Subnet, a.Network)...)
		p.add(step{}, at.within, 0, "let "+subnet+" speak within", square(at.Subnet))
		if at.Record.Link != "" {
			p.add(step{}, at.forward, 0, "record what the host gets for "+subnet, at.Record.element())
		}
	}
}

func containsPrefix(list []netip.Prefix, p netip.Prefix) bool {
	for _, q := range list {
		if q == p {
			return true
		}
	}
	return false
}

// An optionSet is the set that the links with an option are in.
type optionSet struct {
	option  Options
	set     string
	purpose string
}

func optionSets() []optionSet {
	return []optionSet{
		{Internal, internalSet, "leave no way out to "},
		{Isolate, isolateSet, "keep other containers from "},
		{NoHost, noHostSet, "keep the host's services from "},
	}
}

// interval is a prefix in a set of intervals: its first address, and the one after its last, where it ends.
func interval(p netip.Prefix, comment string) []Element {
	first, last := bounds(p)
	elements := []Element{{Key: &Data{Value: first.AsSlice()}, UserData: CommentData(comment)}}
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
