package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Indexes of links. Each namespace counts its own, so they can be given instead of asked for.
const (
	loopback    = 1
	uplinkIndex = 2
)

func gateway4() netip.Addr      { return netip.AddrFrom4([4]byte{203, 0, 113, 1}) }
func gateway6() netip.Addr      { return netip.MustParseAddr("fe80::1") }
func uplinkLocal() netip.Prefix { return netip.MustParsePrefix("fe80::2/64") }
func internet6() netip.Addr     { return netip.MustParseAddr("2001:db8::1") }

// An end is one side of a cable.
type end struct {
	host  *Host
	index uint32
	name  string
	mac   net.HardwareAddr
}

// connect lays the uplink of a new host: in two sends, one in each namespace. It is routed, with nothing on the cable but
// its two ends, as a cheap provider does it: the host's prefix is not on the link, the gateway alone is.
func (l *Lab) connect(ctx context.Context, h *Host, options HostOptions) error {
	if l.uplinks == maxHosts {
		return fmt.Errorf("%d hosts are the most", maxHosts)
	}
	l.uplinks++
	n := byte(l.uplinks + 1)
	near := end{l.internet, uint32(n), "to-" + h.name, net.HardwareAddr{0x02, 0, 203, 0, 113, n}}
	far := end{h, uplinkIndex, UplinkName, net.HardwareAddr{0x02, 1, 203, 0, 113, n}}
	h.addr4 = netip.AddrFrom4([4]byte{203, 0, 113, n})
	var near6, far6 []netip.Addr
	if l.ipv6 && !options.IPv4Only {
		a := internet6().As16()
		a[15] = n
		h.addr6 = netip.AddrFrom16(a)
		near6, far6 = []netip.Addr{gateway6(), internet6()}, []netip.Addr{uplinkLocal().Addr(), h.addr6}
	}
	return l.build(ctx, []step{
		{near, l.gateway(h, near, far, options.MTU), near.index, near6},
		{far, l.uplink(h), 0, far6},
	})
}

// A step is what is sent in the namespace of one end, and what the kernel will be done with some time after it has answered.
type step struct {
	end      end
	requests []wire.Request
	up       uint32 // the link that will be up; 0 for none
	addrs    []netip.Addr
}

// build takes the steps, and then waits for them all.
func (l *Lab) build(ctx context.Context, steps []step) (err error) {
	var watches []*watch
	defer func() {
		for _, w := range watches {
			err = errors.Join(err, w.close())
		}
	}()
	for _, s := range steps {
		w, err := s.end.host.watch()
		if err != nil {
			return err
		}
		watches = append(watches, w)
		if err := s.end.host.rtnl.Do(s.requests...); err != nil {
			return err
		}
	}
	for i, s := range steps {
		if err := watches[i].wait(ctx, s.up, s.addrs...); err != nil {
			return err
		}
	}
	return nil
}

// gateway makes the pair, and configures the internet's end.
func (l *Lab) gateway(h *Host, near, far end, mtu uint32) []wire.Request {
	requests := append(l.plug(near, far, mtu),
		rtnl.NewAddr(rtnl.PeerAddrOf(near.index, gateway4(), h.addr4, 0), "route "+h.addr4.String()+" to "+h.name))
	if h.addr6.IsValid() {
		requests = append(requests,
			rtnl.NewAddr(rtnl.AddrOf(near.index, netip.PrefixFrom(gateway6(), 64), unix.IFA_F_NODAD), "be the gateway of "+h.name),
			rtnl.NewAddr(rtnl.PeerAddrOf(near.index, internet6(), h.addr6, unix.IFA_F_NODAD), "route "+h.addr6.String()+" to "+h.name))
	}
	return requests
}

// plug describes a veth pair, both ends created in place, and sets the near one up. Link-local addresses are given, not made:
// the kernel's own would be tentative for a second (duplicate address detection, RFC 4862).
func (l *Lab) plug(near, far end, mtu uint32) []wire.Request {
	fd := uint32(far.host.ns.FD())
	pair := rtnl.VethPair(
		&rtnl.Link{Index: near.index, Name: near.name, Address: near.mac, MTU: mtu, NumTxQueues: 1, NumRxQueues: 1},
		&rtnl.Link{Index: far.index, Name: far.name, Address: far.mac, MTU: mtu, NumTxQueues: 1, NumRxQueues: 1, NetNSFd: &fd},
	)
	return append([]wire.Request{rtnl.NewLink(pair, "create "+near.name+" and "+far.name)}, l.setUp(near)...)
}

// setUp sets an end up.
func (l *Lab) setUp(e end) []wire.Request {
	up := rtnl.SetUp(e.index, "set "+e.name+" up")
	if !l.ipv6 {
		return []wire.Request{up}
	}
	return []wire.Request{rtnl.SetAddrGenMode(e.index, rtnl.AddrGenModeNone, "no address of its own for "+e.name), up}
}

