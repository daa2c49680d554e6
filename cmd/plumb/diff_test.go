package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"plumb/test/lab"

	"github.com/google/go-cmp/cmp"
)

// straced runs a shell's commands on the host under strace, as plumb trace's documentation says, and returns the file.
func (s *site) straced(commands string) (file string) {
	s.t.Helper()
	strace := lab.NeedTool(s.t, "strace")
	lab.NeedTool(s.t, "ip")
	lab.NeedTool(s.t, "nft")
	file = filepath.Join(s.t.TempDir(), "file.strace")
	r := s.runProgram(strace, "-f", "-ttt", "-e", "trace=%net,read,write", "-e", "read=all", "-e", "write=all", "-o", file,
		"sh", "-e", "-c", commands)
	if r.status != 0 {
		s.t.Fatalf("%s: status %d\n%s%s", commands, r.status, r.stdout, r.stderr)
	}
	return file
}

// Two runs of the same set-up differ in nothing, though indexes, addresses, handles and times do.
func TestDiffOfTheSame(t *testing.T) {
	t.Parallel()
	const setUp = `ip link add v0 type veth peer name v1
		ip addr add 10.9.0.1/24 dev v0
		ip link set v0 up
		ip link set v1 up
		ip route add 10.8.0.0/16 via 10.9.0.2 dev v0
		ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0
		nft add table ip t
		nft 'add chain ip t c { type nat hook postrouting priority 100; }'
		nft add set ip t s '{ type ipv4_addr; elements = { 10.9.0.1, 10.9.0.2 } }'
		nft add rule ip t c ip saddr @s masquerade comment '"the comment"'
		nft delete table ip t
		ip link del v0`
	var plumbs, tools, attached [2]string
	for i := range 2 {
		s := newSite(t)
		_, pid := s.process()
		_, attached[i] = s.traced("short", "attach", "web", "--pid", fmt.Sprint(pid), "-p", "8080:80", "--isolate", "--rate-out", "20mbit")
		_, plumbs[i] = s.traced("short", "detach", "web")
		tools[i] = s.straced(setUp)
	}
	s := newSite(t)
	for _, files := range [][2]string{plumbs, tools, attached} {
		if r := s.run("diff", files[0], files[1]); r.status != 0 || r.stdout+r.stderr != "" {
			t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
		}
	}
	r := s.run("diff", tools[0], attached[0])
	for _, want := range []string{
		"\n- RTM_NEWLINK v0\n-     nlmsg_flags NLM_F_EXCL|CREATE\n",
		"\n-     IFLA_LINKINFO/IFLA_INFO_DATA/VETH_INFO_PEER/IFLA_IFNAME \"v1\"\n",
		"\n- NFT_MSG_NEWTABLE ip t\n",
		"\n+ NFT_MSG_NEWTABLE inet plumb  # make table inet plumb\n",
	} {
		if r.status != 1 || !strings.Contains(r.stdout, want) {
			t.Errorf("status %d, no %q in\n%s%s", r.status, want, r.stdout, r.stderr)
		}
	}
}

func TestDiffOfTwo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const undo = "; ip link del v0; nft delete table ip t"
	a := s.straced("ip link add v0 mtu 1400 type veth peer name v1; nft add table ip t; nft add chain ip t one; nft add chain ip t two" + undo)
	b := s.straced("nft add table ip t; nft add chain ip t one; nft add chain ip t other; nft add chain ip t two; ip link add v0 mtu 1300 up type veth peer name v1" + undo)
	r := s.run("diff", a, b)
	want := strings.ReplaceAll(`--- A (8 requests)
+++ B (9 requests)
  RTM_NEWLINK v0  (in another order)
-     ifi_flags 0x0
+     ifi_flags IFF_UP
-     ifi_change 0x0
+     ifi_change IFF_UP
-     IFLA_MTU 1400
+     IFLA_MTU 1300
+ NFT_MSG_NEWCHAIN ip t other
+     nlmsg_flags NLM_F_CREATE
+     nfgen_family ip
+     NFTA_CHAIN_TABLE "t"
+     NFTA_CHAIN_NAME "other"
`, "A (", a+" (")
	want = strings.ReplaceAll(want, "B (", b+" (")
	if diff := cmp.Diff(want, r.stdout); diff != "" || r.status != 1 || r.stderr != "" {
		t.Errorf("status %d, %s(-want +got):\n%s", r.status, r.stderr, diff)
	}
	r = s.run("diff", "--json", "--order", a, b)
	for _, want := range []string{
		`{"name": "IFLA_MTU", "a": "1400", "b": "1300"}`, `{"name": "NFTA_CHAIN_NAME", "a": null, "b": "\"other\""}`,
		`{"difference": "only-b", "type": "NFT_MSG_NEWCHAIN", "about": "ip t other", "purpose": "", "moved": false, "attributes": [`,
	} {
		if r.status != 1 || !strings.Contains(r.stdout, want) {
			t.Errorf("status %d, no %s in\n%s%s", r.status, want, r.stdout, r.stderr)
		}
	}
}

func TestDiffStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, args := range [][]string{
		{"diff"},
		{"diff", "one"},
		{"diff", "-", "-"},
		{"diff", "/nonexistent", "/nonexistent"},
		{"diff", "/dev/null", "/dev/null"},
		{"diff", "--family", "nobody's", "a", "b"},
	} {
		if r := s.run(args...); r.status != 2 || !strings.HasPrefix(r.stderr, "plumb: diff: ") {
			t.Errorf("plumb %s: status %d, %s", strings.Join(args, " "), r.status, r.stderr)
		}
	}
}
