package lab

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// NewNS makes a network namespace for one test, with nothing in it but a link lo that is down. Where the program runs
// emulated, the test is skipped, as by NeedKernel.
func NewNS(t testing.TB) *netns.NS {
	t.Helper()
	NeedKernel(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// awaitTime is how long a worker of the kernel may take.
const awaitTime = 30 * time.Second

// AwaitUp waits until links of a namespace send what they are given. One that was up before the other end of its cable is up has its carrier at once,
// but its queue from a worker (linkwatch_do_dev, net/core/link_watch.c), and drops what comes before.
func AwaitUp(t testing.TB, ns *netns.NS, links ...string) {
	t.Helper()
	var conns [2]*rtnl.Conn
	for i := range conns {
		conns[i] = dialIn(t, ns)
		defer conns[i].Close()
	}
	if err := conns[1].Subscribe(rtnl.GroupLink); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), awaitTime)
	defer cancel()
	for _, name := range links {
		for {
			link, err := conns[0].LinkByName(name)
			if err != nil {
				t.Fatal(err)
			}
			if link.OperState == rtnl.OperUp {
				break
			}
			if err := conns[1].Events(ctx, func(rtnl.Event) error { return errEvent }); !errors.Is(err, errEvent) {
				t.Fatalf("wait until %s is up: %v", name, err)
			}
		}
	}
}

func dialIn(t testing.TB, ns *netns.NS) *rtnl.Conn {
	t.Helper()
	c, err := netns.Open(ns, func() (*rtnl.Conn, error) { return rtnl.Dial(wire.Config{}) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// AwaitLocal waits until a namespace receives for an IPv6 address that it was given: see rtnl.AwaitLocal.
func AwaitLocal(t testing.TB, ns *netns.NS, addr string) {
	t.Helper()
	var conns [2]*rtnl.Conn
	for i := range conns {
		conns[i] = dialIn(t, ns)
		defer conns[i].Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), awaitTime)
	defer cancel()
	if err := rtnl.AwaitLocal(ctx, conns[0], conns[1], netip.MustParseAddr(addr)); err != nil {
		t.Fatalf("wait until %s is there: %v", addr, err)
	}
}

// NeedKernel skips a test that asks the kernel itself, where Emulated says that it cannot.
func NeedKernel(t testing.TB) {
	t.Helper()
	if machine := Emulated(); machine != "" {
		t.Skipf("this test needs a kernel for %s, and runs emulated on one for %s", runtime.GOARCH, machine)
	}
}

// Emulated says which machine the kernel is for, where that is not the one that this program was compiled for: the
// program then runs in an emulator for user programs, which passes system calls on but does not translate
// what is in a netlink message. It is "" on a kernel proper. See sysctl kernel.arch, Linux 6.1.
func Emulated() string {
	b, err := os.ReadFile("/proc/sys/kernel/arch")
	if err != nil {
		return ""
	}
	machine := strings.TrimSpace(string(b))
	runs := map[string][]string{
		"x86_64": {"amd64", "386"}, "i686": {"386"}, "aarch64": {"arm64", "arm"}, "s390x": {"s390x"},
		"ppc64le": {"ppc64le"}, "ppc64": {"ppc64"}, "riscv64": {"riscv64"},
	}
	if archs, known := runs[machine]; known && !slices.Contains(archs, runtime.GOARCH) {
		return machine
	}
	return ""
}

// Mounts are the mounts of this process's namespace, as text. A test that compares them is not parallel, since others
// mount too.
func Mounts(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
