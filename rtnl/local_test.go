package rtnl_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"

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
	dial := func() (*Conn, error) {
		return netns.Open(ns, func() (*Conn, error) { return Dial(wire.Config{}) })
	}
	c, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Do(SetUp(1, "set lo up")); err != nil {
		t.Fatal(err)
	}
	listened := 0
	listen := func() (*Conn, error) {
		listened++
		return dial()
	}
	for i := range 500 {
		addr := netip.MustParseAddr(fmt.Sprintf("fd00::%x", i+1))
		if err := c.Do(NewAddr(AddrOf(1, netip.PrefixFrom(addr, 128), unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE), "")); err != nil {
			t.Fatal(err)
		}
		if err := AwaitLocal(t.Context(), c, addr, listen); err != nil {
			t.Fatal(err)
		}
		if r, err := c.RouteTo(addr); err != nil || r.Type != unix.RTN_LOCAL {
			t.Fatalf("the route to %s is %+v, %v", addr, r, err)
		}
	}
	t.Logf("of 500 addresses %d were late", listened)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := AwaitLocal(ctx, c, netip.MustParseAddr("fd01::1"), listen); !errors.Is(err, context.Canceled) {
		t.Errorf("for nobody's address: %v", err)
	}
}
