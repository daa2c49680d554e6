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

// To find the lowest free address without reading all leases, the sets full4 and full6 hold the first address of each run of
// addresses that are all leased. The runs of a network begin at its first address and follow each other. Who finds a run
// full that is not marked so, marks it in the batch of its own attach; who gives an address back removes the mark over it, in the
// same batch. Both batches carry the generation id of before they looked: so a mark is never wrong, and needs no more trust than
// the leases do. What is not marked is only slower.
//
// Marks are added and hardly ever removed by an attach, for to remove an element costs whoever closes a socket next an RCU
// grace period: one pointer to the lowest address, moved with each attach, would cost that each time.

// runLen is how many addresses a run has. An attach lists the marks, one for each runLen leases at most, and looks up the
// addresses of one run, half of them on average.
const runLen = 16

// A leaseKey is an element of a set of addresses, of which only the key matters here.
type leaseKey struct{ Key *keyAddr }

type keyAddr struct{ Addr netip.Addr }

type leaseKeys struct {
	Header
	Table, Set string
	Elements   []leaseKey
}

var keyAddrTable = wire.Table[*keyAddr]{Rows: func(k *keyAddr) wire.Rows {
	return wire.Of(k,
		wire.IP(unix.NFTA_DATA_VALUE, "NFTA_DATA_VALUE", &k.Addr),
	)
}}

var leaseKeyTable = wire.Table[*leaseKey]{Rows: func(k *leaseKey) wire.Rows {
	return wire.Of(k,
		wire.Nest(unix.NFTA_SET_ELEM_KEY, "NFTA_SET_ELEM_KEY", &k.Key, &keyAddrTable),
	)
}}

var leaseKeysTable = wire.Table[*leaseKeys]{Rows: func(l *leaseKeys) wire.Rows {
	return wire.Of(l,
		headerRows(&l.Header),
		wire.String(unix.NFTA_SET_ELEM_LIST_TABLE, "NFTA_SET_ELEM_LIST_TABLE", &l.Table),
		wire.String(unix.NFTA_SET_ELEM_LIST_SET, "NFTA_SET_ELEM_LIST_SET", &l.Set),
		wire.List(unix.NFTA_SET_ELEM_LIST_ELEMENTS, "NFTA_SET_ELEM_LIST_ELEMENTS", unix.NFTA_LIST_ELEM, "NFTA_LIST_ELEM",
			&l.Elements, &leaseKeyTable),
	)
}}

var (
	newLeaseKeys = wire.Message[leaseKeys]{Type: newSetElem.Type, Name: newSetElem.Name, Body: &leaseKeysTable}
	getLeaseKeys = wire.Message[leaseKeys]{Type: getSetElem.Type, Name: getSetElem.Name, Body: &leaseKeysTable}
)

// A free is the lowest free address, and what was learnt on the way to it.
type free struct {
	addr netip.Addr   // not valid where there is none
	run  netip.Addr   // the first address of the run that it is in
	full []netip.Addr // the first addresses of runs that are full, and are to be marked
}

// next is where to look for the one after it.
func (f *free) next() free { return free{addr: f.addr.Next(), run: f.run} }

// lowestFree finds the lowest address from first to last that is not leased. All before known are known to be, where it is valid.
func (c *Conn) lowestFree(first, last netip.Addr, known free) (free, error) {
	if known.addr.IsValid() {
		if f, err := c.search(known, last, nil); err != nil || f.addr.IsValid() {
			return f, err
		}
	}
	marks, err := c.marks(familyOf(first))
	marked := err == nil
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return free{}, err
	}
	start := free{addr: first, run: first}
	f, err := c.search(start, last, marks)
	if err == nil && !f.addr.IsValid() && len(marks) > 0 {
		f, err = c.search(start, last, nil) // somebody may have removed a lease by hand, and not its mark
	}
	if !marked {
		f.full = nil // no table yet, or one that has no such set
	}
	return f, err
}

// search is lowestFree from an address in a run on, with the marks, in order, of the runs that need no look.
func (c *Conn) search(from free, last netip.Addr, marks []netip.Addr) (free, error) {
	var f free
	for at := from.run; at.IsValid() && !last.Less(at); at = plus(at, runLen) {
		for len(marks) > 0 && marks[0].Less(at) {
			marks = marks[1:]
		}
		if len(marks) > 0 && marks[0] == at {
			continue
		}
		run, known := make([]netip.Addr, 0, runLen), 0
		for a := at; len(run) < runLen && a.IsValid() && !last.Less(a); a = a.Next() {
			run = append(run, a)
			if a.Less(from.addr) {
				known++
			}
		}
		n, err := c.leasedOf(run[known:])
		if err != nil {
			return f, err
		}
		if known+n < len(run) {
			f.addr, f.run = run[known+n], at
			return f, nil
		}
		if len(run) == runLen {
			f.full = append(f.full, at)
		}
	}
	return f, nil
}

// leasedOf is how many of the addresses are leased, up to the first that is not: the kernel looks for one key after the
// other and stops at one that is not there (nf_tables_getsetelem, net/netfilter/nf_tables_api.c). A few are asked for first, since
// with few leases the first is free.
func (c *Conn) leasedOf(run []netip.Addr) (int, error) {
	n := 0
	for _, part := range [][]netip.Addr{run[:min(few, len(run))], run[min(few, len(run)):]} {
		if len(part) == 0 {
			break
		}
		found, err := wire.Count(c.wire, leasedRequest(part), &newLeaseKeys)
		n += found
		if errors.Is(err, unix.ENOENT) && found < len(part) {
			return n, nil
		}
		if err != nil {
			return n, c.explain(err)
		}
	}
	return n, nil
}

