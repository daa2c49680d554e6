package container_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/test/lab"
)

// restored waits until the table holds all of a container again, and returns how long that took.
func (w *town) restored(a *container.Attachment, since time.Time) time.Duration {
	w.t.Helper()
	events, err := clab.Open(w.host, nat.Dial)
	must(w.t, err)
	defer events.Close()
	must(w.t, events.Subscribe())
	ctx, cancel := context.WithTimeout(w.t.Context(), waitTime)
	defer cancel()
	next := errors.New("an event")
	for {
		held, err := w.nat.Holding(a.HostLink)
		whole, wholeErr := w.nat.IsWhole()
		must(w.t, wholeErr)
		members, _ := w.nat.Elements(nat.NFPROTO_INET, nat.TableName, "member4") // ENOENT where there is no table
		ports, portsErr := w.nat.Ports()
		must(w.t, portsErr)
		whole = whole && len(members) > 0 && len(ports) == 2*len(a.Publish)
		if err == nil && held.Comment.IfIndex == a.HostIndex && whole {
			return time.Since(since)
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			w.t.Fatal(err)
		}
		err = events.Events(ctx, func(e nat.Event) error {
			if e.Kind == nat.KindGeneration {
				return next
			}
			return nil
		})
		if !errors.Is(err, next) {
			w.t.Fatalf("the table is not restored after %s: %v", time.Since(since), err)
		}
	}
}

// Whatever is flushed, a watch puts back: the ruleset, the table's rules, a chain, the elements of a set.
func TestWatchRestores(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	n := container.Network{
		Name: "web", NoHost: true, Publish: []container.Publish{{Proto: unix.IPPROTO_TCP, HostPort: 8080, Port: 7, Count: 1}},
	}
	box, a := w.attach(n)
	serve(t, box)
	other, b := w.attach(container.Network{Name: "other"})
	watch, err := w.h.StartWatch(t.Context(), &n, a, box.NS())
	must(t, err)
	defer func() { must(t, watch.Close()) }()
	before := lab.Ruleset(t, w.host)
	fastest := waitTime
	for _, flush := range []string{
		"flush ruleset", "flush table inet plumb", "flush chain inet plumb guard", "flush set inet plumb member4",
		"flush map inet plumb publish4", "delete table inet plumb",
	} {
		since, stalled := time.Now(), lab.Stalled(t)
		nft(t, w.host, flush)
		took := w.restored(a, since) - (lab.Stalled(t) - stalled)
		t.Logf("%s: restored after %s, nft's own time included", flush, took)
		fastest = min(fastest, took)
		check(t, ping(box, "8.8.8.8"))
		if who, err := echo(w.Internet(), "tcp", w.host.Addr4().String()+":8080"); err != nil || who != "203.0.113.1" {
			t.Errorf("%s: the published port: it sees %q, %v", flush, who, err)
		}
	}
	if fastest > 100*time.Millisecond {
		t.Errorf("it takes %s at best to restore the ruleset", fastest)
	}
	// The other one, which nobody watches, is put back by Repair, and all is as it was.
	_, err = w.h.Repair()
	must(t, err)
	check(t, ping(other, "8.8.8.8"))
	if held, err := w.nat.Holding(b.HostLink); err != nil || held.Comment.IfIndex != b.HostIndex {
		t.Errorf("the other container holds %+v, %v", held, err)
	}
	if diff := cmp.Diff(before, lab.Ruleset(t, w.host)); diff != "" {
		t.Errorf("the ruleset as it was, and as it is:\n%s", diff)
	}
}

// What a container begins while its rules are not there is not translated, and its next packets would not be either: Repair has it forgotten. What
// was translated before goes on as it was. Connection tracking is kept up by a table of somebody else's.
func TestRepairForgetsUntranslated(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	nft(t, w.host, "add table inet other; add chain inet other c { type nat hook postrouting priority 100; }; add rule inet other c ct state invalid")
	defer nft(t, w.host, "delete table inet other")
	for _, family := range []struct{ server, inside, outside string }{
		{"8.8.8.8", "10.0.0.2", w.host.Addr4().String()},
		{clab.NameServer6, "fd70:6c75:6d62::2", w.host.Addr6().String()},
	} {
		box, a := w.attach(container.Network{Name: "web"})
		server, err := w.Internet().ListenPacket("udp", net.JoinHostPort(family.server, "9999"))
		must(t, err)
		defer server.Close()
		dial := func() net.Conn {
			c, err := box.DialContext(t.Context(), "udp", server.LocalAddr().String())
			must(t, err)
			t.Cleanup(func() { c.Close() })
			return c
		}
		seen := func(c net.Conn) netip.AddrPort {
			t.Helper()
			_, err := c.Write([]byte("x"))
			must(t, err)
			must(t, server.SetReadDeadline(time.Now().Add(waitTime)))
			_, from, err := server.ReadFrom(make([]byte, 9))
			must(t, err)
			return from.(*net.UDPAddr).AddrPort()
		}
		before, between := dial(), dial()
		translated := seen(before)
		nft(t, w.host, "delete table inet plumb")
		if from := seen(between).Addr().String(); from != family.inside {
			t.Fatalf("without rules the server sees %s", from)
		}
		if _, err := w.h.Repair(); err != nil {
			t.Fatal(err)
		}
		if from := seen(between).Addr().String(); from != family.outside {
			t.Errorf("what began without rules: the server sees %s, want %s", from, family.outside)
		}
		if from := seen(before); from != translated {
			t.Errorf("what began before: the server sees %s, and saw %s", from, translated)
		}
		w.detach(a.Name)
	}
}

// nft runs one command of nft in a host.
func nft(t testing.TB, h *clab.Host, command string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "command.nft")
	must(t, os.WriteFile(file, []byte(command+"\n"), 0o600))
	lab.Run(t, h, "nft", "-f", file)
}

