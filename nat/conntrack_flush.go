package nat

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// An entry of connection tracking outlives what made it. One that a client's datagrams made before the port was published keeps them from
// the DNAT, and one that points at a container that is gone takes them to whoever has its address now, for as long as
// the client keeps on sending. So what concerns an attachment is flushed when it comes and when it goes. And one that begins while somebody has
// flushed the rules is not translated, and stays so.

// A Flow says which connections are to be flushed. One with Addr is every connection that has this address, a container's, in any
// of its four places. One without is the connections of Proto that were first sent to a port from First to Last of one of Hosts.
type Flow struct {
	Addr netip.Addr

	Proto       uint8 // IPPROTO_UDP
	First, Last uint16
	// Hosts are addresses of the host. With none of them it is all connections to these ports, and that is others' too:
	// published is 53, and what is flushed is every container's questions to a name server outside.
	Hosts []netip.Addr

	// Untranslated leaves of these connections only those whose addresses no rule has changed, and with Addr of these only those that it
	// has begun, with an address that is not in Subnet.
	Untranslated bool
	Subnet       netip.Prefix
}

// ErrNoTracking is in the chain of an error that says that the kernel has no ctnetlink.
var ErrNoTracking = errors.New("connections cannot be flushed by this kernel: load the module nf_conntrack_netlink, or rebuild with CONFIG_NF_CT_NETLINK")

// mostFiltered is up to how many patterns the kernel goes through its table for each of them. It then takes some 90 µs where the table
// has 262,144 buckets; a list takes a hundred times as much, for it locks each bucket.
const mostFiltered = 64

// FlushConnections makes connection tracking forget what matches any of the flows. What has gone by itself meanwhile is no error. In a
// namespace without connections it takes 4 µs. In another it goes through the kernel's table: once for each place of an IPv4 address
// and each port, and once more, with a list, for all that cannot be done so, which is IPv6 addresses, what is not translated and, before
// Linux 6.12, everything. That list takes 10 ms, and 1 ms more for each thousand connections, so who is in a hurry has it done meanwhile. The
// error wraps ErrNoTracking where the kernel has no ctnetlink.
//
// A connection that still lives and is forgotten begins anew with its next packet. To be of use the flush comes after the
// rules have changed: before, the next packet would remake what was flushed.
func (c *Conn) FlushConnections(flows ...Flow) error {
	for i := range flows {
		if err := flows[i].check(); err != nil {
			return err
		}
	}
	n, err := c.CountConnections()
	if err != nil || n == 0 {
		return err
	}
	if !c.listsTracked.Load() {
		patterns, rest := patternsOf(flows)
		err := c.wire.Do(filteredRequests(patterns)...)
		switch {
		case err == nil:
			flows = rest
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP): // before 6.12, see request
			c.listsTracked.Store(true)
		default:
			return fmt.Errorf("flush connections: %w", err)
		}
	}
	return c.flushListed(flows)
}

func (f *Flow) check() error {
	switch {
	case f.Addr.IsValid() && f.Proto == 0 && f.First == 0 && f.Last == 0 && f.Hosts == nil:
		return nil
	case f.Addr.IsValid():
		return fmt.Errorf("flush connections: %s and ports in one flow", f.Addr)
	case f.Proto == 0 || f.First == 0 || f.Last < f.First:
		return fmt.Errorf("flush connections: protocol %d, ports %d to %d", f.Proto, f.First, f.Last)
	case slices.Contains(f.Hosts, netip.Addr{}):
		return errors.New("flush connections: no address, where the host's should be")
	}
	return nil
}

// A pattern is what the kernel can compare connections with: parts of their tuples, all of which they must have.
type pattern struct {
	family Family
	reply  bool
	tuple  Tuple
	parts  TupleParts
}

// patternsOf are the patterns of all flows but the rest, which the kernel cannot be asked for. Those are the ones of too many ports,
// and the ones with an IPv6 address, which the kernel compares the wrong way round: of all connections it would flush those
// that are not meant (ctnetlink_filter_match_tuple, net/netfilter/nf_conntrack_netlink.c: !ipv6_addr_cmp, still so in 6.18).
func patternsOf(flows []Flow) (all []pattern, rest []Flow) {
	for _, f := range flows {
		if f.Untranslated {
			rest = append(rest, f)
			continue
		}
		some := f.patterns()
		ipv6 := slices.ContainsFunc(some, func(p pattern) bool { return p.family == NFPROTO_IPV6 })
		if ipv6 || len(all)+len(some) > mostFiltered {
			rest = append(rest, f)
		} else {
			all = append(all, some...)
		}
	}
	return all, rest
}

// patterns are those of one flow, or more than mostFiltered of them.
func (f *Flow) patterns() []pattern {
	if f.Addr.IsValid() {
		return addrPatterns(f.Addr.Unmap())
	}
	hosts := f.Hosts
	if len(hosts) == 0 {
		hosts = []netip.Addr{{}}
	}
	var all []pattern
	for _, host := range hosts {
		for port := int(f.First); port <= int(f.Last) && len(all) <= mostFiltered; port++ {
			all = append(all, portPattern(f.Proto, host.Unmap(), uint16(port)))
		}
	}
	return all
}

// addrPatterns are the four places that an address can be in. The first finds what a container has sent, the third what it was
// sent, by a DNAT or without; in the others it can be where somebody else's rules translate it.
func addrPatterns(a netip.Addr) []pattern {
	family := familyOf(a).proto
	src, dst := Tuple{IP: &TupleIP{Src: a}}, Tuple{IP: &TupleIP{Dst: a}}
	return []pattern{
		{family, false, src, partSrc},
		{family, false, dst, partDst},
		{family, true, src, partSrc},
		{family, true, dst, partDst},
	}
}

