package container_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/rtnl/wire"
)

// apart says that two containers, and whoever else has a lease, have addresses of their own, and reach the internet.
func (w *town) apart(boxes []*clab.Host, as []*container.Attachment) {
	w.t.Helper()
	for i, a := range as {
		held, err := w.nat.Holding(a.HostLink)
		if err != nil || held.Comment.IfIndex != a.HostIndex || held.IPv4 != a.Addr.Addr() || held.IPv6 != a.Addr6.Addr() {
			w.t.Errorf("%s has %s and %s; the table says %+v, %v", a.Name, a.Addr, a.Addr6, held, err)
		}
		for _, b := range as[:i] {
			if a.Addr == b.Addr || a.Addr6 == b.Addr6 {
				w.t.Errorf("%s and %s both have %s, or %s", b.Name, a.Name, a.Addr, a.Addr6)
			}
		}
		check(w.t, ping(boxes[i], "8.8.8.8"))
	}
}

// A living process restores after a flush what the others have, too: an address that nobody watches over is not given away.
func TestFlushedBesideWatched(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	n := container.Network{Name: "web"}
	web, a := w.attach(n)
	quiet, b := w.attach(container.Network{Name: "quiet"})
	_, six := w.attach(container.Network{Name: "six", NoIPv4: true})
	watch, err := w.h.StartWatch(t.Context(), &n, a, web.NS())
	must(t, err)
	defer func() { must(t, watch.Close()) }()
	for _, flush := range []string{"flush ruleset", "delete table inet plumb"} {
		nft(t, w.host, flush)
		w.restored(a, time.Now())
		w.apart([]*clab.Host{web, quiet}, []*container.Attachment{a, b})
		if held, err := w.nat.Holding(six.HostLink); err != nil || held.Comment.IfIndex != six.HostIndex {
			t.Errorf("%s: the one with IPv6 alone holds %+v, %v", flush, held, err)
		}
	}
	next, c := w.attach(container.Network{Name: "next"})
	w.apart([]*clab.Host{web, quiet, next}, []*container.Attachment{a, b, c})
}

// An interrupter does something when it sees a message that is sent for some purpose, once.
type interrupter struct {
	wire.Tracer
	at string
	do func()
}

func (i *interrupter) Trace(e wire.Event) {
	if i.Tracer != nil {
		i.Tracer.Trace(e)
	}
	if e.Sent && i.at != "" && strings.Contains(e.Purpose, i.at) {
		i.at = ""
		i.do()
	}
}

// interrupted is a plumb on the town's host in whose work something comes in between.
func (w *town) interrupted(at string, do func()) *container.Host {
	w.t.Helper()
	i := &interrupter{Tracer: w.host.Config().Tracer, at: at, do: do}
	h, err := container.OpenHost(container.HostOptions{NS: w.host.NS(), Tracer: i})
	must(w.t, err)
	w.t.Cleanup(func() {
		if i.at != "" {
			w.t.Errorf("no message was sent to %s", at)
		}
		must(w.t, h.Close())
	})
	return h
}

// An attach that somebody's flush comes in between of neither takes what others have nor is left without what it has.
func TestFlushedDuringAttach(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"create pl-next", "say whose it is"} {
		w := newTown(t)
		web, a := w.attach(container.Network{Name: "web"})
		h := w.interrupted(at, func() {
			check(t, w.nat.Batch(nat.DelTable(&nat.Table{Header: nat.Header{Family: nat.NFPROTO_INET}, Name: nat.TableName})))
		})
		box := w.box("next")
		b, err := h.Attach(t.Context(), container.Network{Name: "next"}, box.NS())
		must(t, err)
		w.apart([]*clab.Host{web, box}, []*container.Attachment{a, b})
		w.detach("next")
	}
}

// Who switches the host's forwarding on and off again takes it from the containers, too: Repair gives it back.
func TestForwardingSwitchedOff(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, _ := w.attach(container.Network{Name: "web"})
	w.set(w.host, "net/ipv4/ip_forward", "1")
	w.set(w.host, "net/ipv4/ip_forward", "0")
	if ping(box, "8.8.8.8") == nil {
		t.Error("the host forwards, though all is switched off")
	}
	if repaired, err := w.h.Repair(); err != nil || !slices.Equal(repaired, []string{"web"}) {
		t.Errorf("repaired %q, %v", repaired, err)
	}
	check(t, ping(box, "8.8.8.8"))
}

// After a flush the links still know what was switched on in the host: the last one out puts it back.
func TestDetachAfterFlush(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		w := newTown(t)
		before := w.picture(w.host)
		w.attach(container.Network{Name: "first"})
		w.attach(container.Network{Name: "second"})
		w.flush()
		if all {
			names, err := w.h.DetachAll("")
			must(t, err)
			if !slices.Equal(names, []string{"first", "second"}) {
				t.Errorf("all are %q", names)
			}
		} else {
			w.detach("first")
			w.detach("second")
		}
		w.same(before, w.host)
	}
}
