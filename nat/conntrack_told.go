package nat

import "plumb/rtnl/wire"

// ConnectionTold is what the kernel tells of a connection and plumb does not set (ctnetlink_dump_info,
// net/netfilter/nf_conntrack_netlink.c).
type ConnectionTold struct {
	Proto        *ProtoInfo
	Helper       *Helper
	OrigCounter  *ConnectionCounter // with the sysctl net.netfilter.nf_conntrack_acct
	ReplyCounter *ConnectionCounter
	Use          uint32 // references to the entry
	Master       *Tuple // Orig of the connection that this one was expected by: FTP's control connection, of its data
	OrigShift    *SequenceShift
	ReplyShift   *SequenceShift
	Time         *ConnectionTime // with the sysctl net.netfilter.nf_conntrack_timestamp
	EventTime    uint64          // nanoseconds since 1970, of an event
}

// ProtoInfo is what is known of the state of a connection: enum ctattr_protoinfo. At most one is not nil.
type ProtoInfo struct {
	TCP  *TCPInfo
	SCTP *SCTPInfo
}

// TCPInfo is enum ctattr_protoinfo_tcp.
type TCPInfo struct {
	State       TCPState
	OrigWindow  *uint8 // the shift of window scaling that each side has announced
	ReplyWindow *uint8
	OrigFlags   []byte // struct nf_ct_tcp_flags: flags, mask
	ReplyFlags  []byte
}

// TCPState is enum tcp_conntrack, linux/netfilter/nf_conntrack_tcp.h.
type TCPState uint8

func (s TCPState) String() string {
	return nameOf(int64(s), []string{
		"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2",
	})
}

// SCTPInfo is enum ctattr_protoinfo_sctp.
type SCTPInfo struct {
	State               SCTPState
	OrigVTag, ReplyVTag uint32
}

// SCTPState is enum sctp_conntrack, linux/netfilter/nf_conntrack_sctp.h.
type SCTPState uint8

func (s SCTPState) String() string {
	return nameOf(int64(s), []string{
		"NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT",
		"HEARTBEAT_SENT",
	})
}

// A Helper follows a protocol that opens further connections: enum ctattr_help.
type Helper struct {
	Name string
	Info []byte
}

// A ConnectionCounter counts one direction: enum ctattr_counters.
type ConnectionCounter struct{ Packets, Bytes uint64 }

// A SequenceShift is what a helper's rewriting did to TCP's sequence numbers: enum ctattr_seqadj.
type SequenceShift struct{ Position, Before, After uint32 }

// ConnectionTime is in nanoseconds since 1970: enum ctattr_tstamp.
type ConnectionTime struct{ Start, Stop uint64 }

var connectionTold = wire.Table[*Connection]{
	wire.Nest(4, "CTA_PROTOINFO", func(c *Connection) **ProtoInfo { return &c.Told.Proto }, &protoInfoTable),
	wire.Nest(5, "CTA_HELP", func(c *Connection) **Helper { return &c.Told.Helper }, &helperTable),
	wire.Nest(9, "CTA_COUNTERS_ORIG", func(c *Connection) **ConnectionCounter { return &c.Told.OrigCounter }, &connectionCounterTable),
	wire.Nest(10, "CTA_COUNTERS_REPLY", func(c *Connection) **ConnectionCounter { return &c.Told.ReplyCounter }, &connectionCounterTable),
	wire.BE32(11, "CTA_USE", func(c *Connection) *uint32 { return &c.Told.Use }),
	wire.Nest(14, "CTA_TUPLE_MASTER", func(c *Connection) **Tuple { return &c.Told.Master }, &tupleTable),
	wire.Nest(15, "CTA_SEQ_ADJ_ORIG", func(c *Connection) **SequenceShift { return &c.Told.OrigShift }, &sequenceShiftTable),
	wire.Nest(16, "CTA_SEQ_ADJ_REPLY", func(c *Connection) **SequenceShift { return &c.Told.ReplyShift }, &sequenceShiftTable),
	wire.Nest(20, "CTA_TIMESTAMP", func(c *Connection) **ConnectionTime { return &c.Told.Time }, &connectionTimeTable),
	wire.BE64(27, "CTA_TIMESTAMP_EVENT", func(c *Connection) *uint64 { return &c.Told.EventTime }),
}

