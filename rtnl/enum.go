package rtnl

import (
	"net/netip"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A Family is an address family: AF_*, sys/socket.h.
type Family uint8

// The families that plumb knows.
const (
	IPv4 Family = unix.AF_INET
	IPv6 Family = unix.AF_INET6
)

// kind names the family in a request's purpose: "IPv4 " or "IPv6 ", and nothing where all are meant.
func (f Family) kind() string {
	switch f {
	case IPv4:
		return "IPv4 "
	case IPv6:
		return "IPv6 "
	}
	return ""
}

// FamilyOf is the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

func (f Family) String() string {
	return wire.Names{
		{Value: unix.AF_UNSPEC, Name: "AF_UNSPEC"},
		{Value: unix.AF_INET, Name: "AF_INET"},
		{Value: unix.AF_INET6, Name: "AF_INET6"},
		{Value: unix.AF_BRIDGE, Name: "AF_BRIDGE"},
		{Value: unix.AF_MPLS, Name: "AF_MPLS"},
	}.Enum(uint64(f))
}

// A HardwareType is what a link carries: ARPHRD_*, linux/if_arp.h. 0 has no name here: the header's ARPHRD_NETROM
// would mislead who reads a request, which says nothing by it.
type HardwareType uint16

func (h HardwareType) String() string {
	return wire.Names{
		{Value: unix.ARPHRD_ETHER, Name: "ARPHRD_ETHER"},
		{Value: unix.ARPHRD_LOOPBACK, Name: "ARPHRD_LOOPBACK"},
		{Value: unix.ARPHRD_TUNNEL, Name: "ARPHRD_TUNNEL"},
		{Value: unix.ARPHRD_TUNNEL6, Name: "ARPHRD_TUNNEL6"},
		{Value: unix.ARPHRD_SIT, Name: "ARPHRD_SIT"},
		{Value: unix.ARPHRD_IPGRE, Name: "ARPHRD_IPGRE"},
		{Value: unix.ARPHRD_NONE, Name: "ARPHRD_NONE"},
		{Value: unix.ARPHRD_NETLINK, Name: "ARPHRD_NETLINK"},
	}.Enum(uint64(h))
}

// LinkFlags are the state of a link: IFF_*, linux/if.h.
type LinkFlags uint32

func (f LinkFlags) String() string {
	return wire.Names{
		{Value: unix.IFF_UP, Name: "IFF_UP"},
		{Value: unix.IFF_BROADCAST, Name: "IFF_BROADCAST"},
		{Value: unix.IFF_DEBUG, Name: "IFF_DEBUG"},
		{Value: unix.IFF_LOOPBACK, Name: "IFF_LOOPBACK"},
		{Value: unix.IFF_POINTOPOINT, Name: "IFF_POINTOPOINT"},
		{Value: unix.IFF_NOTRAILERS, Name: "IFF_NOTRAILERS"},
		{Value: unix.IFF_RUNNING, Name: "IFF_RUNNING"},
		{Value: unix.IFF_NOARP, Name: "IFF_NOARP"},
		{Value: unix.IFF_PROMISC, Name: "IFF_PROMISC"},
		{Value: unix.IFF_ALLMULTI, Name: "IFF_ALLMULTI"},
		{Value: unix.IFF_MASTER, Name: "IFF_MASTER"},
		{Value: unix.IFF_SLAVE, Name: "IFF_SLAVE"},
		{Value: unix.IFF_MULTICAST, Name: "IFF_MULTICAST"},
		{Value: unix.IFF_PORTSEL, Name: "IFF_PORTSEL"},
		{Value: unix.IFF_AUTOMEDIA, Name: "IFF_AUTOMEDIA"},
		{Value: unix.IFF_DYNAMIC, Name: "IFF_DYNAMIC"},
		{Value: unix.IFF_LOWER_UP, Name: "IFF_LOWER_UP"},
		{Value: unix.IFF_DORMANT, Name: "IFF_DORMANT"},
		{Value: unix.IFF_ECHO, Name: "IFF_ECHO"},
	}.Flags(uint64(f))
}

// An OperState is whether a link can carry packets: IF_OPER_*, linux/if.h.
type OperState uint8

// OperUp is the one of a link that has its carrier, and a queue that sends.
const OperUp OperState = 6

func (s OperState) String() string {
	return wire.Names{
		{Value: 0, Name: "IF_OPER_UNKNOWN"},
		{Value: 1, Name: "IF_OPER_NOTPRESENT"},
		{Value: 2, Name: "IF_OPER_DOWN"},
		{Value: 3, Name: "IF_OPER_LOWERLAYERDOWN"},
		{Value: 4, Name: "IF_OPER_TESTING"},
		{Value: 5, Name: "IF_OPER_DORMANT"},
		{Value: uint64(OperUp), Name: "IF_OPER_UP"},
	}.Enum(uint64(s))
}

// An ExtMask says what a get of links tells besides, or leaves out: RTEXT_FILTER_*, linux/rtnetlink.h.
type ExtMask uint32

// The bits of an ExtMask that plumb sets or sees.
const (
	ExtVF        ExtMask = 1 << 0 // RTEXT_FILTER_VF
	ExtBrVLAN    ExtMask = 1 << 1 // RTEXT_FILTER_BRVLAN
	ExtSkipStats ExtMask = 1 << 3 // RTEXT_FILTER_SKIP_STATS
)

func (m ExtMask) String() string {
	return wire.Names{
		{Value: uint64(ExtVF), Name: "RTEXT_FILTER_VF"},
		{Value: uint64(ExtBrVLAN), Name: "RTEXT_FILTER_BRVLAN"},
		{Value: uint64(ExtSkipStats), Name: "RTEXT_FILTER_SKIP_STATS"},
	}.Flags(uint64(m))
}

// AddrFlags are the state of an address: IFA_F_*, linux/if_addr.h.
type AddrFlags uint32

var addrFlagNames = wire.Names{
	{Value: unix.IFA_F_SECONDARY, Name: "IFA_F_SECONDARY"},
	{Value: unix.IFA_F_NODAD, Name: "IFA_F_NODAD"},
	{Value: unix.IFA_F_OPTIMISTIC, Name: "IFA_F_OPTIMISTIC"},
	{Value: unix.IFA_F_DADFAILED, Name: "IFA_F_DADFAILED"},
	{Value: unix.IFA_F_HOMEADDRESS, Name: "IFA_F_HOMEADDRESS"},
	{Value: unix.IFA_F_DEPRECATED, Name: "IFA_F_DEPRECATED"},
	{Value: unix.IFA_F_TENTATIVE, Name: "IFA_F_TENTATIVE"},
	{Value: unix.IFA_F_PERMANENT, Name: "IFA_F_PERMANENT"},
	{Value: unix.IFA_F_MANAGETEMPADDR, Name: "IFA_F_MANAGETEMPADDR"},
	{Value: unix.IFA_F_NOPREFIXROUTE, Name: "IFA_F_NOPREFIXROUTE"},
	{Value: unix.IFA_F_MCAUTOJOIN, Name: "IFA_F_MCAUTOJOIN"},
	{Value: unix.IFA_F_STABLE_PRIVACY, Name: "IFA_F_STABLE_PRIVACY"},
}

func (f AddrFlags) String() string { return addrFlagNames.Flags(uint64(f)) }

// AddrFlags8 are the AddrFlags that fit into 8 bits.
type AddrFlags8 uint8

func (f AddrFlags8) String() string { return addrFlagNames.Flags(uint64(f)) }

// An AddrProtocol is who set an address: IFAPROT_*, linux/if_addr.h.
type AddrProtocol uint8

func (p AddrProtocol) String() string {
	return wire.Names{
		{Value: 0, Name: "IFAPROT_UNSPEC"},
		{Value: 1, Name: "IFAPROT_KERNEL_LO"},
		{Value: 2, Name: "IFAPROT_KERNEL_RA"},
		{Value: 3, Name: "IFAPROT_KERNEL_LL"},
	}.Enum(uint64(p))
}

// A Scope is how far an address or a destination is known: RT_SCOPE_*, linux/rtnetlink.h.
type Scope uint8

func (s Scope) String() string {
	return wire.Names{
		{Value: unix.RT_SCOPE_UNIVERSE, Name: "RT_SCOPE_UNIVERSE"},
		{Value: unix.RT_SCOPE_SITE, Name: "RT_SCOPE_SITE"},
		{Value: unix.RT_SCOPE_LINK, Name: "RT_SCOPE_LINK"},
		{Value: unix.RT_SCOPE_HOST, Name: "RT_SCOPE_HOST"},
		{Value: unix.RT_SCOPE_NOWHERE, Name: "RT_SCOPE_NOWHERE"},
	}.Enum(uint64(s))
}

// Table8 is a routing table's number, where it fits into 8 bits: RT_TABLE_*, linux/rtnetlink.h.
type Table8 uint8

func (t Table8) String() string {
	return wire.Names{
		{Value: unix.RT_TABLE_UNSPEC, Name: "RT_TABLE_UNSPEC"},
		{Value: unix.RT_TABLE_COMPAT, Name: "RT_TABLE_COMPAT"},
		{Value: unix.RT_TABLE_DEFAULT, Name: "RT_TABLE_DEFAULT"},
		{Value: unix.RT_TABLE_MAIN, Name: "RT_TABLE_MAIN"},
		{Value: unix.RT_TABLE_LOCAL, Name: "RT_TABLE_LOCAL"},
	}.Enum(uint64(t))
}

// A RouteProtocol is who set a route: RTPROT_*, linux/rtnetlink.h.
type RouteProtocol uint8

func (p RouteProtocol) String() string {
	return wire.Names{
		{Value: unix.RTPROT_UNSPEC, Name: "RTPROT_UNSPEC"},
		{Value: unix.RTPROT_REDIRECT, Name: "RTPROT_REDIRECT"},
		{Value: unix.RTPROT_KERNEL, Name: "RTPROT_KERNEL"},
		{Value: unix.RTPROT_BOOT, Name: "RTPROT_BOOT"},
		{Value: unix.RTPROT_STATIC, Name: "RTPROT_STATIC"},
		{Value: unix.RTPROT_RA, Name: "RTPROT_RA"},
		{Value: unix.RTPROT_DHCP, Name: "RTPROT_DHCP"},
	}.Enum(uint64(p))
}

// A RouteType is what is done with what a route matches: RTN_*, linux/rtnetlink.h.
type RouteType uint8

func (t RouteType) String() string {
	return wire.Names{
		{Value: unix.RTN_UNSPEC, Name: "RTN_UNSPEC"},
		{Value: unix.RTN_UNICAST, Name: "RTN_UNICAST"},
		{Value: unix.RTN_LOCAL, Name: "RTN_LOCAL"},
		{Value: unix.RTN_BROADCAST, Name: "RTN_BROADCAST"},
		{Value: unix.RTN_ANYCAST, Name: "RTN_ANYCAST"},
		{Value: unix.RTN_MULTICAST, Name: "RTN_MULTICAST"},
		{Value: unix.RTN_BLACKHOLE, Name: "RTN_BLACKHOLE"},
		{Value: unix.RTN_UNREACHABLE, Name: "RTN_UNREACHABLE"},
		{Value: unix.RTN_PROHIBIT, Name: "RTN_PROHIBIT"},
		{Value: unix.RTN_THROW, Name: "RTN_THROW"},
	}.Enum(uint64(t))
}

// A RoutePref is how much a default route is preferred to others of the same metric: IPV6_ROUTER_PREF_*,
// net/ipv6_route.h and RFC 4191.
type RoutePref uint8

func (p RoutePref) String() string {
	return wire.Names{{Value: 0, Name: "MEDIUM"}, {Value: 1, Name: "HIGH"}, {Value: 2, Name: "INVALID"}, {Value: 3, Name: "LOW"}}.Enum(uint64(p))
}

// RouteFlags are the state of a route: RTNH_F_* and RTM_F_*, linux/rtnetlink.h.
type RouteFlags uint32

func (f RouteFlags) String() string {
	return wire.Names{
		{Value: unix.RTNH_F_DEAD, Name: "RTNH_F_DEAD"},
		{Value: unix.RTNH_F_PERVASIVE, Name: "RTNH_F_PERVASIVE"},
		{Value: unix.RTNH_F_ONLINK, Name: "RTNH_F_ONLINK"},
		{Value: unix.RTNH_F_OFFLOAD, Name: "RTNH_F_OFFLOAD"},
		{Value: unix.RTNH_F_LINKDOWN, Name: "RTNH_F_LINKDOWN"},
		{Value: unix.RTNH_F_UNRESOLVED, Name: "RTNH_F_UNRESOLVED"},
		{Value: unix.RTNH_F_TRAP, Name: "RTNH_F_TRAP"},
		{Value: unix.RTM_F_NOTIFY, Name: "RTM_F_NOTIFY"},
		{Value: unix.RTM_F_CLONED, Name: "RTM_F_CLONED"},
		{Value: unix.RTM_F_PREFIX, Name: "RTM_F_PREFIX"},
		{Value: unix.RTM_F_LOOKUP_TABLE, Name: "RTM_F_LOOKUP_TABLE"},
		{Value: unix.RTM_F_FIB_MATCH, Name: "RTM_F_FIB_MATCH"},
		{Value: unix.RTM_F_OFFLOAD, Name: "RTM_F_OFFLOAD"},
		{Value: unix.RTM_F_TRAP, Name: "RTM_F_TRAP"},
		{Value: unix.RTM_F_OFFLOAD_FAILED, Name: "RTM_F_OFFLOAD_FAILED"},
	}.Flags(uint64(f))
}

// A NeighState is what is known of a neighbour: NUD_*, linux/neighbour.h.
type NeighState uint16

func (s NeighState) String() string {
	return wire.Names{
		{Value: unix.NUD_INCOMPLETE, Name: "NUD_INCOMPLETE"},
		{Value: unix.NUD_REACHABLE, Name: "NUD_REACHABLE"},
		{Value: unix.NUD_STALE, Name: "NUD_STALE"},
		{Value: unix.NUD_DELAY, Name: "NUD_DELAY"},
		{Value: unix.NUD_PROBE, Name: "NUD_PROBE"},
		{Value: unix.NUD_FAILED, Name: "NUD_FAILED"},
		{Value: unix.NUD_NOARP, Name: "NUD_NOARP"},
		{Value: unix.NUD_PERMANENT, Name: "NUD_PERMANENT"},
	}.Flags(uint64(s))
}

// NeighFlags are NTF_*, linux/neighbour.h.
type NeighFlags uint8

func (f NeighFlags) String() string {
	return wire.Names{
		{Value: unix.NTF_USE, Name: "NTF_USE"},
		{Value: unix.NTF_SELF, Name: "NTF_SELF"},
		{Value: unix.NTF_MASTER, Name: "NTF_MASTER"},
		{Value: unix.NTF_PROXY, Name: "NTF_PROXY"},
		{Value: unix.NTF_EXT_LEARNED, Name: "NTF_EXT_LEARNED"},
		{Value: unix.NTF_ROUTER, Name: "NTF_ROUTER"},
	}.Flags(uint64(f))
}
