package nat_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	. "plumb/nat"
)

func TestAttachAndDetach(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	if err := attach(c, web()); err != nil {
		t.Fatal(err)
	}
	leases, err := c.Leases()
	if err != nil || len(leases) != 1 || leases[0] != web().Leases()[0] {
		t.Fatalf("leases %+v, %v; want %+v", leases, err, web().Leases())
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
	if err := attach(c, web()); err != nil {
		t.Fatal(err)
	}
	other, again := web(), web()
	other.Link, other.Comment.Name, again.Link = "pl-db", "db", "pl-again"
	for _, a := range []*Attachment{other, again} {
		err := attach(c, a)
		var leased *LeasedError
		if !errors.As(err, &leased) || !errors.Is(err, unix.EEXIST) || leased.Holder != web().Leases()[0] {
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
	a := both()
	if err := attach(c, a); err != nil {
		t.Fatal(err)
	}
	lease := a.Leases()[0]
	stale := lease
	stale.Comment.IfIndex++
	if removed, err := c.Reclaim(&stale); err != nil || removed {
		t.Errorf("the lease of an older link of that name: removed is %v, %v", removed, err)
	}
	if removed, err := c.Reclaim(&lease); err != nil || !removed {
		t.Errorf("the lease itself: removed is %v, %v", removed, err)
	}
	for _, set := range []string{"link", "lease4", "lease6", "member4", "member6", "internal", "isolate", "nohost", "police", "publish4", "publish6", "publish4h", "publish6h"} {
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
		first, n := netip.MustParseAddr(family.first), 0
		attach := func() (netip.Addr, error) {
			a := web()
			a.Link = fmt.Sprint("pl-", n)
			n++
			p := &a.IPv4
			if first.Is6() {
				a.IPv4, p = Place{}, &a.IPv6
			}
			*p = lowest(family.first, family.last, family.subnet)
			_, err := c.Attach(a)
			return p.Addr, err
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
		hole, err := c.Lease(first.Next())
		if err != nil {
			t.Fatal(err)
		}
		if removed, err := c.Reclaim(hole); err != nil || !removed {
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
	wide, keep := web(), web()
	keep.IPv4, keep.Link = at("10.1.0.2", "10.1.0.0/24"), "pl-keep"
	if err := attach(c, wide, keep); err != nil {
		t.Fatal(err)
	}
	narrow := web()
	narrow.IPv4, narrow.Link = at("10.0.0.5", "10.0.0.4/30"), "pl-narrow"
	var overlap *OverlapError
	if err := attach(c, narrow); !errors.As(err, &overlap) {
		t.Errorf("a subnet within one that is used: %v", err)
	}
	if _, err := c.Reclaim(&wide.Leases()[0]); err != nil {
		t.Fatal(err)
	}
	if err := attach(c, narrow); err != nil {
		t.Errorf("a subnet within one that nobody uses any more: %v", err)
	}
}

func TestForwardingIsGivenToTheLast(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	if err := c.Record(Record{Link: "eth0"}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a record without a lease: %v", err)
	}
	db := web()
	db.IPv4.Addr, db.Link = netip.MustParseAddr("10.0.0.3"), "pl-db"
	if err := attach(c, web(), db); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Record(Record{Link: "eth0"}, Record{Link: "eth1", IPv6: true, Was: "accept_ra=1"}); err != nil {
			t.Fatal(err)
		}
	}
	var switched []Record
	forwarding := func(records []Record, on bool) error {
		switched = append(switched, records...)
		if on {
			t.Error("switched on again, though nobody came in between")
		}
		return nil
	}
	if last, err := c.Detach(web(), forwarding); err != nil || last || switched != nil {
		t.Errorf("the first of two: last is %v, %v; switched %+v", last, err, switched)
	}
	want := []Record{{Link: "eth0"}, {Link: "eth1", IPv6: true, Was: "accept_ra=1"}}
	if last, err := c.Detach(db, forwarding); err != nil || !last || !slices.Equal(switched, want) {
		t.Errorf("the last: last is %v, %v; switched %+v", last, err, switched)
	}
}

func TestNewcomerKeepsForwarding(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	if err := attach(c, web()); err != nil {
		t.Fatal(err)
	}
	if err := c.Record(Record{Link: "eth0"}); err != nil {
		t.Fatal(err)
	}
	newcomer := web()
	newcomer.IPv4.Addr, newcomer.Link = netip.MustParseAddr("10.0.0.3"), "pl-new"
	state := true
	forwarding := func(_ []Record, on bool) error {
		if state = on; !on {
			return attach(c, newcomer) // in between the switch and the removal
		}
		return nil
	}
	if last, err := c.Detach(web(), forwarding); err != nil || last {
		t.Errorf("last is %v, %v", last, err)
	}
	if !state {
		t.Error("the newcomer has no forwarding")
	}
	if links, err := c.Records(); err != nil || !slices.Equal(links, []Record{{Link: "eth0"}}) {
		t.Errorf("the record is %+v, %v", links, err)
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

// What the table holds of an attachment is handed over in one batch: all comments, and what is published besides. A refusal changes nothing, and what is
// not there cannot be handed over.
func TestHandOver(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	publish := Publish{Proto: unix.IPPROTO_TCP, HostPort: 8080, Port: 80, Count: 1}
	other := web()
	other.Link, other.Comment.Name, other.IPv4, other.Publish = "pl-db", "db", at("10.0.0.7", "10.0.0.0/24"), []Publish{publish}
	a := web()
	a.IPv6 = at("fd70::2", "fd70::/64")
	if err := attach(c, a, other); err != nil {
		t.Fatal(err)
	}
	o := &HandOver{Attachment: *a}
	o.Comment.Name, o.Options, o.Publish = "next", Isolate, []Publish{publish}
	var published *PublishedError
	if err := c.HandOver(o); !errors.As(err, &published) || published.Name != "db" {
		t.Errorf("a port that is published already: %v", err)
	}
	if h, err := c.Holding(a.Link); err != nil || h.Comment.Name != a.Comment.Name || h.Comment.Options != 0 {
		t.Errorf("after the refusal: %+v, %v", h, err)
	}
	o.Publish[0].HostPort = 0
	if err := c.HandOver(o); err != nil || o.Publish[0].HostPort == 0 {
		t.Fatalf("hand over: %v; port %d", err, o.Publish[0].HostPort)
	}
	leases, err := c.Leases()
	if err != nil || len(leases) != 3 {
		t.Fatalf("%d leases, %v", len(leases), err)
	}
	for _, l := range leases {
		if l.Link == a.Link && (l.Comment.Name != "next" || l.Comment.IfIndex != a.Comment.IfIndex) {
			t.Errorf("a lease is %+v", l)
		}
	}
	for _, set := range []string{"member4", "member6", "isolate", "publish4"} {
		elements, err := c.Elements(NFPROTO_INET, TableName, set)
		if err != nil || !slices.ContainsFunc(elements, func(e Element) bool { return e.UserData.Comment() == "next" }) ||
			slices.ContainsFunc(elements, func(e Element) bool { return e.UserData.Comment() == a.Comment.Name }) {
			t.Errorf("%s: %+v, %v", set, elements, err)
		}
	}
	o.Publish = nil
	if _, err := c.Reclaim(&leases[slices.IndexFunc(leases, func(l Lease) bool { return l.Link == a.Link })]); err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{"isolate", "member6", "lease6"} { // it went with all that it was handed over with
		if elements, err := c.Elements(NFPROTO_INET, TableName, set); err != nil || len(elements) != 0 {
			t.Errorf("%s: %+v, %v", set, elements, err)
		}
	}
	if err := c.HandOver(o); !errors.Is(err, unix.ENOENT) {
		t.Errorf("what is not there: %v", err)
	}
}
