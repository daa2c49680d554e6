package nat

import (
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// What this package makes none of, and shows: enum nft_object_attributes and enum nft_flowtable_attributes,
// linux/netfilter/nf_tables.h.

// An Object is a named counter, quota or limit, a helper and others, that rules refer to.
type Object struct {
	Header
	Table    string
	Name     string
	Type     uint32 // NFT_OBJECT_*
	Data     []byte // attributes, by the type
	Use      uint32 // rules that refer to it; the kernel's
	Handle   uint64 // the kernel's
	UserData UserData
	Unknown  []wire.Attr
}

// A Flowtable lets the packets of a connection bypass the rules.
type Flowtable struct {
	Header
	Table   string
	Name    string
	Hook    []byte // attributes: enum nft_flowtable_hook_attributes
	Use     uint32 // rules that refer to it; the kernel's
	Handle  uint64 // the kernel's
	Flags   uint32
	Unknown []wire.Attr
}

// What x/sys/unix does not have of these enumerations.
const (
	nftaObjHandle       = 6
	nftaObjUserData     = 8
	nftaFlowtableTable  = 1
	nftaFlowtableName   = 2
	nftaFlowtableHook   = 3
	nftaFlowtableUse    = 4
	nftaFlowtableHandle = 5
	nftaFlowtableFlags  = 7
)

var objectTable = wire.Table[*Object]{Rows: func(o *Object) wire.Rows {
	return wire.Of(o,
		headerRows(&o.Header),
		wire.String(unix.NFTA_OBJ_TABLE, "NFTA_OBJ_TABLE", &o.Table),
		wire.String(unix.NFTA_OBJ_NAME, "NFTA_OBJ_NAME", &o.Name),
		wire.BE32(unix.NFTA_OBJ_TYPE, "NFTA_OBJ_TYPE", &o.Type),
		wire.Bytes(unix.NFTA_OBJ_DATA, "NFTA_OBJ_DATA", &o.Data),
		wire.BE32(unix.NFTA_OBJ_USE, "NFTA_OBJ_USE", &o.Use),
		wire.BE64(nftaObjHandle, "NFTA_OBJ_HANDLE", &o.Handle),
		wire.Bytes(nftaObjUserData, "NFTA_OBJ_USERDATA", &o.UserData),
		wire.Unknown(&o.Unknown, words.Group("obj")),
	)
}}

var flowtableTable = wire.Table[*Flowtable]{Rows: func(f *Flowtable) wire.Rows {
	return wire.Of(f,
		headerRows(&f.Header),
		wire.String(nftaFlowtableTable, "NFTA_FLOWTABLE_TABLE", &f.Table),
		wire.String(nftaFlowtableName, "NFTA_FLOWTABLE_NAME", &f.Name),
		wire.Bytes(nftaFlowtableHook, "NFTA_FLOWTABLE_HOOK", &f.Hook),
		wire.BE32(nftaFlowtableUse, "NFTA_FLOWTABLE_USE", &f.Use),
		wire.BE64(nftaFlowtableHandle, "NFTA_FLOWTABLE_HANDLE", &f.Handle),
		wire.BE32(nftaFlowtableFlags, "NFTA_FLOWTABLE_FLAGS", &f.Flags),
		wire.Unknown(&f.Unknown, words.Group("flowtable")),
	)
}}

var (
	newObject    = wire.Message[Object]{Type: subsystem | unix.NFT_MSG_NEWOBJ, Name: "NFT_MSG_NEWOBJ", Body: &objectTable}
	getObject    = wire.Message[Object]{Type: subsystem | unix.NFT_MSG_GETOBJ, Name: "NFT_MSG_GETOBJ", Body: &objectTable}
	delObject    = wire.Message[Object]{Type: subsystem | unix.NFT_MSG_DELOBJ, Name: "NFT_MSG_DELOBJ", Body: &objectTable}
	newFlowtable = wire.Message[Flowtable]{Type: subsystem | unix.NFT_MSG_NEWFLOWTABLE, Name: "NFT_MSG_NEWFLOWTABLE", Body: &flowtableTable}
	getFlowtable = wire.Message[Flowtable]{Type: subsystem | unix.NFT_MSG_GETFLOWTABLE, Name: "NFT_MSG_GETFLOWTABLE", Body: &flowtableTable}
	delFlowtable = wire.Message[Flowtable]{Type: subsystem | unix.NFT_MSG_DELFLOWTABLE, Name: "NFT_MSG_DELFLOWTABLE", Body: &flowtableTable}
)
