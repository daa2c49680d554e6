package container

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Somebody who flushes the ruleset takes plumb's table along. The links stand, and each says in its alias what the table held of
// its container; so the table can be made anew from them, by anybody and by any number at once.

// repairIfFlushed makes the table anew where it is not there and links say that it should be. Where links come so fast that they cannot be listed,
// whoever comes makes the table.
func (h *Host) repairIfFlushed() error {
	const tries = 16
	var err error
	for range tries {
		none, lookup := h.noTable()
		if !none {
			return ignoreMissingNat(needAdmin(lookup))
		}
		if _, err = h.Repair(); !errors.Is(err, wire.ErrInterrupted) {
			return ignore(unix.EEXIST, err) // two of the others are in each other's way
		}
	}
	return err
}

// noTable says whether plumb's table is not there.
func (h *Host) noTable() (bool, error) {
	stands, err := h.nat.Stands()
	return !stands && err == nil, err
}

// joinOthers gives back a lease that made the table, where others stand who have no part in it: somebody has flushed the ruleset since the attach began.
// With the table made anew for them, the attach looks again for what is free.
func (a *attacher) joinOthers() (again bool, err error) {
	again, err = a.host.lacksAny()
	if err != nil || !again {
		return false, err
	}
	err = a.host.rebuild(func() (bool, error) { return true, nil })
	if errors.Is(err, unix.EEXIST) {
		return false, nil // two of them say the same, and all cannot be had
	}
	if err == nil {
		a.leases = nil
	}
	return err == nil, err
}

// errLost says that an attach has to begin again.
var errLost = errors.New("somebody has flushed the ruleset meanwhile, and what was leased is another's by now")

