package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expressions that change a register: enum nft_bitwise_attributes and enum nft_byteorder_attributes,
// linux/netfilter/nf_tables.h.

// A Bitwise leaves (source & Mask) ^ Xor in Dest, or shifts by Data.
type Bitwise struct {
	Source  Register
	Dest    Register
	Len     uint32 // bytes
	Mask    *Data
	Xor     *Data
	Op      BitwiseOp
	Data    *Data // bits to shift by
	Unknown []wire.Attr
}

// BitwiseOp is enum nft_bitwise_ops.
type BitwiseOp uint32

// What a Bitwise does.
const (
	NFT_BITWISE_MASK_XOR BitwiseOp = iota
	NFT_BITWISE_LSHIFT
	NFT_BITWISE_RSHIFT
)

func (o BitwiseOp) String() string {
	return nameOf(int64(o), []string{NFT_BITWISE_MASK_XOR: "mask-xor", NFT_BITWISE_LSHIFT: "<<", NFT_BITWISE_RSHIFT: ">>"})
}

// What x/sys/unix does not have of enum nft_bitwise_attributes.
const (
	nftaBitwiseOp   = 6
	nftaBitwiseData = 7
)

var bitwiseTable = wire.Table[*Bitwise]{Rows: func(b *Bitwise) wire.Rows {
	return wire.Of(b,
		wire.ReqBE(unix.NFTA_BITWISE_SREG, "NFTA_BITWISE_SREG", &b.Source),
		wire.ReqBE(unix.NFTA_BITWISE_DREG, "NFTA_BITWISE_DREG", &b.Dest),
		wire.ReqBE(unix.NFTA_BITWISE_LEN, "NFTA_BITWISE_LEN", &b.Len),
		wire.Nest(unix.NFTA_BITWISE_MASK, "NFTA_BITWISE_MASK", &b.Mask, &dataTable),
		wire.Nest(unix.NFTA_BITWISE_XOR, "NFTA_BITWISE_XOR", &b.Xor, &dataTable),
		wire.BE32(nftaBitwiseOp, "NFTA_BITWISE_OP", &b.Op),
		wire.Nest(nftaBitwiseData, "NFTA_BITWISE_DATA", &b.Data, &dataTable),
		wire.Unknown(&b.Unknown, words.Group("bitwise")),
	)
}}

// A ByteOrder turns numbers in a register from the host's byte order into the network's, or back.
type ByteOrder struct {
	Source  Register
	Dest    Register
	Op      ByteOrderOp
	Len     uint32 // bytes altogether
	Size    uint32 // bytes of each number: 2, 4 or 8
	Unknown []wire.Attr
}

// ByteOrderOp is enum nft_byteorder_ops.
type ByteOrderOp uint32

// Which way a ByteOrder turns.
const (
	NFT_BYTEORDER_NTOH ByteOrderOp = iota
	NFT_BYTEORDER_HTON
)

func (o ByteOrderOp) String() string {
	return nameOf(int64(o), []string{NFT_BYTEORDER_NTOH: "ntoh", NFT_BYTEORDER_HTON: "hton"})
}

var byteOrderTable = wire.Table[*ByteOrder]{Rows: func(b *ByteOrder) wire.Rows {
	return wire.Of(b,
		wire.ReqBE(unix.NFTA_BYTEORDER_SREG, "NFTA_BYTEORDER_SREG", &b.Source),
		wire.ReqBE(unix.NFTA_BYTEORDER_DREG, "NFTA_BYTEORDER_DREG", &b.Dest),
		wire.ReqBE(unix.NFTA_BYTEORDER_OP, "NFTA_BYTEORDER_OP", &b.Op),
		wire.ReqBE(unix.NFTA_BYTEORDER_LEN, "NFTA_BYTEORDER_LEN", &b.Len),
		wire.ReqBE(unix.NFTA_BYTEORDER_SIZE, "NFTA_BYTEORDER_SIZE", &b.Size),
		wire.Unknown(&b.Unknown, words.Group("byteorder")),
	)
}}
