package container

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"plumb/nat"

	"golang.org/x/sys/unix"
)

// settle is how long a lease may stand without a link before it is stale: it is taken before the link is made.
const settle = 10 * time.Second

// takeAddress leases the container's address: the one that is asked for, or the lowest that is free.
func (a *attacher) takeAddress(ctx context.Context) error {
	if a.net.Addr.IsValid() {
		return a.takeGiven(ctx, a.net.Addr)
	}
	if err := a.reclaimSome(); err != nil {
		return err
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
		if _, err := a.reclaim(&leases[i]); err != nil {
			return err
		}
	}
	if err = a.takeLowest(); errors.Is(err, nat.ErrNoAddress) {
		return &FullError{a.net.Subnet, leases}
	}
	return err
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

// takeGiven takes an address that the user asked for. Who holds it without a link may have been killed before it made
// one: such a lease is reclaimed as soon as it is old enough to be sure.
func (a *attacher) takeGiven(ctx context.Context, addr netip.Addr) error {
	for {
		err := a.take(addr)
		var leased *nat.LeasedError
		if !errors.As(err, &leased) {
			return err
		}
		used, lookErr := a.host.inUse(&leased.Holder)
		if lookErr != nil {
			return lookErr
		}
		if used {
			return err
		}
		if wait := settle - age(&leased.Holder); wait > 0 {
			a.host.notice(fmt.Sprintf("%s is leased to %s, which has no link: waiting %s to see whether it makes one", addr, leased.Holder.Comment.Name, wait.Round(time.Second)))
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return fmt.Errorf("%w: %w", err, ctx.Err())
			}
			continue
		}
		if _, err := a.reclaim(&leased.Holder); err != nil {
			return err
		}
	}
}

// take leases addr, in one batch with all else that the rules must know of the container.
func (a *attacher) take(addr netip.Addr) error {
	lease, err := a.newLease(addr)
	if err != nil {
		return err
	}
	if err := a.host.nat.Attach(lease); err != nil {
		return err
	}
	a.taken(lease)
	return nil
}

// takeLowest is take with the lowest address that is free.
func (a *attacher) takeLowest() error {
	low, high := hosts(a.net.Subnet)
	lease, err := a.newLease(low)
	if err != nil {
		return err
	}
	if err := a.host.nat.AttachLowest(lease, low, high); err != nil {
		return err
	}
	a.taken(lease)
	return nil
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

// taken notes the lease that was taken.
func (a *attacher) taken(lease *nat.Attachment) {
	a.Addr = netip.PrefixFrom(lease.Addr, a.net.Subnet.Bits())
	a.lease = lease.Lease
	a.undo.add("release the lease of "+lease.Addr.String(), func() error { return a.host.release(&a.lease) })
}

// renewLease writes the link's new index into the lease.
func (a *attacher) renewLease() error {
	lease, err := a.newLease(a.Addr.Addr())
	if err != nil {
		return err
	}
	if _, err := a.host.nat.Reclaim(&a.lease); err != nil {
		return err
	}
	if err := a.host.nat.Attach(lease); err != nil {
		return err
	}
	a.lease = lease.Lease
	return nil
}

// release takes what the rules know of a container out of the table, and the table with the last one.
func (h *Host) release(lease *nat.Lease) error {
	_, err := h.nat.Detach(&nat.Attachment{Lease: *lease}, h.switchForwarding)
	return err
}

// reclaimSome looks at the lowest addresses, and at some others, for leases that are stale: so what killed processes left
// is gone in time, at a cost that does not grow with the number of containers.
func (a *attacher) reclaimSome() error {
	low, high := hosts(a.net.Subnet)
	size := binary.BigEndian.Uint32(high.AsSlice()) - binary.BigEndian.Uint32(low.AsSlice()) + 1
	for _, addr := range []netip.Addr{low, low.Next(), nth(low, rand.Uint32N(size)), nth(low, rand.Uint32N(size))} {
		lease, err := a.host.nat.Lease(addr)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the lease of %s: %w", addr, err)
		}
		if _, err := a.reclaim(lease); err != nil {
			return err
		}
	}
	return nil
}

// nth is the address n after a.
func nth(a netip.Addr, n uint32) netip.Addr {
	b := a.As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+n)
	return netip.AddrFrom4(b)
}

// reclaim takes a lease out of the table if it is stale.
func (a *attacher) reclaim(lease *nat.Lease) (removed bool, err error) {
	if age(lease) < settle {
		return false, nil
	}
	used, err := a.host.inUse(lease)
	if err != nil || used {
		return false, err
	}
	removed, err = a.host.nat.Reclaim(lease)
	if err != nil {
		return removed, fmt.Errorf("reclaim %s, which %s left: %w", lease.Addr, lease.Comment.Name, err)
	}
	return removed, nil
}

// inUse says whether the link that a lease was taken for is there. Indexes and names are used again: it is that link only
// if its alias says so.
func (h *Host) inUse(l *nat.Lease) (bool, error) {
	link, err := h.rtnl.LinkByIndex(l.Comment.IfIndex)
	if errors.Is(err, unix.ENODEV) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("see whether %s is in use: %w", l.Addr, err)
	}
	id, ok := identityOf(link)
	return ok && id.name == l.Comment.Name && id.addr.Addr() == l.Addr, nil
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
