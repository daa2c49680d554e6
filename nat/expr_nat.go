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

var natTable = wire.Table[*NAT]{
	wire.ReqBE(unix.NFTA_NAT_TYPE, "NFTA_NAT_TYPE", func(n *NAT) *NATType { return &n.Type }),
	familyRow(unix.NFTA_NAT_FAMILY, "NFTA_NAT_FAMILY", func(n *NAT) *Family { return &n.Family }),
	wire.BE32(unix.NFTA_NAT_REG_ADDR_MIN, "NFTA_NAT_REG_ADDR_MIN", func(n *NAT) *Register { return &n.AddrMin }),
	wire.BE32(unix.NFTA_NAT_REG_ADDR_MAX, "NFTA_NAT_REG_ADDR_MAX", func(n *NAT) *Register { return &n.AddrMax }),
	wire.BE32(unix.NFTA_NAT_REG_PROTO_MIN, "NFTA_NAT_REG_PROTO_MIN", func(n *NAT) *Register { return &n.ProtoMin }),
	wire.BE32(unix.NFTA_NAT_REG_PROTO_MAX, "NFTA_NAT_REG_PROTO_MAX", func(n *NAT) *Register { return &n.ProtoMax }),
	wire.BE32(unix.NFTA_NAT_FLAGS, "NFTA_NAT_FLAGS", func(n *NAT) *NATFlags { return &n.Flags }),
	wire.Unknown(func(n *NAT) *[]wire.Attr { return &n.Unknown }, words.Group("nat")),
}

// familyRow is a family in 4 bytes, network byte order.
func familyRow[P any](typ uint16, name string, f func(P) *Family) wire.Row[P] {
	return wire.Custom(typ, name, false,
		func(v P) []byte { return []byte{0, 0, 0, byte(*f(v))} },
		func(v P, a wire.Attr) error {
			if len(a.Data) < 4 {
				return wire.ErrTruncated
			}
			*f(v) = Family(a.Data[3])
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

var masqTable = wire.Table[*Masq]{
	wire.BE32(unix.NFTA_MASQ_FLAGS, "NFTA_MASQ_FLAGS", func(m *Masq) *NATFlags { return &m.Flags }),
	wire.BE32(unix.NFTA_MASQ_REG_PROTO_MIN, "NFTA_MASQ_REG_PROTO_MIN", func(m *Masq) *Register { return &m.ProtoMin }),
	wire.BE32(unix.NFTA_MASQ_REG_PROTO_MAX, "NFTA_MASQ_REG_PROTO_MAX", func(m *Masq) *Register { return &m.ProtoMax }),
	wire.Unknown(func(m *Masq) *[]wire.Attr { return &m.Unknown }, words.Group("masq")),
}

// A Redir sends the connection to this host.
type Redir struct {
	ProtoMin Register
	ProtoMax Register
	Flags    NATFlags
	Unknown  []wire.Attr
}

var redirTable = wire.Table[*Redir]{
	wire.BE32(unix.NFTA_REDIR_REG_PROTO_MIN, "NFTA_REDIR_REG_PROTO_MIN", func(r *Redir) *Register { return &r.ProtoMin }),
	wire.BE32(unix.NFTA_REDIR_REG_PROTO_MAX, "NFTA_REDIR_REG_PROTO_MAX", func(r *Redir) *Register { return &r.ProtoMax }),
	wire.BE32(unix.NFTA_REDIR_FLAGS, "NFTA_REDIR_FLAGS", func(r *Redir) *NATFlags { return &r.Flags }),
	wire.Unknown(func(r *Redir) *[]wire.Attr { return &r.Unknown }, words.Group("redir")),
}
