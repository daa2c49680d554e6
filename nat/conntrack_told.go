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

func connectionTold(t *ConnectionTold) wire.Row {
	return wire.Several(
		wire.Nest(4, "CTA_PROTOINFO", &t.Proto, &protoInfoTable),
		wire.Nest(5, "CTA_HELP", &t.Helper, &helperTable),
		wire.Nest(9, "CTA_COUNTERS_ORIG", &t.OrigCounter, &connectionCounterTable),
		wire.Nest(10, "CTA_COUNTERS_REPLY", &t.ReplyCounter, &connectionCounterTable),
		wire.BE32(11, "CTA_USE", &t.Use),
		wire.Nest(14, "CTA_TUPLE_MASTER", &t.Master, &tupleTable),
		wire.Nest(15, "CTA_SEQ_ADJ_ORIG", &t.OrigShift, &sequenceShiftTable),
		wire.Nest(16, "CTA_SEQ_ADJ_REPLY", &t.ReplyShift, &sequenceShiftTable),
		wire.Nest(20, "CTA_TIMESTAMP", &t.Time, &connectionTimeTable),
		wire.BE64(27, "CTA_TIMESTAMP_EVENT", &t.EventTime),
	)
}

var protoInfoTable = wire.Table[*ProtoInfo]{Rows: func(p *ProtoInfo) wire.Rows {
	return wire.Of(p,
		wire.Nest(1, "CTA_PROTOINFO_TCP", &p.TCP, &tcpInfoTable),
		wire.Nest(3, "CTA_PROTOINFO_SCTP", &p.SCTP, &sctpInfoTable),
		wire.Named(words.Group("protoinfo")),
	)
}}

var tcpInfoTable = wire.Table[*TCPInfo]{Rows: func(t *TCPInfo) wire.Rows {
	return wire.Of(t,
		wire.U8(1, "CTA_PROTOINFO_TCP_STATE", &t.State),
		wire.Opt(2, "CTA_PROTOINFO_TCP_WSCALE_ORIGINAL", &t.OrigWindow),
		wire.Opt(3, "CTA_PROTOINFO_TCP_WSCALE_REPLY", &t.ReplyWindow),
		wire.Bytes(4, "CTA_PROTOINFO_TCP_FLAGS_ORIGINAL", &t.OrigFlags),
		wire.Bytes(5, "CTA_PROTOINFO_TCP_FLAGS_REPLY", &t.ReplyFlags),
		wire.Named(words.Group("protoinfo_tcp")),
	)
}}

var sctpInfoTable = wire.Table[*SCTPInfo]{Rows: func(s *SCTPInfo) wire.Rows {
	return wire.Of(s,
		wire.U8(1, "CTA_PROTOINFO_SCTP_STATE", &s.State),
		wire.BE32(2, "CTA_PROTOINFO_SCTP_VTAG_ORIGINAL", &s.OrigVTag),
		wire.BE32(3, "CTA_PROTOINFO_SCTP_VTAG_REPLY", &s.ReplyVTag),
		wire.Named(words.Group("protoinfo_sctp")),
	)
}}

var helperTable = wire.Table[*Helper]{Rows: func(h *Helper) wire.Rows {
	return wire.Of(h,
		wire.String(1, "CTA_HELP_NAME", &h.Name),
		wire.Bytes(2, "CTA_HELP_INFO", &h.Info),
		wire.Named(words.Group("help")),
	)
}}

var connectionCounterTable = wire.Table[*ConnectionCounter]{Rows: func(c *ConnectionCounter) wire.Rows {
	return wire.Of(c,
		wire.BE64(1, "CTA_COUNTERS_PACKETS", &c.Packets),
		wire.BE64(2, "CTA_COUNTERS_BYTES", &c.Bytes),
		wire.Named(words.Group("counters")),
	)
}}

var sequenceShiftTable = wire.Table[*SequenceShift]{Rows: func(s *SequenceShift) wire.Rows {
	return wire.Of(s,
		wire.BE32(1, "CTA_SEQADJ_CORRECTION_POS", &s.Position),
		wire.BE32(2, "CTA_SEQADJ_OFFSET_BEFORE", &s.Before),
		wire.BE32(3, "CTA_SEQADJ_OFFSET_AFTER", &s.After),
		wire.Named(words.Group("seqadj")),
	)
}}

var connectionTimeTable = wire.Table[*ConnectionTime]{Rows: func(t *ConnectionTime) wire.Rows {
	return wire.Of(t,
		wire.BE64(1, "CTA_TIMESTAMP_START", &t.Start),
		wire.BE64(2, "CTA_TIMESTAMP_STOP", &t.Stop),
		wire.Named(words.Group("tstamp")),
	)
}}
