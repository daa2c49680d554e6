package container_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
)

func TestLongNames(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	var names []string
	for i := range 2 {
		name := fmt.Sprintf("a-name-of-forty-bytes-that-begins-alike-%d", i)
		names = append(names, name)
		box, a := w.attach(container.Network{Name: name})
		check(t, ping(box, "8.8.8.8"))
		link := w.link(w.host, "pl-"+name)
		if link == nil || link.Name != a.HostLink || len(a.HostLink) != 15 {
			t.Errorf("%s: link %+v by its whole name, want %s", name, link, a.HostLink)
		}
	}
	if found, err := w.h.Detach(names[0]); err != nil || !found {
		t.Errorf("detach %s: %v, %v", names[0], found, err)
	}
	if w.link(w.host, "pl-"+names[0]) != nil || w.link(w.host, "pl-"+names[1]) == nil {
		t.Error("the wrong one of two names that begin alike was detached")
	}
}

// holdOpen makes a namespace whose last reference the caller may close.
func holdOpen(t testing.TB) *netns.NS {
	t.Helper()
	ns, err := netns.New()
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	return ns
}

// letGo closes a container's namespace, and returns when it is ending.
func (w *town) letGo(ns *netns.NS, name string) {
	w.t.Helper()
	must(w.t, ns.Close())
	w.awaitDying(name)
}

// awaitDying returns when the kernel has begun to end the namespace at the other end of a container's link, or the link has gone. Nothing tells of the
// moment. Whoever closes a namespace need not be the last who has it, and on a busy machine it stays for longer than an attach waits: a process that
// another test starts has it until it has its program, and a netlink socket that was closed keeps its own until all processors have been elsewhere
// (call_rcu in netlink_release, net/netlink/af_netlink.c).
func (w *town) awaitDying(name string) {
	w.t.Helper()
	for since := time.Now(); ; runtime.Gosched() {
		l := w.link(w.host, "pl-"+name)
		if l == nil || l.LinkNetNSID != nil && *l.LinkNetNSID == -1 {
			return
		}
		if time.Since(since) > waitTime {
			w.t.Fatalf("the namespace of %s lives on: %+v", name, l)
		}
	}
}

// A name and an address can be used again at once: after a detach, after the container's end with a Release, and while the
// old pair, of which nobody has told plumb, is being ended by the kernel.
func TestReuseAtOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	n := publish(t, "web", "8007:7", "8007:7/udp")
	n.Addr, n.Addr6 = netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr(plumb6+"9")
	ends := map[string]func(*container.Attachment, *netns.NS){
		"detached": func(_ *container.Attachment, _ *netns.NS) { w.detach("web") },
		"released": func(a *container.Attachment, ns *netns.NS) { must(t, ns.Close()); check(t, w.h.Release(a)) },
		"died":     func(_ *container.Attachment, ns *netns.NS) { w.letGo(ns, "web") },
	}
	for how, end := range ends {
		for range 3 {
			ns := holdOpen(t)
			a, err := w.h.Attach(t.Context(), n, ns)
			if err != nil {
				t.Fatalf("attach before %s: %v", how, err)
			}
			end(a, ns)
			box := w.box(fmt.Sprintf("box-%d", len(w.Hosts())))
			if _, err := w.h.Attach(t.Context(), n, box.NS()); err != nil {
				t.Fatalf("attach after %s: %v", how, err)
			}
			for _, to := range []string{"10.0.0.1", plumb6 + "1", clab.NameServer4, clab.NameServer6} {
				check(t, ping(box, to))
			}
			stop := answer(t, box)
			for _, host := range []netip.Addr{w.host.Addr4(), w.host.Addr6()} {
				for _, network := range []string{"tcp", "udp"} {
					if _, err := echo(w.Internet(), network, netip.AddrPortFrom(host, 8007).String()); err != nil {
						t.Errorf("%s: %s to the published port of %s: %v", how, network, host, err)
					}
				}
			}
			stop()
			w.detach("web")
		}
	}
}

// answer runs echo services on port 7 of a namespace until it is told to stop.
func answer(t testing.TB, h *clab.Host) (stop func()) {
	t.Helper()
	var s clab.Services
	l, err := h.Listen("tcp", ":7")
	must(t, err)
	s.ServeEcho(l)
	p, err := h.ListenPacket("udp", ":7")
	must(t, err)
	s.ServePacketEcho(p)
	return func() { check(t, s.Close()) }
}

