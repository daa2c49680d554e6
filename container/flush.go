package container

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"plumb/nat"
	"plumb/rtnl"

	"golang.org/x/sys/unix"
)

// flush makes connection tracking forget what it knows of a container's addresses, and of the UDP ports that it publishes: entries of
// before would take datagrams past the rules, or to whoever had the address then, for as long as a client keeps on
// sending. What cannot be flushed is told, and is no failure.
func (h *Host) flush(addrs []netip.Addr, publish []Publish) {
	flows := make([]nat.Flow, 0, len(addrs))
	for _, a := range addrs {
		flows = append(flows, nat.Flow{Addr: a})
	}
	published, err := h.publishedFlows(publish)
	if err == nil {
		err = h.nat.FlushConnections(append(flows, published...)...)
	}
	if err != nil && !errors.Is(err, unix.EPERM) {
		h.notice(fmt.Sprintf("old connections of %s may go on: %v", flows[0].Addr, err))
	}
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

// ownAddrs are the host's addresses, each once: every host end has the gateway's.
func (h *Host) ownAddrs() ([]netip.Addr, error) {
	list, err := h.rtnl.Addrs(0, 0)
	if err != nil {
		return nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	var all []netip.Addr
	for i := range list {
		a := list[i].Local
		if list[i].Family == rtnl.IPv6 && !a.IsValid() {
			a = list[i].Address
		}
		if a.IsValid() {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all), nil
}
