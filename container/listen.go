package container

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/sockdiag"

	"golang.org/x/sys/unix"
)

// A published port takes what is sent to it before any process of the host's sees it. So one that a process listens on is not published, and
// none that is free to choose is chosen.

// A ListenError says that a process of the host's listens on a port that is to be published. errors.Is(err, unix.EADDRINUSE) is true of it.
type ListenError struct {
	Proto uint8
	Addr  netip.AddrPort // where it listens
	Name  string         // of the process; "" where that cannot be seen
	PID   int
}

func (e *ListenError) Error() string {
	who := "a process that cannot be seen"
	if e.PID != 0 {
		who = fmt.Sprintf("%s (process %d)", e.Name, e.PID)
	}
	return fmt.Sprintf("port %d/%s: %s listens on %s: end it, or publish another port with --publish", e.Addr.Port(), nat.ProtoName(e.Proto), who, e.Addr)
}

// Unwrap returns unix.EADDRINUSE.
func (e *ListenError) Unwrap() error { return unix.EADDRINUSE }

// avoidListeners keeps published ports off those that a process of the host's listens on.
func (a *attacher) avoidListeners(want *nat.Attachment) error {
	if len(want.Publish) == 0 {
		return nil
	}
	listening, err := a.host.listeners(want.Publish)
	if err != nil {
		return fmt.Errorf("see which ports the host listens on: %w", err)
	}
	if err := a.tellUnreached(want.Publish); err != nil {
		return err
	}
	for i := range want.Publish {
		p := &want.Publish[i]
		for n := uint16(0); p.HostPort != 0 && n < p.Count; n++ {
			if s := a.listenerOn(p, p.HostPort+n, listening[p.Proto]); s != nil {
				if err := a.relayed(s, p.Proto); err != nil {
					return err
				}
				name, pid := sockdiag.Holder(s.Inode)
				return &ListenError{p.Proto, s.Addr, name, pid}
			}
		}
	}
	want.Avoid = func(proto uint8, port uint16) bool {
		p := Publish{Proto: proto}
		return a.listenerOn(&p, port, listening[proto]) != nil
	}
	return nil
}

// relayed says whose published port a socket on ::1 belongs to: a living process of plumb's listens there for a container.
func (a *attacher) relayed(s *sockdiag.Socket, proto uint8) error {
	if s.Addr.Addr() != netip.IPv6Loopback() {
		return nil
	}
	ports, err := a.host.nat.Ports()
	for _, p := range ports {
		if p.Proto == proto && p.HostPort == s.Addr.Port() && (!p.Host.IsValid() || p.Host == s.Addr.Addr()) {
			published := &nat.PublishedError{Proto: proto, Host: p.Host, Port: p.HostPort, Name: p.Name, Target: p.Target.Addr()}
			return fmt.Errorf("%w: %s", published, otherPort)
		}
	}
	return err
}

// otherPort is what to do about a port that another container publishes.
const otherPort = "detach it first, or publish another port with --publish"

// tellUnreached tells of ports that are published on an address which nobody reaches from outside: one that the host does not have, or one on a link that
// does not forward.
func (a *attacher) tellUnreached(publish []Publish) error {
	var addrs []rtnl.Addr
	for i := range publish {
		p := &publish[i]
		if !p.Host.IsValid() || p.Host.IsUnspecified() || p.Host.IsLoopback() {
			continue
		}
		if addrs == nil {
			var err error
			if addrs, err = a.host.rtnl.Addrs(0, 0); err != nil {
				return fmt.Errorf("list the host's addresses: %w", err)
			}
		}
		at := slices.IndexFunc(addrs, func(o rtnl.Addr) bool { return o.Own() == p.Host })
		if at < 0 {
			a.host.notice(fmt.Sprintf("%s is published on an address that the host does not have", p))
			continue
		}
		index := addrs[at].Index
		if p.Host.Is6() || index == loIndex || slices.ContainsFunc(a.uplinks, func(u uplink) bool { return u.index == index }) {
			continue
		}
		if on, err := a.host.rtnl.LinkForwards(rtnl.IPv4, index); err == nil && !on {
			a.host.notice(fmt.Sprintf("%s is not reached from outside: the link of that address does not forward, and is none of the uplinks: name it with --uplink", p))
		}
	}
	return nil
}

// listeners are the host's, by protocol, of those that are to be published.
func (h *Host) listeners(publish []Publish) (map[uint8][]sockdiag.Socket, error) {
	conn, err := netns.Open(h.ns, func() (*sockdiag.Conn, error) { return sockdiag.Dial(h.config("host", unix.NETLINK_SOCK_DIAG)) })
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	listening := map[uint8][]sockdiag.Socket{}
	for i := range publish {
		proto := publish[i].Proto
		if _, done := listening[proto]; done {
			continue
		}
		list, err := conn.Listeners(proto)
		if errors.Is(err, sockdiag.ErrUnsupported) {
			err = h.ns.Do(func() (err error) { list, err = sockdiag.ListenersInProc(proto); return err })
		}
		if err != nil {
			return nil, err
		}
		listening[proto] = list
	}
	return listening, nil
}

// listenerOn finds the socket that would get nothing any more, if p's port were published.
func (a *attacher) listenerOn(p *Publish, port uint16, sockets []sockdiag.Socket) *sockdiag.Socket {
	if p.Host.IsValid() && !p.Host.IsUnspecified() {
		return sockdiag.Conflict(sockets, p.Host, false, port)
	}
	for _, family := range []struct{ v6, off bool }{{false, a.net.NoIPv4}, {true, a.net.NoIPv6}} {
		if family.off || p.Host.IsValid() && p.Host.Is6() != family.v6 {
			continue
		}
		if s := sockdiag.Conflict(sockets, netip.Addr{}, family.v6, port); s != nil {
			return s
		}
	}
	return nil
}
