package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expression ct copies what connection tracking knows of a packet into a register, or sets it:
// enum nft_ct_attributes, linux/netfilter/nf_tables.h.

// A CT is that expression. One of Dest and Source is 0.
type CT struct {
	Dest      Register
	Key       CTKey
	Direction *uint8 // 0 original, 1 reply, for keys that have two; nil for others
	Source    Register
	Unknown   []wire.Attr
}

// CTKey is enum nft_ct_keys.
type CTKey uint32

// The keys that a ruleset for containers has a use for, all 4 bytes in the host's byte order.
const (
	NFT_CT_STATE  CTKey = unix.NFT_CT_STATE  // one bit of ctState*
	NFT_CT_STATUS CTKey = unix.NFT_CT_STATUS // bits of enum ip_conntrack_status, linux/netfilter/nf_conntrack_common.h
	NFT_CT_MARK   CTKey = unix.NFT_CT_MARK
)

// Bits of NFT_CT_STATE: NF_CT_STATE_BIT, linux/netfilter/nf_conntrack_common.h.
const (
	ctStateInvalid     = 1 << 0 // also that of a packet without a connection
	ctStateEstablished = 1 << 1
	ctStateRelated     = 1 << 2
	ctStateUntracked   = 1 << 6
)

// ctStatusDNAT is IPS_DST_NAT, enum ip_conntrack_status, linux/netfilter/nf_conntrack_common.h.
const ctStatusDNAT = 1 << 5

// String is nft's word for the key.
func (k CTKey) String() string {
	names := [...]string{
		"state", "direction", "status", "mark", "secmark", "expiration", "helper", "l3proto", "saddr", "daddr", "protocol",
		"proto-src", "proto-dst", "label", "packets", "bytes", "avgpkt", "zone", "event", "ip saddr", "ip daddr",
		"ip6 saddr", "ip6 daddr", "id",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return nameOf(int64(k), nil)
}

var ctTable = wire.Table[*CT]{Rows: func(c *CT) wire.Rows {
	return wire.Of(c,
		wire.BE32(unix.NFTA_CT_DREG, "NFTA_CT_DREG", &c.Dest),
		wire.ReqBE(unix.NFTA_CT_KEY, "NFTA_CT_KEY", &c.Key),
		wire.Opt(unix.NFTA_CT_DIRECTION, "NFTA_CT_DIRECTION", &c.Direction),
		wire.BE32(unix.NFTA_CT_SREG, "NFTA_CT_SREG", &c.Source),
		wire.Unknown(&c.Unknown, words.Group("ct_expr")),
	)
}}