// The addresses alone, taken by another name, while the old pair is still there.
func TestAddressOfDyingPair(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	for i := range 5 {
		ns := holdOpen(t)
		n := container.Network{Name: fmt.Sprint("old-", i), Addr: netip.MustParseAddr("10.0.0.9"), Addr6: netip.MustParseAddr(plumb6 + "9")}
		_, err := w.h.Attach(t.Context(), n, ns)
		must(t, err)
		w.letGo(ns, n.Name)
		n.Name = fmt.Sprint("new-", i)
		box := w.box(n.Name)
		_, err = w.h.Attach(t.Context(), n, box.NS())
		must(t, err)
		check(t, ping(box, clab.NameServer4))
		check(t, ping(box, clab.NameServer6))
		w.detach(fmt.Sprint("new-", i))
		w.detach(fmt.Sprint("old-", i))
	}
}

func TestNameTaken(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.attach(container.Network{Name: "web"})
	err := w.refused(container.Network{Name: "web"})
	if !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "a container web is attached already, with 10.0.0.2") {
		t.Errorf("a name that is attached: %v", err)
	}
	w.foreign(w.host, "pl-mine")
	err = w.refused(container.Network{Name: "mine"})
	if !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "the host has a link pl-mine, which is not plumb's") {
		t.Errorf("a name that a foreign link has: %v", err)
	}
	if found, err := w.h.Detach("mine"); found || err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("detach of a foreign link: %v, %v", found, err)
	}
	if w.link(w.host, "pl-mine") == nil {
		t.Error("the foreign link is gone")
	}
}

func TestInterfaceTaken(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.box("box")
	w.foreign(box, "eth0")
	before := w.picture(w.host, box)
	_, err := w.h.Attach(t.Context(), container.Network{Name: "web"}, box.NS())
	if !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "the namespace already has a link eth0: give another name with --ifname") {
		t.Errorf("with an eth0 there: %v", err)
	}
	w.same(before, w.host, box)
	// Its index, 2, is taken as well, which is nobody's concern.
	_, err = w.h.Attach(t.Context(), container.Network{Name: "web", Interface: "eth1"}, box.NS())
	must(t, err)
	check(t, ping(box, "8.8.8.8"))
	w.detach("web")
}

// A namespace can have a second network, beside the first: but one default route only.
func TestSecondNetwork(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, _ := w.attach(container.Network{Name: "web"})
	before := w.picture(w.host, box)
	_, err := w.h.Attach(t.Context(), container.Network{Name: "second", Interface: "eth1"}, box.NS())
	if !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "the namespace has a network already") {
		t.Errorf("a second default route: %v", err)
	}
	w.same(before, w.host, box)
}

func TestTargets(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.box("box")
	cmd := exec.Command("sleep", "1000")
	must(t, box.Do(cmd.Start))
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	must(t, err)
	defer unix.Close(pidfd)
	for how, open := range map[string]func() (*netns.NS, error){
		"pid":   func() (*netns.NS, error) { return netns.FromPID(cmd.Process.Pid) },
		"pidfd": func() (*netns.NS, error) { return netns.FromPidfd(pidfd) },
		"path":  func() (*netns.NS, error) { return netns.FromPath(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid)) },
	} {
		ns, err := open()
		must(t, err)
		if _, err = w.h.Attach(t.Context(), container.Network{Name: how}, ns); err != nil {
			t.Errorf("attach by %s: %v", how, err)
		}
		must(t, ns.Close())
		check(t, ping(box, "8.8.8.8"))
		w.detach(how)
	}
	before := w.picture(w.host)
	_, err = w.h.Attach(t.Context(), container.Network{Name: "self"}, w.host.NS())
	if err == nil || !strings.Contains(err.Error(), "the host's own network namespace") {
		t.Errorf("attach of the host to itself: %v", err)
	}
	w.same(before, w.host)
}

func TestDetachWithoutNamespace(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ns := holdOpen(t)
	_, err := w.h.Attach(t.Context(), container.Network{Name: "web"}, ns)
	must(t, err)
	must(t, ns.Close())
	if found, err := w.h.Detach("web"); !found || err != nil {
		t.Errorf("detach while the pair is dying: %v, %v", found, err)
	}
	ns = holdOpen(t)
	_, err = w.h.Attach(t.Context(), container.Network{Name: "web"}, ns)
	must(t, err)
	must(t, ns.Close())
	w.waitGone()
	if found, err := w.h.Detach("web"); !found || err != nil {
		t.Errorf("detach when the pair is gone: %v, %v", found, err)
	}
}

