package container_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/container/netns"
)

// newPool is a pool of the town's host, filled.
func (w *town) newPool(o container.PoolOptions) *container.Pool {
	w.t.Helper()
	p, err := w.h.NewPool(o)
	must(w.t, err)
	w.t.Cleanup(func() { check(w.t, p.Close()) })
	must(w.t, p.Filled(w.t.Context()))
	return p
}

// A taker is what both kinds of pool are for one who takes.
type taker interface {
	Take(context.Context, container.Network) (*container.Taken, error)
}

// take takes a network, until the test ends.
func (w *town) take(t *testing.T, p taker, n container.Network) *container.Taken {
	t.Helper()
	taken, err := p.Take(t.Context(), n)
	must(t, err)
	t.Cleanup(func() {
		check(t, w.h.Release(taken.Attachment))
		check(t, taken.NetNS.Close())
	})
	return taken
}

// pingIn asks from inside a namespace.
func pingIn(ns *netns.NS, to string) error {
	fd, family, proto := -1, unix.AF_INET, unix.IPPROTO_ICMP
	if netip.MustParseAddr(to).Is6() {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	err := ns.Do(func() (err error) {
		fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, proto)
		return err
	})
	if err != nil {
		return err
	}
	return pingOn(fd, to, waitTime)
}

// echoIn answers on TCP port 7 inside a namespace.
func echoIn(t testing.TB, ns *netns.NS) (stop func()) {
	t.Helper()
	l, err := netns.Open(ns, func() (net.Listener, error) { return net.Listen("tcp", ":7") })
	must(t, err)
	var s clab.Services
	s.ServeEcho(l)
	return func() { s.Close() }
}

// one is the only container of a name.
func (w *town) one(name string) *container.Container {
	w.t.Helper()
	c, err := w.h.Container(name)
	must(w.t, err)
	return c
}

// states counts the containers by their states.
func (w *town) states() map[container.State]int {
	w.t.Helper()
	all, err := w.h.Containers()
	must(w.t, err)
	states := map[container.State]int{}
	for i := range all {
		states[all[i].State]++
	}
	return states
}

// What is taken from a pool is a container's network in all: both families pass, ports are published, and it is known by the container's name, in the
// list, in the table and to detach.
func TestPoolTake(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	for name, p := range map[string]taker{"own": w.newPool(container.PoolOptions{Size: 2}), "shared": w.newSharedPool(container.PoolOptions{Size: 2})} {
		t.Run(name, func(t *testing.T) {
			before := w.states()
			taken := w.take(t, p, container.Network{
				Name: "web-" + name, Hostname: "www", Isolate: true,
				Publish: []container.Publish{{Proto: unix.IPPROTO_TCP, HostPort: 8007, Port: 7, Count: 1}, {Proto: unix.IPPROTO_TCP, Port: 7, Count: 1}},
			})
			check(t, pingIn(taken.NetNS, clab.NameServer4))
			check(t, pingIn(taken.NetNS, clab.NameServer6))
			stop := echoIn(t, taken.NetNS)
			defer stop()
			if taken.Publish[1].HostPort == 0 {
				t.Error("no port was chosen")
			}
			for _, host := range []netip.Addr{w.host.Addr4(), w.host.Addr6()} {
				for _, p := range taken.Publish {
					_, err := echo(w.Internet(), "tcp", netip.AddrPortFrom(host, p.HostPort).String())
					check(t, err)
				}
			}
			_, err := echo(w.host, "tcp", "127.0.0.1:8007")
			check(t, err)
			c := w.one("web-" + name)
			if c.State != container.Up || c.Hostname != "www" || !c.Isolate || c.Pool != 0 || len(c.Publish) != 2 || c.Addr != taken.Addr || c.HostLink != taken.HostLink {
				t.Errorf("it is listed as %+v", c)
			}
			if l := w.link(w.host, "pl-web-"+name); l == nil || l.Index != taken.HostIndex {
				t.Errorf("the link pl-web-%s is %+v", name, l)
			}
			leases, err := w.nat.Leases()
			must(t, err)
			for _, l := range leases {
				if (l.Addr == taken.Addr.Addr() || l.Addr == taken.Addr6.Addr()) && l.Comment.Name != "web-"+name {
					t.Errorf("the lease of %s is %s's", l.Addr, l.Comment.Name)
				}
			}
			if after := w.states(); after[container.Up] != before[container.Up]+1 {
				t.Errorf("before %v after %v", before, after)
			}
		})
	}
}

