package nat_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	. "plumb/nat"
)

func TestAttachAndDetach(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	if err := c.Attach(web()); err != nil {
		t.Fatal(err)
	}
	leases, err := c.Leases()
	if err != nil || len(leases) != 1 || leases[0] != web().Lease {
		t.Fatalf("leases %+v, %v; want %+v", leases, err, web().Lease)
	}
	last, err := c.Detach(web(), nil)
	if err != nil || !last {
		t.Fatalf("detach of the only one: last is %v, %v", last, err)
	}
	if tables, err := c.Tables(NFPROTO_UNSPEC); err != nil || len(tables) != 0 {
		t.Errorf("after the last one the tables are %+v, %v", tables, err)
	}
	if last, err := c.Detach(web(), nil); err != nil || last {
		t.Errorf("a second detach: last is %v, %v", last, err)
	}
}

func TestTakenAddress(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	if err := c.Attach(web()); err != nil {
		t.Fatal(err)
	}
	other := web()
	other.Link, other.Comment.Name = "pl-db", "db"
	for _, a := range []*Attachment{other, web()} {
		err := c.Attach(a)
		var leased *LeasedError
		if !errors.As(err, &leased) || !errors.Is(err, unix.EEXIST) || leased.Holder != web().Lease {
			t.Errorf("attach %s to an address that is taken: %v (%+v)", a.Link, err, leased)
		}
	}
	members, err := c.Elements(NFPROTO_INET, TableName, "member4")
	if err != nil || len(members) != 1 {
		t.Errorf("a refused attach left its membership: %d members, %v", len(members), err)
	}
}

func TestReclaimTakesOnlyTheSameLease(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	a := web()
	a.Internal = true
	if err := c.Attach(a); err != nil {
		t.Fatal(err)
	}
	stale := a.Lease
	stale.Comment.IfIndex++
	if removed, err := c.Reclaim(&stale); err != nil || removed {
		t.Errorf("the lease of an older link of that name: removed is %v, %v", removed, err)
	}
	if removed, err := c.Reclaim(&a.Lease); err != nil || !removed {
		t.Errorf("the lease itself: removed is %v, %v", removed, err)
	}
	for _, set := range []string{"lease4", "member4", "internal4"} {
		if es, err := c.Elements(NFPROTO_INET, TableName, set); err != nil || len(es) != 0 {
			t.Errorf("%s still has %d elements, %v", set, len(es), err)
		}
	}
	if removed, err := c.Leave(nil); err != nil || !removed {
		t.Errorf("leave: removed is %v, %v", removed, err)
	}
}

func TestLowestFreeAddress(t *testing.T) {
	t.Parallel()
	for _, family := range []struct{ subnet, first, last string }{
		{"10.0.0.0/29", "10.0.0.2", "10.0.0.6"},
		{"fd70::/64", "fd70::fffe", "fd70::1:2"},
	} {
		c := newConn(t)
		first, last := netip.MustParseAddr(family.first), netip.MustParseAddr(family.last)
		attach := func() (netip.Addr, error) {
			a := web()
			a.Subnet = netip.MustParsePrefix(family.subnet)
			err := c.AttachLowest(a, first, last)
			return a.Addr, err
		}
		want := first
		for range 5 {
			got, err := attach()
			if err != nil || got != want {
				t.Fatalf("got %s, %v; want %s", got, err, want)
			}
			want = want.Next()
		}
		if _, err := attach(); !errors.Is(err, ErrNoAddress) {
			t.Errorf("with all taken: %v", err)
		}
		hole := web().Lease
		hole.Addr = first.Next()
		if removed, err := c.Reclaim(&hole); err != nil || !removed {
			t.Fatal(removed, err)
		}
		if got, err := attach(); err != nil || got != hole.Addr {
			t.Errorf("got %s, %v; want the hole at %s", got, err, hole.Addr)
		}
	}
}

func TestOverlappingSubnets(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	wide := web()
	wide.Internal = true
	keep := web()
	keep.Addr, keep.Subnet, keep.Link = netip.MustParseAddr("10.1.0.2"), netip.MustParsePrefix("10.1.0.0/24"), "pl-keep"
	if err := c.Attach(wide, keep); err != nil {
		t.Fatal(err)
	}
	narrow := web()
	narrow.Addr, narrow.Subnet, narrow.Link = netip.MustParseAddr("10.0.0.5"), netip.MustParsePrefix("10.0.0.4/30"), "pl-narrow"
	var overlap *OverlapError
	if err := c.Attach(narrow); !errors.As(err, &overlap) {
		t.Errorf("a subnet within one that is used: %v", err)
	}
	if _, err := c.Reclaim(&wide.Lease); err != nil {
		t.Fatal(err)
	}
	narrow.Internal = true
	if err := c.Attach(narrow); err != nil {
		t.Errorf("a subnet within one that nobody uses any more: %v", err)
	}
}

func TestForwardingIsGivenToTheLast(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	if err := c.RecordForwarding("eth0"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a record without a lease: %v", err)
	}
	db := web()
	db.Addr, db.Link = netip.MustParseAddr("10.0.0.3"), "pl-db"
	if err := c.Attach(web(), db); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.RecordForwarding("eth0", "eth1"); err != nil {
			t.Fatal(err)
		}
	}
	var switched []string
	forwarding := func(links []string, on bool) error {
		slices.Sort(links)
		switched = append(switched, links...)
		if on {
			t.Error("switched on again, though nobody came in between")
		}
		return nil
	}
	if last, err := c.Detach(web(), forwarding); err != nil || last || switched != nil {
		t.Errorf("the first of two: last is %v, %v; switched %q", last, err, switched)
	}
	if last, err := c.Detach(db, forwarding); err != nil || !last || !slices.Equal(switched, []string{"eth0", "eth1"}) {
		t.Errorf("the last: last is %v, %v; switched %q", last, err, switched)
	}
}

func TestNewcomerKeepsForwarding(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	if err := c.Attach(web()); err != nil {
		t.Fatal(err)
	}
	if err := c.RecordForwarding("eth0"); err != nil {
		t.Fatal(err)
	}
	newcomer := web()
	newcomer.Addr, newcomer.Link = netip.MustParseAddr("10.0.0.3"), "pl-new"
	state := true
	forwarding := func(_ []string, on bool) error {
		if state = on; !on {
			return c.Attach(newcomer) // in between the switch and the removal
		}
		return nil
	}
	if last, err := c.Detach(web(), forwarding); err != nil || last {
		t.Errorf("last is %v, %v", last, err)
	}
	if !state {
		t.Error("the newcomer has no forwarding")
	}
	if links, err := c.Forwarding(); err != nil || !slices.Equal(links, []string{"eth0"}) {
		t.Errorf("the record is %q, %v", links, err)
	}
}

func TestStaleBatchIsRefused(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	gen, err := c.GenID()
	if err != nil {
		t.Fatal(err)
	}
	table := &Table{Header: Header{Family: NFPROTO_INET}, Name: "x"}
	if err := c.Batch(NewTable(table, 0)); err != nil {
		t.Fatal(err)
	}
	err = c.BatchAt(gen, DelTable(table))
	if !errors.Is(err, ErrStale) || !errors.Is(err, unix.ERESTART) {
		t.Errorf("a batch at an old generation: %v", err)
	}
}
