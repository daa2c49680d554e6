package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"plumb/test/lab"
)

// A learner is somebody in plumb lab, with files beside him.
type learner struct {
	t   *testing.T
	s   *site
	dir string
}

func newLearner(t *testing.T) *learner {
	return &learner{t, newSite(t), t.TempDir()}
}

// file writes a file that the learner has.
func (l *learner) file(name, text string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// lab runs a shell script in plumb lab.
func (l *learner) lab(script string) result {
	l.t.Helper()
	return l.s.run("lab", "--", "sh", "-e", "-c", "cd "+l.dir+"\n"+script)
}

// wants fails unless the script's output has all of this in it, in this order.
func (l *learner) wants(r result, parts ...string) {
	l.t.Helper()
	rest := r.stdout
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			l.t.Fatalf("status %d, %q is not in the rest of what it says:\n%s\nof\n%s\n%s", r.status, part, rest, r.stdout, r.stderr)
		}
		rest = after
	}
}

const vethText = `
RTM_NEWLINK NLM_F_REQUEST|ACK|CREATE|EXCL  create a pair
    ifi_index=42
    IFLA_IFNAME "veth0"
    IFLA_MTU 1400
    IFLA_LINKINFO
        IFLA_INFO_KIND "veth"
        IFLA_INFO_DATA
            VETH_INFO_PEER
                ifi_index=43
                IFLA_IFNAME "veth1"
`

// A pair of links by hand: created, set up and given an address, all in one text of several messages.
func TestSendVeth(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	l.file("veth.txt", vethText)
	l.file("up.txt", `
RTM_NEWLINK NLM_F_REQUEST|ACK
    ifi_index=42 ifi_flags=IFF_UP ifi_change=IFF_UP
RTM_NEWADDR NLM_F_REQUEST|ACK|CREATE|EXCL
    ifa_family=AF_INET ifa_prefixlen=24 ifa_index=42
    IFA_LOCAL 10.9.0.1
    IFA_BROADCAST 10.9.0.255
`)
	r := l.lab("plumb send veth.txt; plumb send - <up.txt; ip -o -4 addr show veth0; ip -o link show veth1; plumb send 'RTM_GETLINK NLM_F_REQUEST|DUMP'")
	l.wants(r, "create a pair: done", "RTM_NEWADDR", ": done", "inet 10.9.0.1/24 brd 10.9.0.255", "43: veth1@veth0",
		"RTM_GETLINK", `IFLA_IFNAME "lo"`, `IFLA_IFNAME "uplink0"`, `IFLA_IFNAME "veth0"`, "IFLA_MTU 1400", "NLMSG_DONE")
	if r.status != 0 || r.stderr != "" {
		t.Errorf("status %d, stderr %q", r.status, r.stderr)
	}
}

// One byte is changed of what --dry-run prints, and the kernel points at the attribute that it is in.
func TestSendOneByte(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	l.file("veth.txt", vethText)
	r := l.lab("plumb send --dry-run veth.txt >whole.hex; cat whole.hex")
	mtu := regexp.MustCompile(`(?m)^([0-9a-f]{4}: )08( 00 04 00  .*# IFLA_MTU.*)$`)
	if r.status != 0 || len(mtu.FindAllString(r.stdout, -1)) != 1 {
		t.Fatalf("status %d: it prints\n%s\n%s", r.status, r.stdout, r.stderr)
	}
	l.file("broken.hex", mtu.ReplaceAllString(r.stdout, "${1}06${2}"))
	r = l.lab("plumb send --hex broken.hex && exit 9; ip link show veth0 2>/dev/null && exit 9; plumb send --hex whole.hex; ip -o link show veth0")
	l.wants(r, "06 00 04 00              # IFLA_MTU  nla_len 6", "refused", "MTU: ", "(ERANGE)", "▸ IFLA_MTU", "06 00 04 00", "^^ ^^ ^^ ^^", ": done", "veth0@veth1")
	if r.status != 0 || !strings.Contains(r.stderr, "RTM_NEWLINK: MTU: ") {
		t.Errorf("status %d, stderr %q", r.status, r.stderr)
	}
}

