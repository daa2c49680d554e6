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

var objectTable = wire.Join(
	headerRows(func(o *Object) *Header { return &o.Header }),
	wire.Table[*Object]{
		wire.String(unix.NFTA_OBJ_TABLE, "NFTA_OBJ_TABLE", func(o *Object) *string { return &o.Table }),
		wire.String(unix.NFTA_OBJ_NAME, "NFTA_OBJ_NAME", func(o *Object) *string { return &o.Name }),
		wire.BE32(unix.NFTA_OBJ_TYPE, "NFTA_OBJ_TYPE", func(o *Object) *uint32 { return &o.Type }),
		wire.Bytes(unix.NFTA_OBJ_DATA, "NFTA_OBJ_DATA", func(o *Object) *[]byte { return &o.Data }),
		wire.BE32(unix.NFTA_OBJ_USE, "NFTA_OBJ_USE", func(o *Object) *uint32 { return &o.Use }),
		wire.BE64(nftaObjHandle, "NFTA_OBJ_HANDLE", func(o *Object) *uint64 { return &o.Handle }),
		wire.Bytes(nftaObjUserData, "NFTA_OBJ_USERDATA", func(o *Object) *UserData { return &o.UserData }),
		wire.Unknown(func(o *Object) *[]wire.Attr { return &o.Unknown }, words.Group("obj")),
	},
)

var flowtableTable = wire.Join(
	headerRows(func(f *Flowtable) *Header { return &f.Header }),
	wire.Table[*Flowtable]{
		wire.String(nftaFlowtableTable, "NFTA_FLOWTABLE_TABLE", func(f *Flowtable) *string { return &f.Table }),
		wire.String(nftaFlowtableName, "NFTA_FLOWTABLE_NAME", func(f *Flowtable) *string { return &f.Name }),
		wire.Bytes(nftaFlowtableHook, "NFTA_FLOWTABLE_HOOK", func(f *Flowtable) *[]byte { return &f.Hook }),
		wire.BE32(nftaFlowtableUse, "NFTA_FLOWTABLE_USE", func(f *Flowtable) *uint32 { return &f.Use }),
		wire.BE64(nftaFlowtableHandle, "NFTA_FLOWTABLE_HANDLE", func(f *Flowtable) *uint64 { return &f.Handle }),
		wire.BE32(nftaFlowtableFlags, "NFTA_FLOWTABLE_FLAGS", func(f *Flowtable) *uint32 { return &f.Flags }),
		wire.Unknown(func(f *Flowtable) *[]wire.Attr { return &f.Unknown }, words.Group("flowtable")),
	},
)

var (
	newObject    = wire.Message[Object]{Type: subsystem | unix.NFT_MSG_NEWOBJ, Name: "NFT_MSG_NEWOBJ", Body: &objectTable}
	getObject    = wire.Message[Object]{Type: subsystem | unix.NFT_MSG_GETOBJ, Name: "NFT_MSG_GETOBJ", Body: &objectTable}
	delObject    = wire.Message[Object]{Type: subsystem | unix.NFT_MSG_DELOBJ, Name: "NFT_MSG_DELOBJ", Body: &objectTable}
	newFlowtable = wire.Message[Flowtable]{Type: subsystem | unix.NFT_MSG_NEWFLOWTABLE, Name: "NFT_MSG_NEWFLOWTABLE", Body: &flowtableTable}
	getFlowtable = wire.Message[Flowtable]{Type: subsystem | unix.NFT_MSG_GETFLOWTABLE, Name: "NFT_MSG_GETFLOWTABLE", Body: &flowtableTable}
	delFlowtable = wire.Message[Flowtable]{Type: subsystem | unix.NFT_MSG_DELFLOWTABLE, Name: "NFT_MSG_DELFLOWTABLE", Body: &flowtableTable}
)
