package container_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/test/lab"
)

// fabricate takes a lease, as another plumb would have so long ago.
func (w *town) fabricate(name, addr string, index uint32, ago time.Duration) {
	w.t.Helper()
	var now unix.Timespec
	must(w.t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &now))
	link, _ := container.HostLink(name)
	_, err := w.nat.Attach(&nat.Attachment{
		Link: link, Comment: nat.Comment{Name: name, IfIndex: index, Taken: time.Duration(now.Nano()) - ago},
		IPv4: nat.Place{Addr: netip.MustParseAddr(addr), Subnet: netip.MustParsePrefix("10.0.0.0/24")},
	})
	must(w.t, err)
}

// A lease without a link is of somebody who was killed, however short ago: its address can be had at once.
func TestStaleLease(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	for _, ago := range []time.Duration{0, 20 * time.Second} {
		w.fabricate("killed", "10.0.0.7", 4711, ago)
		_, a := w.attach(container.Network{Name: "given", Addr: netip.MustParseAddr("10.0.0.7")})
		if a.Addr.String() != "10.0.0.7/24" {
			t.Errorf("taken %s ago: got %s, want the stale 10.0.0.7", ago, a.Addr)
		}
		w.fabricate("killed", "10.0.0.2", 4711, ago)
		w.detach("given") // the last one out, which it would not be with what was left
		if _, err := w.nat.Table(nat.NFPROTO_INET, nat.TableName); !errors.Is(err, unix.ENOENT) {
			t.Errorf("taken %s ago: the table after the last one: %v", ago, err)
		}
	}
	// The index was given to another link meanwhile.
	w.fabricate("killed", "10.0.0.7", w.link(w.host, "uplink0").Index, 0)
	w.attach(container.Network{Name: "given", Addr: netip.MustParseAddr("10.0.0.7")})
}

// Many that were killed keep neither the table nor the forwarding, once the last one is out who lives.
func TestManyStaleLeases(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.attach(container.Network{Name: "web", Addr: netip.MustParseAddr("10.0.0.250")})
	w.attach(container.Network{Name: "db", Addr: netip.MustParseAddr("10.0.0.251")})
	for i := range 100 {
		w.fabricate(fmt.Sprint("killed", i), fmt.Sprintf("10.0.0.%d", i+10), uint32(4711+i), 0)
	}
	w.detach("db") // two leases are looked at in vain at most, so that all others are, too: first some, then all
	if leases, err := w.nat.Leases(); err != nil || len(leases) != 2 {
		t.Errorf("%d leases are left beside one container's two: %v", len(leases), err)
	}
	for i := range 100 {
		w.fabricate(fmt.Sprint("killed", i), fmt.Sprintf("10.0.0.%d", i+10), uint32(4711+i), 0)
	}
	w.detach("web")
	if _, err := w.nat.Table(nat.NFPROTO_INET, nat.TableName); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the table after the last one: %v", err)
	}
}

// A host end that somebody has renamed is detached by the container's name.
func TestDetachRenamed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.box("box")
	a, err := w.h.Attach(t.Context(), container.Network{Name: "web"}, box.NS())
	must(t, err)
	must(t, w.host.Rtnl().Do(rtnl.SetLink(&rtnl.Link{Index: a.HostIndex, Name: "zz"}, "")))
	if found, err := w.h.Detach("web"); err != nil || !found {
		t.Errorf("detach: found %v, %v", found, err)
	}
	if w.link(w.host, "zz") != nil {
		t.Error("the link is left")
	}
}

// A lease whose link does not say yet whose it is belongs to an attach under way, or, after 10 s, to one that was killed.
func TestHalfMadeHolder(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	addr := netip.MustParseAddr("10.0.0.7")
	w.halfMade("killed", w.box("old"), 4711)
	w.fabricate("killed", addr.String(), 4711, 0)
	if err := w.refused(container.Network{Name: "web", Addr: addr}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("an address that is being taken: %v", err)
	}
	w.detach("killed")
	w.halfMade("killed", w.box("older"), 4711)
	w.fabricate("killed", addr.String(), 4711, 11*time.Second)
	w.attach(container.Network{Name: "web", Addr: addr})
}

func TestAddressTaken(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.attach(container.Network{Name: "web"})
	start, stalled := time.Now(), lab.Stalled(t)
	err := w.refused(container.Network{Name: "other", Addr: netip.MustParseAddr("10.0.0.2")})
	if took := time.Since(start) - (lab.Stalled(t) - stalled); took > 900*time.Millisecond {
		t.Errorf("it took %s to be refused", took)
	}
	if want := "address 10.0.0.2 is leased to web (pl-web): detach it first, or give another address with --ip"; !errors.Is(err, unix.EEXIST) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFullSubnet(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	subnet := netip.MustParsePrefix("10.0.0.0/30")
	w.attach(container.Network{Name: "only", Subnet: subnet})
	err := w.refused(container.Network{Name: "more", Subnet: subnet})
	want := "subnet 10.0.0.0/30 is full (10.0.0.2 only): detach a container, or give a larger one with --subnet"
	if !errors.Is(err, unix.ENOSPC) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	// Full of what is stale is not full.
	w.detach("only")
	ns := holdOpen(t)
	_, err = w.h.Attach(t.Context(), container.Network{Name: "only", Subnet: subnet}, ns)
	must(t, err)
	must(t, ns.Close())
	w.waitGone()
	w.attach(container.Network{Name: "more", Subnet: subnet})
}

func TestFullErrorIsShort(t *testing.T) {
	t.Parallel()
	e := &container.FullError{Subnet: netip.MustParsePrefix("10.0.0.0/24")}
	for i := range 10 {
		e.Leases = append(e.Leases, nat.Lease{Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 2)}), Comment: nat.Comment{Name: fmt.Sprint("c", i)}})
	}
	if got := e.Error(); !strings.Contains(got, "10.0.0.9 c7, and 2 more)") {
		t.Error(got)
	}
}
