package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expression immediate puts a constant into a register; a verdict into NFT_REG_VERDICT ends the rule:
// enum nft_immediate_attributes, linux/netfilter/nf_tables.h.

// An Immediate is that expression.
type Immediate struct {
	Dest    Register
	Data    *Data
	Unknown []wire.Attr
}

var immediateTable = wire.Table[*Immediate]{Rows: func(i *Immediate) wire.Rows {
	return wire.Of(i,
		wire.ReqBE(unix.NFTA_IMMEDIATE_DREG, "NFTA_IMMEDIATE_DREG", &i.Dest),
		wire.Nest(unix.NFTA_IMMEDIATE_DATA, "NFTA_IMMEDIATE_DATA", &i.Data, &dataTable),
		wire.Unknown(&i.Unknown, words.Group("immediate")),
	)
}}

// verdict ends a rule with a verdict.
func verdict(code VerdictCode) *Immediate {
	return &Immediate{Dest: NFT_REG_VERDICT, Data: &Data{Verdict: &Verdict{Code: code}}}
}
