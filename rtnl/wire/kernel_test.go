package wire

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The tests in this file ask the kernel, each in a network namespace of its own; all others of the package need none.

// inFreshNamespace runs f on a thread in a network namespace of its own, which goes when f has returned and its
// sockets are closed. The thread ends with it.
func inFreshNamespace(t testing.TB, f func() error) {
	t.Helper()
	if os.Getenv("PLUMB_TEST_PURE") != "" { // set where the kernel is emulated, such as in a test of byte order
		t.Skip("PLUMB_TEST_PURE is set: no test of the kernel")
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread is of no use to others
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			result <- errors.Join(errNoNamespace, err)
			return
		}
		result <- f()
	}()
	switch err := <-result; {
	case errors.Is(err, errNoNamespace) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

var errNoNamespace = errors.New("a fresh network namespace cannot be had (it needs root)")

// rtnetlink, as far as these tests go: pairs of links, the name of the one being that of the other and an x.
var linkProtocol = &Protocol{Name: "NETLINK_ROUTE", Family: unix.NETLINK_ROUTE, Lookup: func(typ uint16) *Info {
	return Find(typ, newBenchLink.Info())
}}

var (
	delBenchLink = &Message[benchLink]{Type: unix.RTM_DELLINK, Name: "RTM_DELLINK", Body: &benchLinkTable}
	getBenchLink = &Message[benchLink]{Type: unix.RTM_GETLINK, Name: "RTM_GETLINK", Body: &benchLinkTable}
)

func dialKernel(t testing.TB) *Conn {
	t.Helper()
	var c *Conn
	inFreshNamespace(t, func() (err error) {
		c, err = Dial(Config{Protocol: linkProtocol})
		return err
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func pair(name string) Request {
	l := &benchLink{Name: name, Info: &benchInfo{Kind: "veth", Data: &benchVeth{Peer: &benchLink{Name: name + "x"}}}}
	return newBenchLink.New(netlink.Acknowledge|netlink.Create|netlink.Excl, l, "create "+name)
}

func getLink(name string) Request {
	return getBenchLink.New(0, &benchLink{Name: name}, "look for "+name)
}

func TestKernelRefusals(t *testing.T) {
	t.Parallel()
	c := dialKernel(t)
	long := pair("c")
	(*benchLink)(long.value).Info.Data.(*benchVeth).Peer.Name = "longer-than-IFNAMSIZ"
	silent := pair("a")
	silent.Flags &^= netlink.Acknowledge
	err := c.Do(pair("a"), pair("a"), long, pair("b"), silent)
	if !equal(indexes(err), []int{1, 2, 4}) {
		t.Fatalf("got %v, want the second, third and fifth refused", err)
	}
	list := Refusals(err)
	if want := "create a: file exists (EEXIST)"; list[0].Error() != want {
		t.Errorf("got  %v\nwant %s", list[0], want)
	}
	if want := "create c: LINKINFO/INFO_DATA/VETH_INFO_PEER/IFNAME: "; !strings.HasPrefix(list[1].Error(), want) || list[1].Message == "" {
		t.Errorf("got %v, want the kernel's own words and where they point: %s...", list[1], want)
	}
	// rtnetlink has gone on after them.
	if l, err := Get(c, getLink("b"), newBenchLink); err != nil || l.Name != "b" || l.Info.Kind != "veth" {
		t.Errorf("got %+v, %v; want the link b", l, err)
	}
	if _, err := Get(c, getLink("x"), newBenchLink); !errors.Is(err, unix.ENODEV) {
		t.Errorf("got %v, want ENODEV", err)
	}
}

// A dump of many datagrams, and a group of more answers and bytes than a socket's buffers hold by default.
func TestKernelMany(t *testing.T) {
	t.Parallel()
	c := dialKernel(t)
	const n = 200
	var group []Request
	for i := range n {
		group = append(group, pair("d"+strconv.Itoa(i)))
	}
	if err := c.Do(group...); err != nil {
		t.Fatal(err)
	}
	links, err := Dump(c, getLink(""), newBenchLink)
	if err != nil {
		t.Fatal(err)
	}
	if len(links) < 2*n+1 { // and lo; kernels with tunnels built in make some more
		t.Errorf("the dump has %d links, want at least %d", len(links), 2*n+1)
	}
	group = group[:0]
	for range 4000 {
		group = append(group, pair("d0")) // which is there already
	}
	if list := Refusals(c.Do(group...)); len(list) != len(group) || !errors.Is(list[3999], unix.EEXIST) {
		t.Errorf("%d of %d are refused; the first: %v", len(list), len(group), list[0])
	}
}

func TestKernelListen(t *testing.T) {
	t.Parallel()
	var c, listener *Conn
	inFreshNamespace(t, func() (err error) {
		if c, err = Dial(Config{Protocol: linkProtocol}); err != nil {
			return err
		}
		listener, err = Dial(Config{Protocol: linkProtocol})
		return err
	})
	defer c.Close()
	if err := listener.Join(unix.RTNLGRP_LINK); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} { // twice: the first end by the context must not outlive it
		ctx, cancel := context.WithCancel(t.Context())
		if err := c.Do(pair(name)); err != nil {
			t.Fatal(err)
		}
		err := listener.Listen(ctx, func(h netlink.Header, body []byte) error {
			var l benchLink
			if err := benchLinkTable.Decode(body, &l); err != nil {
				return err
			}
			if uint16(h.Type) == newBenchLink.Type && l.Name == name {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want that it was cancelled when %s came", err, name)
		}
	}

	ended := make(chan error)
	go func() {
		ended <- listener.Listen(context.Background(), func(netlink.Header, []byte) error { return nil })
	}()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: got %v, want %v", err, os.ErrClosed)
	}
}

func TestKernelDoDoesNotAllocate(t *testing.T) {
	c := dialKernel(t)
	gone := delBenchLink.New(netlink.Acknowledge, &benchLink{Index: 1 << 20}, "delete what is not there")
	get := newBenchLink.New(netlink.Acknowledge, &benchLink{Index: 1}, "change nothing of lo")
	if err := c.Do(gone); !errors.Is(err, unix.ENODEV) {
		t.Fatalf("got %v, want ENODEV", err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := c.Do(get, get); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// BenchmarkKernelDo is one message that changes nothing, and its answer: the price of asking.
func BenchmarkKernelDo(b *testing.B) {
	c := dialKernel(b)
	get := newBenchLink.New(netlink.Acknowledge, &benchLink{Index: 1}, "change nothing of lo")
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Do(get); err != nil {
			b.Fatal(err)
		}
	}
}
