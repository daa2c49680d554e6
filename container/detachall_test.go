package container_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/test/lab"
)

// One DetachAll takes away what a crowd has attached, all 1,000 in a second, and nothing of them is left.
func TestThousandDetachedAtOnce(t *testing.T) {
	containers, processes := crowdSize()
	w := newTown(t)
	w.needIPv6()
	h, err := container.OpenHost(container.HostOptions{NS: w.host.NS()}) // without a tracer
	must(t, err)
	defer h.Close()
	before := w.picture(w.host)
	crowd := w.crowd(processes, containers)
	crowd.all("attach")
	members, _ := crowd.members()
	w.checkCrowd(members, containers)
	start, stalled := time.Now(), lab.Stalled(t)
	names, err := h.DetachAll("")
	took := time.Since(start)
	stalled = lab.Stalled(t) - stalled
	must(t, err)
	t.Logf("%d detached by one DetachAll in %s, for %s of which something on this machine waited for a CPU", len(names), took, stalled)
	w.nothingLeft()
	w.same(before, w.host)
	var want []string
	for _, m := range members {
		want = append(want, m.name)
	}
	if slices.Sort(want); !slices.Equal(names, want) {
		t.Errorf("%d names are told of %d", len(names), len(want))
	}
	if most := time.Second; took-stalled > most && !testing.Short() && !raced {
		t.Errorf("it took %s, want at most %s", took-stalled, most)
	}
}

// Of a network's containers all go, and no other's: those keep their connections, and what they publish.
func TestDetachAllOfNetwork(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	in := func(network string, n container.Network) party {
		n.Network = network
		return w.party(n)
	}
	front := []party{in("front", container.Network{Name: "a"}), in("front", publish(t, "c", "8002:7", "8002:7/udp"))}
	back := in("back", publish(t, "d", "8003:7", "8003:7/udp"))
	plain, other := w.party(publish(t, "b", "8001:7")), w.party(container.Network{Name: "e"})
	var lasting []func()
	for _, p := range []party{back, plain} {
		for _, server := range []string{clab.NameServer4, clab.NameServer6} {
			lasting = append(lasting, w.converse(p.box, netip.AddrPortFrom(netip.MustParseAddr(server), clab.EchoPort).String()))
		}
	}
	lasting = append(lasting, w.converse(w.Internet(), netip.AddrPortFrom(w.host.Addr4(), 8003).String()))
	names, err := w.h.DetachAll("front")
	if err != nil || !slices.Equal(names, []string{"a", "c"}) {
		t.Errorf("detached %q, %v", names, err)
	}
	for _, goesOn := range lasting {
		goesOn()
	}
	for _, p := range front {
		if w.link(w.host, p.a.HostLink) != nil {
			t.Errorf("%s is left", p.a.HostLink)
		}
		for _, a := range p.addrs() {
			if l, err := w.nat.Lease(a); err == nil {
				t.Errorf("the lease %+v is left", l)
			}
		}
	}
	for _, p := range []party{back, plain, other} {
		w.goesOut(p)
	}
	plain.reaches(t, other)
	w.cannotReach(back, plain)
	for port, open := range map[uint16]bool{8001: true, 8002: false, 8003: true} {
		for _, host := range []netip.Addr{w.host.Addr4(), w.host.Addr6()} {
			if _, err := echo(w.Internet(), "tcp", netip.AddrPortFrom(host, port).String()); (err == nil) != open {
				t.Errorf("port %d of %s: %v, want open %v", port, host, err, open)
			}
		}
	}
	if names, err := w.h.DetachAll("front"); err != nil || names != nil {
		t.Errorf("detached once more: %q, %v", names, err)
	}
	if names, err := w.h.DetachAll("none"); err != nil || names != nil {
		t.Errorf("detached of a network that is not there: %q, %v", names, err)
	}
	if names, err := w.h.DetachAll(""); err != nil || !slices.Equal(names, []string{"b", "d", "e"}) {
		t.Errorf("detached in the end: %q, %v", names, err)
	}
	w.nothingLeft()
	if names, err := w.h.DetachAll(""); err != nil || names != nil {
		t.Errorf("detached where nothing is: %q, %v", names, err)
	}
}

// converse opens a connection to an echo service, and returns what sees that it goes on.
func (w *town) converse(from *clab.Host, to string) (goesOn func()) {
	w.t.Helper()
	conn, err := from.DialContext(w.t.Context(), "tcp", to)
	must(w.t, err)
	w.t.Cleanup(func() { conn.Close() })
	lines := bufio.NewReader(conn)
	say := func() {
		w.t.Helper()
		conn.SetDeadline(time.Now().Add(waitTime))
		_, err := io.WriteString(conn, "hello\n")
		check(w.t, err)
		if _, err := lines.ReadString('\n'); err != nil {
			w.t.Errorf("the connection from %s to %s: %v", from.Name(), to, err)
		}
	}
	say()
	return say
}

