package container

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// settle is how long an attach may take from its lease on until its link says whose it is.
const settle = 10 * time.Second

// takeAddress leases the container's address: the one that is asked for, or the lowest that is free.
func (a *attacher) takeAddress(ctx context.Context) error {
	if a.net.Addr.IsValid() {
		return a.takeGiven(ctx, a.net.Addr)
	}
	err := a.takeLowest()
	if !errors.Is(err, nat.ErrNoAddress) {
		return err
	}
	// A full subnet may be full of what killed processes left behind.
	leases, err := a.host.nat.Leases()
	if err != nil {
		return fmt.Errorf("read the leases: %w", err)
	}
	for i := range leases {
		if _, err := a.host.reclaim(&leases[i], true); err != nil {
			return err
		}
	}
	if err = a.takeLowest(); !errors.Is(err, nat.ErrNoAddress) {
		return err
	}
	if leases, err = a.host.nat.Leases(); err != nil {
		return fmt.Errorf("read the leases: %w", err)
	}
	return &FullError{a.net.Subnet, leases}
}

// A FullError is a subnet of which every address is leased.
type FullError struct {
	Subnet netip.Prefix
	Leases []nat.Lease
}

func (e *FullError) Error() string {
	const most = 8
	var holders []string
	n := 0
	for _, l := range e.Leases {
		if !e.Subnet.Contains(l.Addr) {
			continue
		}
		if n++; n <= most {
			holders = append(holders, fmt.Sprintf("%s %s", l.Addr, l.Comment.Name))
		}
	}
	if n > most {
		holders = append(holders, fmt.Sprintf("and %d more", n-most))
	}
	return fmt.Sprintf("subnet %s is full (%s): detach a container, or give a larger one with --subnet", e.Subnet, strings.Join(holders, ", "))
}

func (e *FullError) Unwrap() error { return unix.ENOSPC }

