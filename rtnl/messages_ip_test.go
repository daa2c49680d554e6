package rtnl_test

import (
	"errors"
	"net/netip"

	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func addrMessages() []message {
	const link6 = unix.IFA_F_NODAD | unix.IFA_F_PERMANENT
	return []message{
		{
			name: "addr-peer", command: "ip addr add 10.0.0.1 peer 10.0.0.2 dev pl-web", before: []string{"link-pair"},
			run: do(func(s string) wire.Request { return rtnl.NewAddr(rtnl.PeerAddrOf(hostEnd, gateway, address, 0), s) }),
			seen: addr(func(a *rtnl.Addr) bool {
				return a.Local == gateway && a.Address == address && a.PrefixLen == 32 && a.Flags == unix.IFA_F_PERMANENT && a.Index == hostEnd
			}),
			ip: "addr show dev pl-web", answer: `{"addr_info":[{"local":"10.0.0.1","address":"10.0.0.2","prefixlen":32}]}`,
		},
		{
			name: "addr-noprefixroute", command: "ip addr add 10.0.0.2/24 dev eth0 noprefixroute", before: []string{"link-pair"}, inside: true,
			run: do(func(s string) wire.Request {
				return rtnl.NewAddr(rtnl.AddrOf(eth0, netip.PrefixFrom(address, 24), unix.IFA_F_NOPREFIXROUTE), s)
			}),
			seen: addr(func(a *rtnl.Addr) bool {
				return a.Local == address && a.PrefixLen == 24 && a.Flags == unix.IFA_F_PERMANENT|unix.IFA_F_NOPREFIXROUTE
			}),
			ip: "addr show dev eth0", answer: `{"addr_info":[{"local":"10.0.0.2","prefixlen":24,"noprefixroute":true}]}`,
		},
		{
			name: "addr-label", command: "ip addr add 10.9.0.1/24 dev pl-web broadcast 10.9.0.255 scope link label pl-web:x metric 7 proto 99", before: []string{"link-pair"},
			run: do(func(s string) wire.Request {
				a := rtnl.AddrOf(hostEnd, prefix("10.9.0.1/24"), 0)
				a.Broadcast, a.Scope, a.Label, a.Priority, a.Protocol = netip.MustParseAddr("10.9.0.255"), unix.RT_SCOPE_LINK, "pl-web:x", 7, 99
				return rtnl.NewAddr(a, s)
			}),
			seen: addr(func(a *rtnl.Addr) bool {
				return a.Label == "pl-web:x" && a.Scope == unix.RT_SCOPE_LINK && a.Priority == 7 && a.Protocol == 99 && a.Broadcast.String() == "10.9.0.255"
			}),
			ip: "addr show dev pl-web", answer: `{"addr_info":[{"local":"10.9.0.1","label":"pl-web:x","scope":"253","metric":7,"broadcast":"10.9.0.255"}]}`,
		},
		{
			name: "addr-nodad", command: "ip addr add fd00::2/64 dev eth0 nodad", before: []string{"link-pair"}, inside: true,
			run:  do(func(s string) wire.Request { return rtnl.NewAddr(rtnl.AddrOf(eth0, address6, unix.IFA_F_NODAD), s) }),
			seen: addr(func(a *rtnl.Addr) bool { return a.Address == address6.Addr() && a.PrefixLen == 64 && a.Flags == link6 }),
			ip:   "addr show dev eth0", answer: `{"addr_info":[{"local":"fd00::2","prefixlen":64}]}`,
		},
		{
			name: "addr-peer6", command: "ip addr add fd00::1 peer fd00::2 dev pl-web nodad", before: []string{"link-pair"},
			run: do(func(s string) wire.Request {
				return rtnl.NewAddr(rtnl.PeerAddrOf(hostEnd, gateway6, address6.Addr(), unix.IFA_F_NODAD), s)
			}),
			seen: addr(func(a *rtnl.Addr) bool {
				return a.Local == gateway6 && a.Address == address6.Addr() && a.PrefixLen == 128 && a.Flags == link6
			}),
			ip: "addr show dev pl-web", answer: `{"addr_info":[{"local":"fd00::1","address":"fd00::2","prefixlen":128}]}`,
		},
		{
			name: "addr-delete", command: "ip addr del 10.0.0.1 peer 10.0.0.2 dev pl-web", before: []string{"link-pair", "addr-peer"},
			run: do(func(s string) wire.Request { return rtnl.DelAddr(rtnl.PeerAddrOf(hostEnd, gateway, address, 0), s) }),
			ip:  "addr", gone: "10.0.0.1",
		},
		{name: "addr-list", command: "ip addr show", run: func(c *rtnl.Conn, _ *world) error { _, err := c.Addrs(0, 0); return err }},
		{
			name: "addr-list-link", command: "ip -6 addr show dev pl-web", before: []string{"link-pair"},
			run: func(c *rtnl.Conn, _ *world) error { _, err := c.Addrs(rtnl.IPv6, hostEnd); return err },
		},
	}
}

func routeMessages() []message {
	inside := []string{"link-pair", "addr-noprefixroute", "addr-nodad", "link-up"}
	return []message{
		{
			name: "route-onlink", command: "ip route add 10.0.0.1 dev eth0 scope link proto static", before: inside, inside: true,
			run: do(func(s string) wire.Request { return rtnl.NewRoute(rtnl.OnLink(eth0, prefix("10.0.0.1/32")), s) }),
			seen: route(func(r *rtnl.Route) bool {
				return r.Destination() == prefix("10.0.0.1/32") && r.Out == eth0 && r.Scope == unix.RT_SCOPE_LINK && r.Table == unix.RT_TABLE_MAIN
			}),
			ip: "route", answer: `{"dst":"10.0.0.1","dev":"eth0","scope":"253","protocol":"4"}`,
		},
		{
			name: "route-default", command: "ip route add default via 10.0.0.1 dev eth0 proto static", before: append(inside, "route-onlink"), inside: true,
			run: do(func(s string) wire.Request { return rtnl.NewRoute(rtnl.Via(eth0, rtnl.Default(gateway), gateway), s) }),
			seen: route(func(r *rtnl.Route) bool {
				return r.Destination() == prefix("0.0.0.0/0") && r.Gateway == gateway && r.Protocol == unix.RTPROT_STATIC
			}),
			ip: "route", answer: `{"dst":"default","gateway":"10.0.0.1","dev":"eth0","protocol":"4"}`,
		},
		{
			name: "route-onlink6", command: "ip -6 route add fd01::/64 dev eth0 proto static", before: inside, inside: true,
			run:  do(func(s string) wire.Request { return rtnl.NewRoute(rtnl.OnLink(eth0, prefix("fd01::/64")), s) }),
			seen: route(func(r *rtnl.Route) bool { return r.Destination() == prefix("fd01::/64") && r.Out == eth0 }),
			ip:   "-6 route", answer: `{"dst":"fd01::/64","dev":"eth0","protocol":"4"}`,
		},
		{
			name: "route-replace6", command: "ip -6 route replace fd02::/64 dev eth0 proto static", before: inside, inside: true,
			run:  do(func(s string) wire.Request { return rtnl.ReplaceRoute(rtnl.OnLink(eth0, prefix("fd02::/64")), s) }),
			seen: route(func(r *rtnl.Route) bool { return r.Destination() == prefix("fd02::/64") && r.Out == eth0 }),
			ip:   "-6 route", answer: `{"dst":"fd02::/64","dev":"eth0","protocol":"4"}`,
		},
		{
			name: "route-default6", command: "ip -6 route add default via fd00::1 dev eth0 proto static", before: inside, inside: true,
			run: do(func(s string) wire.Request {
				return rtnl.NewRoute(rtnl.Via(eth0, rtnl.Default(gateway6), gateway6), s)
			}),
			seen: route(func(r *rtnl.Route) bool { return r.Destination() == prefix("::/0") && r.Gateway == gateway6 }),
			ip:   "-6 route", answer: `{"dst":"default","gateway":"fd00::1","dev":"eth0"}`,
		},
		{
			name: "route-local-for", command: "ip -6 route add local fd03::1 dev eth0 expires 10 proto static", before: inside, inside: true,
			run: do(func(s string) wire.Request {
				return rtnl.NewRoute(rtnl.LocalFor(10, eth0, netip.MustParseAddr("fd03::1")), s)
			}),
			seen: route(func(r *rtnl.Route) bool {
				return r.Destination() == prefix("fd03::1/128") && r.Type == unix.RTN_LOCAL && r.CacheInfo.Expires > 0
			}),
			ip: "-6 route show table local", answer: `{"dst":"fd03::1","dev":"eth0","protocol":"4","metric":1024}`,
		},
		{
			name: "route-metrics", command: "ip route add 10.7.0.0/16 dev eth0 src 10.0.0.2 metric 9 table 1000 mtu 1300 scope link proto static", before: inside, inside: true,
			run: do(func(s string) wire.Request {
				r := rtnl.OnLink(eth0, prefix("10.7.0.0/16"))
				r.TableLow, r.Table, r.Priority, r.PrefSrc, r.Metrics = 0, 1000, 9, address, &rtnl.RouteMetrics{MTU: 1300}
				return rtnl.NewRoute(r, s)
			}),
			seen: route(func(r *rtnl.Route) bool {
				return r.Table == 1000 && r.Priority == 9 && r.PrefSrc == address && r.Metrics != nil && r.Metrics.MTU == 1300
			}),
			ip: "route show table 1000", answer: `{"dst":"10.7.0.0/16","prefsrc":"10.0.0.2","metric":9,"metrics":[{"mtu":1300}]}`,
		},
		{
			name: "route-multipath", command: "ip route add 10.8.0.0/16 proto static nexthop via 10.0.0.1 dev eth0 nexthop via 10.0.0.3 dev eth0 weight 3 onlink", before: append(inside, "route-onlink"), inside: true,
			run: do(func(s string) wire.Request {
				r := rtnl.Via(0, prefix("10.8.0.0/16"), netip.Addr{})
				r.Multipath = []rtnl.NextHop{
					{Out: eth0, Gateway: gateway},
					{Out: eth0, Gateway: netip.MustParseAddr("10.0.0.3"), Hops: 2, Flags: unix.RTNH_F_ONLINK},
				}
				return rtnl.NewRoute(r, s)
			}),
			seen: route(func(r *rtnl.Route) bool {
				return len(r.Multipath) == 2 && r.Multipath[0].Gateway == gateway && r.Multipath[1].Hops == 2 && len(r.OutLinks()) == 2
			}),
			ip: "route", answer: `{"dst":"10.8.0.0/16","nexthops":[{"gateway":"10.0.0.1","weight":1},{"gateway":"10.0.0.3","weight":3}]}`,
		},
		{
			name: "route-delete", command: "ip route del default via 10.0.0.1 dev eth0 proto static", before: append(inside, "route-onlink", "route-default"), inside: true,
			run: do(func(s string) wire.Request { return rtnl.DelRoute(rtnl.Via(eth0, rtnl.Default(gateway), gateway), s) }),
			ip:  "route", gone: "default",
		},
		{ // the kernel's own comes and goes with the carrier
			name: "route-multicast", command: "ip -6 route add multicast ff00::/8 dev eth0 table 255 proto kernel", before: inside, inside: true,
			run: do(func(s string) wire.Request { return rtnl.NewRoute(rtnl.Multicast(eth0), s) }),
		},
		{
			name: "route-delete-multicast", command: "ip -6 route del multicast ff00::/8 dev eth0 table 255 proto kernel", before: append(inside, "route-multicast"), inside: true,
			run: do(func(s string) wire.Request { return rtnl.DelRoute(rtnl.Multicast(eth0), s) }),
		},
		{
			name: "route-get", command: "ip route get 10.0.0.2 fibmatch", before: []string{"link-pair", "addr-peer"},
			run: func(c *rtnl.Conn, _ *world) error {
				r, err := c.RouteTo(address)
				if err == nil && (r.Out != hostEnd || r.Destination() != prefix("10.0.0.2/32") || r.Protocol != unix.RTPROT_KERNEL) {
					err = errors.New("another route: " + r.Destination().String())
				}
				return err
			},
		},
		{name: "route-list", command: "ip -4 route show table all", run: func(c *rtnl.Conn, _ *world) error { _, err := c.Routes(rtnl.IPv4); return err }},
	}
}

func neighMessages() []message {
	neighbour := func() *rtnl.Neigh {
		return &rtnl.Neigh{Family: rtnl.IPv4, Index: hostEnd, State: unix.NUD_PERMANENT, Address: address, LLAddress: insideMAC}
	}
	return []message{
		{
			name: "neigh-permanent", command: "ip neigh replace 10.0.0.2 lladdr 02:70:6c:00:00:02 dev pl-web nud permanent", before: []string{"link-pair"},
			run: do(func(s string) wire.Request { return rtnl.NewNeigh(neighbour(), s) }),
			seen: neigh(func(n *rtnl.Neigh) bool {
				return n.Address == address && n.LLAddress.String() == insideMAC.String() && n.State == unix.NUD_PERMANENT && n.Index == hostEnd
			}),
			ip: "neigh", answer: `{"dst":"10.0.0.2","dev":"pl-web","lladdr":"02:70:6c:00:00:02","state":["PERMANENT"]}`,
		},
		{
			name: "neigh-delete", command: "ip neigh del 10.0.0.2 dev pl-web", before: []string{"link-pair", "neigh-permanent"},
			run: do(func(s string) wire.Request {
				return rtnl.DelNeigh(&rtnl.Neigh{Family: rtnl.IPv4, Index: hostEnd, Address: address}, s)
			}),
			ip: "neigh", gone: "10.0.0.2",
		},
		{name: "neigh-list", command: "ip -6 neigh show", run: func(c *rtnl.Conn, _ *world) error { _, err := c.Neighs(rtnl.IPv6); return err }},
	}
}

func ruleMessages() []message {
	from := func() *rtnl.Rule { return rtnl.RuleFrom(prefix("10.0.0.0/24"), 1000, 77) }
	return []message{
		{
			name: "rule-from", command: "ip rule add from 10.0.0.0/24 table 1000 priority 77 protocol static",
			run: do(func(s string) wire.Request { return rtnl.NewRule(from(), s) }),
			seen: rule(func(r *rtnl.Rule) bool {
				return r.Priority == 77 && r.Table == 1000 && r.Src == prefix("10.0.0.0/24").Addr() && r.SrcLen == 24 &&
					r.Action == rtnl.RuleTable && r.Protocol == unix.RTPROT_STATIC
			}),
			ip: "rule", answer: `{"priority":77,"src":"10.0.0.0","srclen":24,"table":"1000"}`,
		},
		{
			name: "rule-everything", command: "ip -6 rule add not to fd00::/64 iif lo oif eth9 fwmark 0x5/0xff uidrange 0-0 ipproto tcp sport 1000-2000 dport 80-81 suppress_prefixlength 0 suppress_ifgroup 3 table 100 priority 78",
			run: do(func(s string) wire.Request {
				off, group := uint32(0), uint32(3)
				return rtnl.NewRule(&rtnl.Rule{
					Family: rtnl.IPv6, Dst: netip.MustParseAddr("fd00::"), DstLen: 64, Flags: rtnl.RuleInvert, In: "lo", Out: "eth9",
					Mark: 5, MarkMask: 0xff, UIDs: &rtnl.UIDRange{}, IPProtocol: unix.IPPROTO_TCP,
					SrcPorts: &rtnl.PortRange{First: 1000, Last: 2000}, DstPorts: &rtnl.PortRange{First: 80, Last: 81},
					SuppressPrefixLen: &off, SuppressGroup: &group, Table: 100, Priority: 78, Action: rtnl.RuleTable,
				}, s)
			}),
			seen: rule(func(r *rtnl.Rule) bool {
				return r.Priority == 78 && r.Flags&rtnl.RuleInvert != 0 && r.In == "lo" && r.Out == "eth9" && r.Mark == 5 && r.MarkMask == 0xff &&
					*r.UIDs == (rtnl.UIDRange{}) && r.IPProtocol == 6 && *r.SrcPorts == rtnl.PortRange{First: 1000, Last: 2000} &&
					*r.DstPorts == rtnl.PortRange{First: 80, Last: 81} && *r.SuppressPrefixLen == 0 && *r.SuppressGroup == 3
			}),
			ip: "-6 rule", answer: `{"priority":78,"not":null,"dst":"fd00::","dstlen":64,"iif":"lo","oif":"eth9","fwmark":"0x5","fwmask":"0xff","sport_start":1000,"sport_end":2000,"dport_start":80,"dport_end":81,"table":"100"}`,
		},
		{
			name: "rule-delete", command: "ip rule del from 10.0.0.0/24 table 1000 priority 77 protocol static", before: []string{"rule-from"},
			run: do(func(s string) wire.Request { return rtnl.DelRule(from(), s) }), ip: "rule", gone: "10.0.0.0",
		},
		{name: "rule-list", command: "ip -4 rule show", run: func(c *rtnl.Conn, _ *world) error { _, err := c.Rules(rtnl.IPv4); return err }},
	}
}