// What a killed attach or detach leaves of a link is removed by who wants its name.
func TestLeftoverLink(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	for name, make := range map[string]func(box *clab.Host){
		"without alias": func(box *clab.Host) { w.halfMade("web", box, 77) },
		"without alias, with a lease": func(box *clab.Host) {
			w.halfMade("web", box, 77)
			w.fabricate("web", "10.0.0.5", 77, 0)
		},
		"without lease and address": func(box *clab.Host) {
			w.halfMade("web", box, 77)
			must(t, w.host.Rtnl().Do(rtnl.SetLink(&rtnl.Link{Index: 77, Alias: "plumb web 10.0.0.5/24 eth0"}, "")))
		},
	} {
		make(w.box(fmt.Sprintf("box-%d", len(w.Hosts()))))
		box, _ := w.attach(container.Network{Name: "web", Addr: netip.MustParseAddr("10.0.0.5")})
		if err := ping(box, "8.8.8.8"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w.detach("web")
		// detach removes it, too
		make(w.box(fmt.Sprintf("box-%d", len(w.Hosts()))))
		if found, err := w.h.Detach("web"); !found || err != nil {
			t.Errorf("%s: detach: %v, %v", name, found, err)
		}
	}
}

// halfMade is what an attach that is killed after its first message leaves.
func (w *town) halfMade(name string, box *clab.Host, index uint32) {
	w.t.Helper()
	fd := uint32(box.NS().FD())
	pair := rtnl.VethPair(&rtnl.Link{Name: "pl-" + name, Index: index, Group: container.LinkGroup}, &rtnl.Link{Name: "eth0", NetNSFd: &fd})
	must(w.t, w.host.Rtnl().Do(rtnl.NewLink(pair, "half an attach")))
}

// A flush of the ruleset takes the leases; a container that lives is nevertheless not mistaken for a leftover.
func TestFlushedRuleset(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, _ := w.attach(container.Network{Name: "web"})
	must(t, w.nat.Batch(nat.DelTable(&nat.Table{Header: nat.Header{Family: nat.NFPROTO_INET}, Name: nat.TableName})))
	next, a := w.attach(container.Network{Name: "next"})
	if a.Addr.String() != "10.0.0.3/24" {
		t.Errorf("the next container has %s", a.Addr)
	}
	for _, from := range []*clab.Host{box, next} {
		check(t, ping(from, "10.0.0.1"))
		check(t, ping(from, "8.8.8.8"))
	}
	if err := w.refused(container.Network{Name: "web"}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("attach of the same name: %v", err)
	}
	w.detach("web")
}

// Sixteen at once, each with sockets of its own: no address twice, and all gone after.
func TestConcurrentAttaches(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	const n = 16
	hosts, spaces := make([]*container.Host, n), make([]*netns.NS, n)
	for i := range n {
		hosts[i], spaces[i] = w.open(), holdOpen(t)
	}
	for range 3 {
		var wg sync.WaitGroup
		got := make([]*container.Attachment, n)
		for i := range n {
			wg.Go(func() {
				a, err := hosts[i].Attach(t.Context(), container.Network{Name: fmt.Sprint("c", i)}, spaces[i])
				check(t, err)
				got[i] = a
			})
		}
		wg.Wait()
		seen := map[netip.Prefix]string{}
		for i, a := range got {
			if a == nil {
				continue
			}
			if other := seen[a.Addr]; other != "" {
				t.Errorf("%s has %s, and so has %s", a.Name, a.Addr, other)
			}
			seen[a.Addr] = a.Name
			if a.Addr.Addr().As4()[3] > n+1 {
				t.Errorf("container %d of %d has %s", i, n, a.Addr)
			}
		}
		for i := range n {
			wg.Go(func() {
				_, err := hosts[i].Detach(fmt.Sprint("c", i))
				check(t, err)
			})
		}
		wg.Wait()
		if _, err := w.nat.Table(nat.NFPROTO_INET, nat.TableName); !errors.Is(err, unix.ENOENT) {
			t.Errorf("the table after the last one: %v", err)
		}
		if w.forwards(clab.UplinkName) {
			t.Error("the uplink forwards after the last one")
		}
	}
}

// The last one goes while another comes, over and over: who is there forwards, who is not leaves nothing.
func TestLastOutAgainstNewcomer(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	other, boxes := w.open(), []*clab.Host{w.box("box-a"), w.box("box-b")}
	attach := func(h *container.Host, i int) {
		_, err := h.Attach(t.Context(), container.Network{Name: fmt.Sprint("c", i)}, boxes[i].NS())
		check(t, err)
	}
	detach := func(h *container.Host, i int) {
		_, err := h.Detach(fmt.Sprint("c", i))
		check(t, err)
	}
	w.needIPv6()
	attach(w.h, 0)
	for round := range 20 {
		out, in := round%2, 1-round%2
		var wg sync.WaitGroup
		wg.Go(func() { detach(w.h, out) })
		wg.Go(func() { attach(other, in) })
		wg.Wait()
		if t.Failed() {
			return
		}
		if !w.forwards(clab.UplinkName) {
			t.Fatalf("round %d: the uplink does not forward", round)
		}
		for _, server := range []string{clab.NameServer4, clab.NameServer6} {
			if err := ping(boxes[in], server); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	}
	detach(w.h, 0)
}
