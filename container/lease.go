package container

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// settle is how long an attach may take from its lease on until its link says whose it is.
const settle = 10 * time.Second

// takeLease leases the container's addresses, those that are asked for or the lowest that are free, and publishes its ports, in one batch
// with all else that the rules must know of it. What is in the way, and of somebody who has gone, it clears away.
func (a *attacher) takeLease(ctx context.Context) error {
	var err error
	if a.taken, err = a.host.now(); err != nil {
		return err
	}
	want, err := a.wanted()
	if err != nil {
		return err
	}
	c := clearer{attacher: a}
	for {
		lease := want
		made, err := a.host.nat.Attach(&lease)
		a.first = a.first || made
		a.noteLease(&lease, err)
		if err == nil && made {
			var again bool
			if again, err = a.joinOthers(); again {
				continue
			}
		}
		if err == nil || errors.Is(err, nat.ErrUnconfirmed) || unanswered(err) {
			return err
		}
		again, reason := c.clear(ctx, err)
		if !again {
			return reason
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.As(err, new(*nat.NetworkError)) { // others have made the network meanwhile
			if want, err = a.wanted(); err != nil {
				return err
			}
		}
	}
}

// wanted is what table inet plumb is to hold of the container.
func (a *attacher) wanted() (nat.Attachment, error) {
	want := nat.Attachment{
		Link: a.HostLink, Comment: nat.Comment{Name: a.Name, IfIndex: a.HostIndex, Taken: a.taken}, Network: a.net.Network,
		Options: a.net.options(), Publish: slices.Clone(a.net.Publish), // host ports are chosen in it
		Police: uint64(a.net.RateOut) / 8, IPv4: a.place4(), IPv6: a.place6(), Seen: a.seen,
	}
	if !a.net.NoIPv6 {
		want.IPv6.Record = gatewayRecord(a.net.Subnet6)
	}
	return want, a.avoidListeners(&want)
}

// place4 and place6 are where it is to be, as far as that is known before it has its lease.
func (a *attacher) place4() (p nat.Place) {
	if !a.net.NoIPv4 {
		p = placeIn(a.net.Subnet, a.net.Addr)
	}
	return p
}

func (a *attacher) place6() (p nat.Place) {
	if !a.net.NoIPv6 {
		p = placeIn(a.net.Subnet6, a.net.Addr6)
	}
	return p
}

func placeIn(subnet netip.Prefix, addr netip.Addr) nat.Place {
	first, last := hosts(subnet)
	return nat.Place{Subnet: subnet, Addr: addr, First: first, Last: last}
}

// noteLease notes the leases that were taken, or may have been.
func (a *attacher) noteLease(lease *nat.Attachment, err error) {
	if err != nil && !errors.Is(err, nat.ErrUnconfirmed) && !unanswered(err) {
		return
	}
	a.leased, a.leases = *lease, lease.Leases()
	a.Publish = lease.Publish
	a.Addr, a.Addr6 = netip.Prefix{}, netip.Prefix{}
	if lease.IPv4.Addr.IsValid() {
		a.Addr = netip.PrefixFrom(lease.IPv4.Addr, a.net.Subnet.Bits())
	}
	if lease.IPv6.Addr.IsValid() {
		a.Addr6 = netip.PrefixFrom(lease.IPv6.Addr, a.net.Subnet6.Bits())
	}
}

// A clearer clears away what is in the way of an attachment.
type clearer struct {
	*attacher
	waited, swept, moved bool // what is done once only
}

// clear says whether what refused an attach has gone, or else explains it.
func (c *clearer) clear(ctx context.Context, err error) (again bool, reason error) {
	var held *nat.HeldError
	var leased *nat.LeasedError
	var published *nat.PublishedError
	var none *nat.NoAddressError
	switch {
	case errors.As(err, &held):
		// The link of that name is ours, so the other one's is not there any more, or has been renamed.
		removed, err := c.host.nat.Reclaim(&nat.Lease{Addr: held.Holder.Address(), Link: held.Holder.Link, Comment: held.Holder.Comment})
		return removed || err == nil, err
	case errors.As(err, &leased):
		again, err := c.reclaim(ctx, &leased.Holder)
		if err != nil || again {
			return again, err
		}
		option := "--ip"
		if leased.Addr.Is6() {
			option = "--ip6"
		}
		return false, fmt.Errorf("%w: detach it first, or give another address with %s", leased, option)
	case errors.As(err, &published):
		holder, lookup := c.host.nat.Lease(published.Target)
		if errors.Is(lookup, unix.ENOENT) {
			return true, nil // it has just been given back
		}
		if lookup != nil {
			return false, errors.Join(published, lookup)
		}
		again, err := c.reclaim(ctx, holder)
		if err != nil || again {
			return again, err
		}
		return false, fmt.Errorf("%w: %s", published, otherPort)
	case errors.As(err, &none) && !c.swept:
		c.swept = true // a full subnet may be full of what killed processes left behind
		return true, c.host.sweepAll()
	case errors.As(err, &none):
		return false, c.full(none)
	case errors.As(err, new(*nat.NetworkError)) && !c.moved:
		c.moved = true
		c.forget()
		return true, c.chooseSubnets()
	}
	if all, ok := err.(wire.Errors); ok {
		err = all[0] // the others follow from it
	}
	return false, err
}

// reclaim takes what a holder has who has gone. One who may be going is waited for, once.
func (c *clearer) reclaim(ctx context.Context, holder *nat.Lease) (free bool, err error) {
	if free, err = c.host.reclaim(holder, true); err != nil || free || c.waited {
		return free, err
	}
	c.waited = true
	return c.host.waitGone(ctx, holder.Comment.IfIndex, addrWait)
}

// full is the error of a subnet without a free address.
func (c *clearer) full(none *nat.NoAddressError) error {
	leases, err := c.host.nat.Leases()
	if err != nil {
		return fmt.Errorf("read the leases: %w", err)
	}
	subnet := c.net.Subnet
	if none.First.Is6() {
		subnet = c.net.Subnet6
	}
	return &FullError{subnet, leases}
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
	option := "--subnet"
	if e.Subnet.Addr().Is6() {
		option = "--subnet6"
	}
	return fmt.Sprintf("subnet %s is full (%s): detach a container, or give a larger one with %s", e.Subnet, strings.Join(holders, ", "), option)
}

func (e *FullError) Unwrap() error { return unix.ENOSPC }

// release takes what the rules know of a container out of the table, and the table with the last one.
func (h *Host) release(leases []nat.Lease, publish []Publish, places ...netip.Prefix) error {
	if len(leases) == 0 {
		return nil
	}
	tell := h.story()
	tell.next("give back the leases", "with all that the rules know of the container, in one transaction; connections over its addresses are forgotten")
	h.flush(addrsOf(leases), publish)
	for i := range leases { // the first takes the others along
		if _, err := h.nat.Reclaim(&leases[i]); err != nil {
			tell.end(err)
			return err
		}
	}
	tell.end(nil)
	return h.leave(places...)
}

func addrsOf(leases []nat.Lease) []netip.Addr {
	var addrs []netip.Addr
	for i := range leases {
		addrs = append(addrs, leases[i].Addr)
	}
	return addrs
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
		h.flush([]netip.Addr{lease.Addr}, nil)
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
	abandoned                // its link is there, and was not set up, as its attach was killed, or DetachAll is removing it
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
	case !isHostEnd(link), named && (id.name != l.Comment.Name && !id.pooled(l) || !id.has(l.Addr)):
		return nil, stale, nil
	case dying(link):
		return link, ending, nil
	case going(link), !named && age(l) >= settle:
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

// now is when a lease is taken.
func (h *Host) now() (time.Duration, error) {
	if h.clock != nil {
		return h.clock()
	}
	return bootTime()
}

// bootTime is the time since boot, suspension included (clock_gettime(2), CLOCK_BOOTTIME).
func bootTime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("read the time since boot: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