// A transaction of nftables is one text; so is what somebody else's trace shows of a set-up.
func TestSendNFTables(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	l.file("table.txt", `
NFNL_MSG_BATCH_BEGIN NLM_F_REQUEST
    res_id=10
NFT_MSG_NEWTABLE NLM_F_REQUEST|ACK|CREATE|EXCL
    nfgen_family=inet
    NFTA_TABLE_NAME "lesson"
NFT_MSG_NEWCHAIN NLM_F_REQUEST|ACK|CREATE
    nfgen_family=inet
    NFTA_CHAIN_TABLE "lesson"
    NFTA_CHAIN_NAME "in"
    NFTA_CHAIN_HOOK
        NFTA_HOOK_HOOKNUM input
        NFTA_HOOK_PRIORITY -10
    NFTA_CHAIN_TYPE "filter"
NFNL_MSG_BATCH_END NLM_F_REQUEST
    res_id=10
`)
	l.file("rule.txt", strings.ReplaceAll(`
     1.500 ms ┌ host → NFNL_MSG_BATCH_BEGIN NLM_F_REQUEST seq=6 len=20  begin a batch
              │     nfgen_family=unspec version=0 res_id=10
     1.600 ms │ host → NFT_MSG_NEWRULE NLM_F_REQUEST|ACK|CREATE|APPEND seq=7 len=999
              │     nfgen_family=inet version=0 res_id=0
              │     NFTA_RULE_TABLE "lesson"
              │     NFTA_RULE_CHAIN "in"
              │     NFTA_RULE_EXPRESSIONS
              │         NFTA_LIST_ELEM
              │             NFTA_EXPR_NAME "meta"
              │             NFTA_EXPR_DATA
              │                 NFTA_META_DREG reg 1
              │                 NFTA_META_KEY iifname
              │         NFTA_LIST_ELEM
              │             NFTA_EXPR_NAME "cmp"
              │             NFTA_EXPR_DATA
              │                 NFTA_CMP_SREG reg 1
              │                 NFTA_CMP_OP ==
              │                 NFTA_CMP_DATA
              │                     NFTA_DATA_VALUE 0x6c6f0000000000000000000000000000
              │         NFTA_LIST_ELEM
              │             NFTA_EXPR_NAME "immediate"
              │             NFTA_EXPR_DATA
              │                 NFTA_IMMEDIATE_DREG reg verdict
              │                 NFTA_IMMEDIATE_DATA
              │                     NFTA_DATA_VERDICT
              │                         NFTA_VERDICT_CODE accept
     1.700 ms └ host → NFNL_MSG_BATCH_END NLM_F_REQUEST seq=8 len=20  commit the batch
                    nfgen_family=unspec version=0 res_id=10
                  $ nft add rule inet lesson in iifname lo accept
     1.800 ms   host ← NLMSG_ERROR NLM_F_CAPPED seq=7 len=36: done after 42µs
`, "\t", ""))
	r := l.lab("plumb send table.txt; plumb send rule.txt; nft list ruleset; plumb send 'NFT_MSG_GETTABLE NLM_F_REQUEST|DUMP'")
	l.wants(r, "NFT_MSG_NEWTABLE", "NFNL_MSG_BATCH_END", ": done", ": done", "NFT_MSG_NEWRULE", ": done",
		"table inet lesson", "type filter hook input priority filter - 10", `iifname "lo" accept`, "NFT_MSG_GETTABLE", `NFTA_TABLE_NAME "lesson"`, "NLMSG_DONE")
	if r.status != 0 || r.stderr != "" {
		t.Errorf("status %d, stderr %q", r.status, r.stderr)
	}
}

// A peer goes into another namespace by a descriptor, which the text gives by its path.
func TestSendDescriptor(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	l.file("veth.txt", vethText+"                IFLA_NET_NS_FD \"/proc/PID/ns/net\"\n")
	r := l.lab(`mkfifo fifo
		unshare -n sh -c 'read end' <>fifo & # it holds a namespace until the lab ends
		pid=$!
		until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
		sed "s/PID/$pid/" veth.txt | plumb send; ip -o link show veth0
		plumb send --pid $pid 'RTM_GETLINK NLM_F_REQUEST|DUMP'`)
	l.wants(r, ": done", "veth0@if43", "pid ", `IFLA_IFNAME "veth1"`)
	if r.status != 0 || r.stderr != "" {
		t.Errorf("status %d, stderr %q", r.status, r.stderr)
	}
}

