package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expression meta copies what the kernel knows of a packet, beside its bytes, into a register, or sets it:
// enum nft_meta_attributes, linux/netfilter/nf_tables.h.

// A Meta is that expression. One of Dest and Source is 0.
type Meta struct {
	Dest    Register
	Key     MetaKey
	Source  Register
	Unknown []wire.Attr
}

// MetaKey is enum nft_meta_keys.
type MetaKey uint32

// The keys that a ruleset for containers has a use for. Names are 16 bytes; numbers are in the host's byte order.
const (
	NFT_META_MARK     MetaKey = unix.NFT_META_MARK
	NFT_META_IIF      MetaKey = unix.NFT_META_IIF
	NFT_META_OIF      MetaKey = unix.NFT_META_OIF
	NFT_META_IIFNAME  MetaKey = unix.NFT_META_IIFNAME
	NFT_META_OIFNAME  MetaKey = unix.NFT_META_OIFNAME
	NFT_META_NFPROTO  MetaKey = unix.NFT_META_NFPROTO // 1 byte
	NFT_META_L4PROTO  MetaKey = unix.NFT_META_L4PROTO // 1 byte
	NFT_META_PKTTYPE  MetaKey = unix.NFT_META_PKTTYPE // 1 byte
	NFT_META_IIFGROUP MetaKey = unix.NFT_META_IIFGROUP
	NFT_META_OIFGROUP MetaKey = unix.NFT_META_OIFGROUP
)

// String is nft's word for the key.
func (k MetaKey) String() string {
	names := [...]string{
		"length", "protocol", "priority", "mark", "iif", "oif", "iifname", "oifname", "iiftype", "oiftype", "skuid", "skgid",
		"nftrace", "rtclassid", "secmark", "nfproto", "l4proto", "ibrname", "obrname", "pkttype", "cpu", "iifgroup",
		"oifgroup", "cgroup", "random", "ipsec", "iifkind", "oifkind", "ibrpvid", "ibrvproto", "time", "day", "hour",
		"sdif", "sdifname",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return nameOf(int64(k), nil)
}

var metaTable = wire.Table[*Meta]{Rows: func(m *Meta) wire.Rows {
	return wire.Of(m,
		wire.BE32(unix.NFTA_META_DREG, "NFTA_META_DREG", &m.Dest),
		wire.ReqBE(unix.NFTA_META_KEY, "NFTA_META_KEY", &m.Key),
		wire.BE32(unix.NFTA_META_SREG, "NFTA_META_SREG", &m.Source),
		wire.Unknown(&m.Unknown, words.Group("meta")),
	)
}}
