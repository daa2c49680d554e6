package nat

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// Connection tracking remembers who speaks with whom, and what address translation made of it: a DNAT is looked up for the first
// packet of a connection alone. ctnetlink lists and removes what it remembers: the subsystem NFNL_SUBSYS_CTNETLINK, message types
// enum cntl_msg_types, attributes enum ctattr_type, linux/netfilter/nfnetlink_conntrack.h.

// A Connection is one entry of connection tracking. What the kernel alone sets stands in conntrack_told.go.
type Connection struct {
	Header
	Orig    *Tuple // packets in the direction of the first
	Reply   *Tuple // those of the answers: Orig the other way round, where no address is translated
	Status  ConnectionStatus
	Timeout uint32 // seconds until it is forgotten
	Mark    uint32
	ID      uint32 // the kernel's; another entry of the same tuples has another, as good as always (nf_ct_get_id)
	Zone    uint16 // tells apart connections whose tuples are the same
	Filter  *ConnectionFilter

	Told    ConnectionTold
	Unknown []wire.Attr
}

// A Tuple is one direction of a connection: enum ctattr_tuple.
type Tuple struct {
	IP    *TupleIP
	Proto *TupleProto
	Zone  uint16 // of a connection that has a zone in one direction only
}

// A TupleIP is the addresses of a packet, both of one family: enum ctattr_ip.
type TupleIP struct{ Src, Dst netip.Addr }

// A TupleProto is the protocol of a packet, IPPROTO_*, and what tells its connections apart: enum ctattr_l4proto. TCP, UDP, SCTP, DCCP
// and UDP-Lite have ports, GRE has keys in their place; ICMP has an id, type and code; all others have nothing.
type TupleProto struct {
	Number                 uint8
	SrcPort, DstPort       *uint16
	ICMPID, ICMPv6ID       *uint16
	ICMPType, ICMPCode     *uint8
	ICMPv6Type, ICMPv6Code *uint8
}

// A ConnectionFilter says which parts of a request's tuples an entry must have: enum ctattr_filter (Linux 5.8).
type ConnectionFilter struct{ Orig, Reply TupleParts }

// TupleParts are CTA_FILTER_F_*, net/netfilter/nf_internals.h.
type TupleParts uint32

// The parts that are asked for here.
const (
	partSrc     TupleParts = 1 << 0 // CTA_FILTER_F_CTA_IP_SRC
	partDst     TupleParts = 1 << 1 // CTA_FILTER_F_CTA_IP_DST
	partProto   TupleParts = 1 << 3 // CTA_FILTER_F_CTA_PROTO_NUM
	partDstPort TupleParts = 1 << 5 // CTA_FILTER_F_CTA_PROTO_DST_PORT
)

func (p TupleParts) String() string {
	return flagNames(uint32(p), "src", "dst", "zone", "proto", "sport", "dport", "icmp-type", "icmp-code", "icmp-id",
		"icmpv6-type", "icmpv6-code", "icmpv6-id")
}

// ConnectionStatus is enum ip_conntrack_status, linux/netfilter/nf_conntrack_common.h.
type ConnectionStatus uint32

func (s ConnectionStatus) String() string {
	return flagNames(uint32(s), "expected", "seen-reply", "assured", "confirmed", "snat", "dnat", "seq-adjust", "snat-done",
		"dnat-done", "dying", "fixed-timeout", "template", "untracked", "helper", "offload", "hw-offload")
}

// The attributes, which x/sys/unix does not have.
const (
	ctaTupleOrig  = 1
	ctaTupleReply = 2
	ctaStatus     = 3
	ctaTimeout    = 7
	ctaMark       = 8
	ctaID         = 12
	ctaZone       = 18
	ctaFilter     = 25
)

var connectionTable = wire.Table[*Connection]{Rows: func(c *Connection) wire.Rows {
	return wire.Of(c,
		headerRows(&c.Header),
		wire.Nest(ctaTupleOrig, "CTA_TUPLE_ORIG", &c.Orig, &tupleTable),
		wire.Nest(ctaTupleReply, "CTA_TUPLE_REPLY", &c.Reply, &tupleTable),
		wire.BE32(ctaStatus, "CTA_STATUS", &c.Status),
		wire.BE32(ctaTimeout, "CTA_TIMEOUT", &c.Timeout),
		wire.BE32(ctaMark, "CTA_MARK", &c.Mark),
		wire.BE32(ctaID, "CTA_ID", &c.ID),
		wire.BE16(ctaZone, "CTA_ZONE", &c.Zone),
		wire.Nest(ctaFilter, "CTA_FILTER", &c.Filter, &connectionFilterTable),
		connectionTold(&c.Told),
		wire.Unknown(&c.Unknown, words.Group("ct")),
	)
}}

var tupleTable = wire.Table[*Tuple]{Rows: func(t *Tuple) wire.Rows {
	return wire.Of(t,
		wire.Nest(1, "CTA_TUPLE_IP", &t.IP, &tupleIPTable),
		wire.Nest(2, "CTA_TUPLE_PROTO", &t.Proto, &tupleProtoTable),
		wire.BE16(3, "CTA_TUPLE_ZONE", &t.Zone),
		wire.Named(words.Group("tuple")),
	)
}}