// takeGiven takes an address that the user asked for, also from a holder who has gone, or is about to go.
func (a *attacher) takeGiven(ctx context.Context, addr netip.Addr) error {
	for waited := false; ; {
		err := a.take(addr)
		var leased *nat.LeasedError
		if !errors.As(err, &leased) {
			return err
		}
		free, lookErr := a.host.reclaim(&leased.Holder, true)
		if lookErr == nil && !free && !waited {
			waited = true
			free, lookErr = a.host.waitGone(ctx, leased.Holder.Comment.IfIndex, addrWait)
		}
		if lookErr != nil {
			return errors.Join(err, lookErr)
		}
		if !free {
			return fmt.Errorf("%w: detach it first, or give another address with --ip", err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// take leases addr, in one batch with all else that the rules must know of the container.
func (a *attacher) take(addr netip.Addr) error {
	lease, err := a.newLease(addr)
	if err != nil {
		return err
	}
	return a.taken(lease, a.host.nat.Attach(lease))
}

// takeLowest is take with the lowest address that is free.
func (a *attacher) takeLowest() error {
	low, high := hosts(a.net.Subnet)
	lease, err := a.newLease(low)
	if err != nil {
		return err
	}
	return a.taken(lease, a.host.nat.AttachLowest(lease, low, high))
}

// newLease is what table inet plumb is to hold of the container.
func (a *attacher) newLease(addr netip.Addr) (*nat.Attachment, error) {
	now, err := bootTime()
	if err != nil {
		return nil, err
	}
	return &nat.Attachment{
		Lease:  nat.Lease{Addr: addr, Link: a.HostLink, Comment: nat.Comment{Name: a.Name, IfIndex: a.HostIndex, Taken: now}},
		Subnet: a.net.Subnet, Internal: a.net.Internal,
	}, nil
}

// taken notes the lease that was taken, or may have been. Of a batch's refusals the first tells what the others follow from.
func (a *attacher) taken(lease *nat.Attachment, err error) error {
	if err == nil || errors.Is(err, nat.ErrUnconfirmed) || unanswered(err) {
		a.Addr = netip.PrefixFrom(lease.Addr, a.net.Subnet.Bits())
		a.lease = lease.Lease
	}
	if all, ok := err.(wire.Errors); ok {
		return all[0]
	}
	return err
}

// release takes what the rules know of a container out of the table, and the table with the last one.
func (h *Host) release(lease *nat.Lease) error {
	if _, err := h.nat.Reclaim(lease); err != nil {
		return err
	}
	return h.leave()
}

// leave is called when a lease has been given back. What killed processes left must not keep the table.
func (h *Host) leave() error {
	set, err := h.nat.Set(nat.NFPROTO_INET, nat.TableName, "lease4")
	if errors.Is(err, unix.ENOENT) {
		return nil // somebody else was the last
	}
	if err == nil && (set.Count == nil || *set.Count > 0) {
		err = h.sweep()
	}
	if err != nil {
		return err
	}
	_, err = h.nat.Leave(h.switchForwarding)
	return err
}

// sweep looks at the leases at random, and takes those out of the table that are stale, until it has met a few that are not.
// Where only stale ones are left it so removes them all, and where many are held it costs next to nothing.
func (h *Host) sweep() error {
	leases, err := h.nat.Leases()
	if err != nil {
		return fmt.Errorf("read the leases: %w", err)
	}
	few := 8
	for _, i := range rand.Perm(len(leases)) {
		free, err := h.reclaim(&leases[i], false)
		if err != nil {
			return err
		}
		if !free {
			few--
		}
		if few == 0 {
			break
		}
	}
	return nil
}

// reclaim takes a lease out of the table if it is stale, and reports whether the address is free then. With dying, the lease
// of a container that has just ended counts as stale, too.
func (h *Host) reclaim(lease *nat.Lease, dying bool) (free bool, err error) {
	link, state, err := h.holder(lease)
	switch {
	case err != nil:
		return false, fmt.Errorf("see whether %s is in use: %w", lease.Addr, err)
	case state == held, state == ending && !dying:
		return false, nil
	case state == ending:
		// While the old route stands it wins over a new one. The link itself goes by itself.
		err = h.withdraw(link)
	case state == abandoned:
		err = h.remove(link.Index, link.Name)
	}
	if err == nil {
		_, err = h.nat.Reclaim(lease)
	}
	if err != nil {
		return false, fmt.Errorf("reclaim %s, which %s left: %w", lease.Addr, lease.Comment.Name, err)
	}
	return true, nil
}

// A holding is what has become of who took a lease.
type holding uint8

const (
	stale     holding = iota // its link is gone
	held                     // its link is there, or is being set up
	ending                   // its link is there, and its namespace gone
	abandoned                // its link is there, and was not set up: it was killed meanwhile
)

// holder finds the link that a lease was taken for. Indexes and names are used again: it is that link only if its alias
// says so, or says nothing yet.
func (h *Host) holder(l *nat.Lease) (*rtnl.Link, holding, error) {
	link, err := h.rtnl.LinkByIndex(l.Comment.IfIndex)
	if errors.Is(err, unix.ENODEV) {
		return nil, stale, nil
	}
	if err != nil {
		return nil, held, err
	}
	id, named := identityOf(link)
	switch {
	case link.Group != LinkGroup, named && (id.name != l.Comment.Name || id.addr.Addr() != l.Addr):
		return nil, stale, nil
	case dying(link):
		return link, ending, nil
	case !named && age(l) >= settle:
		return link, abandoned, nil
	}
	return link, held, nil
}

// age is how long ago a lease was taken, in time since boot, which no clock change moves.
func age(l *nat.Lease) time.Duration {
	now, err := bootTime()
	if err != nil {
		return 0
	}
	return now - l.Comment.Taken
}

// bootTime is the time since boot, suspension included (clock_gettime(2), CLOCK_BOOTTIME).
func bootTime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("read the time since boot: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
