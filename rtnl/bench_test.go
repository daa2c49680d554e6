package rtnl_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"

	"golang.org/x/sys/unix"
)

func BenchmarkEncodePair(b *testing.B) {
	w := pureWorld()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rtnl.NewLink(pair(w), "").Encode(1); err != nil {
			b.Fatal(err)
		}
	}
}

// hostSide and insideSide are what a container's network takes.
func hostSide(w *world) []wire.Request {
	return []wire.Request{
		rtnl.NewLink(pair(w), "create pl-web"),
		rtnl.NewAddr(rtnl.PeerAddrOf(hostEnd, gateway, address, 0), "give pl-web its address"),
	}
}

func insideSide() []wire.Request {
	return []wire.Request{
		rtnl.SetUp(1, "set lo up"),
		rtnl.SetUp(eth0, "set eth0 up"),
		rtnl.NewAddr(rtnl.AddrOf(eth0, netip.PrefixFrom(address, 24), unix.IFA_F_NOPREFIXROUTE), "give eth0 its address"),
		rtnl.NewRoute(rtnl.OnLink(eth0, netip.PrefixFrom(gateway, 32)), "reach the gateway"),
		rtnl.NewRoute(rtnl.Via(eth0, rtnl.Default(gateway), gateway), "default route"),
	}
}

// BenchmarkNetwork makes a container's network, in turn through rtnl and from prebuilt bytes by system calls alone, the
// floor. It reports the medians of both in µs, and their ratio, which is the price of rtnl and wire:
//
//	go test -run - -bench Network -benchtime 300x ./rtnl
//
// The host's sockets stay open; the container's is opened each time, as for a container that is new. Both
// namespaces stay, and what was made is removed outside of the times.
func BenchmarkNetwork(b *testing.B) {
	w := newWorld(b)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Current()
	if err != nil {
		b.Fatal(err)
	}
	defer home.Close()
	floor := newRawNetwork(b, w, home)
	through := func() {
		check(b, w.conn.Do(hostSide(w)...))
		check(b, w.inside.Enter())
		brief, err := wire.Brief(unix.NETLINK_ROUTE) // as package container does
		check(b, err)
		c, err := rtnl.Dial(wire.Config{Transport: brief})
		check(b, err)
		check(b, home.Enter())
		check(b, c.Do(insideSide()...))
		check(b, c.Close())
	}
	var floorTimes, rtnlTimes []time.Duration
	measure := func(times *[]time.Duration, f func()) {
		start := time.Now()
		f()
		*times = append(*times, time.Since(start))
		check(b, w.conn.Do(rtnl.DelLink(&rtnl.Link{Index: hostEnd}, "remove pl-web")))
		check(b, w.peerConn.Do(rtnl.SetDown(1, "set lo down")))
	}
	measure(&rtnlTimes, through)
	rtnlTimes = nil // that was to warm up
	for i := range b.N {
		if i%2 == 0 {
			measure(&floorTimes, floor.make)
			measure(&rtnlTimes, through)
		} else {
			measure(&rtnlTimes, through)
			measure(&floorTimes, floor.make)
		}
	}
	f, r := lab.Microseconds(lab.Median(floorTimes)), lab.Microseconds(lab.Median(rtnlTimes))
	b.ReportMetric(0, "ns/op") // it would hold the removal
	b.ReportMetric(f, "floor-µs")
	b.ReportMetric(r, "rtnl-µs")
	b.ReportMetric(r/f, "x-floor")
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

// A rawNetwork is the floor: two datagrams that were built beforehand, each with one acknowledgement, blocking
// sockets, and nothing between them and the kernel.
type rawNetwork struct {
	b                   *testing.B
	host, inside        []byte
	socket              int
	homeNS, containerNS int
	answer              [4096]byte
}

func newRawNetwork(b *testing.B, w *world, home *netns.NS) *rawNetwork {
	n := &rawNetwork{
		b: b, host: datagram(b, hostSide(w)), inside: datagram(b, insideSide()),
		homeNS: home.FD(), containerNS: w.inside.FD(),
	}
	check(b, w.host.Enter())
	n.socket = n.open()
	check(b, home.Enter())
	b.Cleanup(func() { unix.Close(n.socket) })
	return n
}

// datagram encodes requests, of which only the last asks for an acknowledgement.
func datagram(b *testing.B, requests []wire.Request) []byte {
	var d []byte
	for i, r := range requests {
		if i < len(requests)-1 {
			r.Flags &^= unix.NLM_F_ACK
		}
		m, err := r.Encode(uint32(i + 1))
		check(b, err)
		d = append(d, m...)
	}
	return d
}

func (n *rawNetwork) make() {
	n.ask(n.socket, n.host)
	check(n.b, unix.Setns(n.containerNS, unix.CLONE_NEWNET))
	fd := n.open()
	check(n.b, unix.Setns(n.homeNS, unix.CLONE_NEWNET))
	n.ask(fd, n.inside)
	check(n.b, unix.Close(fd))
}

func (n *rawNetwork) open() int {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	check(n.b, err)
	return fd
}

func (n *rawNetwork) ask(fd int, b []byte) {
	check(n.b, unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	got, _, err := unix.Recvfrom(fd, n.answer[:], 0)
	check(n.b, err)
	if code := int32(binary.NativeEndian.Uint32(n.answer[16:])); got < 20 || code != 0 {
		n.b.Fatalf("the kernel answered %d", code)
	}
}
