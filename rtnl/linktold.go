package rtnl

import (
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// linkTold is what the kernel tells of a link and nobody sets through this package (rtnl_fill_ifinfo,
// net/core/rtnetlink.c). The first rows have a field, the others only a name.
var linkTold = wire.Table[*Link]{
	wire.U32(unix.IFLA_PROMISCUITY, "IFLA_PROMISCUITY", func(l *Link) *uint32 { return &l.Promiscuity }),
	wire.U32(unix.IFLA_EVENT, "IFLA_EVENT", func(l *Link) *LinkEvent { return &l.Event }),
	wire.Opt(unix.IFLA_NEW_NETNSID, "IFLA_NEW_NETNSID", func(l *Link) **int32 { return &l.NewNetNSID }),
	wire.U32(unix.IFLA_NEW_IFINDEX, "IFLA_NEW_IFINDEX", func(l *Link) *uint32 { return &l.NewIndex }),
	wire.Nest(unix.IFLA_XDP, "IFLA_XDP", func(l *Link) **LinkXDP { return &l.XDP }, &linkXDPTable),

	toldLink(unix.IFLA_STATS, "IFLA_STATS", showBytes), // IFLA_STATS64 in 32 bits
	toldLink(unix.IFLA_COST, "IFLA_COST", showNumber),
	toldLink(unix.IFLA_PRIORITY, "IFLA_PRIORITY", showNumber),
	toldLink(unix.IFLA_WIRELESS, "IFLA_WIRELESS", showBytes),
	toldLink(unix.IFLA_PROTINFO, "IFLA_PROTINFO", showBytes),
	toldLink(unix.IFLA_MAP, "IFLA_MAP", showBytes), // struct rtnl_link_ifmap: an ISA card's memory and interrupt
	toldLink(unix.IFLA_WEIGHT, "IFLA_WEIGHT", showNumber),
	toldLink(unix.IFLA_NUM_VF, "IFLA_NUM_VF", showNumber),
	toldLink(unix.IFLA_VFINFO_LIST, "IFLA_VFINFO_LIST", showBytes),
	toldLink(unix.IFLA_VF_PORTS, "IFLA_VF_PORTS", showBytes),
	toldLink(unix.IFLA_PORT_SELF, "IFLA_PORT_SELF", showBytes),
	toldLink(unix.IFLA_PHYS_PORT_ID, "IFLA_PHYS_PORT_ID", showBytes),
	toldLink(unix.IFLA_CARRIER_CHANGES, "IFLA_CARRIER_CHANGES", showNumber),
	toldLink(unix.IFLA_PHYS_SWITCH_ID, "IFLA_PHYS_SWITCH_ID", showBytes),
	toldLink(unix.IFLA_PHYS_PORT_NAME, "IFLA_PHYS_PORT_NAME", showText),
	toldLink(unix.IFLA_PROTO_DOWN, "IFLA_PROTO_DOWN", showNumber),
	toldLink(unix.IFLA_GSO_MAX_SEGS, "IFLA_GSO_MAX_SEGS", showNumber),
	toldLink(unix.IFLA_GSO_MAX_SIZE, "IFLA_GSO_MAX_SIZE", showNumber),
	toldLink(unix.IFLA_PAD, "IFLA_PAD", showBytes),
	toldLink(unix.IFLA_TARGET_NETNSID, "IFLA_TARGET_NETNSID", showNumber),
	toldLink(unix.IFLA_CARRIER_UP_COUNT, "IFLA_CARRIER_UP_COUNT", showNumber),
	toldLink(unix.IFLA_CARRIER_DOWN_COUNT, "IFLA_CARRIER_DOWN_COUNT", showNumber),
	toldLink(unix.IFLA_ALT_IFNAME, "IFLA_ALT_IFNAME", showText), // in a get; a link's own are in IFLA_PROP_LIST
	toldLink(unix.IFLA_PROTO_DOWN_REASON, "IFLA_PROTO_DOWN_REASON", showBytes),
	toldLink(unix.IFLA_PARENT_DEV_NAME, "IFLA_PARENT_DEV_NAME", showText),
	toldLink(unix.IFLA_PARENT_DEV_BUS_NAME, "IFLA_PARENT_DEV_BUS_NAME", showText),
	toldLink(unix.IFLA_GRO_MAX_SIZE, "IFLA_GRO_MAX_SIZE", showNumber),
	toldLink(unix.IFLA_TSO_MAX_SIZE, "IFLA_TSO_MAX_SIZE", showNumber),
	toldLink(unix.IFLA_TSO_MAX_SEGS, "IFLA_TSO_MAX_SEGS", showNumber),
	toldLink(unix.IFLA_ALLMULTI, "IFLA_ALLMULTI", showNumber),
	toldLink(unix.IFLA_DEVLINK_PORT, "IFLA_DEVLINK_PORT", showBytes),
	toldLink(unix.IFLA_GSO_IPV4_MAX_SIZE, "IFLA_GSO_IPV4_MAX_SIZE", showNumber),
	toldLink(unix.IFLA_GRO_IPV4_MAX_SIZE, "IFLA_GRO_IPV4_MAX_SIZE", showNumber),
	toldLink(unix.IFLA_DPLL_PIN, "IFLA_DPLL_PIN", showBytes),
	toldLink(iflaMaxPacingOffloadHorizon, "IFLA_MAX_PACING_OFFLOAD_HORIZON", showNumber),
	toldLink(iflaNetNSImmutable, "IFLA_NETNS_IMMUTABLE", showNumber),
	toldLink(iflaHeadroom, "IFLA_HEADROOM", showNumber),
	toldLink(iflaTailroom, "IFLA_TAILROOM", showNumber),
}

func toldLink(typ uint16, name string, show func(wire.Attr) string) wire.Row[*Link] {
	return told(typ, name, func(l *Link) *[]wire.Attr { return &l.Unrecognised }, show)
}

// Attributes of linux/if_link.h that golang.org/x/sys does not have yet: Linux 6.12 to 6.15.
const (
	iflaMaxPacingOffloadHorizon = 66
	iflaNetNSImmutable          = 67
	iflaHeadroom                = 68
	iflaTailroom                = 69
)

// A LinkEvent is why the kernel tells of a link anew: IFLA_EVENT_*, linux/if_link.h.
type LinkEvent uint32

func (e LinkEvent) String() string {
	return wire.Names{
		{Value: unix.IFLA_EVENT_NONE, Name: "IFLA_EVENT_NONE"}, {Value: unix.IFLA_EVENT_REBOOT, Name: "IFLA_EVENT_REBOOT"},
		{Value: unix.IFLA_EVENT_FEATURES, Name: "IFLA_EVENT_FEATURES"},
		{Value: unix.IFLA_EVENT_BONDING_FAILOVER, Name: "IFLA_EVENT_BONDING_FAILOVER"},
		{Value: unix.IFLA_EVENT_NOTIFY_PEERS, Name: "IFLA_EVENT_NOTIFY_PEERS"},
		{Value: unix.IFLA_EVENT_IGMP_RESEND, Name: "IFLA_EVENT_IGMP_RESEND"},
		{Value: unix.IFLA_EVENT_BONDING_OPTIONS, Name: "IFLA_EVENT_BONDING_OPTIONS"},
	}.Enum(uint64(e))
}

// LinkXDP is IFLA_XDP: the BPF program that sees the link's packets before the network stack does.
type LinkXDP struct {
	Attached *uint8 // XDP_ATTACHED_*: 0 is none
	Flags    uint32 // XDP_FLAGS_*
	ProgID   uint32
	Rest     []wire.Attr
}

var linkXDPTable = wire.Table[*LinkXDP]{
	wire.Opt(unix.IFLA_XDP_ATTACHED, "IFLA_XDP_ATTACHED", func(x *LinkXDP) **uint8 { return &x.Attached }),
	wire.U32(unix.IFLA_XDP_FLAGS, "IFLA_XDP_FLAGS", func(x *LinkXDP) *uint32 { return &x.Flags }),
	wire.U32(unix.IFLA_XDP_PROG_ID, "IFLA_XDP_PROG_ID", func(x *LinkXDP) *uint32 { return &x.ProgID }),
	toldXDP(unix.IFLA_XDP_DRV_PROG_ID, "IFLA_XDP_DRV_PROG_ID"),
	toldXDP(unix.IFLA_XDP_SKB_PROG_ID, "IFLA_XDP_SKB_PROG_ID"),
	toldXDP(unix.IFLA_XDP_HW_PROG_ID, "IFLA_XDP_HW_PROG_ID"),
	wire.Unknown(func(x *LinkXDP) *[]wire.Attr { return &x.Rest }),
}

func toldXDP(typ uint16, name string) wire.Row[*LinkXDP] {
	return told(typ, name, func(x *LinkXDP) *[]wire.Attr { return &x.Rest }, showNumber)
}
