package nat_test

import (
	"context"
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"plumb/container/netns"
	. "plumb/nat"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	if lab.Emulated() != "" {
		os.Exit(m.Run()) // there is no kernel to be sealed off from: those tests skip themselves
	}
	lab.Main(m)
}

// dialIn opens a Conn in a namespace.
func dialIn(t testing.TB, ns *netns.NS) *Conn {
	t.Helper()
	var c *Conn
	err := ns.Do(func() (err error) {
		c, err = Dial(wire.Config{Namespace: "test"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// newConn is a Conn in a fresh namespace.
func newConn(t testing.TB) *Conn {
	t.Helper()
	return dialIn(t, lab.NewNS(t))
}

// run runs a program in a namespace and returns what it prints.
func run(t testing.TB, ns *netns.NS, name string, args ...string) string {
	t.Helper()
	out, err := tryRun(t, ns, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func tryRun(t testing.TB, ns *netns.NS, name string, args ...string) (string, error) {
	t.Helper()
	path := lab.NeedTool(t, name)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var out []byte
	err := ns.Do(func() (err error) {
		out, err = exec.CommandContext(ctx, path, args...).CombinedOutput()
		return err
	})
	return string(out), err
}

// golden compares got with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed (go test -update writes it anew):\n--- want\n%s\n--- got\n%s", path, want, got)
	}
}

// web is the attachment of the tests.
func web() *Attachment {
	return &Attachment{
		Link: "pl-web", Comment: Comment{Name: "web", IfIndex: 1234, Taken: 5678123 * time.Millisecond},
		IPv4: at("10.0.0.2", "10.0.0.0/24"),
	}
}

// both is the same in both families, with all options and some ports.
func both() *Attachment {
	a := web()
	a.IPv6 = at("fd70::2", "fd70::/64")
	a.Police = 1_250_000
	a.Network, a.Options = "front", Internal|Isolate|NoHost
	a.Publish = []Publish{
		{Proto: 6, HostPort: 8080, Port: 80, Count: 2},
		{Proto: 17, Host: netip.MustParseAddr("192.0.2.1"), HostPort: 53, Port: 5353, Count: 1},
		{Proto: 17, Host: netip.MustParseAddr("2001:db8::1"), HostPort: 53, Port: 5353, Count: 1},
	}
	return a
}

// at is a place.
func at(addr, subnet string) Place {
	return Place{Addr: netip.MustParseAddr(addr), Subnet: netip.MustParsePrefix(subnet)}
}

// lowest is a place of which the address is to be chosen.
func lowest(first, last, subnet string) Place {
	return Place{First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last), Subnet: netip.MustParsePrefix(subnet)}
}

// attach attaches, one after the other.
func attach(c *Conn, as ...*Attachment) error {
	for _, a := range as {
		if _, err := c.Attach(a); err != nil {
			return err
		}
	}
	return nil
}
