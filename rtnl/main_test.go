package rtnl_test

import (
	"flag"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

func TestMain(m *testing.M) {
	if emulated() != "" {
		// There is no kernel to be sealed off from. The tests that need one skip themselves, which examples cannot.
		flag.Parse()
		if err := flag.Set("test.skip", "^Example"); err != nil {
			panic(err)
		}
		os.Exit(m.Run())
	}
	lab.Main(m)
}

// emulated says which machine the kernel is for, where that is not the one that this program was compiled for: the
// program then runs in an emulator for user programs, which passes system calls on but does not translate
// what is in a netlink message. It is "" on a kernel proper. See sysctl kernel.arch, Linux 6.1.
func emulated() string {
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

// needKernel skips a test that asks the kernel itself.
func needKernel(t testing.TB) {
	t.Helper()
	if machine := emulated(); machine != "" {
		t.Skipf("this test needs a kernel for %s, and runs emulated on one for %s", runtime.GOARCH, machine)
	}
}

// A world is a host and a container, as two fresh namespaces and a socket in each. In a pure test there are none.
type world struct {
	host, inside   *netns.NS
	conn, peerConn *rtnl.Conn
	fd             uint32 // what IFLA_NET_NS_FD says
}

// pureWorld is where golden bytes come from.
func pureWorld() *world { return &world{fd: 9} }

func newWorld(t testing.TB) *world {
	t.Helper()
	needKernel(t)
	w := &world{}
	w.host, w.conn = newHost(t, "host")
	w.inside, w.peerConn = newHost(t, "container")
	w.fd = uint32(w.inside.FD())
	return w
}

// newHost makes a network namespace and a socket in it.
func newHost(t testing.TB, name string) (*netns.NS, *rtnl.Conn) {
	t.Helper()
	needKernel(t)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns, dialIn(t, ns, wire.Config{Namespace: name})
}

func dialIn(t testing.TB, ns *netns.NS, config wire.Config) *rtnl.Conn {
	t.Helper()
	var c *rtnl.Conn
	err := ns.Do(func() (err error) {
		c, err = rtnl.Dial(config)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
