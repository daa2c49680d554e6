package rtnl

import (
	"net/netip"

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A route. RTM_NEWROUTE, RTM_DELROUTE and RTM_GETROUTE carry this struct and the attributes RTA_* (linux/rtnetlink.h):
//
//	struct rtmsg {
//		unsigned char rtm_family;
//		unsigned char rtm_dst_len;
//		unsigned char rtm_src_len;
//		unsigned char rtm_tos;
//		unsigned char rtm_table;    // RT_TABLE_*; RTA_TABLE has all 32 bits
//		unsigned char rtm_protocol; // who set it: RTPROT_*
//		unsigned char rtm_scope;    // how far the destination is: RT_SCOPE_*
//		unsigned char rtm_type;     // RTN_*
//		unsigned      rtm_flags;    // RTM_F_*, RTNH_F_*
//	};

// A Route says by which link, and through which gateway, a destination is reached.
type Route struct {
	Family    Family
	DstLen    uint8 // bits of Dst; 0 is the default route
	SrcLen    uint8
	TOS       uint8
	TableLow  Table8
	Protocol  RouteProtocol
	Scope     Scope
	Type      RouteType
	Flags     RouteFlags
	Dst       netip.Addr
	Src       netip.Addr
	In        uint32 // index of a link
	Out       uint32 // index of a link
	Gateway   netip.Addr
	Priority  uint32 // metric: the lowest wins
	PrefSrc   netip.Addr
	Table     uint32
	Metrics   *RouteMetrics
	Multipath []NextHop
	CacheInfo *RouteCacheInfo
	Pref      *RoutePref // IPv6 only
	NextHopID uint32
	Expires   uint32 // in a request, IPv6 only: seconds, after which the kernel takes the route away; 0: never. An answer has it in CacheInfo
	Rest      []wire.Attr
}

var routeTable = wire.Table[*Route]{Rows: func(r *Route) wire.Rows {
	return wire.Of(r,
		wire.Field("rtm_family", &r.Family),
		wire.Field("rtm_dst_len", &r.DstLen),
		wire.Field("rtm_src_len", &r.SrcLen),
		wire.Field("rtm_tos", &r.TOS),
		wire.Field("rtm_table", &r.TableLow),
		wire.Field("rtm_protocol", &r.Protocol),
		wire.Field("rtm_scope", &r.Scope),
		wire.Field("rtm_type", &r.Type),
		wire.Field("rtm_flags", &r.Flags),

		wire.IP(unix.RTA_DST, "RTA_DST", &r.Dst),
		wire.IP(unix.RTA_SRC, "RTA_SRC", &r.Src),
		wire.U32(unix.RTA_IIF, "RTA_IIF", &r.In),
		wire.U32(unix.RTA_OIF, "RTA_OIF", &r.Out),
		wire.IP(unix.RTA_GATEWAY, "RTA_GATEWAY", &r.Gateway),
		wire.U32(unix.RTA_PRIORITY, "RTA_PRIORITY", &r.Priority),
		wire.IP(unix.RTA_PREFSRC, "RTA_PREFSRC", &r.PrefSrc),
		wire.U32(unix.RTA_TABLE, "RTA_TABLE", &r.Table),
		wire.Nest(unix.RTA_METRICS, "RTA_METRICS", &r.Metrics, &routeMetricsTable),
		wire.Custom(unix.RTA_MULTIPATH, "RTA_MULTIPATH", false, &r.Multipath, putNextHops, getNextHops, showNextHops).Parsed(parseNextHops),
		wire.Struct(unix.RTA_CACHEINFO, "RTA_CACHEINFO", &r.CacheInfo, &routeCacheInfoTable),
		wire.Opt(unix.RTA_PREF, "RTA_PREF", &r.Pref),
		wire.U32(rtaNextHopID, "RTA_NH_ID", &r.NextHopID),
		wire.U32(unix.RTA_EXPIRES, "RTA_EXPIRES", &r.Expires),
		wire.Unknown(&r.Rest, words.Group("route")),
	)
}}

const rtaNextHopID = 30 // RTA_NH_ID, linux/rtnetlink.h

var (
	newRoute = wire.Message[Route]{Type: unix.RTM_NEWROUTE, Name: "RTM_NEWROUTE", Body: &routeTable}
	delRoute = wire.Message[Route]{Type: unix.RTM_DELROUTE, Name: "RTM_DELROUTE", Body: &routeTable}
	getRoute = wire.Message[Route]{Type: unix.RTM_GETROUTE, Name: "RTM_GETROUTE", Body: &routeTable}
)

// OnLink describes a route to what is reached by a link directly, as in ip route add 10.0.0.1 dev eth0 scope link.
func OnLink(index uint32, dst netip.Prefix) *Route {
	r := route(index, dst)
	if dst.Addr().Is4() {
		r.Scope = unix.RT_SCOPE_LINK
	}
	return r
}

// Via describes a route through a gateway, as in ip route add default via 10.0.0.1 dev eth0. The gateway must be on the
// link already.
func Via(index uint32, dst netip.Prefix, gateway netip.Addr) *Route {
	r := route(index, dst)
	r.Gateway = gateway
	return r
}

// LocalFor describes a route by which a namespace takes what is sent to an IPv6 address of a link's for its own, for some seconds, as in
// ip -6 route add local fd00::2 dev eth0 expires 10. See AwaitLocal for what it is good for.
func LocalFor(seconds, index uint32, addr netip.Addr) *Route {
	r := route(index, netip.PrefixFrom(addr, addr.BitLen()))
	r.Type, r.TableLow, r.Expires = unix.RTN_LOCAL, unix.RT_TABLE_LOCAL, seconds
	return r
}

// Multicast describes the route to all multicast addresses of IPv6 that the kernel gives a link when that gets its carrier, or goes up with it.
func Multicast(index uint32) *Route {
	r := route(index, netip.PrefixFrom(netip.AddrFrom16([16]byte{0xff}), 8))
	r.Type, r.TableLow, r.Protocol = unix.RTN_MULTICAST, unix.RT_TABLE_LOCAL, unix.RTPROT_KERNEL
	return r
}

func route(index uint32, dst netip.Prefix) *Route {
	r := &Route{
		Family: FamilyOf(dst.Addr()), DstLen: uint8(dst.Bits()),
		TableLow: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNICAST, Out: index,
	}
	if dst.Bits() > 0 {
		r.Dst = dst.Addr()
	}
	return r
}

// Default is the destination of the default route of the family that addr is of.
func Default(addr netip.Addr) netip.Prefix {
	if addr.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// NewRoute adds a route. EEXIST means that it is there already; ENETUNREACH that the gateway is not on a link.
func NewRoute(r *Route, purpose string) wire.Request {
	return newRoute.New(netlink.Acknowledge|netlink.Create|netlink.Excl, r, purpose)
}

// ReplaceRoute adds a route, in the place of the one with the same destination and metric, if there is one.
func ReplaceRoute(r *Route, purpose string) wire.Request {
	return newRoute.New(netlink.Acknowledge|netlink.Create|netlink.Replace, r, purpose)
}

// DelRoute removes a route. ESRCH means that there is none such.
func DelRoute(r *Route, purpose string) wire.Request {
	return delRoute.New(netlink.Acknowledge, r, purpose)
}

// Routes lists the routes of a family, or of both where family is 0, in all tables.
func (c *Conn) Routes(family Family) ([]Route, error) {
	return wire.Dump(c.Conn, getRoute.New(0, &Route{Family: family}, "list "+family.kind()+"routes"), &newRoute)
}

// RouteTo asks which route leads to an address: the entry of the tables that decides, as it stands there, which costs the same with a
// thousand routes as with one. ENETUNREACH means that there is none; an address that a route refuses has that route's error
// (EHOSTUNREACH, EACCES, EINVAL). RTM_F_FIB_MATCH is answered since Linux 4.13.
func (c *Conn) RouteTo(dst netip.Addr) (*Route, error) {
	r := new(Route)
	if err := c.Do(AskRouteTo(dst, r)); err != nil {
		return nil, err
	}
	return r, nil
}

// AskRouteTo is the question that RouteTo asks, to be sent with others: the answer goes to r.
func AskRouteTo(dst netip.Addr, r *Route) wire.Request {
	ask := &Route{Family: FamilyOf(dst), DstLen: uint8(dst.BitLen()), Dst: dst, Flags: unix.RTM_F_FIB_MATCH}
	return wire.Into(getRoute.New(0, ask, "find the route to "+dst.String()), &newRoute, r)
}

// Destination is the prefix that the route leads to.
func (r *Route) Destination() netip.Prefix {
	dst := r.Dst
	if !dst.IsValid() {
		if dst = netip.IPv6Unspecified(); r.Family == unix.AF_INET {
			dst = netip.IPv4Unspecified()
		}
	}
	return netip.PrefixFrom(dst, int(r.DstLen))
}

// OutLinks are the indexes of the links that the route leaves by.
func (r *Route) OutLinks() []uint32 {
	var links []uint32
	if r.Out != 0 {
		links = append(links, r.Out)
	}
	for _, hop := range r.Multipath {
		links = append(links, hop.Out)
	}
	return links
}
