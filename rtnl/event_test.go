package rtnl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"plumb/rtnl"
	"plumb/rtnl/wire"
)

var errSeenAll = errors.New("all events have been seen")

// describe is an event as the test below expects it.
func describe(e rtnl.Event) string {
	sign := "+"
	if e.Deleted {
		sign = "-"
	}
	switch {
	case e.Link != nil:
		return sign + "link " + e.Link.Name
	case e.Addr != nil:
		return sign + "addr " + e.Addr.Address.String()
	case e.Route != nil:
		return fmt.Sprintf("%sroute %s table %d", sign, e.Route.Destination(), e.Route.Table)
	case e.Neigh != nil:
		return sign + "neigh " + e.Neigh.Address.String()
	case e.Rule != nil:
		return fmt.Sprintf("%srule %d", sign, e.Rule.Priority)
	}
	return "nothing"
}

// The kernel tells of everything that is made and removed, in order.
func TestEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	events := dialIn(t, w.host, wire.Config{})
	if err := events.Subscribe(rtnl.GroupLink, rtnl.GroupIPv4Addr, rtnl.GroupIPv6Addr, rtnl.GroupIPv4Route, rtnl.GroupIPv6Route,
		rtnl.GroupNeigh, rtnl.GroupIPv4Rule, rtnl.GroupIPv6Rule); err != nil {
		t.Fatal(err)
	}
	// The other end has to be up for the routes to stay.
	for _, m := range messages() {
		switch m.name {
		case "link-pair", "link-up", "addr-peer", "addr-peer6", "neigh-permanent", "rule-from":
			w.send(t, m)
		}
	}
	// An IPv6 address is announced by a work queue, once it can be used: removed before, it is never announced.
	wantEvents(t, events, []string{
		"+link pl-web", "+addr 10.0.0.2", "+route 10.0.0.2/32 table 254", "+addr fd00::2", "+neigh 10.0.0.2", "+rule 77",
	})
	remove := []wire.Request{
		rtnl.DelRule(rtnl.RuleFrom(prefix("10.0.0.0/24"), 1000, 77), "remove the rule"),
		rtnl.DelAddr(rtnl.PeerAddrOf(hostEnd, gateway, address, 0), "remove the address"),
		rtnl.DelLink(&rtnl.Link{Index: hostEnd}, "remove the pair"),
	}
	if err := w.conn.Do(remove...); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, events, []string{
		"-rule 77", "-route 10.0.0.2/32 table 254", "-addr 10.0.0.2", "-addr fd00::2", "-neigh 10.0.0.2", "-link pl-web",
	})
}

// wantEvents waits until each of want has come; their order is the kernel's own business where it is two subsystems'.
func wantEvents(t *testing.T, c *rtnl.Conn, want []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got []string
	err := c.Events(ctx, func(e rtnl.Event) error {
		got = append(got, describe(e))
		if i := slices.Index(want, describe(e)); i >= 0 {
			want = slices.Delete(want, i, i+1)
		}
		if len(want) == 0 {
			return errSeenAll
		}
		return nil
	})
	if !errors.Is(err, errSeenAll) {
		t.Errorf("%v; not seen: %q among %q", err, want, got)
	}
}

// Events ends when its context does.
func TestEventsEnd(t *testing.T) {
	t.Parallel()
	_, c := newHost(t, "host")
	if err := c.Subscribe(rtnl.GroupLink); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.Events(ctx, func(e rtnl.Event) error { return fmt.Errorf("an event: %s", describe(e)) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}
