package container_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/container/netns"
	"plumb/rtnl/wire"
)

// A mortal kills its process, with SIGKILL, right before or right after the datagram with a certain number: what the kernel was asked for in it is
// then done, and nobody has read the answer. Its sockets are otherwise as a plumb's are, which waits for events, too: a network that it has put into a
// pool before it is killed receives for its IPv6 address.
type mortal struct {
	datagrams atomic.Int64
	last      int64
	after     bool
}

type mortalSocket struct {
	wire.Transport
	m *mortal
}

func (s *mortalSocket) Control(f func(fd int)) error { return s.Transport.(wire.Controller).Control(f) }

func (m *mortal) transport(family int) wire.Transport {
	s, err := wire.Socket(family)
	if err != nil {
		panic(err) // nobody is told of it but by the process's end
	}
	return &mortalSocket{s, m}
}

func (s *mortalSocket) Send(b []byte) error {
	if s.m.datagrams.Add(1)-1 < s.m.last {
		return s.Transport.Send(b)
	}
	if s.m.after {
		if err := s.Transport.Send(b); err != nil {
			return err
		}
	}
	unix.Kill(unix.Getpid(), unix.SIGKILL)
	select {}
}

// mortalNetwork is what a mortal attaches: all that there is to leave.
func mortalNetwork() container.Network {
	return container.Network{
		Name: "web", Network: "front", Addr: netip.MustParseAddr("10.9.0.9"), Subnet: netip.MustParsePrefix("10.9.0.0/24"),
		Isolate: true, RateOut: 100_000_000, RateIn: 100_000_000,
		Publish: []container.Publish{
			{Proto: unix.IPPROTO_TCP, HostPort: 8007, Port: 7, Count: 1},
			{Proto: unix.IPPROTO_UDP, HostPort: 8007, Port: 7, Count: 1},
			{Proto: unix.IPPROTO_TCP, HostPort: 9000, Port: 1000, Count: 20},
		},
	}
}

