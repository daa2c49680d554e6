package plan

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A Plan is what would have been done so far, in all namespaces.
type Plan struct {
	mu     sync.Mutex
	spaces map[space]*state
}

// A space is a network namespace, by its file in nsfs.
type space struct{ dev, inode uint64 }

// A state is what would have been done in one namespace.
type state struct {
	route   wire.Transport // a socket of rtnetlink there, for probes
	objects []object       // of nf_tables, that were made
	gone    []object       // elements that were removed
	commits uint32
	links   [][]byte              // that were made: struct ifinfomsg and attributes, as they were sent
	removed map[uint32]bool       // links, by index
	local   map[netip.Addr]uint32 // IPv6 addresses, and the link that has each
}

// New returns a plan of nothing yet.
func New() *Plan { return &Plan{spaces: map[space]*state{}} }

// Transport opens a socket in the calling thread's network namespace. Where that fails, all that the transport does fails so.
func (p *Plan) Transport(family int) wire.Transport {
	t := &transport{plan: p, family: family}
	if t.err = t.open(); t.err == nil && family == unix.NETLINK_ROUTE {
		p.mu.Lock()
		defer p.mu.Unlock()
		if s := p.state(t.space); s.route == nil {
			s.route = t.probes
		}
	}
	return t
}

// state is that of a namespace. The caller has the lock.
func (p *Plan) state(s space) *state {
	if p.spaces[s] == nil {
		p.spaces[s] = &state{removed: map[uint32]bool{}, local: map[netip.Addr]uint32{}}
	}
	return p.spaces[s]
}

// spaceOf is the namespace that a path or a descriptor is of.
func spaceOf(stat func(*unix.Stat_t) error) (space, error) {
	var st unix.Stat_t
	err := stat(&st)
	return space{uint64(st.Dev), st.Ino}, err //nolint:unconvert // 32 bits on mips
}

// A transport is a wire.Transport that changes nothing.
type transport struct {
	plan   *Plan
	family int
	space  space
	real   wire.Transport
	probes wire.Transport // a second socket of rtnetlink: in the first there may be answers that are not read yet; nil for other families
	err    error          // it could not be opened

	answers [][]byte // datagrams of ours, which come before the kernel's
	dump    bool     // what is asked of the kernel is a list, of which ours is a part: that it has no such table is the list's end
	genID   bool     // it is the generation id
}

func (t *transport) open() (err error) {
	t.space, err = spaceOf(func(st *unix.Stat_t) error { return unix.Stat("/proc/thread-self/ns/net", st) })
	if err == nil {
		t.real, err = wire.Socket(t.family)
	}
	if err == nil && t.family == unix.NETLINK_ROUTE {
		if t.probes, err = wire.Socket(t.family); err != nil {
			err = errors.Join(err, t.real.Close())
		}
	}
	return err
}

// Send implements wire.Transport. It sends what asks, and answers the rest.
func (t *transport) Send(b []byte) error {
	if t.err != nil {
		return t.err
	}
	t.plan.mu.Lock()
	defer t.plan.mu.Unlock()
	t.answers, t.dump, t.genID = nil, false, false
	messages, err := split(b)
	if err != nil {
		return err
	}
	if len(messages) > 0 && t.family == unix.NETLINK_NETFILTER && messages[0].typ == unix.NFNL_MSG_BATCH_BEGIN {
		t.batch(messages)
		return nil
	}
	for _, m := range messages {
		if m.asks(t.family) {
			err = t.ask(m)
		} else {
			t.change(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Receive implements wire.Transport.
func (t *transport) Receive(b []byte, wait bool) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	if len(t.answers) > 0 {
		n := copy(b, t.answers[0])
		t.answers = t.answers[1:]
		return n, nil
	}
	n, err := t.real.Receive(b, wait)
	if err == nil && n <= len(b) {
		t.plan.mu.Lock()
		defer t.plan.mu.Unlock()
		n = t.amend(b, n)
	}
	return n, err
}

func (t *transport) Join(group uint32) error {
	if t.err != nil {
		return t.err
	}
	return t.real.Join(group)
}

func (t *transport) Grow(bytes int) error {
	if t.err != nil {
		return t.err
	}
	return t.real.Grow(bytes)
}

func (t *transport) SetReadDeadline(at time.Time) error {
	if t.err != nil {
		return t.err
	}
	return t.real.SetReadDeadline(at)
}

// Close closes the socket. From then on the plan does not ask it either.
func (t *transport) Close() error {
	if t.err != nil {
		return nil // there is nothing to close
	}
	t.plan.mu.Lock()
	if s := t.plan.state(t.space); s.route == t.probes {
		s.route = nil
	}
	t.plan.mu.Unlock()
	if t.probes != nil {
		return errors.Join(t.real.Close(), t.probes.Close())
	}
	return t.real.Close()
}
