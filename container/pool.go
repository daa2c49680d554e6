package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
)

// PoolOptions say what a pool holds.
type PoolOptions struct {
	Network Network // of all: without a name, addresses and a MAC of its own, and without published ports, which come with the taking
	Size    int     // how many are kept ready, at most MaxPool
}

// MaxPool is how many networks a pool may have. Each has its addresses, its links and its namespace all the time.
const MaxPool = 256

// errPlanned is for a Host that plans.
var errPlanned = errors.New("what is in a pool was made before: a plan is of what is made")

// check refuses what not all networks of a pool could have.
func (o *PoolOptions) check() (Network, error) {
	n := &o.Network
	for _, own := range []struct {
		field, value string
		given        bool
	}{
		{"name", n.Name, n.Name != ""},
		{"hostname", n.Hostname, n.Hostname != ""},
		{"ip", n.Addr.String(), n.Addr.IsValid()},
		{"ip6", n.Addr6.String(), n.Addr6.IsValid()},
		{"mac", n.MAC.String(), n.MAC != nil},
		{"publish", "", len(n.Publish) > 0},
	} {
		if own.given {
			return *n, &FlagError{own.field, own.value, "that is one container's alone, and comes when it takes a network from the pool"}
		}
	}
	if o.Size < 0 || o.Size > MaxPool {
		return *n, &FlagError{"size", fmt.Sprint(o.Size), fmt.Sprintf("%d networks are the most that a pool has", MaxPool)}
	}
	named := *n
	named.Name = poolName
	_, err := named.complete()
	return *n, err
}

// A Taken is a network that was taken from a pool. Whoever has it closes NetNS once a process is in it, and gives the network back with
// Host.Release, as one from Attach.
type Taken struct {
	*Attachment
	NetNS   *netns.NS
	Network Network // that it has: what was asked for, and what the pool's networks have
}

// A Pool keeps networks ready in this process. They are its own: no other process takes from it, and they end with the process however it ends.
// A goroutine makes new ones, which Close ends.
type Pool struct {
	host *Host
	net  Network
	size int

	mu    sync.Mutex
	ready []*readyNet
	away  int           // networks that are being made for it, or tried by somebody who takes: they count, or there would be too many if they come
	later []*taking     // whose comments in the table are to follow
	err   error         // why the last could not be made
	full  bool          // there are as many as there should be, or one could not be made
	await chan struct{} // closed when that is so; nil where nobody waits for it

	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}
}

// NewPool begins to keep networks ready. The host is used until Close.
func (h *Host) NewPool(o PoolOptions) (*Pool, error) {
	n, err := o.check()
	if err == nil && h.plans {
		err = errPlanned
	}
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &Pool{host: h, net: n, size: o.Size, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	go p.refill(ctx)
	return p, nil
}

// refill makes what is missing, whenever something was taken.
func (p *Pool) refill(ctx context.Context) {
	defer close(p.done)
	for {
		p.follow()
		var failed error // who takes next finds out, and wakes us
		for ctx.Err() == nil && failed == nil && p.lacks() {
			var r *readyNet
			r, failed = p.host.makeReady(ctx, p.net, os.Getpid())
			if !p.back(r, failed == nil) && failed == nil {
				failed = p.host.discard(r)
			}
			p.follow()
		}
		p.mu.Lock()
		if p.err = failed; len(p.ready) >= p.size || failed != nil || ctx.Err() != nil { // or else somebody tries one, and wakes us
			p.full = true
			if p.await != nil {
				close(p.await)
				p.await = nil
			}
		}
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
	}
}

// lacks says whether one is to be made; it is then away until back.
func (p *Pool) lacks() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ready)+p.away >= p.size {
		return false
	}
	p.away++
	return true
}

// back ends that one is away, and puts it into the pool if it is ready, and there is room.
func (p *Pool) back(r *readyNet, ready bool) (kept bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away--
	if kept = ready && len(p.ready) < p.size; kept {
		p.ready = append(p.ready, r)
	}
	return kept
}