// dieAtWork attaches or detaches a container, of which the host is descriptor 3 and its namespace 4, until it is killed.
func dieAtWork() int {
	err := func() error {
		m := &mortal{after: os.Getenv("AFTER") != ""}
		var err error
		if m.last, err = strconv.ParseInt(os.Getenv("LAST"), 10, 64); err != nil {
			return err
		}
		host, err := netns.FromPath("/proc/self/fd/3")
		if err != nil {
			return err
		}
		inside, err := netns.FromPath("/proc/self/fd/4")
		if err != nil {
			return err
		}
		h, err := container.OpenHostOver(container.HostOptions{NS: host}, m.transport)
		if err != nil {
			return err
		}
		switch os.Getenv("ORDER") {
		case "attach":
			_, err = h.Attach(context.Background(), mortalNetwork(), inside)
		case "detach":
			_, err = h.Detach("web")
		case "detach all":
			_, err = h.DetachAll("")
		case "detach each":
			_, err = h.DetachEach("web", "nobody")
		case "fill":
			_, err = h.FillPool(context.Background(), container.PoolOptions{Size: 2})
		case "drain":
			_, err = h.DrainPool()
		case "take", "take plain", "take unnamed":
			var p *container.SharedPool
			if p, err = h.OpenPool(); err != nil {
				return err
			}
			n := container.Network{Name: "web", Hostname: "www"}
			if os.Getenv("ORDER") == "take unnamed" {
				n = container.Network{}
			}
			if os.Getenv("ORDER") == "take" {
				n.Isolate, n.Publish = true, mortalNetwork().Publish
			}
			if _, err = p.Take(context.Background(), n); err == nil {
				err = p.Refill(context.Background())
			}
		}
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// dies has a process do something, and be killed at a datagram. It reports whether it came to that.
func (w *town) dies(order string, ns *netns.NS, last int, after bool) bool {
	w.t.Helper()
	cmd := helperCommand("mortal", "ORDER="+order, "LAST="+strconv.Itoa(last))
	if after {
		cmd.Env = append(cmd.Env, "AFTER=yes")
	}
	host, inside := dup(w.t, w.host.NS()), dup(w.t, ns)
	defer host.Close()
	defer inside.Close()
	cmd.ExtraFiles, cmd.Stderr = []*os.File{host, inside}, os.Stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Sys().(interface{ Signaled() bool }).Signaled() {
		return true
	}
	must(w.t, err)
	return false
}

// Whatever an attach that is killed has done: a new one of the same name, address and ports succeeds at once, and has its network, and nothing is left
// when that goes. Where the namespace has gone too gc leaves nothing, and where it stands a detach.
func TestKilledAttach(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	before := w.picture(w.host)
	next := w.box("next")
	clean := w.picture(next)
	ways := []func(ns *netns.NS){
		func(ns *netns.NS) { // as it is with a run, whose container dies with it
			w.letGo(ns, "web")
			w.attachAgain(next)
		},
		func(*netns.NS) {
			if l := w.link(w.host, "pl-web"); l != nil && l.Alias != "" { // it may be complete: nobody takes it for a leftover
				_, err := w.h.Attach(t.Context(), mortalNetwork(), next.NS())
				if err == nil || !strings.Contains(err.Error(), "a container web is attached already") {
					t.Errorf("attach beside one that says that it is there: %v", err)
				}
				w.detach("web")
			}
			w.attachAgain(next)
		},
		func(ns *netns.NS) {
			must(t, ns.Close())
			w.waitGone()
			_, err := w.h.GC(false)
			check(t, err)
		},
		func(*netns.NS) { w.detach("web") },
	}
	w.eachMoment("attach", func() *netns.NS { return holdOpen(t) }, func(moment string, ns *netns.NS, turn int) {
		ways[turn%len(ways)](ns)
		must(t, ns.Close())
		w.same(append(before, clean...), w.host, next)
		if t.Failed() {
			t.Fatalf("killed %s, way %d", moment, turn%len(ways))
		}
	})
}

// The same of a detach, of one of all, and of one of several.
func TestKilledDetach(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	before := w.picture(w.host)
	next := w.box("next")
	clean := w.picture(next)
	for _, order := range []string{"detach", "detach all", "detach each"} {
		attached := func() *netns.NS {
			ns := holdOpen(t)
			_, err := w.h.Attach(t.Context(), mortalNetwork(), ns)
			must(t, err)
			return ns
		}
		w.eachMoment(order, attached, func(moment string, ns *netns.NS, turn int) {
			if turn%2 == 0 {
				w.letGo(ns, "web") // as it is with a run, whose container dies with it
			}
			var err error
			switch turn % 6 {
			case 0, 3:
				w.detach("web")
			case 1, 4:
				_, err = w.h.DetachAll("")
			default:
				_, err = w.h.DetachEach("web", "nobody")
			}
			check(t, err)
			w.attachAgain(next)
			must(t, ns.Close())
			w.same(append(before, clean...), w.host, next)
			if t.Failed() {
				t.Fatalf("%s killed %s, turn %d", order, moment, turn)
			}
		})
	}
}

// eachMoment has a process killed before and after each of its datagrams, or with -short some of them, and then what comes in turn done.
func (w *town) eachMoment(order string, prepare func() *netns.NS, afterwards func(moment string, ns *netns.NS, turn int)) {
	w.t.Helper()
	step := 1
	if testing.Short() {
		step = 7
	}
	killed := 0
	for i, after := range []bool{false, true} {
		for last := i; ; last += step {
			ns := prepare()
			if !w.dies(order, ns, last, after) {
				must(w.t, ns.Close())
				w.detach("web")
				break
			}
			killed++
			afterwards(fmt.Sprintf("at datagram %d, after it %v", last, after), ns, last+2*i) // another way each time
		}
	}
	w.t.Logf("%s: killed at %d moments", order, killed)
}

// attachAgain attaches what was killed, sees that it has its network, and detaches it.
func (w *town) attachAgain(box *clab.Host) {
	w.t.Helper()
	a, err := w.h.Attach(w.t.Context(), mortalNetwork(), box.NS())
	if err != nil {
		w.t.Errorf("attach again: %v", err)
		return
	}
	w.waitRoutes6(a)
	check(w.t, ping(box, clab.NameServer4))
	check(w.t, ping(box, clab.NameServer6))
	stop := answer(w.t, box)
	for _, host := range []netip.Addr{w.host.Addr4(), w.host.Addr6()} {
		_, err := echo(w.Internet(), "tcp", netip.AddrPortFrom(host, 8007).String())
		check(w.t, err)
	}
	stop()
	w.detach("web")
}
