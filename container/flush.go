package container

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"

	"golang.org/x/sys/unix"
)

// A flusher makes connection tracking forget, beside what its Host does: where there are IPv6 connections that takes 10 ms, however few they
// are (nat.Conn.FlushConnections), and nobody need wait for it but who closes the Host. What is asked for meanwhile is done together.
type flusher struct {
	mu      sync.Mutex
	pending []nat.Flow
	running bool
	wg      sync.WaitGroup
}

// flush makes connection tracking forget what it knows of a container's addresses, and of the UDP ports that it publishes: entries of
// before would take datagrams past the rules, or to whoever had the address then, for as long as a client keeps on
// sending. What cannot be flushed is told, and is no failure.
func (h *Host) flush(addrs []netip.Addr, publish []Publish) {
	flows, err := h.publishedFlows(publish)
	if err != nil {
		h.notice("old connections to published ports may go on: " + err.Error())
	}
	for _, a := range addrs {
		flows = append(flows, nat.Flow{Addr: a})
	}
	f := &h.flusher
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = append(f.pending, flows...)
	if !f.running && len(f.pending) > 0 {
		f.running = true
		f.wg.Go(h.flushPending)
	}
}

// flushPending flushes what there is to flush, until there is no more.
func (h *Host) flushPending() {
	f := &h.flusher
	conn, err := netns.Open(h.ns, func() (*nat.Conn, error) { return nat.Dial(h.config("host", unix.NETLINK_NETFILTER)) })
	for {
		f.mu.Lock()
		flows := f.pending
		f.pending, f.running = nil, len(flows) > 0
		f.mu.Unlock()
		if len(flows) == 0 {
			break
		}
		if err == nil {
			err = conn.FlushConnections(flows...)
		}
		if err != nil {
			h.notice("old connections of containers may go on: " + err.Error())
		}
	}
	if conn != nil {
		conn.Close() // whatever it says: nothing is owed to it
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
