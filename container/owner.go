package container

import (
	"errors"
	"fmt"
	"net/netip"

	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Who flushes the ruleset takes the leases, but not the routes. So of two host ends that were given the same address, one before a flush and one after
// it, the kernel says in the end which has it: it keeps to the route that came first. Of two alike it refuses the second in IPv6, and never uses it in
// IPv4 (fib_table_insert with NLM_F_APPEND, net/ipv4/fib_trie.c). The other's attach begins again.

// routedTo is the index of the link that an address is reached by, or 0.
func (h *Host) routedTo(addr netip.Addr) uint32 {
	r, err := h.rtnl.RouteTo(addr)
	if err != nil {
		return 0
	}
	return r.Out
}

// otherOwner finds the host end that an address is reached by, where it is not that of this index, or nil.
func (h *Host) otherOwner(addr netip.Addr, index uint32) (*rtnl.Link, error) {
	out := h.routedTo(addr)
	if out == 0 || out == index {
		return nil, nil
	}
	link, err := h.rtnl.LinkByIndex(out)
	if errors.Is(err, unix.ENODEV) || err == nil && !isHostEnd(link) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look whose the route to %s is: %w", addr, err)
	}
	return link, nil
}

// setRoutes sends what sets the host's end up, of which the message at route6 makes the route of IPv6, or is -1, and sees that the container's addresses are
// reached by it. What one left behind who is gone is put away.
func (a *attacher) setRoutes(requests []wire.Request, route6 int) error {
	var way rtnl.Route
	asked := -1
	if a.Addr.IsValid() && !a.classic {
		asked = len(requests)
		requests = append(requests, rtnl.AskRouteTo(a.Addr.Addr(), &way))
	}
	err := a.host.rtnl.Do(requests...)
	refusals := wire.Refusals(err)
	if refusals == nil && err != nil {
		return err
	}
	taken6 := false
	for _, e := range refusals {
		switch {
		case e.Index == asked: // a rule of the host's leads elsewhere
		case e.Index == route6 && errors.Is(e, unix.EEXIST):
			taken6 = true
		case !errors.Is(e, unix.EAFNOSUPPORT): // see first
			return e
		}
	}
	if !taken6 && (way.Out == 0 || way.Out == a.HostIndex || a.host.plans) {
		return nil
	}
	if err := a.putAway(); err != nil || !taken6 {
		return err
	}
	return a.host.rtnl.Do(rtnl.ReplaceRoute(hostRoute6(a.HostIndex, a.Addr6.Addr()), "reach "+a.Addr6.Addr().String()+" by "+a.HostLink))
}

// putAway takes the container's addresses from whoever has them and does not stand any more. Where one stands: errLost.
func (a *attacher) putAway() error {
	for _, addr := range a.addrs() {
		other, err := a.host.otherOwner(addr, a.HostIndex)
		if err != nil {
			return err
		}
		if other == nil {
			continue
		}
		stands, err := a.host.standing(other)
		if err != nil {
			return err
		}
		if stands && !dying(other) && !going(other) {
			return fmt.Errorf("%w: %s is reached by %s", errLost, addr, other.Name)
		}
		if err := a.host.withdraw(other); err != nil {
			return err
		}
	}
	return nil
}

// hostRoute6 is the host's route to a container's IPv6 address, by its host end.
func hostRoute6(hostIndex uint32, addr netip.Addr) *rtnl.Route {
	return rtnl.OnLink(hostIndex, netip.PrefixFrom(addr, addr.BitLen()))
}

// inTheWay is the error of the repair of a link that lacks what another has in the table (EEXIST), or nil where it is none: the link is being taken down,
// or its attach begins again.
func (h *Host) inTheWay(link *rtnl.Link, id *identity, refused error) error {
	if stands, err := h.standing(link); err != nil || !stands {
		return err
	}
	for _, addr := range id.addrs() {
		if other, err := h.otherOwner(addr, link.Index); err != nil || other != nil {
			return err
		}
	}
	return refused
}
