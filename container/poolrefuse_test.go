package container_test

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/rtnl"
)

// What is refused leaves the network in the pool, as good as before.
func TestPoolRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	publish := []container.Publish{{Proto: unix.IPPROTO_TCP, HostPort: 8007, Port: 7, Count: 1}}
	w.attach(container.Network{Name: "web", Publish: publish})
	w.attach(container.Network{Name: "a-name-that-is-longer-than-a-link"})
	w.foreign(w.host, "pl-mine")
	p := w.newSharedPool(container.PoolOptions{Size: 1})
	own := w.newPool(container.PoolOptions{Size: 1})
	before := w.picture(w.host)
	for _, c := range []struct {
		n    container.Network
		want string
	}{
		{container.Network{Name: "web"}, "a container web is attached already"},
		{container.Network{Name: "a-name-that-is-longer-than-a-link"}, "a container a-name-that-is-longer-than-a-link is attached already"},
		{container.Network{Name: "mine"}, "the host has a link pl-mine, which is not plumb's"},
		{container.Network{Name: "next", Publish: publish}, "port 8007/tcp is published already by web"},
		{container.Network{Name: "a name"}, "cannot stand there"},
		{container.Network{Name: "next", Hostname: "-x"}, "is not a host name"},
		{container.Network{Name: "next", Addr: netip.MustParseAddr("10.0.0.99")}, "has an address already"},
		{container.Network{Name: "next", Addr6: netip.MustParseAddr("fd70:6c75:6d62::99")}, "has an address already"},
		{container.Network{Name: "next", Subnet: netip.MustParsePrefix("10.9.0.0/24")}, "has 10.0.0."},
		{container.Network{Name: "next", NoIPv6: true}, "has fd70:6c75:6d62::"},
		{container.Network{Name: "next", Network: "front"}, "is of another one"},
		{container.Network{Name: "next", Interface: "net0"}, "has eth0"},
		{container.Network{Name: "next", MTU: 1400}, "has 1500"},
		{container.Network{Name: "next", MAC: []byte{2, 0, 0, 0, 0, 7}}, "has one already"},
		{container.Network{Name: "next", Internal: true}, "has a way out"},
		{container.Network{Name: "next", RateIn: 1_000_000}, "has not that limit"},
		{container.Network{Name: "next", RateOut: 1_000_000}, "has not that limit"},
		{container.Network{Name: "next", Uplinks: []string{"uplink7"}}, "was made for other uplinks"},
	} {
		for _, p := range []taker{p, own} {
			_, err := p.Take(t.Context(), c.n)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: %v, want %q", c.n, err, c.want)
			}
		}
		w.same(before, w.host)
	}
	if n, err := p.Ready(); n != 1 || err != nil || own.Ready() != 1 {
		t.Errorf("%d and %d are ready, want 1 each: %v", n, own.Ready(), err)
	}
	for i, p := range []taker{p, own} {
		taken := w.take(t, p, container.Network{Name: []string{"a-second-name-that-is-longer", "b"}[i]})
		check(t, pingIn(taken.NetNS, clab.NameServer4))
		check(t, pingIn(taken.NetNS, clab.NameServer6))
	}
	w.refused(container.Network{Name: "a-second-name-that-is-longer"})
}

// However refused takes meet, with each other and with the goroutine that makes what is missing, the pool has no more than it should have.
func TestPoolRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	w.attach(container.Network{Name: "web"})
	p, err := w.h.NewPool(container.PoolOptions{Size: 1})
	must(t, err)
	var wg sync.WaitGroup
	for range 8 { // one of them finds what is ready, the others make their own, which they cannot give to anybody
		wg.Go(func() {
			for range 4 {
				if taken, err := p.Take(t.Context(), container.Network{Name: "web"}); !errors.Is(err, unix.EEXIST) {
					t.Errorf("a name that is taken: %+v, %v", taken, err)
				}
			}
		})
	}
	wg.Wait()
	if n := p.Ready(); n > 1 {
		t.Errorf("%d are ready, want 1", n)
	}
	must(t, p.Close())
	w.waitGoneBut(func(l *rtnl.Link) bool { return l.Name == "pl-web" })
}

