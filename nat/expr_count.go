package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expressions that count: enum nft_counter_attributes, enum nft_quota_attributes and enum nft_limit_attributes,
// linux/netfilter/nf_tables.h.

// A Counter counts the packets that come by.
type Counter struct {
	Bytes   uint64
	Packets uint64
	Unknown []wire.Attr
}

var counterTable = wire.Table[*Counter]{Rows: func(c *Counter) wire.Rows {
	return wire.Of(c,
		wire.BE64(unix.NFTA_COUNTER_BYTES, "NFTA_COUNTER_BYTES", &c.Bytes),
		wire.BE64(unix.NFTA_COUNTER_PACKETS, "NFTA_COUNTER_PACKETS", &c.Packets),
		wire.Unknown(&c.Unknown, words.Group("counter")),
	)
}}

// A Quota ends the rule once so many bytes have come by.
type Quota struct {
	Bytes    uint64
	Flags    QuotaFlags
	Consumed uint64 // bytes; the kernel's
	Unknown  []wire.Attr
}

// QuotaFlags is enum nft_quota_flags.
type QuotaFlags uint32

func (f QuotaFlags) String() string { return flagNames(uint32(f), "over", "depleted") }

var quotaTable = wire.Table[*Quota]{Rows: func(q *Quota) wire.Rows {
	return wire.Of(q,
		wire.BE64(unix.NFTA_QUOTA_BYTES, "NFTA_QUOTA_BYTES", &q.Bytes),
		wire.BE32(unix.NFTA_QUOTA_FLAGS, "NFTA_QUOTA_FLAGS", &q.Flags),
		wire.BE64(unix.NFTA_QUOTA_CONSUMED, "NFTA_QUOTA_CONSUMED", &q.Consumed),
		wire.Unknown(&q.Unknown, words.Group("quota")),
	)
}}

// A Limit ends the rule when more than Rate come by in Unit.
type Limit struct {
	Rate    uint64
	Unit    uint64 // seconds
	Burst   uint32 // that many more are let by at first
	Type    LimitType
	Flags   LimitFlags
	Unknown []wire.Attr
}

// LimitType is enum nft_limit_type: what is counted.
type LimitType uint32

// Packets or bytes.
const (
	NFT_LIMIT_PKTS LimitType = iota
	NFT_LIMIT_PKT_BYTES
)

func (t LimitType) String() string {
	return nameOf(int64(t), []string{NFT_LIMIT_PKTS: "packets", NFT_LIMIT_PKT_BYTES: "bytes"})
}

// LimitFlags is enum nft_limit_flags.
type LimitFlags uint32

func (f LimitFlags) String() string { return flagNames(uint32(f), "over") }

var limitTable = wire.Table[*Limit]{Rows: func(l *Limit) wire.Rows {
	return wire.Of(l,
		wire.ReqBE(unix.NFTA_LIMIT_RATE, "NFTA_LIMIT_RATE", &l.Rate),
		wire.ReqBE(unix.NFTA_LIMIT_UNIT, "NFTA_LIMIT_UNIT", &l.Unit),
		wire.BE32(unix.NFTA_LIMIT_BURST, "NFTA_LIMIT_BURST", &l.Burst),
		wire.BE32(unix.NFTA_LIMIT_TYPE, "NFTA_LIMIT_TYPE", &l.Type),
		wire.BE32(unix.NFTA_LIMIT_FLAGS, "NFTA_LIMIT_FLAGS", &l.Flags),
		wire.Unknown(&l.Unknown, words.Group("limit")),
	)
}}

// A Last remembers when a packet has last come by: enum nft_last_attributes.
type Last struct {
	Set     uint32 // 1: one has
	Msecs   uint64 // ago, milliseconds
	Unknown []wire.Attr
}

var lastTable = wire.Table[*Last]{Rows: func(l *Last) wire.Rows {
	return wire.Of(l,
		wire.BE32(1, "NFTA_LAST_SET", &l.Set),
		wire.BE64(2, "NFTA_LAST_MSECS", &l.Msecs),
		wire.Unknown(&l.Unknown, words.Group("last")),
	)
}}