// Whichever of its messages is refused, or all from one on, what a DetachAll or a DetachEach leaves goes with the next one, with the holder's names and addresses
// being taken anew, or with gc.
func TestDetachAllHalfway(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	boxes := []*clab.Host{w.box("a"), w.box("b")}
	before := w.picture(append(boxes, w.host)...)
	attach := func() {
		t.Helper()
		for i, box := range boxes {
			n := publish(t, box.Name(), fmt.Sprintf("%d:7", 8000+i), fmt.Sprintf("%d:7/udp", 8000+i))
			n.Addr = netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + i)})
			_, err := w.h.Attach(t.Context(), n, box.NS())
			must(t, err)
		}
	}
	again := func() {
		_, err := w.h.DetachAll("")
		check(t, err)
	}
	ways := map[string]func(){
		"detach all": again,
		"detach each": func() {
			for _, box := range boxes {
				w.detach(box.Name())
			}
		},
		"detach several": func() {
			_, err := w.h.DetachEach("a", "b", "c")
			check(t, err)
		},
		"attach anew": func() {
			for _, box := range boxes {
				if l := w.link(w.host, "pl-"+box.Name()); l != nil && l.Group == container.LinkGroup {
					w.detach(box.Name()) // it has not been begun with
				}
			}
			attach()
			again()
		},
		"gc": func() {
			for _, box := range boxes {
				if l := w.link(w.host, "pl-"+box.Name()); l != nil && l.Group == container.LinkGroup {
					w.detach(box.Name())
				}
			}
			_, err := w.h.GC(false)
			check(t, err)
		},
	}
	try := func(first, end int64, how string, detach func(*container.Host) ([]string, error)) (more bool) {
		attach()
		h, f := w.faulty(first, end)
		_, err := detach(h)
		must(t, h.Close())
		ways[how]()
		w.same(before, append(boxes, w.host)...)
		if t.Failed() {
			t.Fatalf("messages %d to %d refused: %v; then %s", first, end-1, err, how)
		}
		if f.sent.Load() <= first {
			check(t, err)
			return false
		}
		return true
	}
	step := int64(2)
	if testing.Short() {
		step = 8
	}
	all := func(h *container.Host) ([]string, error) { return h.DetachAll("") }
	each := func(h *container.Host) ([]string, error) { return h.DetachEach("b", "a") }
	for how := range ways {
		for n := rand.Int64N(step); try(n, math.MaxInt64, how, all); n += step {
		}
	}
	for n := rand.Int64N(step); try(n, math.MaxInt64, "detach several", each); n += step {
	}
	for n := rand.Int64N(step); try(n, n+1, "detach all", all); n += step {
	}
	for n := rand.Int64N(step); try(n, n+1, "detach each", each); n += step {
	}
}

// Who is attached while DetachAll is at work stays attached, or was told among those that were detached. Of an attach that was nearly done by then
// the links can go under its hands: it says so. Nothing is left of who has gone.
func TestAttachDuringDetachAll(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	const attachers, each = 4, 6
	hosts, boxes := make([]*container.Host, attachers), make([][]*clab.Host, attachers)
	for i := range attachers {
		hosts[i] = w.open()
		for j := range each {
			boxes[i] = append(boxes[i], w.box(fmt.Sprintf("box-%d-%d", i, j)))
		}
	}
	for round := range 5 {
		var attached sync.Map // name: *container.Attachment, or why there is none
		var wg sync.WaitGroup
		var running atomic.Int32
		running.Store(attachers)
		for i := range attachers {
			wg.Go(func() {
				defer running.Add(-1)
				for j, box := range boxes[i] {
					n := publish(t, fmt.Sprintf("c-%d-%d", i, j), "7", "7/udp")
					a, err := hosts[i].Attach(t.Context(), n, box.NS())
					attached.Store(n.Name, a)
					if err != nil {
						attached.Store(n.Name, err)
					}
				}
			})
		}
		gone := map[string]bool{}
		for running.Load() > 1 {
			names, err := w.h.DetachAll("")
			check(t, err)
			for _, name := range names {
				gone[name] = true
			}
		}
		wg.Wait()
		stayed := 0
		for i := range attachers {
			for j, box := range boxes[i] {
				name := fmt.Sprintf("c-%d-%d", i, j)
				switch v, _ := attached.Load(name); v := v.(type) {
				case *container.Attachment:
					if w.stands(name, v, box, !gone[name]) {
						stayed++
					}
				case error:
					if w.link(box, "eth0") != nil || !gone[name] || !errors.Is(v, unix.ENODEV) && !errors.Is(v, unix.ENETDOWN) || strings.Contains(v.Error(), "left behind") {
						t.Errorf("attach %s: %v; it was detached: %v", name, v, gone[name])
					}
				}
			}
		}
		t.Logf("round %d: %d stayed, %d were detached", round, stayed, len(gone))
		_, err := w.h.DetachAll("")
		check(t, err)
		w.nothingLeft()
		if t.Failed() {
			return
		}
	}
}

// stands sees that a container has its network, or nothing of it.
func (w *town) stands(name string, a *container.Attachment, box *clab.Host, want bool) bool {
	w.t.Helper()
	for _, addr := range []netip.Prefix{a.Addr, a.Addr6} {
		l, err := w.nat.Lease(addr.Addr())
		if is := err == nil && l.Comment.IfIndex == a.HostIndex; is != want {
			w.t.Errorf("%s: it has the lease of %s: %v, want %v", name, addr, is, want)
		}
	}
	if is := w.link(box, a.Interface) != nil; is != want {
		w.t.Errorf("%s: it has its link: %v, want %v", name, is, want)
	}
	if want {
		check(w.t, ping(box, clab.NameServer4))
		check(w.t, ping(box, clab.NameServer6))
	}
	return want
}
