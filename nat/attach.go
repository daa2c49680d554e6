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

// A NetworkError says that a subnet is another network's, or that the network has another subnet.
type NetworkError struct {
	Network string       // that was asked for
	Subnet  netip.Prefix // that was asked for
	Holder  Net          // what there is
}

func (e *NetworkError) Error() string {
	if e.Holder.Subnet == e.Subnet {
		if e.Holder.Name == "" {
			return fmt.Sprintf("subnet %s is one of a network without a name: take another one, or name no network", e.Subnet)
		}
		return fmt.Sprintf("subnet %s is of network %q: take another one, or join that network", e.Subnet, e.Holder.Name)
	}
	return fmt.Sprintf("network %s has the subnet %s, not %s", e.Network, e.Holder.Subnet, e.Subnet)
}

// A HeldError says that another attachment with a host end of that name stands in the table. The link of that name is the caller's, so
// the other's is gone, or has another name by now.
type HeldError struct{ Holder Holding }

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by %s", e.Holder.Link, e.Holder.Comment.Name)
}

// Unwrap returns unix.EEXIST.
func (e *HeldError) Unwrap() error { return unix.EEXIST }

// ErrNoAddress is in the chain of a *NoAddressError.
var ErrNoAddress = errors.New("no address is free")

// A NoAddressError says that all addresses of a range are taken.
type NoAddressError struct{ First, Last netip.Addr }

func (e *NoAddressError) Error() string {
	return fmt.Sprintf("%v from %s to %s", ErrNoAddress, e.First, e.Last)
}

// Unwrap returns ErrNoAddress.
func (e *NoAddressError) Unwrap() error { return ErrNoAddress }

// ErrUnconfirmed is in the chain of an attach's error when it may have been carried out nevertheless.
var ErrUnconfirmed = errors.New("it was acknowledged, and cannot be found")

// Attach takes the attachment's addresses and lets its host end use them, joins its network and publishes its ports: all or nothing, in
// one batch in one send. Addresses and host ports that are not given it chooses, and leaves in a. Where plumb's table is not
// there the same batch makes it, and made is true.
//
// Errors: *LeasedError for an address that is taken, *NoAddressError where none is free, *PublishedError, *OverlapError and
// *NetworkError for a subnet, *HeldError for the link; else the kernel's. A batch that the kernel refuses costs some
// milliseconds: it waits for its readers before it undoes it (synchronize_rcu in __nf_tables_abort, net/netfilter/nf_tables_api.c).
//
// What is chosen or looked at is so at the generation id that the batch carries: when others attach at the same time they are found out before anything
// is done, and it looks again.
func (c *Conn) Attach(a *Attachment) (made bool, err error) {
	if err := a.check(); err != nil {
		return false, err
	}
	t := attempt{conn: c, a: a, chosen: *a}
	t.chosen.Publish = append([]Publish(nil), a.Publish...)
	for stale, failed := 0, 0; ; {
		again, err := t.run(stale + failed)
		if !again {
			return t.made, err
		}
		if errors.Is(err, ErrStale) {
			stale++
		} else {
			failed++
		}
		if failed > tries {
			return false, fmt.Errorf("attach: table inet %s changes all the time, or is not as this plumb makes it: %w", TableName, err)
		}
		if stale > staleTries {
			return false, fmt.Errorf("attach: %d times over: %w", stale, err)
		}
	}
}

// An attempt is one attach under way. In chosen is what was given, to choose the rest anew at each try.
type attempt struct {
	conn   *Conn
	a      *Attachment
	chosen Attachment
	strict bool         // the batch must carry the generation id: the kernel alone would not notice who comes in between
	full   []netip.Addr // the runs that were found full
	seen   [2]free      // what was found free along with the generation id, by family
	free   [2]free      // what was chosen, by family
	gen    uint32       // the generation id of before it looked
	known  memo         // what was known then
	made   bool
}

