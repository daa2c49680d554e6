package sockdiag_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	"plumb/rtnl/sockdiag"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// town is a namespace with sockets of all sorts.
func town(t testing.TB) *netns.NS {
	t.Helper()
	ns := lab.NewNS(t)
	const tcp, udp = unix.SOCK_STREAM, unix.SOCK_DGRAM
	for _, b := range []bound{
		{kind: tcp, addr: v4(any4, 80)},
		{kind: tcp, addr: v4(lo4, 81)},
		{kind: tcp, addr: v6(any6, 82)},
		{kind: tcp, addr: v6(any6, 80), v6Only: true},
		{kind: tcp, addr: v6(lo6, 84)},
		{kind: tcp, addr: v6(mappedLocal, 85)},
		{kind: tcp, addr: v4(any4, 86), device: "lo"},
		{kind: tcp, addr: v4(lo4, 8000), connect: v4(lo4, 80)}, // a client
		{kind: udp, addr: v4(any4, 53)},
		{kind: udp, addr: v6(any6, 53), v6Only: true},
		{kind: udp, addr: v6(any6, 54)},
		{kind: udp, addr: v4(lo4, 55)},
		{kind: udp, addr: v4(lo4, 5353), connect: v4(lo4, 53)},
		{kind: udp, addr: v6(lo6, 5354), connect: v6(lo6, 53)},
	} {
		open(t, ns, b)
	}
	return ns
}

// Those who listen are the ones that ss lists, with their inodes and interfaces.
func TestListeners(t *testing.T) {
	t.Parallel()
	ns := town(t)
	c := dialIn(t, ns, wire.Config{})
	for _, test := range []struct {
		proto uint8
		flag  string
		n     int
	}{{unix.IPPROTO_TCP, "-t", 7}, {unix.IPPROTO_UDP, "-u", 4}} {
		sockets, err := c.Listeners(test.proto)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range sockets {
			got = append(got, describe(s))
		}
		slices.Sort(got)
		want := ss(t, ns, test.flag)
		if !slices.Equal(got, want) || len(got) != test.n {
			t.Errorf("%s: listed here:\n%s\nby ss, %d wanted:\n%s", test.flag, strings.Join(got, "\n"), test.n, strings.Join(want, "\n"))
		}
	}
}

// describe is a socket as ss writes it: * is :: of both families.
func describe(s sockdiag.Socket) string {
	host := s.Addr.Addr().String()
	switch {
	case s.Addr.Addr() == netip.IPv6Unspecified() && !s.V6Only:
		host = "*"
	case s.Addr.Addr().Is6():
		host = "[" + host + "]"
	}
	if s.Interface != 0 {
		host += "%lo"
	}
	return fmt.Sprintf("%s:%d ino:%d", host, s.Addr.Port(), s.Inode)
}

func ss(t *testing.T, ns *netns.NS, flag string) []string {
	t.Helper()
	path := lab.NeedTool(t, "ss")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out []byte
	err := ns.Do(func() (err error) {
		out, err = exec.CommandContext(ctx, path, "-Hlne", flag).CombinedOutput()
		return err
	})
	if err != nil {
		t.Fatalf("ss: %v\n%s", err, out)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		inode := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "ino:") })
		if len(words) < 5 || inode < 0 {
			t.Fatalf("ss says %q", line)
		}
		all = append(all, words[3]+" "+words[inode])
	}
	slices.Sort(all)
	return all
}

// SCTP is often not there: that is nobody, and no error. Where it is, the same holds of an empty namespace.
func TestNobodyListensWithSCTP(t *testing.T) {
	t.Parallel()
	sockets, err := dialIn(t, lab.NewNS(t), wire.Config{}).Listeners(unix.IPPROTO_SCTP)
	if err != nil || len(sockets) > 0 {
		t.Errorf("%+v, %v", sockets, err)
	}
}

// Of another protocol the error says what is missing.
func TestProtocolThatIsNotThere(t *testing.T) {
	t.Parallel()
	const unassigned = 200
	_, err := dialIn(t, lab.NewNS(t), wire.Config{}).Listeners(unassigned)
	if !errors.Is(err, sockdiag.ErrUnsupported) || !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "200_diag") {
		t.Errorf("got %v", err)
	}
}

// Where the kernel cannot be asked, /proc/net tells the same, but for two things.
func TestListenersInProc(t *testing.T) {
	t.Parallel()
	ns := town(t)
	c := dialIn(t, ns, wire.Config{})
	for _, proto := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		want, err := c.Listeners(proto)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i].V6Only, want[i].Interface = false, 0
		}
		var got []sockdiag.Socket
		if err := ns.Do(func() (err error) { got, err = sockdiag.ListenersInProc(proto); return err }); err != nil {
			t.Fatal(err)
		}
		order := func(a, b sockdiag.Socket) int { return cmp.Compare(a.Inode, b.Inode) }
		slices.SortFunc(want, order)
		slices.SortFunc(got, order)
		if len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("protocol %d: got\n%+v, want\n%+v", proto, got, want)
		}
	}
}

// The holder of this process's sockets is this process.
func TestHolder(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	open(t, ns, bound{kind: unix.SOCK_STREAM, addr: v4(any4, 80)})
	sockets, err := dialIn(t, ns, wire.Config{}).Listeners(unix.IPPROTO_TCP)
	if err != nil || len(sockets) != 1 {
		t.Fatalf("%+v, %v", sockets, err)
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	name, pid := sockdiag.Holder(sockets[0].Inode)
	if pid != os.Getpid() || name != strings.TrimSpace(string(comm)) {
		t.Errorf("socket %d is held by %q, pid %d, want %q, %d", sockets[0].Inode, name, pid, comm, os.Getpid())
	}
	if name, pid := sockdiag.Holder(0); name != "" || pid != 0 {
		t.Errorf("a socket that is not there is held by %q, pid %d", name, pid)
	}
}

func BenchmarkListeners(b *testing.B) {
	c := dialIn(b, town(b), wire.Config{})
	for name, proto := range map[string]uint8{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Listeners(proto); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
