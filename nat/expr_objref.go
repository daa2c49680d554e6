package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// The expression objref uses an object that has a name: enum nft_objref_attributes, linux/netfilter/nf_tables.h.

// An ObjRef names an object, or finds the name in a map, by the key in a register.
type ObjRef struct {
	Type    ObjectType
	Name    string
	Source  Register
	Set     string
	Unknown []wire.Attr
}

// ObjectType is NFT_OBJECT_*.
type ObjectType uint32

// The types that a rule may end at.
const (
	NFT_OBJECT_COUNTER   ObjectType = 1
	NFT_OBJECT_QUOTA     ObjectType = 2
	NFT_OBJECT_CT_HELPER ObjectType = 3
	NFT_OBJECT_LIMIT     ObjectType = 4
	NFT_OBJECT_CONNLIMIT ObjectType = 5
)

// String is nft's word for the type.
func (t ObjectType) String() string {
	return nameOf(int64(t), []string{
		NFT_OBJECT_COUNTER: "counter", NFT_OBJECT_QUOTA: "quota", NFT_OBJECT_CT_HELPER: "ct helper",
		NFT_OBJECT_LIMIT: "limit", NFT_OBJECT_CONNLIMIT: "ct count",
	})
}

var objRefTable = wire.Table[*ObjRef]{Rows: func(o *ObjRef) wire.Rows {
	return wire.Of(o,
		wire.BE32(unix.NFTA_OBJREF_IMM_TYPE, "NFTA_OBJREF_IMM_TYPE", &o.Type),
		wire.String(unix.NFTA_OBJREF_IMM_NAME, "NFTA_OBJREF_IMM_NAME", &o.Name),
		wire.BE32(unix.NFTA_OBJREF_SET_SREG, "NFTA_OBJREF_SET_SREG", &o.Source),
		wire.String(unix.NFTA_OBJREF_SET_NAME, "NFTA_OBJREF_SET_NAME", &o.Set),
		wire.Unknown(&o.Unknown, words.Group("objref")),
	)
}}