// run looks, chooses, and sends the batch. again says that somebody came in between.
func (t *attempt) run(try int) (again bool, err error) {
	given, a := &t.chosen, t.a
	a.IPv4.Addr, a.IPv6.Addr, a.chain = given.IPv4.Addr, given.IPv6.Addr, 0
	a.Publish = append(a.Publish[:0], given.Publish...)
	gen, err := t.see()
	if err != nil {
		return false, err
	}
	t.gen, a.Seen = gen, nil
	standing, err := t.conn.StandsAt(gen)
	if err != nil {
		return false, err
	}
	t.known = t.conn.known.at(gen)
	known, err := t.look(standing)
	if err != nil {
		return false, err
	}
	if !t.strict && try > tries/4 {
		gen = 0 // a busy ruleset: NLM_F_EXCL alone has to do, and a subnet that goes meanwhile must come again
		known, t.full = nil, nil
	}
	p := a.plan(known)
	for _, r := range markRequests(t.full) {
		p.append(step{}, r)
	}
	requests := p.requests
	if !standing {
		requests = append(createRequests(), requests...)
	}
	if err = t.conn.BatchAt(gen, requests...); err == nil {
		t.made = !standing
		a.chain = t.conn.known.committed(gen, func(m *memo) { t.remember(m, len(known)) })
		return false, t.conn.attached(t.made, gen, a)
	}
	t.conn.known.forget()
	if errors.Is(err, ErrStale) {
		return true, err
	}
	again, err = t.conn.whyNot(err, len(requests)-len(p.requests), p)
	var leased *LeasedError
	if errors.As(err, &leased) && leased.Addr != given.IPv4.Addr && leased.Addr != given.IPv6.Addr {
		return true, err // others have taken the one that was chosen
	}
	return again, err
}

// see returns the generation id, and what was found free at it: what Look has seen, if as far as is known nothing has changed since.
func (t *attempt) see() (gen uint32, err error) {
	s := t.a.Seen
	if s == nil || s.gen != t.conn.known.last().gen {
		if s, err = t.conn.Look(t.a); err != nil {
			return 0, err
		}
	}
	t.seen = s.free
	return s.gen, nil
}

// A Sight is what an attach looks at first.
type Sight struct {
	gen  uint32
	free [2]free // by family; not valid where it has to be looked for
}

// IsAt reports whether the ruleset's generation id was this one; a nil Sight has seen none.
func (s *Sight) IsAt(gen uint32) bool { return s != nil && s.gen == gen }

// Look looks beforehand at what Attach would look at first. What changes in between costs Attach a second look, and no more: see Attachment.Seen.
//
// It reads the generation id, and in the same send looks which addresses are free. That is so at this id, unless it was remembered at another one
// where to look: the kernel answers in turn.
func (c *Conn) Look(a *Attachment) (*Sight, error) {
	var now Generation
	known := c.known.last()
	requests := append(make([]wire.Request, 0, 3), genRequest(&now))
	var glances [2]glance
	var families []int
	for _, p := range a.places() {
		i, ok := p.index(), false
		if glances[i], ok = glanceAt(known, p); ok {
			requests = append(requests, wire.Tally(leasedRequest(glances[i].addrs), &newLeaseKeys, &glances[i].n))
			families = append(families, i)
		}
	}
	seen := new(Sight)
	for _, refused := range wire.Refusals(c.wire.Do(requests...)) {
		if refused.Index == 0 {
			return nil, c.explain(refused)
		}
		i := families[refused.Index-1]
		seen.free[i] = glances[i].free(now.ID, refused)
	}
	seen.gen = now.ID
	return seen, nil
}

// look chooses what is not given, and returns the subnets that the table knows.
func (t *attempt) look(standing bool) (known []netip.Prefix, err error) {
	a := t.a
	t.strict, t.full, t.free = len(a.Publish) > 0, nil, [2]free{}
	for _, p := range a.places() {
		if standing {
			is, err := t.conn.knows(t.gen, p, a.Network)
			if err != nil {
				return nil, err
			}
			if is {
				known = append(known, p.Subnet)
			}
		}
		if p.Addr.IsValid() {
			continue
		}
		if p.Addr = p.First; !standing {
			continue
		}
		free := t.seen[p.index()]
		if !free.addr.IsValid() {
			if free, err = t.conn.lowestFree(p.First, p.Last, t.known.lowest[p.First]); err != nil {
				return nil, fmt.Errorf("look for a free address: %w", err)
			}
		}
		if !free.addr.IsValid() {
			return nil, &NoAddressError{p.First, p.Last}
		}
		p.Addr, t.full = free.addr, append(t.full, free.full...)
		free.full = nil
		t.free[p.index()] = free
	}
	t.strict = t.strict || a.Network != "" && len(known) < len(a.places())
	return known, t.conn.choosePorts(a)
}

