package nat_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	. "plumb/nat"
	"plumb/test/lab"
)

// firstRun is the first run of addresses of the usual subnet.
func firstRun() []netip.Addr { return addrsFrom(netip.MustParseAddr("10.0.0.2"), 16) }

func addrsFrom(a netip.Addr, n int) []netip.Addr {
	var all []netip.Addr
	for ; len(all) < n; a = a.Next() {
		all = append(all, a)
	}
	return all
}

// TestLowestFreeAlways attaches and gives back at random, and compares each address with the lowest that is free.
func TestLowestFreeAlways(t *testing.T) {
	t.Parallel()
	for _, family := range []struct{ subnet, first, last string }{
		{"10.0.0.0/24", "10.0.0.2", "10.0.0.254"},
		{"10.0.0.0/24", "10.0.0.33", "10.0.0.130"}, // not a multiple of runs
		{"10.0.0.0/24", "10.0.0.9", "10.0.0.11"},   // less than a run
		{"fd70::/64", "fd70::ffe1", "fd70::1:90"},
		{"fd70::/64", "fd70::ffff:ffff:ffff:fff0", "fd70::ffff:ffff:ffff:ffff"},
	} {
		t.Run(family.first, func(t *testing.T) {
			t.Parallel()
			c := newConn(t)
			subnet := netip.MustParsePrefix(family.subnet)
			first, last := netip.MustParseAddr(family.first), netip.MustParseAddr(family.last)
			var held []netip.Addr // in order
			for step := range 700 {
				// It fills up, empties, and so on.
				if rand.IntN(10) < 7 == (step/300%2 == 0) || len(held) == 0 {
					want := first
					for _, a := range held {
						if a == want {
							want = want.Next()
						}
					}
					a := web()
					a.Link = fmt.Sprint("pl-", step)
					p := &a.IPv4
					if first.Is6() {
						a.IPv4, p = Place{}, &a.IPv6
					}
					*p = Place{First: first, Last: last, Subnet: subnet}
					_, err := c.Attach(a)
					if !want.IsValid() || last.Less(want) {
						if !errors.Is(err, ErrNoAddress) {
							t.Fatalf("step %d: all are taken, and got %s, %v", step, p.Addr, err)
						}
						continue
					}
					if err != nil || p.Addr != want {
						t.Fatalf("step %d: got %s, %v; want %s", step, p.Addr, err, want)
					}
					i, _ := slices.BinarySearchFunc(held, want, netip.Addr.Compare)
					held = slices.Insert(held, i, want)
				} else {
					i := rand.IntN(len(held))
					l, err := c.Lease(held[i])
					if err != nil {
						t.Fatal(err)
					}
					if removed, err := c.Reclaim(l); err != nil || !removed {
						t.Fatalf("step %d: give %s back: %v, %v", step, l.Addr, removed, err)
					}
					held = slices.Delete(held, i, i+1)
				}
			}
		})
	}
}

// TestMarksAreRight lets many attach and give back at once, and then sees that every run which is marked full is full.
func TestMarksAreRight(t *testing.T) {
	t.Parallel()
	host := lab.NewNS(t)
	first, last := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.254")
	var wg sync.WaitGroup
	for n := range 8 {
		c := dialIn(t, host)
		wg.Go(func() {
			var held []Lease
			for round := range 60 {
				if len(held) < 20 && (round < 20 || rand.IntN(2) == 0) {
					a := web()
					a.Link = fmt.Sprintf("pl-%d-%d", n, round)
					a.IPv4 = Place{First: first, Last: last, Subnet: a.IPv4.Subnet}
					if err := attach(c, a); err != nil {
						t.Errorf("attach: %v", err)
						return
					}
					held = append(held, a.Leases()[0])
					continue
				}
				i := rand.IntN(len(held))
				if removed, err := c.Reclaim(&held[i]); err != nil || !removed {
					t.Errorf("give %s back: %v, %v", held[i].Addr, removed, err)
					return
				}
				held = slices.Delete(held, i, i+1)
			}
		})
	}
	wg.Wait()
	c := dialIn(t, host)
	marks, err := c.Marks(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range marks {
		if n, err := c.LeasedOf(addrsFrom(m, 16)); err != nil || n != 16 {
			t.Errorf("of the run from %s, which is marked full, %d addresses are leased: %v", m, n, err)
		}
	}
	t.Logf("marked at the end: %v", marks)
}

// TestMarks follows a mark through its life.
func TestMarks(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	first, last := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.254")
	n := 0
	numbered := func() *Attachment {
		a := web()
		a.Link = fmt.Sprint("pl-", n)
		n++
		a.IPv4 = Place{First: first, Last: last, Subnet: a.IPv4.Subnet}
		return a
	}
	next := func() netip.Addr {
		t.Helper()
		a := numbered()
		if _, err := c.Attach(a); err != nil {
			t.Fatal(err)
		}
		return a.IPv4.Addr
	}
	marked := func(want ...netip.Addr) {
		t.Helper()
		if got, err := c.Marks(first); err != nil || !slices.Equal(got, want) {
			t.Fatalf("marked are %v, %v; want %v", got, err, want)
		}
	}
	for range 16 {
		next()
	}
	marked()
	next() // finds the first run full
	marked(first)
	hole, err := c.Lease(first.Next())
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := c.Reclaim(hole); err != nil || !removed {
		t.Fatal(removed, err)
	}
	marked()
	if got := next(); got != hole.Addr {
		t.Fatalf("got %s, want the hole at %s", got, hole.Addr)
	}
	next()
	marked(first)
	// A lease that was removed by hand, below a mark, is found when nothing else is free.
	by := &ElementList{Header: Header{Family: NFPROTO_INET}, Table: TableName, Set: "lease4", Elements: []Element{{Key: &Data{Value: hole.Addr.AsSlice()}}}}
	if err := c.Batch(DelElements(by)); err != nil {
		t.Fatal(err)
	}
	last = netip.MustParseAddr("10.0.0.19") // all up to it are leased
	if got := next(); got != hole.Addr {
		t.Fatalf("got %s, want %s", got, hole.Addr)
	}
	if _, err := c.Attach(numbered()); !errors.Is(err, ErrNoAddress) {
		t.Errorf("with all taken: %v", err)
	}
}

// TestTableWithoutMarks attaches to a table that has no set for them, as an older plumb made it.
func TestTableWithoutMarks(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	first, last := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.254")
	if err := attach(c, web()); err != nil {
		t.Fatal(err)
	}
	if err := c.Batch(DelSet(&Set{Header: Header{Family: NFPROTO_INET}, Table: TableName, Name: "full4"}, 0)); err != nil {
		t.Fatal(err)
	}
	want := web().IPv4.Addr
	for i := range 70 {
		a := web()
		a.Link = fmt.Sprint("pl-", i)
		a.IPv4 = Place{First: first, Last: last, Subnet: a.IPv4.Subnet}
		want = want.Next()
		if _, err := c.Attach(a); err != nil || a.IPv4.Addr != want {
			t.Fatalf("got %s, %v; want %s", a.IPv4.Addr, err, want)
		}
	}
	if _, err := c.Marks(first); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the marks: %v", err)
	}
	lease := web().Leases()[0]
	if removed, err := c.Reclaim(&lease); err != nil || !removed {
		t.Errorf("give it back: %v, %v", removed, err)
	}
}