// lost is the error of an attach that needs what its lease has made, where that may be gone (ENOENT).
func lost(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// restoreOthers makes the table anew where others stand who have no part in it, before an attach begins again that has met one of them.
func (h *Host) restoreOthers() error { return ignore(unix.EEXIST, h.rebuild(h.lacksAny)) }

// stillHeld puts back what somebody has flushed since the lease was taken. From now on the link itself says what belongs to it; who made the table
// anew before could not know, and may have given it to another: errLost.
func (a *attacher) stillHeld() error {
	if as, err := a.host.nat.IsAsLeft(&a.leased); err == nil && as {
		return nil
	}
	held, err := a.host.nat.Holding(a.HostLink)
	if err == nil && held.Comment.IfIndex == a.HostIndex {
		return nil
	}
	link, err := a.host.rtnl.LinkByIndex(a.HostIndex)
	if err != nil {
		return fmt.Errorf("look at %s: %w", a.HostLink, err)
	}
	if going(link) {
		return fmt.Errorf("%s was detached again with all others before it was complete: %w", a.Name, unix.ENODEV)
	}
	_, err = a.host.repair(link, a.identity(), false)
	if errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// ignoreMissingNat leaves it to the attach to say that there is no nftables.
func ignoreMissingNat(err error) error {
	if errors.Is(err, nat.ErrUnsupported) {
		return nil
	}
	return err
}

// Repair puts back what table inet plumb should hold, and does not, of each container whose link stands: leases, networks, options, published
// ports, and the record of what is to be put back of the host's forwarding. It has host ends forward again that do not, and then the uplinks, too.
// It returns the names of those that something was missing of.
func (h *Host) Repair() (repaired []string, err error) {
	links, err := h.hostEnds()
	if err != nil {
		return nil, err
	}
	flushed, err := h.noTable()
	if err != nil {
		return nil, err
	}
	var errs []error
	var ids []identity
	for i := range links {
		id, ok := identityOf(&links[i])
		if !ok || dying(&links[i]) {
			continue
		}
		ids = append(ids, id)
		missing, err := h.repair(&links[i], &id, i == 0)
		if err == nil && id.addr.IsValid() && !going(&links[i]) {
			var off bool
			off, err = h.forwardAgain(&links[i])
			missing = missing || off
		}
		if errors.Is(err, unix.EEXIST) {
			if err = h.inTheWay(&links[i], &id, err); err == nil {
				continue
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("repair %s: %w", id.name, err))
		} else if missing || flushed { // the first has then put back all
			repaired = append(repaired, id.name)
		}
	}
	if len(repaired) > 0 {
		h.flushUntranslated(ids)
		records, err := h.nat.Records()
		if err == nil {
			err = h.switchForwarding(records, true)
		}
		errs = append(errs, err)
	}
	return repaired, errors.Join(errs...)
}

// forwardAgain has a host end forward that does not: somebody who switches net.ipv4.ip_forward off switches it off for each link.
func (h *Host) forwardAgain(link *rtnl.Link) (off bool, err error) {
	on, err := h.rtnl.LinkForwards(rtnl.IPv4, link.Index)
	if err != nil || on {
		return false, ignore(unix.EINVAL, ignore(unix.ENODEV, err)) // a link that has gone is EINVAL up to Linux 6.13
	}
	return true, ignore(unix.ENODEV, h.rtnl.Do(setForwarding(link.Index, link.Name, true)))
}

// hostEnds lists the host's ends of all containers. Where a crowd comes or goes the list changes while it is read, more often than rtnl tries.
func (h *Host) hostEnds() ([]rtnl.Link, error) {
	const tries = 8
	links, err := h.rtnl.Links()
	for i := 1; i < tries && errors.Is(err, wire.ErrInterrupted); i++ {
		links, err = h.rtnl.Links()
	}
	if err != nil {
		return nil, fmt.Errorf("list the containers' links: %w", err)
	}
	ends := links[:0]
	for _, l := range links {
		if isHostEnd(&l) {
			ends = append(ends, l)
		}
	}
	return ends, nil
}

// repair puts back what the table should hold of one link, and reports whether anything was missing. With whole it also sees whether all
// rules are there.
func (h *Host) repair(link *rtnl.Link, id *identity, whole bool) (missing bool, err error) {
	a := id.attachment(link)
	held, err := h.nat.Holding(a.Link)
	switch {
	case err == nil && held.Comment.IfIndex == link.Index:
		lacks := func() (bool, error) { return h.lacks(a, whole) }
		if missing, err = lacks(); err != nil || !missing {
			return false, err
		}
		return true, h.rebuild(lacks)
	case err != nil && !errors.Is(err, unix.ENOENT):
		return false, err
	}
	if standing, err := h.standing(link); err != nil || !standing {
		return false, err // it is being taken down
	}
	// Alone in a new table, it would leave what the others have to whoever comes next.
	err = h.rebuildFor(a, h.noTable)
	if err != nil && errors.Is(err, unix.EEXIST) {
		err = h.rebuildFor(a, h.lacksAny) // who has in the table what this link has may not stand
	}
	if err != nil {
		return false, err
	}
	return true, h.nat.Record(id.changed...)
}

// rebuildFor makes the table anew where lacks says that something is missing, and adds a to it where that was not enough: one whose link stands, and of
// which the table knows nothing.
func (h *Host) rebuildFor(a *nat.Attachment, lacks func() (bool, error)) error {
	missing, err := lacks()
	if err != nil {
		return err
	}
	if missing {
		if err := ignore(unix.EEXIST, h.rebuild(lacks)); err != nil { // EEXIST: two links say the same, and all cannot be had
			return err
		}
		held, err := h.nat.Holding(a.Link)
		if err == nil && held.Comment.IfIndex == a.Comment.IfIndex {
			return nil
		}
		if err := ignore(unix.ENOENT, err); err != nil {
			return err
		}
	}
	_, err = h.nat.Attach(a)
	var other *nat.HeldError
	if errors.As(err, &other) && other.Holder.Comment.IfIndex == a.Comment.IfIndex {
		return nil // somebody else was faster
	}
	return err
}

// lacks says whether the table, which is there, lacks something of an attachment, or else of its rules.
func (h *Host) lacks(a *nat.Attachment, rules bool) (bool, error) {
	if rules {
		if whole, err := h.nat.IsWhole(); err != nil || !whole {
			return true, err
		}
	}
	holds, err := h.nat.Holds(a)
	return !holds, err
}

// rebuild makes the whole table anew, from what the links say of all containers, as long as lacks says that something is missing: of one that is
// there in part it is not known what the rest was. What the table recorded of the host's forwarding is kept, if it is there still.
//
// A container whose link came to say whose it is after the links were read has lost what it had: it sees so itself (stillHeld), or its link is seen
// here once the table is made, and the table is made once more.
func (h *Host) rebuild(lacks func() (bool, error)) error {
	for {
		gen, err := h.nat.GenID()
		if err != nil {
			return err
		}
		if missing, err := lacks(); err != nil || !missing {
			return err // somebody else was faster
		}
		records, err := h.nat.Records()
		if err != nil {
			return err
		}
		ends, ids, err := h.standingEnds()
		if err != nil {
			return err
		}
		var all []*nat.Attachment
		for i := range ends {
			all = append(all, ids[i].attachment(&ends[i]))
			records = append(records, ids[i].changed...)
		}
		switch err = h.nat.Rebuild(gen, all, records); {
		case err == nil:
			lacks = h.lacksAny
		case !errors.Is(err, nat.ErrStale):
			return err
		}
	}
}

// lacksAny says whether anybody stands who has no part in the table.
func (h *Host) lacksAny() (bool, error) {
	ends, _, err := h.standingEnds()
	if err != nil || len(ends) == 0 {
		return false, err
	}
	holdings, err := h.nat.Holdings()
	if err != nil {
		return false, err
	}
	held := make(map[uint32]bool, len(holdings))
	for i := range holdings {
		held[holdings[i].Comment.IfIndex] = true
	}
	for i := range ends {
		if held[ends[i].Index] {
			continue
		}
		if lacks, err := h.standing(&ends[i]); lacks || err != nil { // or else it has just been given back
			return lacks, err
		}
	}
	return false, nil
}

// standing says whether a host end has its addresses still: whoever takes it down takes them off first.
func (h *Host) standing(link *rtnl.Link) (bool, error) {
	addrs, err := h.gatewayAddrs(link)
	return len(addrs) > 0, err
}

// standingEnds lists the host ends that say whose they are, and that nobody takes down: standing has it for one. Of two that say the same address,
// as one does for a moment whose attach has lost it and begins again, the one has it that the route leads to.
func (h *Host) standingEnds() (ends []rtnl.Link, ids []identity, err error) {
	links, err := h.hostEnds()
	if err != nil || len(links) == 0 {
		return nil, nil, err
	}
	addrs, err := h.rtnl.Addrs(0, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	standing := make(map[uint32]bool, len(links))
	for i := range addrs {
		if addrs[i].Own().IsValid() {
			standing[addrs[i].Index] = true
		}
	}
	owner := make(map[netip.Addr]uint32, 2*len(links))
	for i := range links {
		id, ok := identityOf(&links[i])
		if !ok || dying(&links[i]) || going(&links[i]) || !standing[links[i].Index] {
			continue
		}
		ends, ids = append(ends, links[i]), append(ids, id)
		for _, addr := range id.addrs() {
			if _, twice := owner[addr]; twice {
				if out := h.routedTo(addr); out != links[i].Index {
					continue
				}
			}
			owner[addr] = links[i].Index
		}
	}
	n := 0
	for i := range ends {
		if !slices.ContainsFunc(ids[i].addrs(), func(addr netip.Addr) bool { return owner[addr] != ends[i].Index }) {
			ends[n], ids[n] = ends[i], ids[i]
			n++
		}
	}
	return ends[:n], ids[:n], nil
}

// attachment is what the table should hold of a link.
func (id *identity) attachment(link *rtnl.Link) *nat.Attachment {
	a := &nat.Attachment{
		Link: link.Name, Comment: nat.Comment{Name: id.name, IfIndex: link.Index, Taken: id.taken}, Network: id.network,
		Options: id.options, Publish: id.publish, Police: uint64(id.out) / 8,
	}
	for _, p := range []struct {
		of   *nat.Place
		addr netip.Prefix
	}{{&a.IPv4, id.addr}, {&a.IPv6, id.addr6}} {
		if p.addr.IsValid() {
			*p.of = nat.Place{Addr: p.addr.Addr(), Subnet: p.addr.Masked()}
		}
	}
	if a.IPv6.Subnet.IsValid() {
		a.IPv6.Record = gatewayRecord(a.IPv6.Subnet)
	}
	return a
}
