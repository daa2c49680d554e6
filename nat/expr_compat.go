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

var matchTable = wire.Table[*Match]{
	wire.String(unix.NFTA_MATCH_NAME, "NFTA_MATCH_NAME", func(m *Match) *string { return &m.Name }),
	wire.ReqBE(unix.NFTA_MATCH_REV, "NFTA_MATCH_REV", func(m *Match) *uint32 { return &m.Revision }),
	wire.Bytes(unix.NFTA_MATCH_INFO, "NFTA_MATCH_INFO", func(m *Match) *[]byte { return &m.Info }),
	wire.Unknown(func(m *Match) *[]wire.Attr { return &m.Unknown }, words.Group("match")),
}

// A Target is "iptables -j NAME".
type Target struct {
	Name     string
	Revision uint32
	Info     []byte // as a Match's
	Unknown  []wire.Attr
}

var targetTable = wire.Table[*Target]{
	wire.String(unix.NFTA_TARGET_NAME, "NFTA_TARGET_NAME", func(t *Target) *string { return &t.Name }),
	wire.ReqBE(unix.NFTA_TARGET_REV, "NFTA_TARGET_REV", func(t *Target) *uint32 { return &t.Revision }),
	wire.Bytes(unix.NFTA_TARGET_INFO, "NFTA_TARGET_INFO", func(t *Target) *[]byte { return &t.Info }),
	wire.Unknown(func(t *Target) *[]wire.Attr { return &t.Unknown }, words.Group("target")),
}