// A network that was taken is the container's from one message on, before its alias and the comments in the table say so: who takes may be killed right
// then. All names that there are in it can be as long as they may.
func TestPoolNamed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	p := w.newSharedPool(container.PoolOptions{Size: 3})
	before := w.states()
	longest := strings.Repeat("n", 63)
	for _, n := range []container.Network{{Name: "web"}, {Name: "api", Hostname: "www"}, {Name: longest, Hostname: strings.Repeat("h", 32) + "." + strings.Repeat("h", 31)}} {
		taken, err := p.Take(t.Context(), n)
		must(t, err)
		said := func(alias string) {
			t.Helper()
			link, err := w.host.Rtnl().LinkByIndex(taken.HostIndex)
			must(t, err)
			if !strings.HasPrefix(link.Alias, "plumb "+alias) {
				t.Errorf("the alias of %s is %q", n.Name, link.Alias)
			}
			c := w.one(n.Name)
			want := n.Hostname
			if want == "" {
				want = n.Name
			}
			if c.State != container.Up || c.Pool != 0 || c.Hostname != want || c.HostIndex != taken.HostIndex || c.Addr != taken.Addr || c.Addr6 != taken.Addr6 {
				t.Errorf("%s is listed as %+v", n.Name, c)
			}
		}
		said("pool-")
		w.refused(n)
		check(t, p.Refill(t.Context()))
		said(n.Name + " ")
		w.detach(n.Name)
		check(t, taken.NetNS.Close())
	}
	if after := w.states(); after[container.Ready] != before[container.Ready] || after[container.Up] != 0 {
		t.Errorf("before %v after %v", before, after)
	}
}

// Who asks for no name gets the network as it is. That it is in use is said afterwards; with a hostname, or where the table is to hold more, at once.
func TestPoolUnnamed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	own := w.newPool(container.PoolOptions{Size: 1})
	p := w.newSharedPool(container.PoolOptions{Size: 4})
	one := w.take(t, p, container.Network{})
	if c := w.one(one.Name); c.State != container.Ready || c.HostIndex != one.HostIndex || one.Network.Name != one.Name {
		t.Errorf("it was taken as %+v, and is listed as %+v", one, c)
	}
	check(t, pingIn(one.NetNS, clab.NameServer4))
	check(t, pingIn(one.NetNS, clab.NameServer6))
	named := w.take(t, p, container.Network{Hostname: "www"})
	isolated := w.take(t, p, container.Network{Isolate: true, Publish: []container.Publish{{Proto: unix.IPPROTO_TCP, HostPort: 8007, Port: 7, Count: 1}}})
	said := func(taken *container.Taken, hostname string, isolate bool) {
		t.Helper()
		c := w.one(taken.Name)
		if c.State != container.Up || c.Pool != 0 || c.Hostname != hostname || c.Isolate != isolate || c.HostLink != "pl-"+taken.Name {
			t.Errorf("%s is listed as %+v", taken.Name, c)
		}
	}
	said(named, "www", false)
	said(isolated, isolated.Name, true)
	check(t, p.Refill(t.Context()))
	said(one, one.Name, false)
	said(named, "www", false)
	stop := echoIn(t, isolated.NetNS)
	defer stop()
	_, err := echo(w.Internet(), "tcp", netip.AddrPortFrom(w.host.Addr4(), 8007).String())
	check(t, err)
	two := w.take(t, own, container.Network{})
	check(t, own.Filled(t.Context())) // the goroutine has said so before it made another
	said(two, two.Name, false)
	w.refused(container.Network{Name: one.Name})

	all, err := w.h.Containers()
	must(t, err)
	for i := range all { // what somebody has detached is given to nobody
		if all[i].Pool == p.Holder() {
			w.detach(all[i].Name)
		}
	}
	if _, err := p.Take(t.Context(), container.Network{}); !errors.Is(err, container.ErrPoolEmpty) {
		t.Errorf("nothing is left: %v", err)
	}
}

// A pool of a program has never more than its size, whatever comes back while it is filled again.
func TestPoolBounded(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.attach(container.Network{Name: "web"})
	own := w.newPool(container.PoolOptions{Size: 2})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2 { // each of which waits a second for who has the name, who might be ending
				if taken, err := own.Take(t.Context(), container.Network{Name: "web"}); err == nil {
					t.Errorf("%+v was given a name that is taken", taken)
				}
				if n := own.Ready(); n > 2 {
					t.Errorf("%d are ready", n)
				}
			}
		})
	}
	wg.Wait()
	check(t, own.Filled(t.Context()))
	if s := w.states(); s[container.Ready] != 2 {
		t.Errorf("there are %v", s)
	}
}

