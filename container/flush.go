package container

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sort"

	"plumb/nat"

	"golang.org/x/sys/unix"
)

// flush makes connection tracking forget what it knows of a container's addresses, and of the UDP ports that it publishes: entries of
// before would take datagrams past the rules, or to whoever had the address then, for as long as a client keeps on
// sending. What cannot be flushed is told, and is no failure.
//
// It has to be done before the addresses are somebody's who sends, or it would cut his connections. Where there are connections over IPv6 it takes
// 10 ms, however few they are (nat.Conn.FlushConnections).
func (h *Host) flush(addrs []netip.Addr, publish []Publish) {
	if len(addrs)+len(publish) == 0 {
		return
	}
	// Where there are no connections the host's addresses, of which each container has brought two, need not be listed.
	if n, err := h.nat.CountConnections(); err == nil && n == 0 {
		return
	}
	flows, err := h.publishedFlows(publish)
	for _, a := range addrs {
		flows = append(flows, nat.Flow{Addr: a})
	}
	h.flushFlows(flows, err)
}

// flushUntranslated makes it forget what began while the rules of these containers were not there, and what would never be translated. Others
// of their connections go on.
func (h *Host) flushUntranslated(ids []identity) {
	var flows []nat.Flow
	var errs []error
	for i := range ids {
		published, err := h.publishedFlows(ids[i].publish)
		flows, errs = append(flows, published...), append(errs, err)
		for _, p := range []netip.Prefix{ids[i].addr, ids[i].addr6} {
			if p.IsValid() {
				flows = append(flows, nat.Flow{Addr: p.Addr(), Subnet: p.Masked()})
			}
		}
	}
	for i := range flows {
		flows[i].Untranslated = true
	}
	h.flushFlows(flows, errors.Join(errs...))
}

// flushFlows flushes, unless the flows could not be found.
func (h *Host) flushFlows(flows []nat.Flow, err error) {
	if err == nil && len(flows) > 0 {
		err = h.nat.FlushConnections(flows...)
	}
	tell := func() { h.notice("old connections of containers may go on: " + err.Error()) }
	switch {
	case errors.Is(err, nat.ErrNoTracking):
		h.untracked.Do(tell) // it will be so each time
	case err != nil && !errors.Is(err, unix.EPERM):
		tell()
	}
}

// flushBefore flushes for a container that comes. While plumb's table stands, nobody has a connection to an address of its subnets that is nobody's
// (chain forward), and whoever gives one back flushes it; so the addresses need it only where the table is new.
func (a *attacher) flushBefore() {
	var addrs []netip.Addr
	if a.first {
		addrs = a.addrs()
	}
	a.host.flush(addrs, a.Publish)
}

// publishedFlows are what is sent to the published UDP ports. TCP begins anew by itself.
func (h *Host) publishedFlows(publish []Publish) ([]nat.Flow, error) {
	var flows []nat.Flow
	var own []netip.Addr
	for i := range publish {
		p := &publish[i]
		if p.Proto != unix.IPPROTO_UDP {
			continue
		}
		hosts := []netip.Addr{p.Host}
		if !p.Host.IsValid() || p.Host.IsUnspecified() {
			if own == nil {
				var err error
				if own, err = h.ownAddrs(); err != nil {
					return nil, err
				}
			}
			hosts = own
		}
		flows = append(flows, nat.Flow{Proto: p.Proto, First: p.HostPort, Last: p.HostPort + p.Count - 1, Hosts: hosts})
	}
	return flows, nil
}

// ownAddrs are the host's addresses, each once: every host end has the gateway's. What is sent to a host end's link-local one is dropped, unless it is
// for a published port, and leaves no connection behind.
func (h *Host) ownAddrs() ([]netip.Addr, error) {
	list, err := h.rtnl.Addrs(0, 0)
	if err != nil {
		return nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	var all []netip.Addr
	for i := range list {
		if a := list[i].Own(); a.IsValid() && a != gateway6 {
			all = append(all, a)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Less(all[j]) })
	return slices.Compact(all), nil
}