// In the network namespace of process 1 nothing is sent unless it is asked for.
func TestSendRefusesOutside(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	l.file("veth.txt", vethText)
	unshare := func(args ...string) result {
		args = append([]string{"--pid", "--fork", "--mount-proc", l.s.plumb, "send"}, args...)
		return l.s.runProgram("/usr/bin/unshare", append(args, filepath.Join(l.dir, "veth.txt"))...)
	}
	r := unshare()
	if r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, "plumb lab") || !strings.Contains(r.stderr, "--here") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if _, err := l.s.host.Rtnl().LinkByName("veth0"); err == nil {
		t.Error("it was sent all the same")
	}
	if r := unshare("--here"); r.status != 0 || !strings.Contains(r.stdout, ": done") {
		t.Errorf("--here: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	l.s.succeeds("send", "--here", "RTM_DELLINK NLM_F_REQUEST|ACK\n IFLA_IFNAME \"veth0\"")
}

// What cannot be meant is refused before anything is sent, with the line and what may have been meant.
func TestSendErrors(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"RTM_NEWLINKS NLM_F_REQUEST"}, `"RTM_NEWLINKS" is no message type (near it: RTM_NEWLINK`},
		{[]string{"RTM_NEWLINK NLM_F_REQUEST\n  IFLA_NAME \"x\""}, `line 2: RTM_NEWLINK has no attribute "IFLA_NAME" (near it: IFLA_IFNAME`},
		{[]string{"--hex", "0000: 14 00 00 00\n0003: 12"}, "line 2 says that it begins at 0x3, but 0x4 bytes stand before it"},
		{[]string{"--family", "xfrm", "RTM_NEWLINK 0"}, "xfrm"},
	} {
		r := l.s.run(append([]string{"send", "--dry-run"}, c.args...)...)
		if r.status == 0 || !strings.Contains(r.stderr, c.want) || r.stdout != "" {
			t.Errorf("plumb send %q: status %d, stderr %q, want %q", c.args, r.status, r.stderr, c.want)
		}
	}
}

// What xxd makes of the bytes is read as well.
func TestSendXXD(t *testing.T) {
	t.Parallel()
	lab.NeedTool(t, "xxd")
	l := newLearner(t)
	l.file("veth.txt", vethText)
	r := l.lab("plumb send --dry-run veth.txt | grep -v '^# ' >a; xxd -r a | xxd >b; plumb send --hex --dry-run b | cmp - a && echo same")
	l.wants(r, "same\n")
}

// With -q there are the answers, and of what is sent the first line alone.
func TestSendQuietly(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	l.file("veth.txt", vethText)
	r := l.lab("plumb send -q veth.txt; plumb send -q veth.txt | grep -cE ' here (→|←) '")
	l.wants(r, "→ RTM_NEWLINK", ": done", "\n2\n")
	if strings.Contains(r.stdout, "nlmsg_len") {
		t.Errorf("the bytes are shown:\n%s", r.stdout)
	}
}

// A transaction's answers are joined with it, and a line says what came of it.
func TestSendTransaction(t *testing.T) {
	t.Parallel()
	l := newLearner(t)
	l.file("table.txt", `
NFNL_MSG_BATCH_BEGIN NLM_F_REQUEST
    res_id=10
NFT_MSG_NEWTABLE NLM_F_REQUEST|ACK|CREATE|EXCL
    nfgen_family=inet
    NFTA_TABLE_NAME "lesson"
NFNL_MSG_BATCH_END NLM_F_REQUEST
    res_id=10
`)
	r := l.lab("plumb send -q table.txt; plumb send -q table.txt || echo again")
	l.wants(r, "┌ here → NFNL_MSG_BATCH_BEGIN", "└ here ← NLMSG_ERROR", ": committed", "└ here ←", "nothing of it done", "again")
}