// follow has the table name those who have taken.
func (p *Pool) follow() {
	p.mu.Lock()
	later := p.later
	p.later = nil
	p.mu.Unlock()
	if err := followAll(later); err != nil {
		p.host.notice(err.Error())
	}
}

// followAll does what is to follow; nil is nothing.
func followAll(later []*taking) error {
	var errs []error
	for _, t := range later {
		if t == nil {
			continue
		}
		if err := t.follow(); err != nil {
			errs = append(errs, fmt.Errorf("the table calls %s %s still: %w", t.Name, t.ready.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Ready is how many networks are ready.
func (p *Pool) Ready() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ready)
}

// Filled waits until there are as many as there should be. The error says why one could not be made.
func (p *Pool) Filled(ctx context.Context) error {
	p.mu.Lock()
	full, await := p.full, p.await
	if !full && await == nil {
		await = make(chan struct{})
		p.await = await
	}
	p.mu.Unlock()
	if !full {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-await:
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Take gives a container a network that is ready. What n leaves open is as the pool has it; what the pool has not is a *FlagError, see Host.Attach for
// others. Without a name the container keeps the one that the network was made with, which takes less than half the time: until the goroutine has said
// that it is in use, it is listed as ready. Who listens to what happens to links, such as those who answer names for other containers, hears of a name with that, too. Where none is ready, Take makes one.
func (p *Pool) Take(ctx context.Context, n Network) (*Taken, error) {
	if err := n.checkTaken(); err != nil {
		return nil, err
	}
	defer p.refillSoon()
	for {
		r, err := p.next(ctx)
		if err != nil {
			return nil, err
		}
		taken, later, sound, err := p.host.taken(ctx, r, n, &p.net)
		kept := p.back(r, err != nil && sound)
		switch {
		case err == nil:
			p.mu.Lock()
			p.later = append(p.later, later)
			p.mu.Unlock()
			return taken, nil
		case kept:
			return nil, err
		case !isGone(err):
			return nil, errors.Join(err, p.host.discard(r))
		}
		p.host.discard(r) // somebody has detached it
	}
}

// next takes one out of the pool, or makes one. It is away until back.
func (p *Pool) next(ctx context.Context) (r *readyNet, err error) {
	p.mu.Lock()
	if n := len(p.ready) - 1; n >= 0 {
		r, p.ready = p.ready[n], p.ready[:n]
	}
	p.away++
	p.full = false
	p.mu.Unlock()
	if r == nil {
		if r, err = p.host.makeReady(ctx, p.net, os.Getpid()); err != nil {
			p.back(nil, false)
		}
	}
	return r, err
}

// refillSoon has the goroutine make what is missing. It comes last, since what that does and a take would wait for each other in the kernel.
func (p *Pool) refillSoon() {
	select {
	case p.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Close ends the pool. What was not taken is given back; what was stays.
func (p *Pool) Close() error {
	p.stop()
	<-p.done
	p.follow()
	p.mu.Lock()
	all := p.ready
	p.ready = nil
	p.mu.Unlock()
	return p.host.discardAll(all)
}

// discardAll gives back many at once.
func (h *Host) discardAll(all []*readyNet) error {
	if len(all) == 0 {
		return nil
	}
	tell := h.story()
	var ends []rtnl.Link
	var ids []identity
	var errs []error
	var leases []nat.Lease
	for _, r := range all {
		leases = append(leases, r.leases...)
		ends, ids = append(ends, rtnl.Link{Index: r.HostIndex, Name: r.HostLink}), append(ids, *r.is)
	}
	errs = append(errs, h.detachEnds(&tell, ends, ids, leases))
	tell.end(errors.Join(errs...))
	for _, r := range all {
		errs = append(errs, r.ns.Close())
	}
	return errors.Join(append(errs, h.leave())...)
}
