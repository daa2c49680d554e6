package container_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// removals counts the messages by which links are removed: the kernel waits for its readers at each.
type removals struct{ atomic.Int32 }

func (r *removals) Trace(e wire.Event) {
	if e.Kind == wire.KindMessage && e.Sent && e.Protocol == rtnl.Protocol && binary.NativeEndian.Uint16(e.Message[4:]) == unix.RTM_DELLINK {
		r.Add(1)
	}
}

// counting opens the host once more, and counts.
func (w *town) counting() (*container.Host, *removals) {
	w.t.Helper()
	r := &removals{}
	h, err := container.OpenHost(container.HostOptions{NS: w.host.NS(), Tracer: r})
	must(w.t, err)
	w.t.Cleanup(func() { check(w.t, h.Close()) })
	return h, r
}

// Those that are named go, by one message for all of them, and nobody else: with long names, beside one of which a detach was killed, in half an
// attach's place, twice named, and not there.
func TestDetachEach(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	h, removed := w.counting()
	w.foreign(w.host, "pl-foreign")
	before := w.picture(w.host)
	const long, other = "a-long-name-for-which-there-is-a-further-one", "a-long-name-for-which-there-is-another-one"
	w.attach(publish(t, "a", "8001:7", "8001:7/udp"))
	w.attach(container.Network{Name: long, Network: "front"})
	w.attach(container.Network{Name: "c"})
	stays, alike := w.party(publish(t, "stays", "8002:7", "8002:7/udp")), w.party(container.Network{Name: other})
	w.fabricate("outlived", "10.0.0.200", 4711, 0) // its link has gone
	lasting := w.converse(w.Internet(), netip.AddrPortFrom(w.host.Addr4(), 8002).String())
	gone, err := h.DetachEach("c", "nobody", "outlived", long, "a", "c")
	if want := []string{"c", "outlived", long, "a"}; err != nil || !slices.Equal(gone, want) {
		t.Errorf("detached %q, %v, want %q", gone, err, want)
	}
	if n := removed.Load(); n != 1 {
		t.Errorf("%d messages have removed links", n)
	}
	lasting()
	stays.reaches(t, alike)
	w.goesOut(alike)
	if l, err := w.nat.Lease(netip.MustParseAddr("10.0.0.200")); err == nil {
		t.Errorf("the lease %+v is left", l)
	}
	if _, err := echo(w.Internet(), "tcp", netip.AddrPortFrom(w.host.Addr4(), 8001).String()); err == nil {
		t.Error("port 8001 still answers")
	}
	// One without an alias, and a link that is not a container's.
	w.halfMade("half", w.box("half"), 78)
	gone, err = h.DetachEach("half", "foreign", other, "stays")
	if want := []string{"half", other, "stays"}; !slices.Equal(gone, want) || err == nil || !strings.Contains(err.Error(), "foreign: link pl-foreign is not the host end of a container foreign") {
		t.Errorf("detached %q, %v, want %q, and that the link pl-foreign is left alone", gone, err, want)
	}
	if w.link(w.host, "pl-foreign") == nil {
		t.Error("a link that is not plumb's has gone")
	}
	if gone, err := h.DetachEach("a", long); gone != nil || err != nil {
		t.Errorf("detached once more: %q, %v", gone, err)
	}
	if gone, err := h.DetachEach(); gone != nil || err != nil {
		t.Errorf("detached nothing: %q, %v", gone, err)
	}
	w.same(before, w.host)
}

// Several have the same containers detached, one by one, all, and by their names, while those are attached anew: none fails, and none is left.
func TestDetachEachAtOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	names := []string{"c0", "c1", "c2", "c3", "c4", "c5"}
	spaces := make([]*netns.NS, len(names))
	for i := range spaces {
		spaces[i] = holdOpen(t)
	}
	hosts := []*container.Host{w.open(), w.open(), w.open(), w.open()}
	for range 5 {
		for i, name := range names {
			_, err := w.h.Attach(t.Context(), container.Network{Name: name}, spaces[i])
			must(t, err)
		}
		var wg sync.WaitGroup
		for i, detach := range []func(*container.Host) error{
			func(h *container.Host) error { _, err := h.DetachEach(names[:4]...); return err },
			func(h *container.Host) error { _, err := h.DetachEach(names[2:]...); return err },
			func(h *container.Host) error { _, err := h.Detach(names[3]); return err },
			func(h *container.Host) error { _, err := h.DetachAll(""); return err },
		} {
			wg.Go(func() { check(t, detach(hosts[i])) })
		}
		wg.Wait()
		w.nothingLeft()
	}
}

// What many killed attaches have left goes with one gc, by one message, and what one has left who is still at work is left to it.
func TestGCAtOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	h, removed := w.counting()
	before := w.picture(w.host)
	box, a := w.attach(container.Network{Name: "web"})
	const crowd = 5
	var want []string
	for i := range crowd {
		name := fmt.Sprint("half", i)
		w.halfMade(name, w.box(name), uint32(100+i))
		want = append(want, "pl-"+name)
	}
	index := uint32(100 + crowd) // as a detach leaves one that is killed when the address and the lease have gone
	w.halfMade("late", w.box("late"), index)
	must(t, w.host.Rtnl().Do(rtnl.SetLink(&rtnl.Link{Index: index, Alias: "plumb late 10.0.0.77/24 eth0"}, "")))
	want = append(want, "pl-late")
	done, err := h.GC(false)
	if slices.Sort(done.Links); err != nil || !slices.Equal(done.Links, want) {
		t.Errorf("gc has removed %q, %v, want %q", done.Links, err, want)
	}
	if n := removed.Load(); n != 1 {
		t.Errorf("%d messages have removed links", n)
	}
	if err := ping(box, "8.8.8.8"); err != nil || w.link(w.host, a.HostLink) == nil {
		t.Errorf("the container that stands: %v", err)
	}
	w.detach("web")
	w.same(before, w.host)
}
