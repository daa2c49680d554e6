package nat_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	. "plumb/nat"
)

// numbered is the n-th container of 10.0.0.0/8.
func numbered(n int) *Attachment {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 10<<24|uint32(n)+2)
	return &Attachment{
		Link: fmt.Sprintf("pl-c%d", n), Comment: Comment{Name: fmt.Sprintf("c%d", n), IfIndex: uint32(n + 100), Taken: time.Minute},
		IPv4: Place{Addr: netip.AddrFrom4(b), Subnet: netip.MustParsePrefix("10.0.0.0/8")},
	}
}

// populate attaches n containers, so that the benchmarked one is the n+1st.
func populate(b testing.TB, c *Conn, n int) {
	b.Helper()
	for i := range n {
		if err := attach(c, numbered(i)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAttach is one attach with the address given, the table standing and n containers there, without its detach.
func BenchmarkAttach(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkAttach(b, n, attachOne) })
	}
}

// BenchmarkAttachLowest is the same with the address found.
func BenchmarkAttachLowest(b *testing.B) {
	lowest := func(c *Conn, a *Attachment) error {
		a.IPv4 = lowest("10.0.0.2", "10.0.255.254", "10.0.0.0/8")
		return attachOne(c, a)
	}
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkAttach(b, n, lowest) })
	}
}

func attachOne(c *Conn, a *Attachment) error { return attach(c, a) }

func benchmarkAttach(b *testing.B, n int, attach func(*Conn, *Attachment) error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := newConn(b)
	populate(b, c, n)
	a := numbered(n)
	b.ReportAllocs()
	for b.Loop() {
		if err := attach(c, a); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if _, err := c.Reclaim(&a.Leases()[0]); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkDetach is one detach that is not the last.
func BenchmarkDetach(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := newConn(b)
	populate(b, c, 1)
	a := numbered(1)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if err := attach(c, a); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := c.Detach(a, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirst is the first attach, which makes the table.
func BenchmarkFirst(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := newConn(b)
	a := numbered(0)
	b.ReportAllocs()
	for b.Loop() {
		if err := attach(c, a); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if last, err := c.Detach(a, nil); err != nil || !last {
			b.Fatal(last, err)
		}
		b.StartTimer()
	}
}

// BenchmarkTaken is an attach to an address that is taken: a batch that is undone.
func BenchmarkTaken(b *testing.B) {
	c := newConn(b)
	populate(b, c, 1)
	a := numbered(0)
	for b.Loop() {
		if err := attach(c, a); err == nil {
			b.Fatal("attached twice")
		}
	}
}

// BenchmarkEncodeAttach is what one attach costs before the kernel sees it.
func BenchmarkEncodeAttach(b *testing.B) {
	a := numbered(0)
	b.ReportAllocs()
	for b.Loop() {
		requests := AttachRequests(a)
		for i := range requests {
			if _, err := requests[i].Encode(1); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkEncodeTable is what making the table costs before the kernel sees it.
func BenchmarkEncodeTable(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range CreateRequests() {
			if _, err := r.Encode(1); err != nil {
				b.Fatal(err)
			}
		}
	}
}