// An uplink that gets another MTU takes the container's link along, unless that has one of its own.
func TestWatchFollowsMTU(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	n := container.Network{Name: "web"}
	box, a := w.attach(n)
	watch, err := w.h.StartWatch(t.Context(), &n, a, box.NS())
	must(t, err)
	defer func() { must(t, watch.Close()) }()
	uplink := w.link(w.host, clab.UplinkName)
	for _, mtu := range []uint32{1400, 1500} {
		for _, end := range []struct {
			h     *clab.Host
			name  string
			index uint32
		}{{w.host, a.HostLink, uplink.Index}, {box, "eth0", 0}} {
			events, err := clab.Open(end.h, rtnl.Dial)
			must(t, err)
			must(t, events.Subscribe(rtnl.GroupLink))
			if end.index != 0 {
				must(t, w.host.Rtnl().Do(rtnl.SetLink(&rtnl.Link{Index: end.index, MTU: mtu}, "")))
			}
			ctx, cancel := context.WithTimeout(t.Context(), waitTime)
			for err == nil && w.link(end.h, end.name).MTU != mtu {
				if err = events.Events(ctx, func(rtnl.Event) error { return errSeen }); err == errSeen {
					err = nil
				}
			}
			cancel()
			if err != nil {
				t.Errorf("the MTU of %s in %s does not become %d: %v", end.name, end.h.Name(), mtu, err)
			}
			must(t, events.Close())
		}
	}
}

// Where the MTU grows, a limit's bucket grows with it: a frame that is larger than the bucket would never pass.
func TestWatchLimitsFollowMTU(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	n := container.Network{Name: "web", RateIn: container.MinRate, RateOut: 2 * container.MinRate}
	box, a := w.attach(n)
	watch, err := w.h.StartWatch(t.Context(), &n, a, box.NS())
	must(t, err)
	defer func() { must(t, watch.Close()) }()
	events, err := clab.Open(w.host, rtnl.Dial)
	must(t, err)
	defer events.Close()
	must(t, events.Subscribe(rtnl.GroupLink))
	uplink := w.link(w.host, clab.UplinkName)
	setMTU := func(mtu uint32) {
		must(t, w.host.Rtnl().Do(rtnl.SetLink(&rtnl.Link{Index: uplink.Index, MTU: mtu}, "")))
	}
	const mtu = 9000
	setMTU(mtu)
	t.Cleanup(func() { setMTU(uplink.MTU) })
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	for w.link(w.host, a.HostLink).MTU != mtu { // the host's end is set last
		if err := events.Events(ctx, func(rtnl.Event) error { return errSeen }); err != errSeen {
			t.Fatal(err)
		}
	}
	for _, end := range []struct {
		h    *clab.Host
		name string
		rate container.Rate
	}{{w.host, a.HostLink, n.RateIn}, {box, a.Interface, n.RateOut}} {
		qdiscs, err := end.h.Rtnl().Qdiscs(w.link(end.h, end.name).Index)
		must(t, err)
		_, limit := container.Bucket(end.rate, mtu)
		if tbf, is := qdiscs[0].Options.(*rtnl.TBF); !is || tbf.Parms.Limit != limit || tbf.BytesPerSecond() != uint64(end.rate)/8 {
			t.Errorf("%s has the limit %+v, want a queue of %d bytes", end.name, qdiscs[0].Options, limit)
		}
	}
	echoLarge(t, w.host, box, a)
}

// echoLarge sends a datagram of 8000 bytes, a single frame, there and back.
func echoLarge(t *testing.T, host, box *clab.Host, a *container.Attachment) {
	t.Helper()
	l, err := box.ListenPacket("udp4", a.Addr.Addr().String()+":0")
	must(t, err)
	defer l.Close()
	c, err := host.DialContext(t.Context(), "udp4", l.LocalAddr().String())
	must(t, err)
	defer c.Close()
	b := make([]byte, 8000)
	must(t, errors.Join(l.SetDeadline(time.Now().Add(waitTime)), c.SetDeadline(time.Now().Add(waitTime))))
	if _, err = c.Write(b); err == nil {
		_, from, err2 := l.ReadFrom(b)
		if err = err2; err == nil {
			_, err = l.WriteTo(b, from)
		}
	}
	if err == nil {
		_, err = c.Read(b)
	}
	if err != nil {
		t.Errorf("a datagram of 8000 bytes there and back: %v", err)
	}
}

// A default route that moves to another link makes that one forward.
func TestWatchFollowsDefaultRoute(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, other := l.NewHost("host"), l.NewHost("other")
	lan := l.NewLAN(host, other)
	w := townOn(t, l, host)
	n := container.Network{Name: "web"}
	box, a := w.attach(n)
	watch, err := w.h.StartWatch(t.Context(), &n, a, box.NS())
	must(t, err)
	defer func() { must(t, watch.Close()) }()
	events, err := clab.Open(w.host, rtnl.Dial)
	must(t, err)
	defer events.Close()
	must(t, events.Subscribe(rtnl.GroupLink))
	route := rtnl.Via(w.link(w.host, lan.Name).Index, rtnl.Default(lan.Addr4[1]), lan.Addr4[1])
	route.Priority = 7
	must(t, w.host.Rtnl().Do(rtnl.NewRoute(route, "")))
	defer func() { must(t, w.host.Rtnl().Do(rtnl.DelRoute(route, ""))) }()
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	err = events.Events(ctx, func(rtnl.Event) error {
		if w.forwards(lan.Name) {
			return errSeen
		}
		return nil
	})
	if err != errSeen {
		t.Errorf("%s does not forward: %v", lan.Name, err)
	}
}
