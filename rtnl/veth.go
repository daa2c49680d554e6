package rtnl

import "plumb/rtnl/wire"

// A veth is one end of a virtual Ethernet cable: a pair of links, where what one sends the other receives (veth(4)).
// One RTM_NEWLINK creates both. The message itself describes the one end; the other is described inside
// IFLA_LINKINFO/IFLA_INFO_DATA/VETH_INFO_PEER (linux/veth.h) by a struct ifinfomsg and attributes IFLA_* again, so by
// the same table. With IFLA_NET_NS_FD there, the peer is created in its namespace, which spares the move of a
// finished link (22 ms of RCU grace periods).

// Veth is IFLA_INFO_DATA of a veth.
type Veth struct {
	Peer *Link
}

const vethInfoPeer = 1 // VETH_INFO_PEER, linux/veth.h

var vethTable = wire.Table[*Veth]{Rows: func(v *Veth) wire.Rows {
	return wire.Of(v,
		wire.Nest(vethInfoPeer, "VETH_INFO_PEER", &v.Peer, &linkAttrs),
		wire.Named(words.Group("veth")),
	)
}}

// VethPair describes a pair of links: one, and its peer. IFF_UP in the peer's flags makes the kernel refuse the
// whole (ENOTCONN): it can be set up only when both are there. The peer's index counts only where the one has an index,
// too (veth_newlink, drivers/net/veth.c).
func VethPair(one, peer *Link) *Link {
	pair := *one
	pair.Info = &LinkInfo{Kind: "veth", Data: &Veth{Peer: peer}}
	return &pair
}
