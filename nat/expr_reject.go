package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expressions that tell somebody: reject tells the sender, log the kernel's log. enum nft_reject_attributes and
// enum nft_log_attributes, linux/netfilter/nf_tables.h.

// A Reject drops the packet and says so to its sender.
type Reject struct {
	Type    RejectType
	Code    uint8 // ICMP code, or enum nft_reject_inet_code with NFT_REJECT_ICMPX_UNREACH
	Unknown []wire.Attr
}

// RejectType is enum nft_reject_types.
type RejectType uint32

// What the sender is told by.
const (
	NFT_REJECT_ICMP_UNREACH  RejectType = iota
	NFT_REJECT_TCP_RST                  // a reset
	NFT_REJECT_ICMPX_UNREACH            // ICMP or ICMPv6, as the packet is
)

func (t RejectType) String() string {
	return nameOf(int64(t), []string{NFT_REJECT_ICMP_UNREACH: "icmp", NFT_REJECT_TCP_RST: "tcp reset", NFT_REJECT_ICMPX_UNREACH: "icmpx"})
}

var rejectTable = wire.Table[*Reject]{Rows: func(r *Reject) wire.Rows {
	return wire.Of(r,
		wire.ReqBE(unix.NFTA_REJECT_TYPE, "NFTA_REJECT_TYPE", &r.Type),
		wire.ReqBE(unix.NFTA_REJECT_ICMP_CODE, "NFTA_REJECT_ICMP_CODE", &r.Code),
		wire.Unknown(&r.Unknown, words.Group("reject")),
	)
}}

// A Log writes the packet to the kernel's log, or to a group of NFNL_SUBSYS_ULOG.
type Log struct {
	Group   *uint16
	Prefix  string
	Level   *LogLevel // nil is warning
	Flags   uint32    // NF_LOG_*, linux/netfilter/nf_log.h
	Unknown []wire.Attr
}

// LogLevel is enum nft_log_level.
type LogLevel uint32

func (l LogLevel) String() string {
	names := [...]string{"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit"}
	if int(l) < len(names) {
		return names[l]
	}
	return nameOf(int64(l), nil)
}

var logTable = wire.Table[*Log]{Rows: func(l *Log) wire.Rows {
	return wire.Of(l,
		wire.OptBE(unix.NFTA_LOG_GROUP, "NFTA_LOG_GROUP", &l.Group),
		wire.String(unix.NFTA_LOG_PREFIX, "NFTA_LOG_PREFIX", &l.Prefix),
		wire.OptBE(unix.NFTA_LOG_LEVEL, "NFTA_LOG_LEVEL", &l.Level),
		wire.BE32(unix.NFTA_LOG_FLAGS, "NFTA_LOG_FLAGS", &l.Flags),
		wire.Unknown(&l.Unknown, words.Group("log")),
	)
}}
