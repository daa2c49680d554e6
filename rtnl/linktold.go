package rtnl

import (
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// linkTold are the rows of what the kernel tells of a link and nobody sets through this package (rtnl_fill_ifinfo,
// net/core/rtnetlink.c).
func linkTold(l *Link) wire.Row {
	return wire.Several(
		wire.U32(unix.IFLA_PROMISCUITY, "IFLA_PROMISCUITY", &l.Promiscuity),
		wire.U32(unix.IFLA_EVENT, "IFLA_EVENT", &l.Event),
		wire.Opt(unix.IFLA_NEW_NETNSID, "IFLA_NEW_NETNSID", &l.NewNetNSID),
		wire.U32(unix.IFLA_NEW_IFINDEX, "IFLA_NEW_IFINDEX", &l.NewIndex),
		wire.Nest(unix.IFLA_XDP, "IFLA_XDP", &l.XDP, &linkXDPTable),
	)
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

var linkXDPTable = wire.Table[*LinkXDP]{Rows: func(x *LinkXDP) wire.Rows {
	return wire.Of(x,
		wire.Opt(unix.IFLA_XDP_ATTACHED, "IFLA_XDP_ATTACHED", &x.Attached),
		wire.U32(unix.IFLA_XDP_FLAGS, "IFLA_XDP_FLAGS", &x.Flags),
		wire.U32(unix.IFLA_XDP_PROG_ID, "IFLA_XDP_PROG_ID", &x.ProgID),
		wire.Unknown(&x.Rest, words.Group("xdp")),
	)
}}
