package rtnl

import (
	"net"
	"net/netip"

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A neighbour: the link-layer address that an address on a link has. RTM_NEWNEIGH, RTM_DELNEIGH and RTM_GETNEIGH
// carry this struct and the attributes NDA_* (linux/neighbour.h):
//
//	struct ndmsg {
//		__u8  ndm_family;
//		__u8  ndm_pad1;
//		__u16 ndm_pad2;
//		__s32 ndm_ifindex;
//		__u16 ndm_state;   // NUD_*
//		__u8  ndm_flags;   // NTF_*
//		__u8  ndm_type;    // RTN_*
//	};

// A Neigh is an entry of the neighbour table: ARP for IPv4, neighbour discovery for IPv6.
type Neigh struct {
	Family    Family
	Index     uint32
	State     NeighState
	Flags     NeighFlags
	Type      RouteType
	Address   netip.Addr
	LLAddress net.HardwareAddr
	Probes    uint32
	CacheInfo *NeighCacheInfo
	Protocol  RouteProtocol // who set it
	FlagsExt  uint32        // NTF_EXT_*
	Rest      []wire.Attr
}

var neighTable = wire.Table[*Neigh]{Rows: func(n *Neigh) wire.Rows {
	return wire.Of(n,
		wire.Field("ndm_family", &n.Family),
		wire.Pad(3),
		wire.Field("ndm_ifindex", &n.Index),
		wire.Field("ndm_state", &n.State),
		wire.Field("ndm_flags", &n.Flags),
		wire.Field("ndm_type", &n.Type),

		wire.IP(unix.NDA_DST, "NDA_DST", &n.Address),
		wire.MAC(unix.NDA_LLADDR, "NDA_LLADDR", &n.LLAddress),
		wire.U32(unix.NDA_PROBES, "NDA_PROBES", &n.Probes),
		wire.Struct(unix.NDA_CACHEINFO, "NDA_CACHEINFO", &n.CacheInfo, &neighCacheInfoTable),
		wire.U8(ndaProtocol, "NDA_PROTOCOL", &n.Protocol),
		wire.U32(ndaFlagsExt, "NDA_FLAGS_EXT", &n.FlagsExt),
		wire.Unknown(&n.Rest, words.Group("neigh")),
	)
}}

// Attributes of linux/neighbour.h that golang.org/x/sys does not have: Linux 5.2 and 5.16.
const (
	ndaProtocol = 12
	ndaFlagsExt = 15
)

// NeighCacheInfo is struct nda_cacheinfo, linux/neighbour.h. The times are clock ticks (USER_HZ) ago.
type NeighCacheInfo struct {
	Confirmed, Used, Updated, RefCount uint32
}

var neighCacheInfoTable = wire.Table[*NeighCacheInfo]{Rows: func(c *NeighCacheInfo) wire.Rows {
	return wire.Of(c,
		wire.Field("ndm_confirmed", &c.Confirmed),
		wire.Field("ndm_used", &c.Used),
		wire.Field("ndm_updated", &c.Updated),
		wire.Field("ndm_refcnt", &c.RefCount),
	)
}}

var (
	newNeigh = wire.Message[Neigh]{Type: unix.RTM_NEWNEIGH, Name: "RTM_NEWNEIGH", Body: &neighTable}
	delNeigh = wire.Message[Neigh]{Type: unix.RTM_DELNEIGH, Name: "RTM_DELNEIGH", Body: &neighTable}
	getNeigh = wire.Message[Neigh]{Type: unix.RTM_GETNEIGH, Name: "RTM_GETNEIGH", Body: &neighTable}
)

// NewNeigh adds an entry, or replaces the one that the address has on the link.
func NewNeigh(n *Neigh, purpose string) wire.Request {
	return newNeigh.New(netlink.Acknowledge|netlink.Create|netlink.Replace, n, purpose)
}

// DelNeigh removes an entry. ENOENT means that there is none such.
func DelNeigh(n *Neigh, purpose string) wire.Request {
	return delNeigh.New(netlink.Acknowledge, n, purpose)
}

// Neighs lists the neighbours of a family, or of all where family is 0.
func (c *Conn) Neighs(family Family) ([]Neigh, error) {
	return wire.Dump(c.Conn, getNeigh.New(0, &Neigh{Family: family}, "list "+family.kind()+"neighbours"), &newNeigh)
}
