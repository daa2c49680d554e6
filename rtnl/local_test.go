package rtnl_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	. "plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// After AwaitLocal each address receives, however busy the worker of the kernel is; for an address that nobody has it waits until ctx ends.
func TestAwaitLocal(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	dial := func(brief bool) *Conn {
		c, err := netns.Open(ns, func() (_ *Conn, err error) {
			var config wire.Config
			if brief {
				if config.Transport, err = wire.Brief(unix.NETLINK_ROUTE); err != nil {
					return nil, err
				}
			}
			return Dial(config)
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := dial(false)
	defer c.Close()
	if err := c.Do(SetUp(1, "set lo up")); err != nil {
		t.Fatal(err)
	}
	late := 0
	for i := range 500 {
		addr := netip.MustParseAddr(fmt.Sprintf("fd00::%x", i+1))
		waiting := dial(i%2 == 0)
		if err := c.Do(NewAddr(AddrOf(1, netip.PrefixFrom(addr, 128), unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE), "")); err != nil {
			t.Fatal(err)
		}
		if r, err := c.RouteTo(addr); err != nil || r.Type != unix.RTN_LOCAL {
			late++
		}
		if err := AwaitLocal(t.Context(), c, waiting, addr); err != nil {
			t.Fatal(err)
		}
		waiting.Close()
		if r, err := c.RouteTo(addr); err != nil || r.Type != unix.RTN_LOCAL {
			t.Fatalf("the route to %s is %+v, %v", addr, r, err)
		}
	}
	t.Logf("of 500 addresses %d were late", late)
	for _, brief := range []bool{false, true} {
		waiting := dial(brief)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := AwaitLocal(ctx, c, waiting, netip.MustParseAddr("fd01::1")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("for nobody's address: %v", err)
		}
		cancel()
		waiting.Close()
	}
}

// What is sent to an address that has a route of LocalFor's is the namespace's own, without any worker: here there is not even such an address. The kernel means to
// take it away again.
func TestLocalFor(t *testing.T) {
	t.Parallel()
	c := dialIn(t, lab.NewNS(t), wire.Config{})
	addr := netip.MustParseAddr("fd00::1")
	if err := c.Do(SetUp(1, "set lo up")); err != nil {
		t.Fatal(err)
	}
	if r, err := c.RouteTo(addr); err == nil {
		t.Fatalf("before: %+v", r)
	}
	var r Route
	if err := c.Do(NewRoute(LocalFor(10, 1, addr), "receive"), AskRouteTo(addr, &r)); err != nil {
		t.Fatal(err)
	}
	if r.Type != unix.RTN_LOCAL || r.Dst != addr || r.Table != unix.RT_TABLE_LOCAL || r.CacheInfo == nil || r.CacheInfo.Expires <= 0 {
		t.Errorf("got %+v, %+v", r, r.CacheInfo)
	}
}