// uplink configures the host's end.
func (l *Lab) uplink(h *Host) []wire.Request {
	const i = uplinkIndex
	requests := append([]wire.Request{rtnl.SetUp(loopback, "set lo of "+h.name+" up")}, l.setUp(end{index: i, name: UplinkName})...)
	requests = append(requests,
		rtnl.NewAddr(rtnl.AddrOf(i, netip.PrefixFrom(h.addr4, 24), unix.IFA_F_NOPREFIXROUTE), "give "+h.name+" "+h.addr4.String()),
		rtnl.NewRoute(rtnl.OnLink(i, netip.PrefixFrom(gateway4(), 32)), "find the gateway on "+UplinkName),
		rtnl.NewRoute(rtnl.Via(i, rtnl.Default(gateway4()), gateway4()), "send the rest to the gateway"))
	if h.addr6.IsValid() {
		requests = append(requests,
			rtnl.NewAddr(rtnl.AddrOf(i, uplinkLocal(), unix.IFA_F_NODAD), "give "+UplinkName+" a link-local address"),
			rtnl.NewAddr(rtnl.AddrOf(i, netip.PrefixFrom(h.addr6, 64), unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE), "give "+h.name+" "+h.addr6.String()),
			rtnl.NewRoute(rtnl.Via(i, rtnl.Default(gateway6()), gateway6()), "send the rest to the gateway"))
	}
	return requests
}

// A LAN is a cable between two hosts, beside their uplinks.
type LAN struct {
	Name         string       // of the link, at both ends: lan0, lan1, ...
	Net4, Net6   netip.Prefix // 192.168.K.0/24 and fd00:0:0:K::/64 for the K-th; Net6 is invalid without IPv6
	Addr4, Addr6 [2]netip.Addr
}

// AddLAN lays a cable between two hosts of the lab. The first has .1 and ::1 on it, the second .2 and ::2.
func (l *Lab) AddLAN(ctx context.Context, a, b *Host) (*LAN, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	k := byte(l.lans)
	if l.lans > 255 || a == b {
		return nil, errors.New("add a LAN to the lab: it is between two different hosts, and 256 are the most")
	}
	l.lans++
	lan := &LAN{Name: fmt.Sprintf("lan%d", k), Net4: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, k, 0}), 24)}
	if l.ipv6 {
		lan.Net6 = netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 7: k}), 64)
	}
	if err := l.layLAN(ctx, lan, a, b); err != nil {
		return nil, fmt.Errorf("add %s between %s and %s: %w", lan.Name, a.name, b.name, err)
	}
	return lan, nil
}

func (l *Lab) layLAN(ctx context.Context, lan *LAN, hosts ...*Host) error {
	ends := make([]end, len(hosts))
	for i, h := range hosts {
		index, err := h.freeIndex()
		if err != nil {
			return err
		}
		ends[i] = end{h, index, lan.Name, net.HardwareAddr{0x02, 2, 192, 168, byte(l.lans - 1), byte(i + 1)}}
	}
	steps := []step{
		{end: ends[0], requests: l.plug(ends[0], ends[1], 0), up: ends[0].index},
		{end: ends[1], requests: l.setUp(ends[1])},
	}
	for i := range steps {
		s := &steps[i]
		for _, p := range lan.take(i) {
			s.requests = append(s.requests, rtnl.NewAddr(rtnl.AddrOf(s.end.index, p, unix.IFA_F_NODAD), "give "+s.end.host.name+" "+p.String()))
			if p.Addr().Is6() {
				s.addrs = append(s.addrs, p.Addr())
			}
		}
	}
	err := l.build(ctx, steps)
	if err != nil {
		gone := hosts[0].rtnl.Do(rtnl.DelLink(&rtnl.Link{Index: ends[0].index}, "remove "+lan.Name))
		if !errors.Is(gone, unix.ENODEV) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// take gives the i-th host its addresses.
func (lan *LAN) take(i int) []netip.Prefix {
	n := byte(i + 1)
	a := lan.Net4.Addr().As4()
	a[3] = n
	lan.Addr4[i] = netip.AddrFrom4(a)
	list := []netip.Prefix{netip.PrefixFrom(lan.Addr4[i], lan.Net4.Bits())}
	if lan.Net6.IsValid() {
		b := lan.Net6.Addr().As16()
		b[15] = n
		lan.Addr6[i] = netip.AddrFrom16(b)
		local := netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: n})
		list = append(list, netip.PrefixFrom(lan.Addr6[i], 64), netip.PrefixFrom(local, 64))
	}
	return list
}

// freeIndex is an index that no link of the host has. To ask for the kernel's choice would be a question as well.
func (h *Host) freeIndex() (uint32, error) {
	links, err := h.rtnl.Links()
	if err != nil {
		return 0, err
	}
	index := uint32(0)
	for i := range links {
		index = max(index, links[i].Index)
	}
	return index + 1, nil
}
