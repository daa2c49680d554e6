package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expressions by which iptables-nft takes what nftables has no expression for from the older x_tables: enum
// nft_match_attributes and enum nft_target_attributes, linux/netfilter/nf_tables_compat.h. plumb makes none, and reads
// those of other firewalls.

// A Match ends the rule unless an extension of x_tables matches: "iptables -m NAME".
type Match struct {
	Name     string
	Revision uint32
	Info     []byte // a C struct of the extension's, in the host's byte order: linux/netfilter/xt_NAME.h
	Unknown  []wire.Attr
}

var matchTable = wire.Table[*Match]{Rows: func(m *Match) wire.Rows {
	return wire.Of(m,
		wire.String(unix.NFTA_MATCH_NAME, "NFTA_MATCH_NAME", &m.Name),
		wire.ReqBE(unix.NFTA_MATCH_REV, "NFTA_MATCH_REV", &m.Revision),
		wire.Bytes(unix.NFTA_MATCH_INFO, "NFTA_MATCH_INFO", &m.Info),
		wire.Unknown(&m.Unknown, words.Group("match")),
	)
}}

// A Target is "iptables -j NAME".
type Target struct {
	Name     string
	Revision uint32
	Info     []byte // as a Match's
	Unknown  []wire.Attr
}

var targetTable = wire.Table[*Target]{Rows: func(t *Target) wire.Rows {
	return wire.Of(t,
		wire.String(unix.NFTA_TARGET_NAME, "NFTA_TARGET_NAME", &t.Name),
		wire.ReqBE(unix.NFTA_TARGET_REV, "NFTA_TARGET_REV", &t.Revision),
		wire.Bytes(unix.NFTA_TARGET_INFO, "NFTA_TARGET_INFO", &t.Info),
		wire.Unknown(&t.Unknown, words.Group("target")),
	)
}}
