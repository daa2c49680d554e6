package container

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// DetachAll takes the networks of all containers away, or, where network is not "", of those in the network of that name, and returns the
// containers' names. What single detaches would take 20 ms each for, as the kernel waits for its readers at each pair of links, it does at once for
// all (RTM_DELLINK with IFLA_GROUP). Who is attached meanwhile stays attached; an attach whose link says already whose it is fails instead, and leaves
// nothing. It may be called again, or killed: what it was about to remove goes with the next one, with a Detach, with GC, or with whoever wants a name
// or an address.
func (h *Host) DetachAll(network string) (names []string, err error) {
	tell := h.story()
	defer func() { tell.end(err) }()
	tell.next("find what there is", "links that say whose they are, and the leases of before")
	ends, ids, err := h.endsOf(func(id *identity) bool { return network == "" || id.network == network })
	if err != nil {
		return nil, err
	}
	// Of the leases only those that were there before are of one who has gone, if nobody has a link for it.
	leases, err := h.nat.Leases()
	if err == nil && len(ends) > 0 && len(leases) == 0 {
		if err = h.repairIfFlushed(); err == nil { // as detach
			leases, err = h.nat.Leases()
		}
	}
	if err != nil {
		return nil, needAdmin(fmt.Errorf("read the leases: %w", err))
	}
	theirs, others := leasesOfLinks(leases, ends)
	errs := []error{h.detachEnds(&tell, ends, ids, theirs)}
	for i := range ids {
		names = append(names, ids[i].name)
	}
	if network == "" {
		tell.next("look for stale leases", "those that a killed process has left go, too")
		outlived, err := h.reclaimStale(others)
		names, errs = append(names, outlived...), append(errs, err)
	}
	tell.end(errors.Join(errs...))
	errs = append(errs, h.leave()) // also where there was nothing: one who was killed may have come as far as this
	slices.Sort(names)
	return slices.Compact(names), errors.Join(errs...)
}

// detachEnds takes host ends away with their leases, all at once.
func (h *Host) detachEnds(tell *story, ends []rtnl.Link, ids []identity, leases []nat.Lease) error {
	group := goingGroup()
	tell.next("take the links out of use", "down, whereupon their routes go, and into a group of those that go")
	errs := []error{h.moveAway(ends, group)}
	tell.next("give back the leases", "with all that the rules know of the containers, in one transaction; connections over their addresses are forgotten")
	_, err := h.nat.ReclaimAll(leases)
	errs = append(errs, err)
	h.flushAll(leases, ids)
	tell.next("remove the links", "the whole group at once, for which the kernel waits for its readers only once")
	if len(ends) > 0 {
		errs = append(errs, h.removeGroup(group, ends))
	}
	return errors.Join(errs...)
}

// endsOf lists the host ends of the containers that are meant, with what they say. One that does not say anything yet is about to be set up,
// or was left by a killed attach; it is nobody's.
func (h *Host) endsOf(meant func(*identity) bool) (ends []rtnl.Link, ids []identity, err error) {
	links, err := h.hostEnds()
	if err != nil {
		return nil, nil, err
	}
	for _, l := range links {
		if id, ok := identityOf(&l); ok && meant(&id) {
			ends, ids = append(ends, l), append(ids, id)
		}
	}
	return ends, ids, nil
}

// Links that DetachAll is about to remove have LinkGroup in the upper half of their group's number, and in the lower half which DetachAll.
func goingGroup() uint32 { return LinkGroup<<16 | 1 + rand.Uint32N(1<<16-1) }

func going(l *rtnl.Link) bool { return l.Group>>16 == LinkGroup }

// isHostEnd says whether a link is a container's host end: foreign ones are in neither kind of group.
func isHostEnd(l *rtnl.Link) bool { return l.Group == LinkGroup || going(l) }

// moveAway sets links down, whereupon their routes go, and only then puts them into another group: in that the rules that guard the host do not
// know them.
func (h *Host) moveAway(ends []rtnl.Link, group uint32) error {
	const atOnce = 128 // links in a send, between which others get their turn
	var errs []error
	for part := range slices.Chunk(ends, atOnce) {
		requests := make([]wire.Request, 0, 2*len(part))
		for i := range part {
			requests = append(requests, rtnl.SetDown(part[i].Index, "set "+part[i].Name+" down"))
		}
		for i := range part {
			requests = append(requests, rtnl.SetLink(&rtnl.Link{Index: part[i].Index, Group: group}, "put "+part[i].Name+" among those that go"))
		}
		err := h.rtnl.Do(requests...)
		refused := wire.Refusals(err)
		if refused == nil {
			errs = append(errs, err)
		}
		for _, e := range refused {
			errs = append(errs, ignore(unix.ENODEV, e))
		}
	}
	return errors.Join(errs...)
}

// leasesOfLinks divides leases into those that were taken for the links and others.
func leasesOfLinks(leases []nat.Lease, ends []rtnl.Link) (theirs, others []nat.Lease) {
	of := make(map[uint32]bool, len(ends))
	for i := range ends {
		of[ends[i].Index] = true
	}
	for _, l := range leases {
		if of[l.Comment.IfIndex] {
			theirs = append(theirs, l)
		} else {
			others = append(others, l)
		}
	}
	return theirs, others
}

// flushAll makes connection tracking forget the leases' addresses and what the containers have published.
func (h *Host) flushAll(leases []nat.Lease, ids []identity) {
	var addrs []netip.Addr
	for i := range leases {
		addrs = append(addrs, leases[i].Addr)
	}
	var publish []Publish
	for i := range ids {
		publish = append(publish, ids[i].publish...)
	}
	if len(addrs) > 0 {
		h.flush(addrs, publish)
	}
}

// reclaimStale takes those leases out of the table whose link has gone, or is about to, and returns their holders' names.
func (h *Host) reclaimStale(leases []nat.Lease) (names []string, err error) {
	var errs []error
	for i := range leases {
		free, err := h.reclaim(&leases[i], true)
		errs = append(errs, err)
		if free {
			names = append(names, leases[i].Comment.Name)
		}
	}
	return names, errors.Join(errs...)
}
