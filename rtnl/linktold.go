package rtnl

import (
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// linkTold is what the kernel tells of a link and nobody sets through this package (rtnl_fill_ifinfo,
// net/core/rtnetlink.c).
var linkTold = wire.Table[*Link]{
	wire.U32(unix.IFLA_PROMISCUITY, "IFLA_PROMISCUITY", func(l *Link) *uint32 { return &l.Promiscuity }),
	wire.U32(unix.IFLA_EVENT, "IFLA_EVENT", func(l *Link) *LinkEvent { return &l.Event }),
	wire.Opt(unix.IFLA_NEW_NETNSID, "IFLA_NEW_NETNSID", func(l *Link) **int32 { return &l.NewNetNSID }),
	wire.U32(unix.IFLA_NEW_IFINDEX, "IFLA_NEW_IFINDEX", func(l *Link) *uint32 { return &l.NewIndex }),
	wire.Nest(unix.IFLA_XDP, "IFLA_XDP", func(l *Link) **LinkXDP { return &l.XDP }, &linkXDPTable),
}

// linkKnown are those that have no field.
var linkKnown = []wire.Known{
	{Type: unix.IFLA_STATS, Name: "IFLA_STATS"}, // IFLA_STATS64 in 32 bits
	{Type: unix.IFLA_COST, Name: "IFLA_COST", Show: showNumber},
	{Type: unix.IFLA_PRIORITY, Name: "IFLA_PRIORITY", Show: showNumber},
	{Type: unix.IFLA_WIRELESS, Name: "IFLA_WIRELESS"},
	{Type: unix.IFLA_PROTINFO, Name: "IFLA_PROTINFO"},
	{Type: unix.IFLA_MAP, Name: "IFLA_MAP"}, // struct rtnl_link_ifmap: an ISA card's memory and interrupt
	{Type: unix.IFLA_WEIGHT, Name: "IFLA_WEIGHT", Show: showNumber},
	{Type: unix.IFLA_NUM_VF, Name: "IFLA_NUM_VF", Show: showNumber},
	{Type: unix.IFLA_VFINFO_LIST, Name: "IFLA_VFINFO_LIST"},
	{Type: unix.IFLA_VF_PORTS, Name: "IFLA_VF_PORTS"},
	{Type: unix.IFLA_PORT_SELF, Name: "IFLA_PORT_SELF"},
	{Type: unix.IFLA_PHYS_PORT_ID, Name: "IFLA_PHYS_PORT_ID"},
	{Type: unix.IFLA_CARRIER_CHANGES, Name: "IFLA_CARRIER_CHANGES", Show: showNumber},
	{Type: unix.IFLA_PHYS_SWITCH_ID, Name: "IFLA_PHYS_SWITCH_ID"},
	{Type: unix.IFLA_PHYS_PORT_NAME, Name: "IFLA_PHYS_PORT_NAME", Show: showText},
	{Type: unix.IFLA_PROTO_DOWN, Name: "IFLA_PROTO_DOWN", Show: showNumber},
	{Type: unix.IFLA_GSO_MAX_SEGS, Name: "IFLA_GSO_MAX_SEGS", Show: showNumber},
	{Type: unix.IFLA_GSO_MAX_SIZE, Name: "IFLA_GSO_MAX_SIZE", Show: showNumber},
	{Type: unix.IFLA_PAD, Name: "IFLA_PAD"},
	{Type: unix.IFLA_TARGET_NETNSID, Name: "IFLA_TARGET_NETNSID", Show: showNumber},
	{Type: unix.IFLA_CARRIER_UP_COUNT, Name: "IFLA_CARRIER_UP_COUNT", Show: showNumber},
	{Type: unix.IFLA_CARRIER_DOWN_COUNT, Name: "IFLA_CARRIER_DOWN_COUNT", Show: showNumber},
	{Type: unix.IFLA_ALT_IFNAME, Name: "IFLA_ALT_IFNAME", Show: showText}, // in a get; a link's own are in IFLA_PROP_LIST
	{Type: unix.IFLA_PROTO_DOWN_REASON, Name: "IFLA_PROTO_DOWN_REASON"},
	{Type: unix.IFLA_PARENT_DEV_NAME, Name: "IFLA_PARENT_DEV_NAME", Show: showText},
	{Type: unix.IFLA_PARENT_DEV_BUS_NAME, Name: "IFLA_PARENT_DEV_BUS_NAME", Show: showText},
	{Type: unix.IFLA_GRO_MAX_SIZE, Name: "IFLA_GRO_MAX_SIZE", Show: showNumber},
	{Type: unix.IFLA_TSO_MAX_SIZE, Name: "IFLA_TSO_MAX_SIZE", Show: showNumber},
	{Type: unix.IFLA_TSO_MAX_SEGS, Name: "IFLA_TSO_MAX_SEGS", Show: showNumber},
	{Type: unix.IFLA_ALLMULTI, Name: "IFLA_ALLMULTI", Show: showNumber},
	{Type: unix.IFLA_DEVLINK_PORT, Name: "IFLA_DEVLINK_PORT"},
	{Type: unix.IFLA_GSO_IPV4_MAX_SIZE, Name: "IFLA_GSO_IPV4_MAX_SIZE", Show: showNumber},
	{Type: unix.IFLA_GRO_IPV4_MAX_SIZE, Name: "IFLA_GRO_IPV4_MAX_SIZE", Show: showNumber},
	{Type: unix.IFLA_DPLL_PIN, Name: "IFLA_DPLL_PIN"},
	{Type: iflaMaxPacingOffloadHorizon, Name: "IFLA_MAX_PACING_OFFLOAD_HORIZON", Show: showNumber},
	{Type: iflaNetNSImmutable, Name: "IFLA_NETNS_IMMUTABLE", Show: showNumber},
	{Type: iflaHeadroom, Name: "IFLA_HEADROOM", Show: showNumber},
	{Type: iflaTailroom, Name: "IFLA_TAILROOM", Show: showNumber},
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
		{Value: unix.IFLA_EVENT_NONE, Name: "IFLA_EVENT_NONE"},
		{Value: unix.IFLA_EVENT_REBOOT, Name: "IFLA_EVENT_REBOOT"},
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
	wire.Unknown(func(x *LinkXDP) *[]wire.Attr { return &x.Rest }, linkXDPKnown...),
}

// linkXDPKnown are those that have no field.
var linkXDPKnown = []wire.Known{
	{Type: unix.IFLA_XDP_DRV_PROG_ID, Name: "IFLA_XDP_DRV_PROG_ID", Show: showNumber},
	{Type: unix.IFLA_XDP_SKB_PROG_ID, Name: "IFLA_XDP_SKB_PROG_ID", Show: showNumber},
	{Type: unix.IFLA_XDP_HW_PROG_ID, Name: "IFLA_XDP_HW_PROG_ID", Show: showNumber},
}
