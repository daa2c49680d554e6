package rtnl

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// LinkInet6 is what IPv6 keeps for a link: IFLA_INET6_*, linux/if_link.h. Of these a request can set Token and
// AddrGenMode; in one that creates the kernel refuses them all (EAFNOSUPPORT), and the sysctls need /proc.
type LinkInet6 struct {
	Flags       uint32 // IF_RA_RCVD and others of net/if_inet6.h
	CacheInfo   *LinkInet6CacheInfo
	Conf        DevConf6
	Token       netip.Addr
	AddrGenMode *AddrGenMode
	RAMTU       uint32 // bytes, from a router advertisement
	Rest        []wire.Attr
}

var linkInet6Table = wire.Table[*LinkInet6]{Rows: func(i *LinkInet6) wire.Rows {
	return wire.Of(i,
		wire.U32(unix.IFLA_INET6_FLAGS, "IFLA_INET6_FLAGS", &i.Flags),
		wire.Struct(unix.IFLA_INET6_CACHEINFO, "IFLA_INET6_CACHEINFO",
			&i.CacheInfo, &linkInet6CacheInfoTable),
		wire.Bytes(unix.IFLA_INET6_CONF, "IFLA_INET6_CONF", &i.Conf),
		wire.IP(unix.IFLA_INET6_TOKEN, "IFLA_INET6_TOKEN", &i.Token),
		wire.Opt(unix.IFLA_INET6_ADDR_GEN_MODE, "IFLA_INET6_ADDR_GEN_MODE",
			&i.AddrGenMode),
		wire.U32(unix.IFLA_INET6_RA_MTU, "IFLA_INET6_RA_MTU", &i.RAMTU),
		wire.Unknown(&i.Rest, words.Group("inet6")),
	)
}}

// LinkInet6CacheInfo is struct ifla_cacheinfo, linux/if_link.h.
type LinkInet6CacheInfo struct {
	MaxReassembly uint32 // bytes
	Updated       uint32 // hundredths of a second since boot
	Reachable     uint32 // milliseconds that a neighbour counts as reachable
	Retransmit    uint32 // milliseconds between neighbour solicitations
}

var linkInet6CacheInfoTable = wire.Table[*LinkInet6CacheInfo]{Rows: func(c *LinkInet6CacheInfo) wire.Rows {
	return wire.Of(c,
		wire.Field("max_reasm_len", &c.MaxReassembly),
		wire.Field("tstamp", &c.Updated),
		wire.Field("reachable_time", &c.Reachable),
		wire.Field("retrans_time", &c.Retransmit),
	)
}}

// AddrGenMode says how IPv6 makes the link-local address of a link: enum in6_addr_gen_mode, linux/if_link.h.
type AddrGenMode uint8

// AddrGenModeNone makes none.
const AddrGenModeNone AddrGenMode = 1

func (m AddrGenMode) String() string {
	return wire.Names{
		{Value: 0, Name: "IN6_ADDR_GEN_MODE_EUI64"},
		{Value: 1, Name: "IN6_ADDR_GEN_MODE_NONE"},
		{Value: 2, Name: "IN6_ADDR_GEN_MODE_STABLE_PRIVACY"},
		{Value: 3, Name: "IN6_ADDR_GEN_MODE_RANDOM"},
	}.Enum(uint64(m))
}

// SetAddrGenMode says how IPv6 makes the link-local address of the link with this index. It must be done before the
// link is up: in the same message it comes too late.
func SetAddrGenMode(index uint32, mode AddrGenMode, purpose string) wire.Request {
	return SetLink(&Link{Index: index, AF: &LinkAF{Inet6: &LinkInet6{AddrGenMode: &mode}}}, purpose)
}

// DevConf6 is a link's IPv6 sysctls as the kernel tells them: an array of int32 in the host's byte order, of which the
// index is DEVCONF_*, linux/ipv6.h.
type DevConf6 []byte

// A ConfID6 is the number of an IPv6 sysctl of a link: DEVCONF_*, linux/ipv6.h. (IPv4 counts from 1, IPv6 from 0.)
type ConfID6 uint16

// The sysctls that plumb has to do with.
const (
	Conf6Forwarding  ConfID6 = 0
	Conf6AcceptRA    ConfID6 = 3
	Conf6DisableIPv6 ConfID6 = 26
	Conf6AcceptDAD   ConfID6 = 27
)

func (id ConfID6) String() string {
	names := []string{
		"forwarding", "hop_limit", "mtu", "accept_ra", "accept_redirects", "autoconf", "dad_transmits",
		"router_solicitations", "router_solicitation_interval", "router_solicitation_delay", "use_tempaddr",
		"temp_valid_lft", "temp_prefered_lft", "regen_max_retry", "max_desync_factor", "max_addresses",
		"force_mld_version", "accept_ra_defrtr", "accept_ra_pinfo", "accept_ra_rtr_pref", "router_probe_interval",
		"accept_ra_rt_info_max_plen", "proxy_ndp", "optimistic_dad", "accept_source_route", "mc_forwarding",
		"disable_ipv6", "accept_dad", "force_tllao", "ndisc_notify", "mldv1_unsolicited_report_interval",
		"mldv2_unsolicited_report_interval", "suppress_frag_ndisc", "accept_ra_from_local", "use_optimistic",
		"accept_ra_mtu", "stable_secret", "use_oif_addrs_only", "accept_ra_min_hop_limit",
		"ignore_routes_with_linkdown", "drop_unicast_in_l2_multicast", "drop_unsolicited_na", "keep_addr_on_down",
		"router_solicitation_max_interval", "seg6_enabled", "seg6_require_hmac", "enhanced_dad", "addr_gen_mode",
		"disable_policy", "accept_ra_rt_info_min_plen", "ndisc_tclass", "rpl_seg_enabled", "ra_defrtr_metric",
		"ioam6_enabled", "ioam6_id", "ioam6_id_wide", "ndisc_evict_nocarrier", "accept_untracked_na",
		"accept_ra_min_lft",
	}
	if int(id) < len(names) {
		return names[id]
	}
	return strconv.Itoa(int(id))
}

// Value is the value of a sysctl; ok is false where the kernel did not tell it.
func (d DevConf6) Value(id ConfID6) (value int32, ok bool) {
	n := int(id) * 4
	if n+4 > len(d) {
		return 0, false
	}
	return int32(binary.NativeEndian.Uint32(d[n:])), true
}

func (d DevConf6) String() string {
	words := make([]string, len(d)/4)
	for i := range words {
		value, _ := d.Value(ConfID6(i))
		words[i] = fmt.Sprintf("%s=%d", ConfID6(i), value)
	}
	return strings.Join(words, " ")
}

// Conf6 returns the link's IPv6 sysctls, which every link got from the kernel has where there is IPv6.
func (l *Link) Conf6() DevConf6 {
	if l.AF == nil || l.AF.Inet6 == nil {
		return nil
	}
	return l.AF.Inet6.Conf
}
