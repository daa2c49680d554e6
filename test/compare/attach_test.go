package compare

import (
	"testing"
	"time"

	"plumb/container"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// A plumb is the library at work in a host, with one container that stays, so that the rules stand.
type plumb struct {
	t    testing.TB
	host *container.Host
}

func startPlumb(t testing.TB, l *lab.Lab, floorPath string) *plumb {
	t.Helper()
	host, err := container.OpenHost(container.HostOptions{NS: l.NewHost("plumb").NS()})
	check(t, err)
	p := &plumb{t, host}
	p.attach("stays", newNursery(t, floorPath).pid())
	t.Cleanup(func() {
		p.detach("stays")
		check(t, host.Close())
	})
	return p
}

// attach attaches process pid and returns how long that took.
func (p *plumb) attach(name string, pid int) (*container.Attachment, time.Duration) {
	p.t.Helper()
	start := time.Now()
	ns, err := netns.FromPID(pid)
	check(p.t, err)
	a, err := p.host.Attach(p.t.Context(), container.Network{Name: name}, ns)
	check(p.t, err)
	check(p.t, ns.Close())
	return a, time.Since(start)
}

func (p *plumb) detach(name string) {
	p.t.Helper()
	found, err := p.host.Detach(name)
	check(p.t, err)
	if !found {
		p.t.Fatalf("%s was not there", name)
	}
}

// make is floor.make, by the library.
func (p *plumb) make(pid int) time.Duration {
	p.t.Helper()
	a, took := p.attach("web", pid)
	p.look(pid, a)
	p.detach("web")
	return took
}

// look reads back what was made, as the floor does; that it works is for the tests in package container to say.
func (p *plumb) look(pid int, a *container.Attachment) {
	p.t.Helper()
	ns, err := netns.FromPID(pid)
	check(p.t, err)
	defer ns.Close()
	check(p.t, ns.Do(func() error {
		c, err := rtnl.Dial(wire.Config{})
		check(p.t, err)
		defer c.Close()
		addrs, err := c.Addrs(rtnl.IPv4, 2)
		check(p.t, err)
		routes, err := c.Routes(rtnl.IPv4)
		check(p.t, err)
		if len(addrs) != 1 || addrs[0].Local != a.Addr.Addr() || len(routes) == 0 {
			p.t.Fatalf("addresses %v, routes %v", addrs, routes)
		}
		return nil
	}))
}

// BenchmarkAttach gives a process that waits in its own namespace its network, in turn by the floor and by plumb, whose
// sockets stay open. The time begins with the process's pid and ends when all is there.
//
// Both are warm: the floor's table stands and it adds one element, as plumb's table stands. The floor's job is the smaller one. It has no
// leases, no protection against forged sources, no check that the subnet is free, and says nowhere whose the link is.
func BenchmarkAttach(b *testing.B) {
	benchmarkAttach(b, "element")
}

// BenchmarkAttachCold is against a floor that makes its table, chain and rule each time, as most others do.
func BenchmarkAttachCold(b *testing.B) {
	benchmarkAttach(b, "table")
}

func benchmarkAttach(b *testing.B, how string) {
	path := buildFloor(b)
	l := lab.New(b)
	processes := newNursery(b, path)
	f := startFloor(b, l.NewHost("floor"), path, how)
	p := startPlumb(b, l, path)
	compare(b, 100,
		rival{"floor", func() time.Duration { return f.make(processes.pid()) }},
		rival{"plumb", func() time.Duration { return p.make(processes.pid()) }},
	)
}
