package container_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// A requestLog is a tracer that keeps what is sent, and what is done without a message.
type requestLog struct {
	mu    sync.Mutex
	lines []string
}

func (r *requestLog) Trace(e wire.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.Kind == wire.KindBegin:
		r.lines = append(r.lines, "step: "+e.Purpose)
	case e.Kind == wire.KindStep && strings.HasPrefix(e.Purpose, "sysctl "):
		r.lines = append(r.lines, e.Namespace+": "+e.Purpose)
	case e.Kind == wire.KindMessage && e.Sent:
		b := slices.Clone(e.Message)
		binary.NativeEndian.PutUint32(b[8:], 0) // the sequence number
		v, err := e.Protocol.View(b)
		line := fmt.Sprintf("%s: %s %s %x %v", e.Namespace, v.Name, e.Purpose, b, err)
		if v.Name == "RTM_GETROUTE" && slices.Contains(r.lines, line) {
			return // an attach asks again until the kernel has made the route
		}
		r.lines = append(r.lines, line)
	}
}

func (r *requestLog) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.lines = nil }()
	return strings.Join(r.lines, "\n")
}

// unchanged runs what must change nothing in the hosts.
func (w *town) unchanged(do func(), hosts ...*clab.Host) {
	w.t.Helper()
	before := w.picture(hosts...)
	do()
	after := w.picture(hosts...)
	for i, h := range hosts {
		if diff := clab.Diff(before[i], after[i]); len(diff) > 0 {
			w.t.Errorf("%s is not as before:\n\t%s", h.Name(), strings.Join(diff, "\n\t"))
		}
	}
}

// A plan changes nothing, and says byte for byte what an attach then sends, of sequence numbers aside: for the first container of a host, and for
// further ones.
func TestPlan(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	for _, n := range []container.Network{
		{
			Name: "web", RateIn: 10e6, RateOut: 40e6, Hostname: "www.example",
			Publish: []container.Publish{mustPublish(t, "8080-8082:80-82"), mustPublish(t, "5353:53/udp"), mustPublish(t, "[2001:db8::2]:443:8443")},
		},
		{Name: "db", Network: "back", Internal: true, Isolate: true, NoHost: true, MTU: 1400},
		{Name: "a.name-that-is-longer-than-a-link-s", NoIPv6: true, Interface: "lan.5"},
	} {
		box := w.box(fmt.Sprintf("box-%d", len(w.Hosts())))
		attach := func(plan bool) string {
			t.Helper()
			var log requestLog
			h, err := container.OpenHost(container.HostOptions{NS: w.host.NS(), Tracer: &log, Plan: plan})
			must(t, err)
			defer h.Close()
			a, err := h.WithoutChance().Attach(t.Context(), n, box.NS())
			must(t, err)
			if !plan {
				t.Cleanup(func() { w.detach(n.Name) })
				w.waitRoutes6(a)
			}
			return log.take()
		}
		var planned string
		w.unchanged(func() { planned = attach(true) }, w.host, box)
		if diff := cmp.Diff(planned, attach(false)); diff != "" {
			t.Errorf("%s: the attach sent something else (-plan +attach):\n%s", n.Name, diff)
		}
	}
}

// What an attach would be refused, a plan is, in the same words.
func TestPlanIsRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	web, _ := w.attach(container.Network{Name: "web", Publish: []container.Publish{mustPublish(t, "8080:80")}})
	box := w.box("other")
	for what, c := range map[string]struct {
		network container.Network
		in      *clab.Host
	}{
		"the name":       {container.Network{Name: "web"}, box},
		"the address":    {container.Network{Name: "x", Addr: netip.MustParseAddr("10.0.0.2")}, box},
		"the port":       {container.Network{Name: "x", Publish: []container.Publish{mustPublish(t, "8080:81")}}, box},
		"the link":       {container.Network{Name: "x"}, web},
		"the subnet":     {container.Network{Name: "x", Subnet: netip.MustParsePrefix("203.0.113.0/24")}, box},
		"the host's own": {container.Network{Name: "x"}, w.host},
	} {
		var errs []error
		for _, plan := range []bool{true, false} {
			h, err := container.OpenHost(container.HostOptions{NS: w.host.NS(), Plan: plan})
			must(t, err)
			_, err = h.Attach(t.Context(), c.network, c.in.NS())
			errs = append(errs, err)
			must(t, h.Close())
		}
		if errs[0] == nil || errs[1] == nil || errs[0].Error() != errs[1].Error() {
			t.Errorf("%s is taken: planned: %v\nattached: %v", what, errs[0], errs[1])
		}
	}
}

// A plan has an attach clear away what killed processes have left, and leaves it.
func TestPlanOverLeftovers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, a := w.attach(container.Network{Name: "web"})
	must(t, w.host.Rtnl().Do(rtnl.DelLink(&rtnl.Link{Index: a.HostIndex}, "leave the lease alone")))
	w.waitGone()
	var log requestLog
	h, err := container.OpenHost(container.HostOptions{NS: w.host.NS(), Tracer: &log, Plan: true})
	must(t, err)
	defer h.Close()
	w.unchanged(func() {
		b, err := h.Attach(t.Context(), container.Network{Name: "new", Addr: a.Addr.Addr()}, box.NS())
		must(t, err)
		if b.Addr != a.Addr {
			t.Errorf("planned %s, not %s", b.Addr, a.Addr)
		}
	}, box)
	if !strings.Contains(log.take(), "NFT_MSG_DELSETELEM take pl-web out of lease4") {
		t.Error("the stale lease is not planned to be removed")
	}
	if lease, err := w.nat.Lease(a.Addr.Addr()); err != nil || lease.Link != a.HostLink {
		t.Errorf("the lease is %v, %v", lease, err)
	}
}

// The second container of a subnet finds the gateway's IPv6 address on lo; so does a plan of it.
func TestPlanBesideOthers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	w.attach(container.Network{Name: "first"})
	box := w.box("second")
	var logs []string
	for _, plan := range []bool{true, false} {
		var log requestLog
		h, err := container.OpenHost(container.HostOptions{NS: w.host.NS(), Tracer: &log, Plan: plan})
		must(t, err)
		_, err = h.WithoutChance().Attach(t.Context(), container.Network{Name: "second"}, box.NS())
		must(t, err)
		must(t, h.Close())
		logs = append(logs, log.take())
	}
	w.detach("second")
	if diff := cmp.Diff(logs[0], logs[1]); diff != "" {
		t.Errorf("the attach sent something else (-plan +attach):\n%s", diff)
	}
}