// However many fill, empty, sweep and take at a time, there is one pool, nothing is lost or left, and whoever fills last has what he asked for.
func TestPoolManyFillers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	const size, each = 5, 4
	var wg sync.WaitGroup
	does := map[string]func(h *container.Host, i int) error{
		"fill": func(h *container.Host, i int) error {
			_, err := h.FillPool(t.Context(), container.PoolOptions{Size: size - i})
			return err
		},
		"drain": func(h *container.Host, i int) error {
			_, err := h.DrainPool()
			return err
		},
		"gc": func(h *container.Host, i int) error {
			_, err := h.GC(i%2 == 0)
			return err
		},
		"take": func(h *container.Host, i int) error {
			p, err := h.OpenPool()
			if errors.Is(err, container.ErrNoPool) {
				return nil
			}
			if err != nil {
				return err
			}
			taken, err := p.Take(t.Context(), container.Network{Name: fmt.Sprintf("c%d", i)})
			switch {
			case err == nil:
				err = errors.Join(pingIn(taken.NetNS, "10.0.0.1"), p.Refill(t.Context()), h.Release(taken.Attachment), taken.NetNS.Close())
			case errors.Is(err, container.ErrPoolEmpty), errors.Is(err, container.ErrNoPool):
				err = nil
			}
			return errors.Join(err, p.Close())
		},
	}
	hosts := make([]*container.Host, each*len(does))
	for i := range hosts {
		hosts[i] = w.open()
	}
	before := w.picture(w.host)
	for what, do := range does {
		for i := range each {
			h := hosts[0]
			hosts = hosts[1:]
			wg.Go(func() {
				if err := do(h, i); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
		}
	}
	wg.Wait()
	w.fillPool(size)
	p, err := w.h.OpenPool()
	must(t, err)
	if n, err := p.Ready(); n != size || err != nil {
		t.Errorf("%d are ready, want %d: %v", n, size, err)
	}
	if s := w.states(); s[container.Ready] != size || s[container.Up]+s[container.Bare] != 0 {
		t.Errorf("there are %v", s)
	}
	check(t, p.Close())
	_, err = w.h.DrainPool()
	check(t, err)
	w.waitGone()
	_, err = w.h.GC(false)
	check(t, err)
	w.same(before, w.host)
}

// newSharedPool is the shared pool of the town's host, which is emptied when the test ends.
func (w *town) newSharedPool(o container.PoolOptions) *container.SharedPool {
	w.t.Helper()
	done, err := w.h.FillPool(w.t.Context(), o)
	must(w.t, err)
	if done.Made != o.Size {
		w.t.Errorf("%d were made, want %d", done.Made, o.Size)
	}
	w.t.Cleanup(func() {
		_, err := w.h.DrainPool()
		check(w.t, err)
	})
	p, err := w.h.OpenPool()
	must(w.t, err)
	w.t.Cleanup(func() { check(w.t, p.Close()) })
	return p
}

// However many take at a time, no network is given twice, and none is lost.
func TestPoolManyTakers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	const size, takers = 24, 32
	shared := w.newSharedPool(container.PoolOptions{Size: size})
	var mu sync.Mutex
	var wg sync.WaitGroup
	got, empty := map[uint64]string{}, 0
	for i := range takers {
		wg.Go(func() {
			h := w.open()
			p, err := h.OpenPool()
			must(t, err)
			defer p.Close()
			taken, err := p.Take(t.Context(), container.Network{Name: fmt.Sprintf("c%d", i)})
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, container.ErrPoolEmpty) {
				empty++
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			_, inode := taken.NetNS.ID()
			if other, twice := got[inode]; twice {
				t.Errorf("%s and %s have one namespace", other, taken.Name)
			}
			got[inode] = taken.Name
			check(t, pingIn(taken.NetNS, "10.0.0.1"))
			check(t, h.Release(taken.Attachment))
			check(t, taken.NetNS.Close())
		})
	}
	wg.Wait()
	if len(got) != size || empty != takers-size {
		t.Errorf("%d got one and %d none, want %d and %d", len(got), empty, size, takers-size)
	}
	check(t, shared.Refill(t.Context()))
	if n, err := shared.Ready(); n != size || err != nil {
		t.Errorf("%d are ready again, want %d: %v", n, size, err)
	}
}
