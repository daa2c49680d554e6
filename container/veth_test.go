package container_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/nat"
	"plumb/rtnl"
)

// inOwnNamespace starts a process in a namespace of its own, on the town's host.
func (w *town) inOwnNamespace() *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	must(w.t, w.host.Do(cmd.Start))
	w.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// setup and cleanup are the functions of the exercise, on the town's host.
func (w *town) setup(name string, pid int) error {
	return w.host.Do(func() error { return container.SetupVeth(name, pid) })
}

func (w *town) cleanup(name string) error {
	return w.host.Do(func() error { return container.CleanupVeth(name) })
}

func TestSetupVeth(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.box("box")
	cmd := exec.Command("sleep", "1000")
	must(t, box.Do(cmd.Start)) // the box is its namespace
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	inside := w.picture(box)
	must(t, w.setup("veth0", cmd.Process.Pid))

	host := w.link(w.host, "veth0")
	if host == nil || host.Flags&unix.IFF_UP == 0 {
		t.Fatalf("veth0 is %+v", host)
	}
	addrs, err := w.host.Rtnl().Addrs(0, host.Index)
	if err != nil || len(addrs) != 1 || fmt.Sprint(addrs[0].Local, addrs[0].PrefixLen) != "10.0.0.1 24" {
		t.Errorf("addresses of veth0: %+v, %v", addrs, err)
	}
	if !w.forwards("all") {
		t.Error("ip_forward is off")
	}
	must(t, box.Do(func() error { return container.SetupContainerNetworking("veth1") }))
	if got := strings.Join(routesOf(t, box), ", "); got != "0.0.0.0/0 via 10.0.0.1, 10.0.0.0/24 direct" {
		t.Errorf("routes inside: %s", got)
	}
	addrs, err = box.Rtnl().Addrs(0, w.link(box, "veth1").Index)
	if err != nil || len(addrs) != 1 || fmt.Sprint(addrs[0].Local, addrs[0].PrefixLen) != "10.0.0.2 24" {
		t.Errorf("addresses of veth1: %+v, %v", addrs, err)
	}
	for _, addr := range []string{"10.0.0.1", "8.8.8.8"} {
		check(t, ping(box, addr))
	}
	if who, err := whoAmI(box); err != nil || who != w.host.Addr4().String() {
		t.Errorf("the internet sees %q, %v", who, err)
	}
	if err := box.Do(func() error { return container.SetupContainerNetworking("veth1") }); !errors.Is(err, unix.EEXIST) {
		t.Errorf("set up inside a second time: %v", err)
	}
	check(t, ping(box, "8.8.8.8"))
	check(t, w.cleanup("veth0"))
	w.same(inside, box)
	if w.forwards("all") {
		t.Error("ip_forward is on after the last one")
	}
	check(t, w.cleanup("veth0"))
}

// Whoever switched ip_forward on before, or meanwhile has a container, keeps it.
func TestGlobalForwardingIsShared(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	must(t, w.setup("veth0", w.inOwnNamespace().Process.Pid))
	box, _ := w.attach(container.Network{Name: "web", Subnet: netip.MustParsePrefix("10.7.0.0/24")})
	check(t, w.cleanup("veth0"))
	check(t, ping(box, "8.8.8.8"))
	w.detach("web")
	if w.forwards("all") {
		t.Error("ip_forward is on after the last one")
	}
	w.set(w.host, "net/ipv4/ip_forward", "1")
	must(t, w.setup("veth0", w.inOwnNamespace().Process.Pid))
	check(t, w.cleanup("veth0"))
	if !w.forwards("all") {
		t.Error("ip_forward was on before, and is off")
	}
	w.set(w.host, "net/ipv4/ip_forward", "0")
}

