package nat

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// tries is how often something is tried again that another process has come in between of. Each time somebody has got on, so that
// only something that is wrong for good exhausts it. staleTries is the same where a try costs next to nothing, and many may be
// in the way: the kernel carries out one batch at a time, and whoever waits for its turn finds the generation id changed.
const (
	tries      = 64
	staleTries = 2048
)

// An OverlapError says that a subnet overlaps another that plumb masquerades. A subnet is let go of with the table.
type OverlapError struct{ Subnet netip.Prefix }

func (e *OverlapError) Error() string {
	return fmt.Sprintf("subnet %s overlaps another one of plumb's: choose the same or one apart", e.Subnet)
}

// Attach takes the attachments' addresses and lets their host ends use them, all or none, in one batch in one send. Where plumb's
// table is not there the same batch makes it.
//
// The error is a *LeasedError (unix.EEXIST) for an address that is taken, an *OverlapError for a subnet, else the kernel's. A
// batch that is refused costs some milliseconds: the kernel waits for its readers before it undoes it (synchronize_rcu in
// __nf_tables_abort, net/netfilter/nf_tables_api.c).
func (c *Conn) Attach(as ...*Attachment) error { return c.attachAt(0, as...) }

// attachAt is Attach, provided that the generation id is still genID; otherwise the error wraps ErrStale. That costs next to nothing.
func (c *Conn) attachAt(genID uint32, as ...*Attachment) error {
	for _, a := range as {
		if err := a.check(); err != nil {
			return err
		}
	}
	var err error
	for range tries {
		elements, what, whose := attachRequests(as)
		requests := elements
		if !c.isStanding() {
			requests = append(createRequests(), elements...)
		}
		if err = c.BatchAt(genID, requests...); err == nil {
			return c.attached(len(requests) > len(elements), &as[0].Lease)
		}
		c.standing.Store(false)
		again, reason := c.whyNot(err, len(requests)-len(elements), what, whose)
		if again && genID != 0 {
			return fmt.Errorf("%w (%w)", ErrStale, reason)
		}
		if !again {
			return reason
		}
	}
	return fmt.Errorf("attach: table inet %s changes all the time, or is not as this plumb makes it: %w", TableName, err)
}

// isStanding reports whether plumb's table is there, as far as this Conn knows. It looks unless it has seen it: to ask takes 5 µs, a batch
// that finds no table a thousand times that.
func (c *Conn) isStanding() bool {
	if !c.standing.Load() {
		_, err := c.Table(NFPROTO_INET, TableName)
		c.standing.Store(err == nil)
	}
	return c.standing.Load()
}

// ErrUnconfirmed is in the chain of an attach's error when it may have been carried out nevertheless.
var ErrUnconfirmed = errors.New("it was acknowledged, and cannot be found")

// attached ends an attach. A first use of nftables loads modules and replays the batch, and some kernels from 6.10 on have
// acknowledged replays that failed: what made the table is read back.
func (c *Conn) attached(made bool, l *Lease) error {
	c.standing.Store(true)
	if !made {
		return nil
	}
	if _, err := c.Lease(l.Addr); err != nil {
		return fmt.Errorf("read back the lease of %s: %w: %w", l.Addr, ErrUnconfirmed, err)
	}
	return nil
}

// whyNot finds out why an attach was refused, and whether it can be tried again: because the table has come or gone, or a
// lease has gone. The first offset requests made the table; what and whose tell of those after them.
func (c *Conn) whyNot(err error, offset int, what []step, whose []*Attachment) (again bool, reason error) {
	for _, e := range wire.Refusals(err) {
		i := e.Index - offset
		taken := errors.Is(e.Err, unix.EEXIST) || errors.Is(e.Err, unix.EBUSY) // EBUSY: another link's, until Linux 4.20
		switch {
		case offset > 0 && e.Index == 0 && taken: // somebody else has made the table
			return true, err
		case offset == 0 && errors.Is(e.Err, unix.ENOENT): // the table has gone
			return true, err
		case i < 0 || i >= len(what) || !taken:
			return false, err
		case what[i] == stepSubnet:
			return c.whyNotSubnet(whose[i].Subnet, err)
		case what[i] == stepLease:
			return c.whyNotLease(whose[i].Addr, err)
		}
	}
	return false, err
}

// whyNotLease finds out who has an address.
func (c *Conn) whyNotLease(addr netip.Addr, err error) (again bool, reason error) {
	holder, lookup := c.Lease(addr)
	if errors.Is(lookup, unix.ENOENT) {
		return true, err // it has just been given back
	}
	if lookup != nil {
		return false, errors.Join(err, fmt.Errorf("find out who has %s: %w", addr, lookup))
	}
	return false, &LeasedError{Addr: addr, Holder: *holder}
}

// ErrNoAddress is in the chain of AttachLowest's error when all addresses are taken.
var ErrNoAddress = errors.New("no address is free")

// AttachLowest is Attach with the lowest address from first to last that is not leased, which it leaves in a.Addr. With others it
// attaches in the same batch: a second family's address, say. The error wraps ErrNoAddress when there is none.
//
// The batch carries the generation id of before it looked: when others attach at the same time they are found out before
// anything is undone, and it looks again.
func (c *Conn) AttachLowest(a *Attachment, first, last netip.Addr, others ...*Attachment) error {
	all := append([]*Attachment{a}, others...)
	var err error
	for try := range tries {
		var gen uint32
		if gen, err = c.GenID(); err != nil {
			return err
		}
		if try > tries/4 {
			gen = 0 // a busy ruleset: NLM_F_EXCL alone has to do
		}
		taken, lookup := c.taken(first)
		if lookup != nil {
			return fmt.Errorf("look for a free address: %w", lookup)
		}
		a.Addr = first
		for taken.has(a.Addr) {
			a.Addr = a.Addr.Next()
		}
		if !a.Addr.IsValid() || last.Less(a.Addr) {
			return fmt.Errorf("%w from %s to %s", ErrNoAddress, first, last)
		}
		err = c.attachAt(gen, all...)
		if leased := (*LeasedError)(nil); errors.As(err, &leased) && leased.Addr == a.Addr {
			continue
		}
		if !errors.Is(err, ErrStale) {
			return err
		}
	}
	return fmt.Errorf("%w from %s to %s: others were always faster (%w)", ErrNoAddress, first, last, err)
}
