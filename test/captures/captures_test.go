// Package captures holds what other programs said to the kernel, and the kernel to them, and tests that plumb knows all of
// it by name.
//
// A file of testdata is what a script of programs did on Linux 6.18 with Debian 12's programs, in a network and a mount
// namespace of its own, under
//
//	strace -f -ttt -e trace=%net -e read=all -e write=all
//
// Of messages of one type, direction and length two are kept, and of equal ones one. As root, go test -update makes the
// files anew.
package captures

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/genl"
	"plumb/rtnl/sockdiag"
	"plumb/rtnl/trace"
	"plumb/rtnl/trace/capture"
	"plumb/rtnl/wire"
)

// read returns the packets of a file, with a message each.
func read(t testing.TB, file string) (packets []capture.Packet) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	source, err := capture.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := source.Next()
		if err == io.EOF {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		p.Data = bytes.Clone(p.Data)
		packets = append(packets, p)
	}
}

// A count is what was found in the messages of a file.
type count struct {
	messages, attributes int
	unnamed              map[string]int // by the way to it
	wrong                []string
}

func (c *count) walk(way string, nodes []wire.Node, message []byte) {
	for _, n := range nodes {
		here := way + "/" + n.Name
		switch {
		case n.Header > 0:
			c.attributes++
			if strings.HasPrefix(n.Name, "attribute ") {
				c.unnamed[here]++
			}
		case n.Name == "malformed":
			c.wrong = append(c.wrong, fmt.Sprintf("%s of %#x", here, message))
		}
		c.walk(here, n.Children, message)
	}
}

// TestNames holds for every message of every program: it has a name and nothing in it is malformed; and at most 2 % of
// the attributes have no name, and are these.
func TestNames(t *testing.T) {
	t.Parallel()
	unnamed := map[string][]string{}
	files, err := filepath.Glob("testdata/*.pcap")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d captures (%v), and there should be five at least", len(files), err)
	}
	for _, file := range files {
		program := strings.TrimSuffix(filepath.Base(file), ".pcap")
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			protocols := map[int]*wire.Protocol{
				unix.NETLINK_ROUTE: rtnl.Protocol, unix.NETLINK_NETFILTER: nat.Protocol,
				unix.NETLINK_SOCK_DIAG: sockdiag.Protocol, unix.NETLINK_GENERIC: genl.New(),
			}
			c := count{unnamed: map[string]int{}}
			for _, p := range read(t, file) {
				protocol := protocols[p.Family]
				if protocol == nil {
					continue // NETLINK_XFRM, NETLINK_AUDIT: families of their own
				}
				v, err := protocol.View(p.Data)
				if err != nil {
					t.Fatalf("%#x: %v", p.Data, err)
				}
				c.messages++
				if strings.HasPrefix(v.Name, "message ") {
					c.wrong = append(c.wrong, fmt.Sprintf("%s of family %d has no name: %#x", v.Name, p.Family, p.Data))
				}
				c.walk(v.Name, v.Nodes, p.Data)
			}
			slices.Sort(c.wrong)
			for _, w := range slices.Compact(c.wrong) {
				t.Error(w)
			}
			c.check(t, unnamed[program])
		})
	}
}

// A trace in short form, which remembers types' names, calls a command of generic netlink by its own.
func TestShortNames(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	short := trace.Short(&text, trace.Options{})
	shown, named := genl.New(), genl.New() // which learn apart
	var want []string
	for _, p := range read(t, "testdata/ip.pcap") {
		if p.Family != unix.NETLINK_GENERIC {
			continue
		}
		short.Trace(wire.Event{Time: p.Time, Protocol: shown, Sent: p.Sent, Message: p.Data})
		v, err := named.View(p.Data)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, v.Name)
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(want) < 5 || len(lines) != len(want) {
		t.Fatalf("%d messages are\n%s", len(want), text.String())
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]+" ") {
			t.Errorf("line %d does not say %s: %s", i, want[i], line)
		}
	}
}

// check compares the attributes without a name with those that are expected to have none.
func (c *count) check(t *testing.T, want []string) {
	t.Helper()
	n := 0
	for way, times := range c.unnamed {
		n += times
		if !slices.Contains(want, way) {
			t.Errorf("%s has no name (%d times)", way, times)
		}
	}
	t.Logf("%d messages, %d attributes, %d of them without a name", c.messages, c.attributes, n)
	if n*50 > c.attributes {
		t.Errorf("%d of %d attributes have no name: more than 2 %%", n, c.attributes)
	}
	for _, way := range want {
		if c.unnamed[way] == 0 {
			t.Errorf("%s is expected to have no name, and is not there", way)
		}
	}
}
