package nat

import (
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// Elements of sets and maps: enum nft_set_elem_list_attributes and, for each of them, enum nft_set_elem_attributes,
// linux/netfilter/nf_tables.h.

// An ElementList is what a message about elements holds: some elements of one set.
type ElementList struct {
	Header
	Table    string
	Set      string
	SetID    uint32 // of a set that is made in the same batch
	Elements []Element
	Unknown  []wire.Attr
}

// An Element is one element.
type Element struct {
	Key         *Data
	KeyEnd      *Data // the last key of an interval, in a concatenation with intervals
	Data        *Data // of a map: what the key means
	Flags       ElementFlags
	Timeout     uint64 // milliseconds
	Expiration  uint64 // until the timeout, milliseconds; the kernel's
	UserData    UserData
	Object      string // of a map to objects
	Expression  *Expr  // the only one, where there is one
	Expressions []Expr // where there are more
	Unknown     []wire.Attr
}

// ElementFlags is enum nft_set_elem_flags.
type ElementFlags uint32

// The flags of an element.
const (
	NFT_SET_ELEM_INTERVAL_END ElementFlags = 1 << iota // the interval ends before this key
	NFT_SET_ELEM_CATCHALL                              // what no other element matches
)

func (f ElementFlags) String() string { return flagNames(uint32(f), "interval end", "catchall") }

// What x/sys/unix does not have of enum nft_set_elem_attributes.
const (
	nftaSetElemKeyEnd      = 10
	nftaSetElemExpressions = 11
)

var elementTable = wire.Table[*Element]{Rows: func(e *Element) wire.Rows {
	return wire.Of(e,
		wire.BE32(unix.NFTA_SET_ELEM_FLAGS, "NFTA_SET_ELEM_FLAGS", &e.Flags),
		wire.Nest(unix.NFTA_SET_ELEM_KEY, "NFTA_SET_ELEM_KEY", &e.Key, &dataTable),
		wire.Nest(nftaSetElemKeyEnd, "NFTA_SET_ELEM_KEY_END", &e.KeyEnd, &dataTable),
		wire.Nest(unix.NFTA_SET_ELEM_DATA, "NFTA_SET_ELEM_DATA", &e.Data, &dataTable),
		wire.BE64(unix.NFTA_SET_ELEM_TIMEOUT, "NFTA_SET_ELEM_TIMEOUT", &e.Timeout),
		wire.BE64(unix.NFTA_SET_ELEM_EXPIRATION, "NFTA_SET_ELEM_EXPIRATION", &e.Expiration),
		wire.Bytes(unix.NFTA_SET_ELEM_USERDATA, "NFTA_SET_ELEM_USERDATA", &e.UserData),
		wire.String(unix.NFTA_SET_ELEM_OBJREF, "NFTA_SET_ELEM_OBJREF", &e.Object),
		wire.Nest(unix.NFTA_SET_ELEM_EXPR, "NFTA_SET_ELEM_EXPR", &e.Expression, &exprTable),
		wire.List(nftaSetElemExpressions, "NFTA_SET_ELEM_EXPRESSIONS", unix.NFTA_LIST_ELEM, "NFTA_LIST_ELEM",
			&e.Expressions, &exprTable),
		wire.Unknown(&e.Unknown, words.Group("set_elem")),
	)
}}

var elementListTable = wire.Table[*ElementList]{Rows: func(l *ElementList) wire.Rows {
	return wire.Of(l,
		headerRows(&l.Header),
		wire.String(unix.NFTA_SET_ELEM_LIST_TABLE, "NFTA_SET_ELEM_LIST_TABLE", &l.Table),
		wire.String(unix.NFTA_SET_ELEM_LIST_SET, "NFTA_SET_ELEM_LIST_SET", &l.Set),
		wire.BE32(unix.NFTA_SET_ELEM_LIST_SET_ID, "NFTA_SET_ELEM_LIST_SET_ID", &l.SetID),
		wire.List(unix.NFTA_SET_ELEM_LIST_ELEMENTS, "NFTA_SET_ELEM_LIST_ELEMENTS", unix.NFTA_LIST_ELEM, "NFTA_LIST_ELEM",
			&l.Elements, &elementTable),
		wire.Unknown(&l.Unknown, words.Group("set_elem_list")),
	)
}}

var (
	newSetElem = wire.Message[ElementList]{Type: subsystem | unix.NFT_MSG_NEWSETELEM, Name: "NFT_MSG_NEWSETELEM", Body: &elementListTable}
	getSetElem = wire.Message[ElementList]{Type: subsystem | unix.NFT_MSG_GETSETELEM, Name: "NFT_MSG_GETSETELEM", Body: &elementListTable}
	delSetElem = wire.Message[ElementList]{Type: subsystem | unix.NFT_MSG_DELSETELEM, Name: "NFT_MSG_DELSETELEM", Body: &elementListTable}
)

// NewElements adds elements to a set. With netlink.Excl it is EEXIST when one of them is there; without it an element
// that is the same is left as it is, and one with the same key and other data is EBUSY.
func NewElements(l *ElementList, flags netlink.HeaderFlags) wire.Request {
	return newSetElem.New(netlink.Create|flags, l, "add to set "+l.Set)
}

// DelElements removes elements, by their keys. It is ENOENT when one of them is not there.
func DelElements(l *ElementList) wire.Request { return delSetElem.New(0, l, "remove from set "+l.Set) }

// GetElements asks for the elements of l, by their keys, or, as a dump, for all of a set.
func GetElements(l *ElementList) wire.Request {
	return getSetElem.New(0, l, "get elements of set "+l.Set)
}

// Element returns the element of a set that has e's key; the error is unix.ENOENT where there is none.
func (c *Conn) Element(family Family, table, set string, e Element) (*Element, error) {
	l := &ElementList{Header: Header{Family: family}, Table: table, Set: set, Elements: []Element{e}}
	r := getSetElem.New(0, l, "get an element of set "+set)
	got, err := wire.Get(c.wire, r, &newSetElem)
	if err != nil {
		return nil, c.explain(err)
	}
	if len(got.Elements) == 0 {
		return nil, fmt.Errorf("%s: %w", r.Purpose, unix.ENOENT)
	}
	return &got.Elements[0], nil
}

// Elements returns all elements of a set.
func (c *Conn) Elements(family Family, table, set string) ([]Element, error) {
	l := &ElementList{Header: Header{Family: family}, Table: table, Set: set}
	lists, err := dump(c, getSetElem.New(0, l, "list the elements of set "+set), &newSetElem)
	var all []Element
	for _, l := range lists {
		all = append(all, l.Elements...)
	}
	return all, err
}
