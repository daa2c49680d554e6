package nat

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expressions that translate addresses, in chains of type nat: enum nft_nat_attributes, enum nft_masq_attributes and
// enum nft_redir_attributes, linux/netfilter/nf_tables.h. Each ends the chain for its packet, and is in force for all the
// packets of the connection.

// A NAT gives the connection another source or destination: those that the registers hold.
type NAT struct {
	Type     NATType
	Family   Family // of the addresses; on the wire it is 4 bytes
	AddrMin  Register
	AddrMax  Register // 0: as AddrMin
	ProtoMin Register // ports
	ProtoMax Register
	Flags    NATFlags
	Unknown  []wire.Attr
}

// NATType is enum nft_nat_types.
type NATType uint32

// What a NAT changes.
const (
	NFT_NAT_SNAT NATType = iota
	NFT_NAT_DNAT
)

func (t NATType) String() string {
	return nameOf(int64(t), []string{NFT_NAT_SNAT: "snat", NFT_NAT_DNAT: "dnat"})
}

// NATFlags is NF_NAT_RANGE_* of linux/netfilter/nf_nat.h.
type NATFlags uint32

func (f NATFlags) String() string {
	return flagNames(uint32(f), "map ips", "proto specified", "random", "persistent", "fully-random", "proto offset", "netmap")
}

var natTable = wire.Table[*NAT]{Rows: func(n *NAT) wire.Rows {
	return wire.Of(n,
		wire.ReqBE(unix.NFTA_NAT_TYPE, "NFTA_NAT_TYPE", &n.Type),
		familyRow(unix.NFTA_NAT_FAMILY, "NFTA_NAT_FAMILY", &n.Family),
		wire.BE32(unix.NFTA_NAT_REG_ADDR_MIN, "NFTA_NAT_REG_ADDR_MIN", &n.AddrMin),
		wire.BE32(unix.NFTA_NAT_REG_ADDR_MAX, "NFTA_NAT_REG_ADDR_MAX", &n.AddrMax),
		wire.BE32(unix.NFTA_NAT_REG_PROTO_MIN, "NFTA_NAT_REG_PROTO_MIN", &n.ProtoMin),
		wire.BE32(unix.NFTA_NAT_REG_PROTO_MAX, "NFTA_NAT_REG_PROTO_MAX", &n.ProtoMax),
		wire.BE32(unix.NFTA_NAT_FLAGS, "NFTA_NAT_FLAGS", &n.Flags),
		wire.Unknown(&n.Unknown, words.Group("nat")),
	)
}}

// familyRow is a family in 4 bytes, network byte order.
func familyRow(typ uint16, name string, f *Family) wire.Row {
	return wire.Custom(typ, name, false, f,
		func(f *Family) []byte { return []byte{0, 0, 0, byte(*f)} },
		func(f *Family, a wire.Attr) error {
			if len(a.Data) < 4 {
				return wire.ErrTruncated
			}
			*f = Family(a.Data[3])
			return nil
		},
		func(a wire.Attr) string {
			if len(a.Data) < 4 {
				return "truncated"
			}
			return Family(a.Data[3]).String()
		}).Parsed(parseFamily)
}

// parseFamily is the payload of a family that is given by its name, or by its number.
func parseFamily(value string) ([]byte, error) {
	n, err := strconv.ParseUint(value, 10, 8)
	for ; err != nil && n < 1<<8; n++ {
		if Family(n).String() == value {
			break
		}
	}
	if n >= 1<<8 {
		return nil, fmt.Errorf("%q is no family: inet, ip, ip6, arp, bridge or netdev is needed", value)
	}
	return []byte{0, 0, 0, byte(n)}, nil
}

// A Masq gives the connection the address of the interface that it leaves by as its source.
type Masq struct {
	Flags    NATFlags
	ProtoMin Register
	ProtoMax Register
	Unknown  []wire.Attr
}

var masqTable = wire.Table[*Masq]{Rows: func(m *Masq) wire.Rows {
	return wire.Of(m,
		wire.BE32(unix.NFTA_MASQ_FLAGS, "NFTA_MASQ_FLAGS", &m.Flags),
		wire.BE32(unix.NFTA_MASQ_REG_PROTO_MIN, "NFTA_MASQ_REG_PROTO_MIN", &m.ProtoMin),
		wire.BE32(unix.NFTA_MASQ_REG_PROTO_MAX, "NFTA_MASQ_REG_PROTO_MAX", &m.ProtoMax),
		wire.Unknown(&m.Unknown, words.Group("masq")),
	)
}}

// A Redir sends the connection to this host.
type Redir struct {
	ProtoMin Register
	ProtoMax Register
	Flags    NATFlags
	Unknown  []wire.Attr
}

var redirTable = wire.Table[*Redir]{Rows: func(r *Redir) wire.Rows {
	return wire.Of(r,
		wire.BE32(unix.NFTA_REDIR_REG_PROTO_MIN, "NFTA_REDIR_REG_PROTO_MIN", &r.ProtoMin),
		wire.BE32(unix.NFTA_REDIR_REG_PROTO_MAX, "NFTA_REDIR_REG_PROTO_MAX", &r.ProtoMax),
		wire.BE32(unix.NFTA_REDIR_FLAGS, "NFTA_REDIR_FLAGS", &r.Flags),
		wire.Unknown(&r.Unknown, words.Group("redir")),
	)
}}
