package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expression payload copies bytes of the packet into a register, or a register into the packet:
// enum nft_payload_attributes, linux/netfilter/nf_tables.h.

// A Payload is that expression. One of Dest and Source is 0.
type Payload struct {
	Dest       Register
	Base       PayloadBase
	Offset     uint32 // bytes from the base
	Len        uint32 // bytes
	Source     Register
	CsumType   uint32 // enum nft_payload_csum_types
	CsumOffset uint32 // of the checksum that changes with it, bytes from the base
	CsumFlags  uint32 // enum nft_payload_csum_flags
	Unknown    []wire.Attr
}

// PayloadBase is enum nft_payload_bases.
type PayloadBase uint32

// Where an offset counts from.
const (
	NFT_PAYLOAD_LL_HEADER PayloadBase = iota
	NFT_PAYLOAD_NETWORK_HEADER
	NFT_PAYLOAD_TRANSPORT_HEADER
	NFT_PAYLOAD_INNER_HEADER
)

func (b PayloadBase) String() string {
	return nameOf(int64(b), []string{
		NFT_PAYLOAD_LL_HEADER: "link layer header", NFT_PAYLOAD_NETWORK_HEADER: "network header",
		NFT_PAYLOAD_TRANSPORT_HEADER: "transport header", NFT_PAYLOAD_INNER_HEADER: "inner header",
	})
}

var payloadTable = wire.Table[*Payload]{Rows: func(p *Payload) wire.Rows {
	return wire.Of(p,
		wire.BE32(unix.NFTA_PAYLOAD_DREG, "NFTA_PAYLOAD_DREG", &p.Dest),
		wire.ReqBE(unix.NFTA_PAYLOAD_BASE, "NFTA_PAYLOAD_BASE", &p.Base),
		wire.ReqBE(unix.NFTA_PAYLOAD_OFFSET, "NFTA_PAYLOAD_OFFSET", &p.Offset),
		wire.ReqBE(unix.NFTA_PAYLOAD_LEN, "NFTA_PAYLOAD_LEN", &p.Len),
		wire.BE32(unix.NFTA_PAYLOAD_SREG, "NFTA_PAYLOAD_SREG", &p.Source),
		wire.BE32(unix.NFTA_PAYLOAD_CSUM_TYPE, "NFTA_PAYLOAD_CSUM_TYPE", &p.CsumType),
		wire.BE32(unix.NFTA_PAYLOAD_CSUM_OFFSET, "NFTA_PAYLOAD_CSUM_OFFSET", &p.CsumOffset),
		wire.BE32(unix.NFTA_PAYLOAD_CSUM_FLAGS, "NFTA_PAYLOAD_CSUM_FLAGS", &p.CsumFlags),
		wire.Unknown(&p.Unknown, words.Group("payload")),
	)
}}
