package nat

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A table holds chains and sets: enum nft_table_attributes, linux/netfilter/nf_tables.h.

// A Table is one table. Its family is in the Header.
type Table struct {
	Header
	Name     string
	Flags    TableFlags
	Use      uint32 // chains, sets and objects in it; the kernel's
	Handle   uint64 // the kernel's
	UserData UserData
	Owner    uint32 // port id of the socket that owns it, with NFT_TABLE_F_OWNER; the kernel's
	Unknown  []wire.Attr
}

// TableFlags is enum nft_table_flags.
type TableFlags uint32

// The flags of a table.
const (
	NFT_TABLE_F_DORMANT TableFlags = 1 << iota // its chains see no packets
	NFT_TABLE_F_OWNER                          // it dies with the socket that made it; others get EPERM (Linux 5.12)
	NFT_TABLE_F_PERSIST                        // it outlives its owner, and waits for another (Linux 6.9)
)

func (f TableFlags) String() string { return flagNames(uint32(f), "dormant", "owner", "persist") }

// What x/sys/unix does not have of enum nft_table_attributes.
const (
	nftaTableHandle   = 4
	nftaTableUserData = 6
	nftaTableOwner    = 7
)

var tableTable = wire.Table[*Table]{Rows: func(t *Table) wire.Rows {
	return wire.Of(t,
		headerRows(&t.Header),
		wire.String(unix.NFTA_TABLE_NAME, "NFTA_TABLE_NAME", &t.Name),
		wire.BE32(unix.NFTA_TABLE_FLAGS, "NFTA_TABLE_FLAGS", &t.Flags),
		wire.BE32(unix.NFTA_TABLE_USE, "NFTA_TABLE_USE", &t.Use),
		wire.BE64(nftaTableHandle, "NFTA_TABLE_HANDLE", &t.Handle),
		wire.Bytes(nftaTableUserData, "NFTA_TABLE_USERDATA", &t.UserData),
		wire.BE32(nftaTableOwner, "NFTA_TABLE_OWNER", &t.Owner),
		wire.Unknown(&t.Unknown, words.Group("table")),
	)
}}

var (
	newTable = wire.Message[Table]{Type: subsystem | unix.NFT_MSG_NEWTABLE, Name: "NFT_MSG_NEWTABLE", Body: &tableTable}
	getTable = wire.Message[Table]{Type: subsystem | unix.NFT_MSG_GETTABLE, Name: "NFT_MSG_GETTABLE", Body: &tableTable}
	delTable = wire.Message[Table]{Type: subsystem | unix.NFT_MSG_DELTABLE, Name: "NFT_MSG_DELTABLE", Body: &tableTable}
)

// NewTable makes a table. With netlink.Excl it is EEXIST when there is one, without it that one stays as it is.
func NewTable(t *Table, flags netlink.HeaderFlags) wire.Request {
	return newTable.New(netlink.Create|flags, t, "make table "+t.Family.String()+" "+t.Name)
}

// DelTable removes a table and all that is in it. It is ENOENT when there is none.
func DelTable(t *Table) wire.Request {
	return delTable.New(0, t, "remove table "+t.Family.String()+" "+t.Name)
}

// Table returns the table of a family and a name; the error is unix.ENOENT where there is none.
func (c *Conn) Table(family Family, name string) (*Table, error) {
	t, err := wire.Get(c.wire, getTable.New(0, &Table{Header: Header{Family: family}, Name: name}, "get table "+family.String()+" "+name), &newTable)
	return t, c.explain(err)
}

// Tables returns all tables of a family, NFPROTO_UNSPEC for all families.
func (c *Conn) Tables(family Family) ([]Table, error) {
	return dump(c, getTable.New(0, &Table{Header: Header{Family: family}}, "list tables"), &newTable)
}
