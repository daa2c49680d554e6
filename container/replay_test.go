package container_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mdlayher/netlink"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// A scribe is a tracer that writes down the command of each request, and whether the kernel refused it.
type scribe struct {
	mu       sync.Mutex
	commands *container.Commands
	lines    []*scribedLine
	requests map[string]*scribedLine
	without  []string // requests that have no command
}

type scribedLine struct {
	command string
	refused bool
}

func newScribe() *scribe {
	return &scribe{commands: container.NewCommands(), requests: map[string]*scribedLine{}}
}

func (s *scribe) Trace(e wire.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	command := s.commands.Command(e)
	line := &scribedLine{command: command, refused: e.Kind == wire.KindStep && e.Err != nil}
	if e.Kind == wire.KindMessage {
		v, err := e.Protocol.View(e.Message)
		if err != nil {
			s.without = append(s.without, err.Error())
			return
		}
		id := fmt.Sprint(e.Namespace, e.Protocol.Name, v.Header.Sequence)
		if !e.Sent {
			if r := s.requests[id]; r != nil && e.Err != nil {
				r.refused = true
			}
			return
		}
		s.requests[id] = line
		if command == "" {
			s.without = append(s.without, v.Name)
		}
		if v.Header.Flags&netlink.Request == 0 {
			s.without = append(s.without, v.Name+" is no request")
		}
	}
	if command != "" {
		s.lines = append(s.lines, line)
	}
}

// take returns what was written down since it was last called, as a shell's script. What the kernel has refused has to be refused again.
func (s *scribe) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, l := range s.lines {
		if l.refused {
			fmt.Fprintf(&b, "if { %s; } >/dev/null 2>&1; then echo 'not refused'; exit 1; fi\n", l.command)
		} else {
			fmt.Fprintf(&b, "{ %s\n} >/dev/null\n", l.command)
		}
	}
	s.lines = nil
	return b.String()
}

// replay runs a script in a host's namespace, with ip's names for the others. They are in a mount namespace that goes with it.
func replay(t *testing.T, host *clab.Host, script string, names map[string]*clab.Host) {
	t.Helper()
	text := "set -e\nexport LC_ALL=C\nmount -t tmpfs none /run\nmkdir /run/netns\n"
	for name, h := range names {
		text += fmt.Sprintf("touch /run/netns/%s\nmount --bind /proc/%d/fd/%d /run/netns/%[1]s\n", name, os.Getpid(), h.NS().FD())
	}
	file := filepath.Join(t.TempDir(), "script.sh")
	must(t, os.WriteFile(file, []byte(text+"set -x\n"+script), 0o600))
	lab.Run(t, host, "unshare", "-m", "sh", file)
}

// What ip, tc, nft and sysctl make of the commands beside a trace is what plumb has made: links, addresses, routes, neighbours, rules,
// queues, nftables and sysctls, of a host and of its containers, at each step from the first to none. They are Debian 12's: iproute2 6.1, nftables 1.0.6.
func TestCommandsMakeTheSame(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"ip", "tc", "nft", "sysctl", "conntrack", "unshare", "mount"} {
		lab.NeedTool(t, tool)
	}
	ours, theirs := newTown(t), newTown(t)
	ours.needIPv6()
	s := newScribe()
	plumb, err := container.OpenHost(container.HostOptions{NS: ours.host.NS(), Tracer: s})
	must(t, err)
	t.Cleanup(func() { plumb.Close() })
	boxes, copies := map[string]*clab.Host{}, map[string]*clab.Host{}
	same := func(when string) {
		t.Helper()
		replay(t, theirs.host, s.take(), copies)
		compareStates(t, when+": the host", ours.host, theirs.host)
		for name := range boxes {
			compareStates(t, when+": "+name, boxes[name], copies[name])
		}
	}
	attached := map[string]*container.Attachment{}
	for _, n := range []container.Network{
		{
			Name: "web", RateIn: 10e6, RateOut: 40e6, Hostname: "www.example",
			Publish: []container.Publish{
				mustPublish(t, "8080-8082:80-82"), mustPublish(t, "5353:53/udp"), mustPublish(t, "203.0.113.2:7:9/sctp"), mustPublish(t, "[2001:db8::2]:443:8443"),
			},
		},
		{Name: "db", Network: "back", Internal: true, Isolate: true, NoHost: true, MTU: 1400},
		{Name: "a.name-that-is-longer-than-a-link-s", Network: "back", NoIPv6: true, Addr: netip.MustParseAddr("10.0.1.77"), Interface: "lan.5"},
	} {
		boxes[n.Name], copies[n.Name] = ours.box(fmt.Sprint("box-", len(boxes))), theirs.box(fmt.Sprint("box-", len(copies)))
		a, err := plumb.Attach(t.Context(), n, boxes[n.Name].NS())
		must(t, err)
		ours.waitRoutes6(a)
		attached[n.Name] = a
		same("attach " + n.Name)
	}
	for _, name := range []string{"db", "web", "a.name-that-is-longer-than-a-link-s"} {
		_, err := plumb.Detach(name)
		must(t, err)
		same("detach " + name)
	}
	slices.Sort(s.without)
	if got, want := slices.Compact(s.without), []string{
		"NFNL_MSG_BATCH_BEGIN", "NFNL_MSG_BATCH_END", "NFT_MSG_GETGEN", "NFT_MSG_GETSETELEM", "SOCK_DIAG_BY_FAMILY",
	}; !slices.Equal(got, want) {
		t.Errorf("without a command are %v, not %v", got, want)
	}
}

var firstEnds = []string{
	"nft element inet plumb nets4 0.0.0.0 interval end: gone", "nft element inet plumb nets4 0x00000000 interval end: gone",
	"nft element inet plumb nets6 :: interval end: gone",
}

// compareStates compares two hosts. They differ in what nft keeps in a set's user data to print it by, which is the types of a
// concatenation's parts and what is zero there; in the end, in a set of intervals, of what is before the first (nft begins each with one);
// and in this process's own sockets.
func compareStates(t *testing.T, what string, ours, theirs *clab.Host) {
	t.Helper()
	a, err := clab.SnapshotNamespace(theirs.NS())
	must(t, err)
	b, err := clab.SnapshotNamespace(ours.NS())
	must(t, err)
	for _, line := range clab.Diff(a, b) {
		switch {
		case strings.HasPrefix(line, "nft set ") && strings.Contains(line, ": NFTA_SET_USERDATA is "):
		case slices.Contains(firstEnds, line):
		case strings.HasPrefix(line, "socket netlink, "):
		default:
			t.Errorf("%s: by plumb, and not by the commands: %s", what, line)
		}
	}
}