// What a pool was filled with, its networks have, and who takes one, says nothing and gets it.
func TestPoolKind(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	kind := container.Network{
		Network: "front", Subnet: netip.MustParsePrefix("10.9.0.0/24"), NoIPv6: true, Interface: "net0", MTU: 1400, RateIn: 8_000_000, RateOut: 16_000_000,
		NoHost: true, Uplinks: []string{"uplink0"},
	}
	p := w.newSharedPool(container.PoolOptions{Network: kind, Size: 2})
	taken := w.take(t, p, container.Network{Name: "web", MTU: 1400, Isolate: true, Uplinks: []string{"uplink0"}})
	check(t, pingIn(taken.NetNS, clab.NameServer4))
	c := w.one("web")
	if c.Network != "front" || c.Addr.Masked() != kind.Subnet || c.Addr6.IsValid() || c.Interface != "net0" || c.MTU != 1400 || c.RateIn != kind.RateIn ||
		c.RateOut != kind.RateOut || !c.NoHost || !c.Isolate {
		t.Errorf("it has %+v", c)
	}
	if n := taken.Network; n.MTU != 1400 || n.RateOut != kind.RateOut || !n.NoIPv6 || len(n.Uplinks) != 1 {
		t.Errorf("the taker is told %+v", n)
	}
	_, err := w.h.FillPool(t.Context(), container.PoolOptions{Size: 3, Network: container.Network{Network: "back"}})
	if !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "plumb pool drain") {
		t.Errorf("another kind: %v", err)
	}
	done, err := w.h.FillPool(t.Context(), container.PoolOptions{Size: 3}) // without a kind, it is the pool's
	if err != nil || done.Made != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	if done, err = w.h.FillPool(t.Context(), container.PoolOptions{Size: 1, Network: kind}); err != nil || done.Removed != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	for _, o := range []container.PoolOptions{
		{Size: -1},
		{Size: container.MaxPool + 1},
		{Size: 1, Network: container.Network{Name: "web"}},
		{Size: 1, Network: container.Network{Publish: []container.Publish{{Proto: unix.IPPROTO_TCP, Port: 7, Count: 1}}}},
	} {
		var flag *container.FlagError
		if _, err := w.h.FillPool(t.Context(), o); !errors.As(err, &flag) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// A flush of the ruleset takes nothing from a pool, nor from who takes next, nor from who has taken: it is put back from what the links say.
func TestPoolFlushed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	p := w.newSharedPool(container.PoolOptions{Size: 3})
	publish := []container.Publish{{Proto: unix.IPPROTO_TCP, HostPort: 8007, Port: 7, Count: 1}}
	first := w.take(t, p, container.Network{Name: "first", Publish: publish})
	w.flush()
	if s := w.states(); s[container.Bare] != 3 {
		t.Errorf("flushed: %v", s)
	}
	second := w.take(t, p, container.Network{Name: "second", Isolate: true})
	w.flush()
	repaired, err := w.h.Repair()
	if err != nil || len(repaired) != 3 {
		t.Errorf("repaired %v, %v", repaired, err)
	}
	if s := w.states(); s[container.Up] != 2 || s[container.Ready] != 1 {
		t.Errorf("repaired: %v", s)
	}
	third := w.take(t, p, container.Network{Name: "third"})
	check(t, p.Refill(t.Context())) // and has the table say whose it is
	w.flush()
	fourth := w.take(t, p, container.Network{Name: "fourth"})
	check(t, p.Refill(t.Context())) // and puts it back, with all others
	for _, taken := range []*container.Taken{first, second, third, fourth} {
		check(t, pingIn(taken.NetNS, clab.NameServer4))
		check(t, pingIn(taken.NetNS, clab.NameServer6))
		held, err := w.nat.Holding(taken.HostLink)
		if err != nil || held.Comment.Name != taken.Name {
			t.Errorf("%s: the table says %+v, %v", taken.Name, held, err)
		}
	}
	stop := echoIn(t, first.NetNS)
	defer stop()
	_, err = echo(w.Internet(), "tcp", netip.AddrPortFrom(w.host.Addr4(), 8007).String())
	check(t, err)
}

// One that is detached while it is ready is given to nobody. gc removes its namespace, and the pool is filled again.
func TestPoolDetached(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	p := w.newSharedPool(container.PoolOptions{Size: 2})
	own := w.newPool(container.PoolOptions{Size: 1})
	all, err := w.h.Containers()
	must(t, err)
	for _, c := range all[:len(all)-1] {
		w.detach(c.Name)
	}
	if all[len(all)-1].Pool != p.Holder() { // the one that is left is the shared pool's
		w.detach(all[len(all)-1].Name)
		_, err = w.h.FillPool(t.Context(), container.PoolOptions{Size: 1})
		must(t, err)
	}
	left := w.take(t, p, container.Network{Name: "web"})
	check(t, pingIn(left.NetNS, "10.0.0.1"))
	_, err = p.Take(t.Context(), container.Network{Name: "next"})
	if !errors.Is(err, container.ErrPoolEmpty) {
		t.Errorf("nothing is left: %v", err)
	}
	check(t, pingIn(w.take(t, own, container.Network{Name: "own"}).NetNS, "10.0.0.1")) // it makes one
	_, err = w.h.FillPool(t.Context(), container.PoolOptions{Size: 2})
	must(t, err)
	names, err := w.h.DetachAll("")
	must(t, err)
	if len(names) < 4 {
		t.Errorf("detached %v", names)
	}
	if _, err := w.h.GC(false); err != nil {
		t.Error(err)
	}
	if n, err := p.Ready(); n != 0 || err != nil {
		t.Errorf("%d are ready after gc: %v", n, err)
	}
}
