package nat

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A Switch puts back what the table records of the host's forwarding, or, with on, changes it again. It leaves alone what is as it should
// be, or gone.
type Switch func(records []Record, on bool) error

// Detach gives an attachment's addresses back, with all that belongs to it. What is not there, or is another's by now, is no
// error. If that was the last lease the table goes too, and last is true; see Leave for what forwarding is called for.
func (c *Conn) Detach(a *Attachment, forwarding Switch) (last bool, err error) {
	for _, l := range a.Leases() {
		if _, err := c.Reclaim(&l); err != nil {
			return false, err
		}
	}
	return c.Leave(forwarding)
}

// Reclaim removes a lease, and all of the attachment that it belongs to, as long as it is still that lease: same link, same taking. It reports
// whether it was. Between looking and removing nobody can have taken the address anew: the batch carries the generation id.
func (c *Conn) Reclaim(l *Lease) (removed bool, err error) {
	for range staleTries {
		// What is to be removed is looked up first: the less there is between the generation id and the batch, the better. It is
		// written into the table once and for all, with the lease.
		requests, addrs, err := c.releaseRequests(l)
		if err != nil {
			return false, fmt.Errorf("give %s back: %w", l.Addr, err)
		}
		gen, err := c.GenID()
		if err != nil {
			return false, err
		}
		held, err := c.Lease(l.Addr)
		if errors.Is(err, unix.ENOENT) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("give %s back: %w", l.Addr, err)
		}
		if !l.same(held) {
			return false, nil
		}
		unmark, err := c.unmarkRequests(addrs) // after the generation id, as others mark at any time
		if err != nil {
			return false, fmt.Errorf("give %s back: %w", l.Addr, err)
		}
		if err = c.BatchAt(gen, append(requests, unmark...)...); err == nil {
			c.known.released(gen, addrs)
			return true, nil
		}
		if !errors.Is(err, ErrStale) && !errors.Is(err, unix.ENOENT) {
			return false, fmt.Errorf("give %s back: %w", l.Addr, err)
		}
	}
	return false, fmt.Errorf("give %s back: %w, %d times over", l.Addr, ErrStale, staleTries)
}

// releaseRequests remove all of the attachment that a lease belongs to. What map link says of a link of that name may be of another
// attachment by now; then the lease alone goes.
func (c *Conn) releaseRequests(l *Lease) ([]wire.Request, []netip.Addr, error) {
	h, err := c.Holding(l.Link)
	if errors.Is(err, unix.ENOENT) || err == nil && !h.Comment.same(l.Comment) {
		addrs := []netip.Addr{l.Addr}
		return removals(nil, &Holding{Link: l.Link}, nil, addrs), addrs, nil
	}
	if err != nil {
		return nil, nil, err
	}
	published, err := c.portsTo(h)
	return removals(nil, h, published, h.addrs()), h.addrs(), err
}

// removals adds to requests what removes a holder's elements, with its addresses and ports. One that has no addresses of its own in
// h is an orphan, of which there is a lease only.
func removals(requests []wire.Request, h *Holding, published []Published, addrs []netip.Addr) []wire.Request {
	whole := len(h.addrs()) > 0
	for _, addr := range addrs {
		f := familyOf(addr)
		requests = append(requests, h.without(f.lease, &Data{Value: addr.AsSlice()}))
		members := []*Data{memberKey(h.Link, addr)}
		if whole && f == &ipv6 {
			members = append(members, memberKey(h.Link, LinkLocal))
		}
		requests = append(requests, h.without(f.member, members...))
	}
	if !whole {
		return requests
	}
	key := &Data{Value: IfName(h.Link)}
	requests = append(requests, h.without(linkMap, key))
	for _, o := range optionSets() {
		if h.Comment.Options&o.option != 0 {
			requests = append(requests, h.without(o.set, key))
		}
	}
	if h.Comment.Options&rate != 0 {
		requests = append(requests, h.without(policeSet, key))
	}
	for len(published) > 0 {
		n := 1
		for n < len(published) && n < maxPorts && published[n].set == published[0].set {
			n++
		}
		keys := make([]*Data, n)
		for i := range keys {
			keys[i] = published[i].key
		}
		requests = append(requests, h.without(published[0].set, keys...))
		published = published[n:]
	}
	return requests
}

// without takes what has the keys out of a set.
//
//go:noinline
func (h *Holding) without(set string, keys ...*Data) wire.Request {
	list := &ElementList{Header: inet, Table: TableName, Set: set}
	for _, k := range keys {
		list.Elements = append(list.Elements, Element{Key: k})
	}
	return delSetElem.New(0, list, "take "+h.Link+" out of "+set)
}

// ReclaimAll is Reclaim for many, in one batch where nobody comes in between. It reports how many were there.
func (c *Conn) ReclaimAll(leases []Lease) (removed int, err error) {
	for range staleTries {
		gen, err := c.GenID()
		if err != nil {
			return 0, err
		}
		requests, n, err := c.releaseAll(leases)
		if err != nil || n == 0 {
			return 0, err
		}
		if err = c.batches(gen, requests); err == nil {
			return n, nil
		}
		if !errors.Is(err, ErrStale) && !errors.Is(err, unix.ENOENT) {
			return 0, fmt.Errorf("give %d addresses back: %w", n, err)
		}
	}
	return 0, fmt.Errorf("give %d addresses back: %w, %d times over", len(leases), ErrStale, staleTries)
}

// maxBatch is how many requests of a removal go in one batch: some 100 KB, which any socket's buffer holds.
const maxBatch = 1024

// batches carries out many requests, of which each part alone leaves the table well-formed. The generation id is the first's; after it, our own
// commits have changed it.
func (c *Conn) batches(gen uint32, requests []wire.Request) error {
	for len(requests) > 0 {
		n := min(maxBatch, len(requests))
		if err := c.BatchAt(gen, requests[:n]...); err != nil {
			return err
		}
		requests, gen = requests[n:], 0
	}
	return nil
}

// releaseAll reads everything once, and returns what removes those of the leases that are still there.
func (c *Conn) releaseAll(leases []Lease) (requests []wire.Request, n int, err error) {
	now, err := c.Leases()
	if err != nil {
		return nil, 0, err
	}
	holdings, err := c.Holdings()
	if err != nil {
		return nil, 0, err
	}
	published, err := c.Ports()
	if err != nil {
		return nil, 0, err
	}
	present, byLink, portsOf := map[netip.Addr]*Lease{}, map[string]*Holding{}, map[netip.Addr][]Published{}
	for i := range now {
		present[now[i].Addr] = &now[i]
	}
	for i := range holdings {
		byLink[holdings[i].Link] = &holdings[i]
	}
	for _, p := range published {
		portsOf[p.Target.Addr()] = append(portsOf[p.Target.Addr()], p)
	}
	var freed []netip.Addr
	for i := range leases {
		l := &leases[i]
		if held := present[l.Addr]; held == nil || !l.same(held) {
			continue
		}
		h := byLink[l.Link]
		if h == nil || !h.Comment.same(l.Comment) {
			h = &Holding{Link: l.Link}
		}
		addrs := h.addrs()
		if len(addrs) == 0 {
			addrs = []netip.Addr{l.Addr}
		}
		var to []Published
		for _, a := range addrs {
			to = append(to, portsOf[a]...)
			delete(present, a)
		}
		freed = append(freed, addrs...)
		requests = removals(requests, h, to, addrs)
	}
	unmark, err := c.unmarkRequests(freed)
	return append(unmark, requests...), len(freed), err
}
