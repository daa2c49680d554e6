package rtnl

import "plumb/rtnl/wire"

// TCA_STATS2 holds what a qdisc has counted since it was made: the attributes TCA_STATS_*, linux/gen_stats.h.

// QdiscStats is TCA_STATS2.
type QdiscStats struct {
	Sent    *QdiscSent
	Queue   *QdiscQueue
	Packets uint64 // sent, in 64 bits; the kernel tells it once 32 are not enough
	Rest    []wire.Attr
}

var qdiscStatsTable = wire.Table[*QdiscStats]{Rows: func(s *QdiscStats) wire.Rows {
	return wire.Of(s,
		wire.Struct(tcaStatsBasic, "TCA_STATS_BASIC", &s.Sent, &qdiscSentTable),
		wire.Struct(tcaStatsQueue, "TCA_STATS_QUEUE", &s.Queue, &qdiscQueueTable),
		wire.U64(tcaStatsPkt64, "TCA_STATS_PKT64", &s.Packets),
		wire.Unknown(&s.Rest, words.Group("stats2")),
	)
}}

// Attributes of linux/gen_stats.h, which golang.org/x/sys does not have.
const (
	tcaStatsBasic     = 1
	tcaStatsRateEst   = 2
	tcaStatsQueue     = 3
	tcaStatsApp       = 4
	tcaStatsRateEst64 = 5
	tcaStatsPad       = 6
	tcaStatsBasicHW   = 7
	tcaStatsPkt64     = 8
)

// QdiscSent is struct gnet_stats_basic: what has been sent. Bytes are those of frames, and of a packet that is
// segmented later, those of all its frames (qdisc_pkt_len_init, net/core/dev.c).
type QdiscSent struct {
	Bytes   uint64
	Packets uint32
}

var qdiscSentTable = wire.Table[*QdiscSent]{Rows: func(s *QdiscSent) wire.Rows {
	return wire.Of(s,
		wire.Field("bytes", &s.Bytes),
		wire.Field("packets", &s.Packets),
	)
}}

// QdiscQueue is struct gnet_stats_queue.
type QdiscQueue struct {
	Len        uint32 // packets that wait
	Backlog    uint32 // bytes that wait
	Drops      uint32
	Requeues   uint32
	Overlimits uint32 // how often a packet had to wait for its turn
}

var qdiscQueueTable = wire.Table[*QdiscQueue]{Rows: func(q *QdiscQueue) wire.Rows {
	return wire.Of(q,
		wire.Field("qlen", &q.Len),
		wire.Field("backlog", &q.Backlog),
		wire.Field("drops", &q.Drops),
		wire.Field("requeues", &q.Requeues),
		wire.Field("overlimits", &q.Overlimits),
	)
}}
