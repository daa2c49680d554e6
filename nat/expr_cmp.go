package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expressions that compare a register and end the rule when it does not match: cmp with one value, range with two.
// enum nft_cmp_attributes and enum nft_range_attributes, linux/netfilter/nf_tables.h.

// A Cmp ends the rule unless the register compares so with the value.
type Cmp struct {
	Source  Register
	Op      CmpOp
	Data    *Data
	Unknown []wire.Attr
}

// CmpOp is enum nft_cmp_ops.
type CmpOp uint32

// The comparisons; of more than equality, the values are big-endian.
const (
	NFT_CMP_EQ CmpOp = iota
	NFT_CMP_NEQ
	NFT_CMP_LT
	NFT_CMP_LTE
	NFT_CMP_GT
	NFT_CMP_GTE
)

func (o CmpOp) String() string {
	return nameOf(int64(o), []string{
		NFT_CMP_EQ: "==", NFT_CMP_NEQ: "!=", NFT_CMP_LT: "<", NFT_CMP_LTE: "<=", NFT_CMP_GT: ">", NFT_CMP_GTE: ">=",
	})
}

var cmpTable = wire.Table[*Cmp]{Rows: func(c *Cmp) wire.Rows {
	return wire.Of(c,
		wire.ReqBE(unix.NFTA_CMP_SREG, "NFTA_CMP_SREG", &c.Source),
		wire.ReqBE(unix.NFTA_CMP_OP, "NFTA_CMP_OP", &c.Op),
		wire.Nest(unix.NFTA_CMP_DATA, "NFTA_CMP_DATA", &c.Data, &dataTable),
		wire.Unknown(&c.Unknown, words.Group("cmp")),
	)
}}

// A Range ends the rule unless the register is from one value to another, both included; or unless it is not.
type Range struct {
	Source  Register
	Op      RangeOp
	From    *Data
	To      *Data
	Unknown []wire.Attr
}

// RangeOp is enum nft_range_ops.
type RangeOp uint32

// In the range, or outside.
const (
	NFT_RANGE_EQ RangeOp = iota
	NFT_RANGE_NEQ
)

func (o RangeOp) String() string {
	return nameOf(int64(o), []string{NFT_RANGE_EQ: "==", NFT_RANGE_NEQ: "!="})
}

var rangeTable = wire.Table[*Range]{Rows: func(r *Range) wire.Rows {
	return wire.Of(r,
		wire.ReqBE(unix.NFTA_RANGE_SREG, "NFTA_RANGE_SREG", &r.Source),
		wire.ReqBE(unix.NFTA_RANGE_OP, "NFTA_RANGE_OP", &r.Op),
		wire.Nest(unix.NFTA_RANGE_FROM_DATA, "NFTA_RANGE_FROM_DATA", &r.From, &dataTable),
		wire.Nest(unix.NFTA_RANGE_TO_DATA, "NFTA_RANGE_TO_DATA", &r.To, &dataTable),
		wire.Unknown(&r.Unknown, words.Group("range")),
	)
}}