func TestCleanupVeth(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(w *town, cmd *exec.Cmd){
		"nothing":          func(*town, *exec.Cmd) {},
		"the process died": func(w *town, cmd *exec.Cmd) { cmd.Process.Kill(); cmd.Wait() },
		"the pair went":    func(w *town, cmd *exec.Cmd) { cmd.Process.Kill(); cmd.Wait(); w.waitGone() },
		"deleted by hand":  func(w *town, _ *exec.Cmd) { w.deleteLink("veth0") },
		"the table went":   func(w *town, _ *exec.Cmd) { w.flush(); w.set(w.host, "net/ipv4/ip_forward", "0") },
		"the address went": func(w *town, _ *exec.Cmd) { w.withdraw("veth0") },
		"set down by a hand": func(w *town, _ *exec.Cmd) {
			must(w.t, w.host.Rtnl().Do(rtnl.SetDown(w.link(w.host, "veth0").Index, "")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			cmd := w.inOwnNamespace()
			must(t, w.setup("veth0", cmd.Process.Pid))
			meanwhile(w, cmd)
			check(t, w.cleanup("veth0"))
			check(t, w.cleanup("veth0"))
		})
	}
}

func (w *town) deleteLink(name string) {
	w.t.Helper()
	must(w.t, w.host.Rtnl().Do(rtnl.DelLink(&rtnl.Link{Name: name}, "")))
}

func (w *town) withdraw(name string) {
	w.t.Helper()
	index := w.link(w.host, name).Index
	must(w.t, w.host.Rtnl().Do(rtnl.DelAddr(rtnl.AddrOf(index, netip.MustParsePrefix("10.0.0.1/24"), 0), "")))
}

// flush takes plumb's table away, as nft flush ruleset does.
func (w *town) flush() {
	w.t.Helper()
	must(w.t, w.nat.Batch(nat.DelTable(&nat.Table{Header: nat.Header{Family: nat.NFPROTO_INET}, Name: nat.TableName})))
}

// A veth0 that is not plumb's is left alone, whether it was there before or came in the place of plumb's.
func TestForeignVeth0(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	cmd := w.inOwnNamespace()
	must(t, w.setup("veth0", cmd.Process.Pid))
	w.deleteLink("veth0")
	w.foreign(w.host, "veth0")
	if err := w.cleanup("veth0"); err == nil || !strings.Contains(err.Error(), "clean up veth0: link veth0 is not the host end of a container veth0: it is left alone") {
		t.Errorf("clean up: %v", err)
	}
	before := w.picture(w.host)
	err := w.setup("veth0", cmd.Process.Pid)
	if !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "set up veth0: the host has a link veth0, which is not plumb's") {
		t.Errorf("set up: %v", err)
	}
	w.same(before, w.host)
	if w.link(w.host, "veth0") == nil {
		t.Error("the foreign veth0 is gone")
	}
}

func TestSetupVethRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	pid := w.inOwnNamespace().Process.Pid
	gone := exec.Command("true")
	must(t, gone.Run())
	before := w.picture(w.host)
	for _, c := range []struct {
		name string
		pid  int
		want string
	}{
		{"veth0", gone.Process.Pid, fmt.Sprintf("set up veth0: open the network namespace of process %d", gone.Process.Pid)},
		{"a-name-of-16-byt", pid, `set up a-name-of-16-byt: ifname "a-name-of-16-byt": 16 bytes long, 15 is the most`},
		{"", pid, "a container needs a name"},
		{"a-name-of-15-by", pid, `16 bytes long`}, // its peer's, with a 1 behind it
	} {
		if err := w.setup(c.name, c.pid); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("set up %q: got %v, want %s", c.name, err, c.want)
		}
		w.same(before, w.host)
	}
	must(t, w.setup("veth0", pid))
	full := w.picture(w.host)
	if err := w.setup("veth2", w.inOwnNamespace().Process.Pid); !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "set up veth2: address 10.0.0.2 is leased to veth0") {
		t.Errorf("a second one: %v", err)
	}
	w.same(full, w.host)
	check(t, w.cleanup("veth0"))
}

// Inside, a failure at any of the steps leaves nothing.
func TestContainerNetworkingRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.box("box")
	if err := box.Do(func() error { return container.SetupContainerNetworking("veth1") }); !errors.Is(err, unix.ENODEV) {
		t.Errorf("without a link: %v", err)
	}
	w.foreign(box, "veth1")
	gateway := netip.MustParseAddr("10.0.0.1")
	for what, conflict := range map[string]func() (undo func()){
		"route": func() func() {
			other := w.link(box, "other-end").Index
			addr := rtnl.NewAddr(rtnl.AddrOf(other, netip.MustParsePrefix("10.9.0.1/24"), 0), "")
			route := rtnl.Via(other, rtnl.Default(gateway), netip.MustParseAddr("10.9.0.2"))
			must(t, box.Rtnl().Do(addr, rtnl.NewRoute(route, "")))
			return func() {
				must(t, box.Rtnl().Do(rtnl.DelRoute(route, ""), rtnl.DelAddr(rtnl.AddrOf(other, netip.MustParsePrefix("10.9.0.1/24"), 0), "")))
			}
		},
		"address": func() func() {
			addr := rtnl.AddrOf(w.link(box, "veth1").Index, netip.MustParsePrefix("10.0.0.2/24"), 0)
			must(t, box.Rtnl().Do(rtnl.NewAddr(addr, "")))
			return func() { must(t, box.Rtnl().Do(rtnl.DelAddr(addr, ""))) }
		},
	} {
		undo := conflict()
		before := w.picture(box)
		if err := box.Do(func() error { return container.SetupContainerNetworking("veth1") }); !errors.Is(err, unix.EEXIST) {
			t.Errorf("%s is there: %v", what, err)
		}
		w.same(before, box)
		undo()
	}
}

func TestPeerName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"veth0": "veth1", "veth9": "veth10", "net": "net1", "a99": "a100", "v4294967296": "v42949672961"} {
		if got := container.PeerName(name); got != want {
			t.Errorf("the peer of %s is %s, want %s", name, got, want)
		}
	}
}