// few is how many addresses are asked for first.
const few = 4

// leasedRequest looks addresses of one family up, up to the first that is not leased.
func leasedRequest(addrs []netip.Addr) wire.Request {
	l := &leaseKeys{Header: inet, Table: TableName, Set: familyOf(addrs[0]).lease, Elements: make([]leaseKey, len(addrs))}
	keys := make([]keyAddr, len(addrs))
	for i, a := range addrs {
		keys[i].Addr = a
		l.Elements[i].Key = &keys[i]
	}
	return getLeaseKeys.New(0, l, "see whether "+addrs[0].String()+" is free, or which after it").Expecting(unix.ENOENT)
}

// A glance is what a send that asks for the generation id has asked besides: which address is the lowest that is free, from where that is
// remembered on, or else from the first.
type glance struct {
	gen   uint32 // at which it was remembered, for which alone it is right; 0: it was not
	from  free
	addrs []netip.Addr // the first few from there, all of one run
	n     int          // how many of them are leased
}

// glanceAt is one into the run in which the lowest free address is remembered to be, or later; ok is false where none is looked for.
func glanceAt(known memo, p placeOf) (g glance, ok bool) {
	if p.Addr.IsValid() || !p.First.IsValid() {
		return g, false
	}
	g.gen, g.from = known.gen, known.lowest[p.First]
	if !g.from.addr.IsValid() {
		g.gen, g.from = 0, free{addr: p.First, run: p.First}
	}
	end := plus(g.from.run, runLen)
	for a := g.from.addr; len(g.addrs) < few && a.IsValid() && a != end && !p.Last.Less(a); a = a.Next() {
		g.addrs = append(g.addrs, a)
	}
	return g, len(g.addrs) > 0
}

// free is what was found at a generation id; not valid where it has to be looked for. refused is the kernel's refusal.
func (g *glance) free(gen uint32, refused error) (f free) {
	if (g.gen == 0 || g.gen == gen) && g.n < len(g.addrs) && errors.Is(refused, unix.ENOENT) {
		f = free{addr: g.addrs[g.n], run: g.from.run}
	}
	return f
}

// marks are the first addresses of the runs that are marked full, in order. The error is unix.ENOENT where there is no such set.
func (c *Conn) marks(f *ipFamily) ([]netip.Addr, error) {
	l := &leaseKeys{Header: inet, Table: TableName, Set: f.full}
	lists, err := dump(c, getLeaseKeys.New(0, l, "list where no address is free"), &newLeaseKeys)
	if err != nil {
		return nil, err
	}
	var marks []netip.Addr
	for i := range lists {
		for _, e := range lists[i].Elements {
			if e.Key != nil && e.Key.Addr.IsValid() {
				marks = append(marks, e.Key.Addr)
			}
		}
	}
	sortAddrs(marks)
	return marks, nil
}

// markRequests mark runs as full.
func markRequests(full []netip.Addr) []wire.Request {
	var requests []wire.Request
	for _, a := range full {
		l := &ElementList{Header: inet, Table: TableName, Set: familyOf(a).full, Elements: []Element{{Key: &Data{Value: a.AsSlice()}}}}
		r := NewElements(l, 0)
		r.Purpose = fmt.Sprintf("note that the %d addresses from %s on are taken", runLen, a)
		requests = append(requests, r)
	}
	return requests
}

// sortAddrs sorts addresses, IPv4 first. (slices.SortFunc would weigh 7 KB.)
func sortAddrs(addrs []netip.Addr) {
	sort.Slice(addrs, func(i, j int) bool { return addrs[i].Less(addrs[j]) })
}

// unmarkRequests remove the marks of runs that any of the addresses is in.
func (c *Conn) unmarkRequests(addrs []netip.Addr) ([]wire.Request, error) {
	sortAddrs(addrs)
	var requests []wire.Request
	for _, f := range []*ipFamily{&ipv4, &ipv6} {
		n, _ := slices.BinarySearchFunc(addrs, 0, func(a netip.Addr, _ int) int {
			if familyOf(a) == f {
				return -1
			}
			return 1
		})
		of, err := c.unmarkIn(f, addrs[:n])
		if err != nil {
			return nil, err
		}
		requests, addrs = append(requests, of...), addrs[n:]
	}
	return requests, nil
}

// unmarkIn is the same for sorted addresses of one family.
func (c *Conn) unmarkIn(f *ipFamily, addrs []netip.Addr) ([]wire.Request, error) {
	if len(addrs) == 0 {
		return nil, nil
	}
	marks, err := c.marks(f)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	var requests []wire.Request
	for _, m := range marks {
		end := plus(m, runLen)
		i, _ := slices.BinarySearchFunc(addrs, m, netip.Addr.Compare) // the first that is not before the run
		if i == len(addrs) || end.IsValid() && !addrs[i].Less(end) {
			continue
		}
		l := &ElementList{Header: inet, Table: TableName, Set: f.full, Elements: []Element{{Key: &Data{Value: m.AsSlice()}}}}
		requests = append(requests, delSetElem.New(0, l, "note that an address from "+m.String()+" on is free"))
	}
	return requests, err
}

// plus is the address n after a, or none where the family has no more.
func plus(a netip.Addr, n int) netip.Addr {
	b := a.AsSlice()
	for i := len(b) - 1; i >= 0 && n > 0; i-- {
		n += int(b[i])
		b[i] = byte(n)
		n >>= 8
	}
	if n > 0 {
		return netip.Addr{}
	}
	return addrOf(b)
}