func portPattern(proto uint8, host netip.Addr, port uint16) pattern {
	p := pattern{tuple: Tuple{Proto: &TupleProto{Number: proto, DstPort: &port}}, parts: partProto | partDstPort}
	if host.IsValid() {
		p.family, p.parts = familyOf(host).proto, p.parts|partDst
		p.tuple.IP = &TupleIP{Dst: host}
	}
	return p
}

// request removes what matches (Linux 6.12). It can do no harm on a kernel before: as it has a tuple such a kernel takes it for
// the removal of one connection, and refuses that since the tuple is not complete (EINVAL, ctnetlink_parse_tuple). Without a
// tuple, CTA_FILTER unknown, it would flush all (before 5.8).
func (p *pattern) request() wire.Request {
	r := &Connection{Header: Header{Family: p.family}, Filter: &ConnectionFilter{}}
	if p.reply {
		r.Reply, r.Filter.Reply = &p.tuple, p.parts
	} else {
		r.Orig, r.Filter.Orig = &p.tuple, p.parts
	}
	return delConnection.New(netlink.Acknowledge, r, "flush connections")
}

func filteredRequests(patterns []pattern) []wire.Request {
	requests := make([]wire.Request, len(patterns))
	for i := range patterns {
		requests[i] = patterns[i].request()
	}
	return requests
}

// flushListed lists the connections, once for all flows, and removes one by one what matches.
//
// CTA_FILTER in a list (Linux 5.8) would not help: it takes one pattern, and what costs is to go through the table.
func (c *Conn) flushListed(flows []Flow) error {
	if len(flows) == 0 {
		return nil
	}
	list, err := wire.Dump(c.wire, listConnections(familyOfAll(flows)), &newTracked)
	if err != nil {
		return explainTracking(err)
	}
	list = slices.DeleteFunc(list, func(t tracked) bool {
		return !slices.ContainsFunc(flows, func(f Flow) bool { return f.has(&t) })
	})
	const atOnce = 256
	for some := range slices.Chunk(list, atOnce) {
		if err := c.forget(some); err != nil {
			return err
		}
	}
	return nil
}

// familyOfAll is the family of all flows, NFPROTO_UNSPEC where there are two: two lists would go through the table twice.
func familyOfAll(flows []Flow) Family {
	var addrs []netip.Addr
	for _, f := range flows {
		switch {
		case f.Addr.IsValid():
			addrs = append(addrs, f.Addr)
		case len(f.Hosts) == 0:
			return NFPROTO_UNSPEC
		}
		addrs = append(addrs, f.Hosts...)
	}
	family := familyOf(addrs[0]).proto
	for _, a := range addrs {
		if familyOf(a).proto != family {
			return NFPROTO_UNSPEC
		}
	}
	return family
}

// A tracked is a Connection as far as it matters here. That is less than half of it to decode.
type tracked struct {
	Header
	orig, reply *Tuple
	id          uint32
	zone        uint16
}

var trackedTable = wire.Table[*tracked]{Rows: func(t *tracked) wire.Rows {
	return wire.Of(t,
		headerRows(&t.Header),
		wire.Nest(ctaTupleOrig, "CTA_TUPLE_ORIG", &t.orig, &tupleTable),
		wire.Nest(ctaTupleReply, "CTA_TUPLE_REPLY", &t.reply, &tupleTable),
		wire.BE32(ctaID, "CTA_ID", &t.id),
		wire.BE16(ctaZone, "CTA_ZONE", &t.zone),
	)
}}

var newTracked = wire.Message[tracked]{Type: newConnection.Type, Name: newConnection.Name, Body: &trackedTable}

// has reports whether a connection is one of the flow's.
func (f *Flow) has(t *tracked) bool {
	if t.orig == nil || t.orig.IP == nil || t.reply == nil || t.reply.IP == nil {
		return false
	}
	if f.Untranslated && (t.reply.IP.Src != t.orig.IP.Dst || t.reply.IP.Dst != t.orig.IP.Src) {
		return false
	}
	if f.Addr.IsValid() {
		a := f.Addr.Unmap().WithZone("")
		if f.Untranslated {
			return a == t.orig.IP.Src && !f.Subnet.Contains(t.orig.IP.Dst)
		}
		return a == t.orig.IP.Src || a == t.orig.IP.Dst || a == t.reply.IP.Src || a == t.reply.IP.Dst
	}
	p := t.orig.Proto
	if p == nil || p.Number != f.Proto || p.DstPort == nil || *p.DstPort < f.First || f.Last < *p.DstPort {
		return false
	}
	return len(f.Hosts) == 0 || slices.ContainsFunc(f.Hosts, func(h netip.Addr) bool { return h.Unmap().WithZone("") == t.orig.IP.Dst })
}

// forget removes connections that are still those that were listed: the id says so.
func (c *Conn) forget(list []tracked) error {
	err := c.wire.Do(forgetRequests(list)...)
	for _, refused := range wire.Refusals(err) {
		if !errors.Is(refused, unix.ENOENT) {
			return err
		}
	}
	return nil
}

func forgetRequests(list []tracked) []wire.Request {
	requests := make([]wire.Request, len(list))
	for i, t := range list {
		r := &Connection{Header: Header{Family: t.Family}, Orig: t.orig, ID: t.id, Zone: t.zone}
		requests[i] = delConnection.New(netlink.Acknowledge, r, "flush a connection")
	}
	return requests
}

// explainTracking says what the refusals of a kernel without ctnetlink mean: EINVAL to a message of a subsystem that is not
// there (nfnetlink_rcv_msg, net/netfilter/nfnetlink.c).
func explainTracking(err error) error {
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%w (%w)", ErrNoTracking, err)
	}
	return explain(err)
}
