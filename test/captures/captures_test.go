// Package captures holds what other programs said to the kernel, and the kernel to them, and tests that plumb knows all of
// it by name.
//
// A file of testdata is what a script of programs did on Linux 6.18 with Debian 12's programs, in a network and a mount
// namespace of its own, under
//
//	strace -f -ttt -e trace=%net -e read=all -e write=all
//
// Of messages of one type, direction and length two are kept, and of equal ones one.
package captures

import (
	"encoding/binary"
	"fmt"
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
	"plumb/rtnl/wire"
)

// A packet is a message of a file.
type packet struct {
	family  int
	message []byte
}

// read reads a file of packets (linktype 253, little-endian, nanoseconds), a message each.
func read(t *testing.T, file string) []packet {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var packets []packet
	for b = b[24:]; len(b) > 0; {
		n := binary.LittleEndian.Uint32(b[8:])
		data := b[16 : 16+n]
		packets = append(packets, packet{int(binary.BigEndian.Uint16(data[14:])), data[16:]})
		b = b[16+n:]
	}
	return packets
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
				protocol := protocols[p.family]
				if protocol == nil {
					continue // NETLINK_XFRM, NETLINK_AUDIT: families of their own
				}
				v, err := protocol.View(p.message)
				if err != nil {
					t.Fatalf("%#x: %v", p.message, err)
				}
				c.messages++
				if strings.HasPrefix(v.Name, "message ") {
					c.wrong = append(c.wrong, fmt.Sprintf("%s of family %d has no name: %#x", v.Name, p.family, p.message))
				}
				c.walk(v.Name, v.Nodes, p.message)
			}
			slices.Sort(c.wrong)
			for _, w := range slices.Compact(c.wrong) {
				t.Error(w)
			}
			c.check(t, unnamed[program])
		})
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