var tupleIPTable = wire.Table[*TupleIP]{Rows: func(t *TupleIP) wire.Rows {
	return wire.Of(t,
		tupleAddr(1, "CTA_IP_V4_SRC", 4, &t.Src),
		tupleAddr(2, "CTA_IP_V4_DST", 4, &t.Dst),
		tupleAddr(3, "CTA_IP_V6_SRC", 16, &t.Src),
		tupleAddr(4, "CTA_IP_V6_DST", 16, &t.Dst),
		wire.Named(words.Group("tuple_ip")),
	)
}}

// tupleAddr is a row of an address of one size, in bytes: each family has an attribute of its own.
func tupleAddr(typ uint16, name string, size int, at *netip.Addr) wire.Row {
	put := func(at *netip.Addr) []byte {
		if at.BitLen() == size*8 {
			return at.AsSlice()
		}
		return nil
	}
	get := func(at *netip.Addr, a wire.Attr) error {
		if len(a.Data) != size {
			return fmt.Errorf("an address of %d bytes, where %d are right: %w", len(a.Data), size, wire.ErrTruncated)
		}
		*at = addrOf(a.Data)
		return nil
	}
	return wire.Custom(typ, name, false, at, put, get, func(a wire.Attr) string {
		if addr, ok := netip.AddrFromSlice(a.Data); ok {
			return addr.String()
		}
		return fmt.Sprintf("%#x", a.Data)
	}).Parsed(func(value string) ([]byte, error) {
		addr, err := netip.ParseAddr(value)
		return addr.AsSlice(), err
	})
}

var tupleProtoTable = wire.Table[*TupleProto]{Rows: func(t *TupleProto) wire.Rows {
	return wire.Of(t,
		wire.U8(1, "CTA_PROTO_NUM", &t.Number),
		wire.OptBE(2, "CTA_PROTO_SRC_PORT", &t.SrcPort),
		wire.OptBE(3, "CTA_PROTO_DST_PORT", &t.DstPort),
		wire.OptBE(4, "CTA_PROTO_ICMP_ID", &t.ICMPID),
		wire.Opt(5, "CTA_PROTO_ICMP_TYPE", &t.ICMPType),
		wire.Opt(6, "CTA_PROTO_ICMP_CODE", &t.ICMPCode),
		wire.OptBE(7, "CTA_PROTO_ICMPV6_ID", &t.ICMPv6ID),
		wire.Opt(8, "CTA_PROTO_ICMPV6_TYPE", &t.ICMPv6Type),
		wire.Opt(9, "CTA_PROTO_ICMPV6_CODE", &t.ICMPv6Code),
		wire.Named(words.Group("tuple_proto")),
	)
}}

// The kernel reads these in its own byte order (nla_get_u32, ctnetlink_alloc_filter, net/netfilter/nf_conntrack_netlink.c).
var connectionFilterTable = wire.Table[*ConnectionFilter]{Rows: func(f *ConnectionFilter) wire.Rows {
	return wire.Of(f,
		wire.U32(1, "CTA_FILTER_ORIG_FLAGS", &f.Orig),
		wire.U32(2, "CTA_FILTER_REPLY_FLAGS", &f.Reply),
		wire.Named(words.Group("ct_filter")),
	)
}}

// trackSubsystem is the upper byte of ctnetlink's message types.
const trackSubsystem = unix.NFNL_SUBSYS_CTNETLINK << 8

var (
	newConnection = wire.Message[Connection]{Type: trackSubsystem, Name: "IPCTNL_MSG_CT_NEW", Body: &connectionTable}
	getConnection = wire.Message[Connection]{Type: trackSubsystem | 1, Name: "IPCTNL_MSG_CT_GET", Body: &connectionTable}
	delConnection = wire.Message[Connection]{Type: trackSubsystem | 2, Name: "IPCTNL_MSG_CT_DELETE", Body: &connectionTable}
)

// Connections lists what connection tracking remembers of a family, NFPROTO_UNSPEC for all, in the Conn's namespace. The table behind it
// is one for all namespaces, and a list goes through all of it: with the 262,144 buckets of a machine with much memory
// it takes 10 ms, however few the connections are.
func (c *Conn) Connections(family Family) ([]Connection, error) {
	list, err := wire.Dump(c.wire, listConnections(family), &newConnection)
	return list, explainTracking(err)
}

func listConnections(family Family) wire.Request {
	return getConnection.New(0, &Connection{Header: Header{Family: family}}, "list the tracked connections")
}

// A TrackingStats says how many connections the namespace has: enum ctattr_stats_global.
type TrackingStats struct {
	Header
	Entries uint32
	Max     uint32 // sysctl net.netfilter.nf_conntrack_max
	Unknown []wire.Attr
}

var trackingStatsTable = wire.Table[*TrackingStats]{Rows: func(s *TrackingStats) wire.Rows {
	return wire.Of(s,
		headerRows(&s.Header),
		wire.BE32(1, "CTA_STATS_GLOBAL_ENTRIES", &s.Entries),
		wire.BE32(2, "CTA_STATS_GLOBAL_MAX_ENTRIES", &s.Max),
		wire.Unknown(&s.Unknown, words.Group("stats_global")),
	)
}}

var getTrackingStats = wire.Message[TrackingStats]{
	Type: trackSubsystem | 5, Name: "IPCTNL_MSG_CT_GET_STATS", Body: &trackingStatsTable,
}

// CountConnections is how many connections the Conn's namespace has, of all families.
func (c *Conn) CountConnections() (uint32, error) {
	s, err := wire.Get(c.wire, getTrackingStats.New(0, &TrackingStats{}, "count the tracked connections"), &getTrackingStats)
	if err != nil {
		return 0, explainTracking(err)
	}
	return s.Entries, nil
}
