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

var cmpTable = wire.Table[*Cmp]{
	wire.ReqBE(unix.NFTA_CMP_SREG, "NFTA_CMP_SREG", func(c *Cmp) *Register { return &c.Source }),
	wire.ReqBE(unix.NFTA_CMP_OP, "NFTA_CMP_OP", func(c *Cmp) *CmpOp { return &c.Op }),
	wire.Nest(unix.NFTA_CMP_DATA, "NFTA_CMP_DATA", func(c *Cmp) **Data { return &c.Data }, &dataTable),
	wire.Unknown(func(c *Cmp) *[]wire.Attr { return &c.Unknown }, words.Group("cmp")),
}

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

var rangeTable = wire.Table[*Range]{
	wire.ReqBE(unix.NFTA_RANGE_SREG, "NFTA_RANGE_SREG", func(r *Range) *Register { return &r.Source }),
	wire.ReqBE(unix.NFTA_RANGE_OP, "NFTA_RANGE_OP", func(r *Range) *RangeOp { return &r.Op }),
	wire.Nest(unix.NFTA_RANGE_FROM_DATA, "NFTA_RANGE_FROM_DATA", func(r *Range) **Data { return &r.From }, &dataTable),
	wire.Nest(unix.NFTA_RANGE_TO_DATA, "NFTA_RANGE_TO_DATA", func(r *Range) **Data { return &r.To }, &dataTable),
	wire.Unknown(func(r *Range) *[]wire.Attr { return &r.Unknown }, words.Group("range")),
}