var protoInfoTable = wire.Table[*ProtoInfo]{
	wire.Nest(1, "CTA_PROTOINFO_TCP", func(p *ProtoInfo) **TCPInfo { return &p.TCP }, &tcpInfoTable),
	wire.Nest(3, "CTA_PROTOINFO_SCTP", func(p *ProtoInfo) **SCTPInfo { return &p.SCTP }, &sctpInfoTable),
	wire.Named[*ProtoInfo](words.Group("protoinfo")),
}

var tcpInfoTable = wire.Table[*TCPInfo]{
	wire.U8(1, "CTA_PROTOINFO_TCP_STATE", func(t *TCPInfo) *TCPState { return &t.State }),
	wire.Opt(2, "CTA_PROTOINFO_TCP_WSCALE_ORIGINAL", func(t *TCPInfo) **uint8 { return &t.OrigWindow }),
	wire.Opt(3, "CTA_PROTOINFO_TCP_WSCALE_REPLY", func(t *TCPInfo) **uint8 { return &t.ReplyWindow }),
	wire.Bytes(4, "CTA_PROTOINFO_TCP_FLAGS_ORIGINAL", func(t *TCPInfo) *[]byte { return &t.OrigFlags }),
	wire.Bytes(5, "CTA_PROTOINFO_TCP_FLAGS_REPLY", func(t *TCPInfo) *[]byte { return &t.ReplyFlags }),
	wire.Named[*TCPInfo](words.Group("protoinfo_tcp")),
}

var sctpInfoTable = wire.Table[*SCTPInfo]{
	wire.U8(1, "CTA_PROTOINFO_SCTP_STATE", func(s *SCTPInfo) *SCTPState { return &s.State }),
	wire.BE32(2, "CTA_PROTOINFO_SCTP_VTAG_ORIGINAL", func(s *SCTPInfo) *uint32 { return &s.OrigVTag }),
	wire.BE32(3, "CTA_PROTOINFO_SCTP_VTAG_REPLY", func(s *SCTPInfo) *uint32 { return &s.ReplyVTag }),
	wire.Named[*SCTPInfo](words.Group("protoinfo_sctp")),
}

var helperTable = wire.Table[*Helper]{
	wire.String(1, "CTA_HELP_NAME", func(h *Helper) *string { return &h.Name }),
	wire.Bytes(2, "CTA_HELP_INFO", func(h *Helper) *[]byte { return &h.Info }),
	wire.Named[*Helper](words.Group("help")),
}

var connectionCounterTable = wire.Table[*ConnectionCounter]{
	wire.BE64(1, "CTA_COUNTERS_PACKETS", func(c *ConnectionCounter) *uint64 { return &c.Packets }),
	wire.BE64(2, "CTA_COUNTERS_BYTES", func(c *ConnectionCounter) *uint64 { return &c.Bytes }),
	wire.Named[*ConnectionCounter](words.Group("counters")),
}

var sequenceShiftTable = wire.Table[*SequenceShift]{
	wire.BE32(1, "CTA_SEQADJ_CORRECTION_POS", func(s *SequenceShift) *uint32 { return &s.Position }),
	wire.BE32(2, "CTA_SEQADJ_OFFSET_BEFORE", func(s *SequenceShift) *uint32 { return &s.Before }),
	wire.BE32(3, "CTA_SEQADJ_OFFSET_AFTER", func(s *SequenceShift) *uint32 { return &s.After }),
	wire.Named[*SequenceShift](words.Group("seqadj")),
}

var connectionTimeTable = wire.Table[*ConnectionTime]{
	wire.BE64(1, "CTA_TIMESTAMP_START", func(t *ConnectionTime) *uint64 { return &t.Start }),
	wire.BE64(2, "CTA_TIMESTAMP_STOP", func(t *ConnectionTime) *uint64 { return &t.Stop }),
	wire.Named[*ConnectionTime](words.Group("tstamp")),
}
