package rtnl

import (
	"fmt"
	"net"
	"strconv"

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A link is a network interface. RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK and RTM_SETLINK carry, after the netlink
// header, this struct (linux/rtnetlink.h) and the attributes IFLA_*:
//
//	struct ifinfomsg {
//		unsigned char  ifi_family;
//		unsigned char  __ifi_pad;
//		unsigned short ifi_type;   // ARPHRD_*
//		int            ifi_index;  // 0 in a request: the kernel chooses, or the name says it
//		unsigned       ifi_flags;  // IFF_*
//		unsigned       ifi_change; // which of the flags are meant
//	};
//
// The attributes' numbers are in an enum of linux/if_link.h, whose values x/sys/unix has under the same names. These
// are in the message that makes a veth pair:
//
//	IFLA_ADDRESS        1    IFLA_LINKINFO      18    inside IFLA_LINKINFO:
//	IFLA_IFNAME         3    IFLA_GROUP         27      IFLA_INFO_KIND  1
//	IFLA_MTU            4    IFLA_NET_NS_FD     28      IFLA_INFO_DATA  2, and inside that, for a veth:
//	                         IFLA_NUM_TX_QUEUES 31        VETH_INFO_PEER  1 (linux/veth.h)
//	                         IFLA_NUM_RX_QUEUES 32

// A Link is a network interface, or what is asked of one. What is zero is not sent: the kernel keeps, or chooses, the
// value then. (So group 0, a queue of 0 packets and "no master any more" cannot be asked for, and plumb asks for none.)
type Link struct {
	Family Family
	Type   HardwareType
	Index  uint32
	Flags  LinkFlags
	Change LinkFlags // which bits of Flags a request sets

	Name      string           // at most 15 bytes
	Alias     string           // at most 255 bytes; ignored by the kernel in a request that creates
	Address   net.HardwareAddr // link-layer address
	Broadcast net.HardwareAddr
	MTU       uint32 // bytes
	MinMTU    uint32 // bytes
	MaxMTU    uint32 // bytes
	Link      uint32 // the other end's index, in the namespace LinkNetNSID
	Master    uint32 // the bridge's index, or another master's
	Group     uint32
	Qdisc     string

	TxQueueLen   uint32 // packets
	NumTxQueues  uint32
	NumRxQueues  uint32
	OperState    OperState
	LinkMode     uint8
	Carrier      *uint8
	NetNSFd      *uint32 // the namespace to create in, or to move to: a file descriptor of ours
	NetNSPid     uint32  // the same, by a process in it
	LinkNetNSID  *int32  // the other end's namespace; -1: it is gone
	ExtMask      ExtMask // of a get: what else to tell, or to leave out
	Stats        *LinkStats
	Info         *LinkInfo
	AF           *LinkAF
	AltNames     *AltNames
	PermAddress  net.HardwareAddr
	Promiscuity  uint32 // how many want the link to take in every frame
	Event        LinkEvent
	NewNetNSID   *int32 // of a DELLINK event: the namespace that the link was moved to
	NewIndex     uint32 // of a DELLINK event: the index that the link has there
	XDP          *LinkXDP
	Unrecognised []wire.Attr // those without a field here, whether linkKnown names them or not
}

// linkAttrs are the fields and attributes that a request can have, all but IFLA_LINKINFO: the table that describes a
// veth's peer, inside IFLA_LINKINFO, is this one.
var linkAttrs = wire.Table[*Link]{Rows: func(l *Link) wire.Rows { return wire.Of(l, linkRows(l)) }}

func linkRows(l *Link) wire.Row {
	return wire.Several(
		wire.Field("ifi_family", &l.Family),
		wire.Pad(1),
		wire.Field("ifi_type", &l.Type),
		wire.Field("ifi_index", &l.Index),
		wire.Field("ifi_flags", &l.Flags),
		wire.Field("ifi_change", &l.Change),

		wire.String(unix.IFLA_IFNAME, "IFLA_IFNAME", &l.Name),
		wire.MAC(unix.IFLA_ADDRESS, "IFLA_ADDRESS", &l.Address),
		wire.MAC(unix.IFLA_BROADCAST, "IFLA_BROADCAST", &l.Broadcast),
		wire.U32(unix.IFLA_MTU, "IFLA_MTU", &l.MTU),
		wire.U32(unix.IFLA_MIN_MTU, "IFLA_MIN_MTU", &l.MinMTU),
		wire.U32(unix.IFLA_MAX_MTU, "IFLA_MAX_MTU", &l.MaxMTU),
		wire.U32(unix.IFLA_LINK, "IFLA_LINK", &l.Link),
		wire.U32(unix.IFLA_MASTER, "IFLA_MASTER", &l.Master),
		wire.U32(unix.IFLA_GROUP, "IFLA_GROUP", &l.Group),
		wire.String(unix.IFLA_QDISC, "IFLA_QDISC", &l.Qdisc),
		wire.U32(unix.IFLA_TXQLEN, "IFLA_TXQLEN", &l.TxQueueLen),
		wire.U32(unix.IFLA_NUM_TX_QUEUES, "IFLA_NUM_TX_QUEUES", &l.NumTxQueues),
		wire.U32(unix.IFLA_NUM_RX_QUEUES, "IFLA_NUM_RX_QUEUES", &l.NumRxQueues),
		wire.U8(unix.IFLA_OPERSTATE, "IFLA_OPERSTATE", &l.OperState),
		wire.U8(unix.IFLA_LINKMODE, "IFLA_LINKMODE", &l.LinkMode),
		wire.Opt(unix.IFLA_CARRIER, "IFLA_CARRIER", &l.Carrier),
		wire.Opt(unix.IFLA_NET_NS_FD, "IFLA_NET_NS_FD", &l.NetNSFd),
		wire.U32(unix.IFLA_NET_NS_PID, "IFLA_NET_NS_PID", &l.NetNSPid),
		wire.Opt(unix.IFLA_LINK_NETNSID, "IFLA_LINK_NETNSID", &l.LinkNetNSID),
		wire.U32(unix.IFLA_EXT_MASK, "IFLA_EXT_MASK", &l.ExtMask),
		wire.Text(unix.IFLA_IFALIAS, "IFLA_IFALIAS", &l.Alias),
		wire.Struct(unix.IFLA_STATS64, "IFLA_STATS64", &l.Stats, &linkStatsTable),
		wire.When(&l.Family, func(f Family) bool { return f != unix.AF_BRIDGE }, // which has its own: IFLA_BRIDGE_*, linux/if_bridge.h
			wire.Nest(unix.IFLA_AF_SPEC, "IFLA_AF_SPEC", &l.AF, &linkAFTable)),
		wire.Nest(unix.IFLA_PROP_LIST, "IFLA_PROP_LIST", &l.AltNames, &altNamesTable),
		wire.MAC(unix.IFLA_PERM_ADDRESS, "IFLA_PERM_ADDRESS", &l.PermAddress),
		wire.Unknown(&l.Unrecognised, words.Group("link")),
	)
}

var linkTable = wire.Table[*Link]{Rows: func(l *Link) wire.Rows {
	return wire.Of(l,
		linkRows(l),
		wire.Nest(unix.IFLA_LINKINFO, "IFLA_LINKINFO", &l.Info, &linkInfoTable),
		linkTold(l),
	)
}}

var (
	newLink = wire.Message[Link]{Type: unix.RTM_NEWLINK, Name: "RTM_NEWLINK", Body: &linkTable}
	delLink = wire.Message[Link]{Type: unix.RTM_DELLINK, Name: "RTM_DELLINK", Body: &linkTable}
	getLink = wire.Message[Link]{Type: unix.RTM_GETLINK, Name: "RTM_GETLINK", Body: &linkTable}
	setLink = wire.Message[Link]{Type: unix.RTM_SETLINK, Name: "RTM_SETLINK", Body: &linkTable}
)

// NewLink creates a link. EEXIST means that the name or the index is taken (rtnl_newlink, net/core/rtnetlink.c); EBUSY,
// that an index is taken which the kernel finds so only later, as that of a veth's peer (register_netdevice,
// net/core/dev.c).
func NewLink(l *Link, purpose string) wire.Request {
	return newLink.New(netlink.Acknowledge|netlink.Create|netlink.Excl, l, purpose)
}

// SetLink changes what is set in l of the link with its index, or, where that is 0, its name.
func SetLink(l *Link, purpose string) wire.Request {
	return setLink.New(netlink.Acknowledge, l, purpose)
}

// SetLinkNamed changes what is set in l of the link that has a name, be it a further one. The error is ENODEV where there is none.
func SetLinkNamed(name string, l *Link, purpose string) wire.Request {
	named, query := *l, linkNamed(name)
	named.Index, named.Name, named.Unrecognised = 0, query.Name, query.Unrecognised
	return setLink.New(netlink.Acknowledge, &named, purpose)
}

// SetUp sets the link with this index up (IFF_UP).
func SetUp(index uint32, purpose string) wire.Request {
	return SetLink(&Link{Index: index, Flags: unix.IFF_UP, Change: unix.IFF_UP}, purpose)
}

// SetDown sets the link with this index down.
func SetDown(index uint32, purpose string) wire.Request {
	return SetLink(&Link{Index: index, Change: unix.IFF_UP}, purpose)
}

// DelLink removes the link with the index of l, or its name, or all links of its group. ENODEV means that it is gone
// already.
func DelLink(l *Link, purpose string) wire.Request {
	return delLink.New(netlink.Acknowledge, l, purpose)
}

// LinkByName gets a link by its name or one of its further names, without Stats. The error is ENODEV where there is none.
func (c *Conn) LinkByName(name string) (*Link, error) {
	return wire.Get(c.Conn, getLink.New(0, linkNamed(name), "get link "+name), &newLink)
}

// linkNamed asks for a name. IFLA_IFNAME finds further names too, but has no room for more than 15 bytes.
func linkNamed(name string) *Link {
	query := &Link{ExtMask: ExtSkipStats}
	if len(name) < unix.IFNAMSIZ {
		query.Name = name
	} else {
		query.Unrecognised = []wire.Attr{{Type: unix.IFLA_ALT_IFNAME, Data: append([]byte(name), 0)}}
	}
	return query
}

// LinkByIndex gets a link by its index. The error is ENODEV where there is none.
func (c *Conn) LinkByIndex(index uint32) (*Link, error) {
	return wire.Get(c.Conn, getLink.New(0, &Link{Index: index}, fmt.Sprintf("get link %d", index)), &newLink)
}

// The gist of a link is what most who ask by an index want to know of it: of the some thousand bytes that the kernel tells, this is what is read.
var (
	linkGistTable = wire.Table[*Link]{Rows: func(l *Link) wire.Rows {
		return wire.Of(l,
			wire.Field("ifi_family", &l.Family),
			wire.Pad(1),
			wire.Field("ifi_type", &l.Type),
			wire.Field("ifi_index", &l.Index),
			wire.Field("ifi_flags", &l.Flags),
			wire.Field("ifi_change", &l.Change),
			wire.String(unix.IFLA_IFNAME, "IFLA_IFNAME", &l.Name),
			wire.U32(unix.IFLA_MTU, "IFLA_MTU", &l.MTU),
			wire.U32(unix.IFLA_GROUP, "IFLA_GROUP", &l.Group),
			wire.U8(unix.IFLA_OPERSTATE, "IFLA_OPERSTATE", &l.OperState),
		)
	}}
	linkGist = wire.Message[Link]{Type: unix.RTM_NEWLINK, Name: newLink.Name, Body: &linkGistTable}
)

// LinkGist is LinkByIndex, of which only the fixed struct, the name, the MTU, the group and the state are read.
func (c *Conn) LinkGist(index uint32) (*Link, error) {
	l := new(Link)
	return l, c.Do(AskLinkGist(index, l))
}

// AskLinkGist is the question that LinkGist asks, to be sent with others: the answer goes to l.
func AskLinkGist(index uint32, l *Link) wire.Request {
	return wire.Into(getLink.New(0, &Link{Index: index, ExtMask: ExtSkipStats}, "get link "+strconv.FormatUint(uint64(index), 10)), &linkGist, l)
}

// Links lists all links of the namespace.
func (c *Conn) Links() ([]Link, error) {
	return wire.Dump(c.Conn, getLink.New(0, &Link{}, "list links"), &newLink)
}
