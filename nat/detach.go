package nat

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A Switch switches the forwarding of links on or off again. It leaves alone what is as it should be, or gone.
type Switch func(links []string, on bool) error

// Detach gives an attachment's address back, with all that belongs to it. What is not there, or is another's by now, is no
// error. If that was the last lease the table goes too, and last is true; see Leave for what forwarding is called for.
func (c *Conn) Detach(a *Attachment, forwarding Switch) (last bool, err error) {
	if _, err := c.Reclaim(&a.Lease); err != nil {
		return false, err
	}
	return c.Leave(forwarding)
}

// Reclaim removes a lease, and the rest of its attachment, as long as it is still that lease: same link, same comment. It reports whether it
// was. Between looking and removing nobody can have taken the address anew: the batch carries the generation id. A lease
// without a comment is any of that address and link.
func (c *Conn) Reclaim(l *Lease) (removed bool, err error) {
	for range staleTries {
		// What is to be removed is looked up first: the less there is between the generation id and the batch, the better.
		requests, err := c.releaseRequests(l)
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
		if held.Link != l.Link || l.Comment != (Comment{}) && !l.same(held) {
			return false, nil
		}
		if err = c.BatchAt(gen, requests...); err == nil {
			return true, nil
		}
		if !errors.Is(err, ErrStale) && !errors.Is(err, unix.ENOENT) {
			return false, fmt.Errorf("give %s back: %w", l.Addr, err)
		}
	}
	return false, fmt.Errorf("give %s back: %w, %d times over", l.Addr, ErrStale, staleTries)
}

// releaseRequests remove those elements of a lease that are there.
func (c *Conn) releaseRequests(l *Lease) ([]wire.Request, error) {
	f := familyOf(l.Addr)
	elements := []struct {
		set string
		key *Data
	}{
		{f.lease, &Data{Value: l.Addr.AsSlice()}},
		{f.member, l.memberKey()},
		{f.internal, &Data{Value: IfName(l.Link)}},
	}
	var requests []wire.Request
	for i, e := range elements {
		if i > 0 {
			_, err := c.Element(NFPROTO_INET, TableName, e.set, Element{Key: e.key})
			if errors.Is(err, unix.ENOENT) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		list := &ElementList{Header: inet, Table: TableName, Set: e.set, Elements: []Element{{Key: e.key}}}
		requests = append(requests, delSetElem.New(0, list, "take "+l.Link+" out of "+e.set))
	}
	return requests, nil
}

// Leave removes the table if no address is leased, and reports whether it did. Before, it has forwarding switch off the links
// that the table records; forwarding may be nil where none are.
//
// The order makes it safe with a newcomer, who first takes its lease and then looks at the forwarding: switched off is switched
// off before the table goes, and a newcomer whose lease comes after that sees it so and switches it on. One whose lease comes in
// between keeps the table (the batch is refused: EBUSY, or ErrStale), and Leave switches on again what the record, still there, says.
// Killed at any point, Leave has left the record or nothing to restore.
func (c *Conn) Leave(forwarding Switch) (removed bool, err error) {
	if leased, err := c.leased(); err == nil && leased {
		return false, nil // most often: nobody else's business is touched, and nothing more is asked
	}
	var off []string // what has been switched off here
	for range staleTries {
		gen, err := c.GenID()
		if err != nil {
			return false, err
		}
		leased, err := c.leased()
		if errors.Is(err, unix.ENOENT) {
			return false, nil // somebody else was the last
		}
		if err == nil && leased {
			return false, switchLinks(forwarding, off, true)
		}
		var links []string
		if err == nil {
			links, err = c.Forwarding()
		}
		if err == nil {
			off = links
			err = switchLinks(forwarding, links, false)
		}
		if err == nil {
			// With the generation id, so that no link recorded meanwhile is forgotten with the table.
			err = c.BatchAt(gen, removeRequests()...)
		}
		switch {
		case err == nil:
			c.standing.Store(false)
			return true, nil
		case errors.Is(err, ErrStale), errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOENT):
			continue
		}
		return false, fmt.Errorf("remove table inet %s: %w", TableName, err)
	}
	return false, errors.Join(fmt.Errorf("remove table inet %s: %w, %d times over", TableName, ErrStale, staleTries), switchLinks(forwarding, off, true))
}

func switchLinks(forwarding Switch, links []string, on bool) error {
	if forwarding == nil || len(links) == 0 {
		return nil
	}
	if err := forwarding(links, on); err != nil {
		return fmt.Errorf("forwarding of %q: %w", links, err)
	}
	return nil
}

// fewLeases is up to how many leases are looked at one by one. The kernel's count takes in what is in a batch that has not been
// committed, and may yet be refused: who believes it would leave a table without a lease.
const fewLeases = 16

// leased reports whether any address is leased. The error is unix.ENOENT where plumb's table is not there.
func (c *Conn) leased() (bool, error) {
	for _, f := range []*ipFamily{&ipv4, &ipv6} {
		s, err := c.Set(NFPROTO_INET, TableName, f.lease)
		switch {
		case err != nil:
			return false, err
		case s.Count != nil && *s.Count == 0:
			continue
		case s.Count != nil && *s.Count > fewLeases:
			return true, nil
		}
		// Few, or a kernel before 6.17, which does not count.
		elements, err := c.Elements(NFPROTO_INET, TableName, f.lease)
		if err != nil || len(elements) > 0 {
			return len(elements) > 0, err
		}
	}
	return false, nil
}

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