// remember is what an attach has changed of what is remembered: nothing but which address is the lowest, where the subnets were known before.
func (t *attempt) remember(m *memo, known int) {
	m.stands = true
	if known < len(t.a.places()) {
		m.sets, m.nets = nil, nil
	}
	for i, first := range [...]netip.Addr{t.a.IPv4.First, t.a.IPv6.First} {
		if t.free[i].addr.IsValid() {
			m.lowest = with(m.lowest, first, t.free[i].next())
		}
	}
}

// Stands reports whether plumb's table is there.
func (c *Conn) Stands() (bool, error) {
	gen, err := c.GenID()
	if err != nil {
		return false, err
	}
	return c.StandsAt(gen)
}

// StandsAt is Stands, for one who has just read the generation id.
func (c *Conn) StandsAt(gen uint32) (bool, error) {
	if c.known.at(gen).stands {
		return true, nil
	}
	_, err := c.Table(NFPROTO_INET, TableName)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err == nil {
		c.known.note(gen, func(m *memo) { m.stands = true })
	}
	return err == nil, err
}

// attached ends an attach. A first use of nftables loads modules and replays the batch, and some kernels from 6.10 on have
// acknowledged replays that failed: what made the table is read back. If it is not there though the ruleset has changed since gen, somebody has made
// the table anew meanwhile, or taken it away.
func (c *Conn) attached(made bool, gen uint32, a *Attachment) error {
	if !made {
		return nil
	}
	_, err := c.Holding(a.Link)
	if errors.Is(err, unix.ENOENT) {
		if now, genErr := c.GenID(); genErr == nil && now != gen {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("read back what %s holds: %w: %w", a.Link, ErrUnconfirmed, err)
	}
	return nil
}

// whyNot finds out why an attach was refused, and whether it can be tried again: because the table has come or gone, or what
// was in the way has gone. The first offset requests made the table; the plan's steps tell of those after them.
func (c *Conn) whyNot(err error, offset int, p *plan) (again bool, reason error) {
	for _, e := range wire.Refusals(err) {
		i := e.Index - offset
		taken := errors.Is(e.Err, unix.EEXIST) || errors.Is(e.Err, unix.EBUSY) // EBUSY: another link's, until Linux 4.20
		switch {
		case offset > 0 && e.Index == 0 && taken: // somebody else has made the table
			return true, err
		case offset == 0 && errors.Is(e.Err, unix.ENOENT): // the table has gone
			return true, err
		case i < 0 || i >= len(p.steps) || !taken:
			return false, err
		case p.steps[i].kind != stepOther:
			return c.whyTaken(p.steps[i], p, err)
		}
	}
	return false, err
}

// whyTaken finds out who has what a step wanted. Where nobody has it any more, it can be tried again.
func (c *Conn) whyTaken(s step, p *plan, refused error) (again bool, reason error) {
	var err error
	switch s.kind {
	case stepLink:
		var h *Holding
		if h, err = c.Holding(p.link); err == nil {
			return false, &HeldError{*h}
		}
	case stepLease:
		var l *Lease
		if l, err = c.Lease(s.addr); err == nil {
			return false, &LeasedError{Addr: s.addr, Holder: *l}
		}
	case stepSubnet:
		return c.whyNotSubnet(s.net, refused)
	case stepPublish:
		var o *Published
		o, err = c.takenIn(s.ports.publish, s.ports.family, s.ports.publish.mapOf(s.ports.family))
		if err == nil && o != nil {
			return false, o.published()
		}
		if err == nil {
			err = unix.ENOENT
		}
	}
	if errors.Is(err, unix.ENOENT) {
		return true, refused // it has just been given back
	}
	return false, errors.Join(refused, fmt.Errorf("find out what is in the way: %w", err))
}
