package lab

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// The nftables ruleset is compared as bytes, since what matters is whether it is the same, whoever made it and
// whatever expressions a newer kernel has: each message is read down to its attributes, and those that change by themselves
// are left out. The order of a chain's rules is not compared.

// netfilter is nfnetlink as far as a dump needs it. A message begins with struct nfgenmsg, linux/netfilter/nfnetlink.h; its
// res_id is the generation of the ruleset, which any commit changes.
func netfilter() *wire.Protocol {
	return &wire.Protocol{
		Name: "NETLINK_NETFILTER", Family: unix.NETLINK_NETFILTER,
		Lookup: func(uint16) (wire.Info, bool) { return wire.Info{}, false },
	}
}

type nfMessage struct {
	Family  uint8
	Version uint8
	ResID   uint16
	Attrs   []wire.Attr
}

var nfTable = wire.Table[*nfMessage]{
	wire.Field("nfgen_family", func(m *nfMessage) *uint8 { return &m.Family }),
	wire.Field("version", func(m *nfMessage) *uint8 { return &m.Version }),
	wire.FieldBE("res_id", func(m *nfMessage) *uint16 { return &m.ResID }),
	wire.Unknown(func(m *nfMessage) *[]wire.Attr { return &m.Attrs }),
}

// An nfKind is a kind of object in the ruleset: its messages, and its attributes (linux/netfilter/nf_tables.h).
type nfKind struct {
	name     string
	get, new uint16   // NFT_MSG_*
	names    []uint16 // attributes that hold its name, as those of its table and chain
	volatile []uint16 // those that change by themselves: handles, counts of users, counters
	exprs    []uint16 // those that hold expressions, or lists of them
	userdata uint16
}

func nfKinds() []nfKind {
	return []nfKind{
		{
			name: "table", get: unix.NFT_MSG_GETTABLE, new: unix.NFT_MSG_NEWTABLE, names: []uint16{unix.NFTA_TABLE_NAME},
			volatile: []uint16{unix.NFTA_TABLE_USE, nftaTableHandle},
		},
		{
			name: "chain", get: unix.NFT_MSG_GETCHAIN, new: unix.NFT_MSG_NEWCHAIN, names: []uint16{unix.NFTA_CHAIN_TABLE, unix.NFTA_CHAIN_NAME},
			volatile: []uint16{unix.NFTA_CHAIN_HANDLE, unix.NFTA_CHAIN_USE, unix.NFTA_CHAIN_COUNTERS},
		},
		{
			name: "rule", get: unix.NFT_MSG_GETRULE, new: unix.NFT_MSG_NEWRULE, names: []uint16{unix.NFTA_RULE_TABLE, unix.NFTA_RULE_CHAIN},
			volatile: []uint16{unix.NFTA_RULE_HANDLE, unix.NFTA_RULE_POSITION},
			exprs:    []uint16{unix.NFTA_RULE_EXPRESSIONS}, userdata: unix.NFTA_RULE_USERDATA,
		},
		{
			name: "set", get: unix.NFT_MSG_GETSET, new: unix.NFT_MSG_NEWSET, names: []uint16{unix.NFTA_SET_TABLE, unix.NFTA_SET_NAME},
			volatile: []uint16{nftaSetHandle, nftaSetCount},
		},
		{
			name: "object", get: unix.NFT_MSG_GETOBJ, new: unix.NFT_MSG_NEWOBJ, names: []uint16{unix.NFTA_OBJ_TABLE, unix.NFTA_OBJ_NAME},
			volatile: []uint16{nftaObjHandle, unix.NFTA_OBJ_USE, unix.NFTA_OBJ_DATA}, // the data counts
		},
		{
			name: "flowtable", get: unix.NFT_MSG_GETFLOWTABLE, new: unix.NFT_MSG_NEWFLOWTABLE,
			names:    []uint16{nftaFlowtableTable, nftaFlowtableName},
			volatile: []uint16{nftaFlowtableHandle, nftaFlowtableUse},
		},
	}
}

func nfElement() nfKind {
	return nfKind{
		name: "element", get: unix.NFT_MSG_GETSETELEM, new: unix.NFT_MSG_NEWSETELEM,
		volatile: []uint16{unix.NFTA_SET_ELEM_EXPIRATION},
		exprs:    []uint16{unix.NFTA_SET_ELEM_EXPR, nftaSetElemExpressions}, userdata: unix.NFTA_SET_ELEM_USERDATA,
	}
}

// What package unix lacks of linux/netfilter/nf_tables.h.
const (
	nftaListElem           = 1  // NFTA_LIST_ELEM
	nftaTableHandle        = 4  // NFTA_TABLE_HANDLE
	nftaSetHandle          = 16 // NFTA_SET_HANDLE
	nftaSetCount           = 20 // NFTA_SET_COUNT
	nftaSetElemExpressions = 11 // NFTA_SET_ELEM_EXPRESSIONS
	nftaObjHandle          = 6  // NFTA_OBJ_HANDLE
	nftaFlowtableTable     = 1  // NFTA_FLOWTABLE_TABLE
	nftaFlowtableName      = 2  // NFTA_FLOWTABLE_NAME
	nftaFlowtableUse       = 4  // NFTA_FLOWTABLE_USE
	nftaFlowtableHandle    = 5  // NFTA_FLOWTABLE_HANDLE
)

// dialNetfilter returns nil on a kernel without nfnetlink.
func dialNetfilter() (*wire.Conn, error) {
	c, err := wire.Dial(wire.Config{Protocol: netfilter()})
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, nil
	}
	return c, err
}

func (s *State) readRuleset(c *wire.Conn) error {
	for _, kind := range nfKinds() {
		list, err := kind.dump(c, &nfMessage{})
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
			continue // nfnetlink without nf_tables, or without this kind
		}
		if err != nil {
			return err
		}
		for _, m := range list {
			s.addObject(kind, m)
			if kind.new != unix.NFT_MSG_NEWSET {
				continue
			}
			if err := s.readElements(c, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k nfKind) dump(c *wire.Conn, query *nfMessage) ([]nfMessage, error) {
	const subsystem = unix.NFNL_SUBSYS_NFTABLES << 8
	answer := wire.Message[nfMessage]{Type: subsystem | k.new, Name: "NFT_MSG_NEW " + k.name, Body: &nfTable}
	request := wire.Message[nfMessage]{Type: subsystem | k.get, Name: "NFT_MSG_GET " + k.name, Body: &nfTable}
	return wire.Dump(c, request.New(0, query, "list the ruleset's "+k.name+"s"), &answer)
}

func (s *State) addObject(kind nfKind, m nfMessage) {
	id := nfFamily(m.Family)
	var body []byte
	var comment string
	for _, a := range m.Attrs {
		switch {
		case slices.Contains(kind.names, a.Type):
			id += " " + strings.TrimRight(string(a.Data), "\x00")
		case slices.Contains(kind.exprs, a.Type):
			words, data := expressions(a.Data)
			id += ": " + strings.Join(words, " ")
			body = append(body, data...)
		case !slices.Contains(kind.volatile, a.Type):
			body = appendAttr(body, a.Type, a.Data)
		}
		if a.Type == kind.userdata {
			comment = commentOf(a.Data)
		}
	}
	if kind.new == unix.NFT_MSG_NEWRULE {
		id += fmt.Sprintf(" #%08x", sum(body)) // rules have no names
	}
	s.add("nft "+kind.name, id, prop{"comment", comment}, prop{"bytes", hex.EncodeToString(body)})
}

// readElements reads the elements of a set: struct nfgenmsg, the names, and NFTA_SET_ELEM_LIST_ELEMENTS.
func (s *State) readElements(c *wire.Conn, set nfMessage) error {
	var query nfMessage
	var id string
	for _, a := range set.Attrs { // NFTA_SET_ELEM_LIST_TABLE and _SET have the numbers of NFTA_SET_TABLE and _NAME
		if a.Type == unix.NFTA_SET_TABLE || a.Type == unix.NFTA_SET_NAME {
			query.Attrs = append(query.Attrs, a)
			id += " " + strings.TrimRight(string(a.Data), "\x00")
		}
	}
	query.Family = set.Family
	list, err := nfElement().dump(c, &query)
	if errors.Is(err, unix.ENOENT) {
		return nil // gone meanwhile
	}
	for _, m := range list {
		for _, a := range m.Attrs {
			if a.Type == unix.NFTA_SET_ELEM_LIST_ELEMENTS {
				for _, e := range attrs(a.Data) {
					s.addElement(nfFamily(set.Family)+id, e.Data)
				}
			}
		}
	}
	return err
}

func (s *State) addElement(set string, b []byte) {
	kind := nfElement()
	var body []byte
	var comment, key string
	for _, a := range attrs(b) {
		switch {
		case a.Type == unix.NFTA_SET_ELEM_KEY:
			for _, v := range attrs(a.Data) {
				key = hex.EncodeToString(v.Data)
			}
		case slices.Contains(kind.exprs, a.Type):
			_, data := expressions(a.Data)
			body = append(body, data...)
		case !slices.Contains(kind.volatile, a.Type):
			body = appendAttr(body, a.Type, a.Data)
		}
		if a.Type == kind.userdata {
			comment = commentOf(a.Data)
		}
	}
	s.add("nft element", set+" "+key, prop{"comment", comment}, prop{"bytes", hex.EncodeToString(body)})
}

// expressions returns the names of the expressions in a list, or of the one that b is, and their bytes, without the
// data of those that count.
func expressions(b []byte) (words []string, body []byte) {
	list := attrs(b)
	single := slices.ContainsFunc(list, func(a wire.Attr) bool { return a.Type != nftaListElem })
	if single {
		list = []wire.Attr{{Type: nftaListElem, Data: b}}
	}
	for _, e := range list {
		name := ""
		for _, a := range attrs(e.Data) {
			if a.Type == unix.NFTA_EXPR_NAME {
				name = strings.TrimRight(string(a.Data), "\x00")
				words = append(words, name)
				body = append(body, name...)
			}
		}
		for _, a := range attrs(e.Data) {
			if a.Type == unix.NFTA_EXPR_DATA && !slices.Contains([]string{"counter", "limit", "quota", "last", "connlimit"}, name) {
				body = appendAttr(body, a.Type, a.Data)
			}
		}
	}
	return words, body
}

// attrs splits attributes. What is malformed ends them.
func attrs(b []byte) []wire.Attr {
	var list []wire.Attr
	for len(b) >= unix.SizeofNlAttr {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofNlAttr || n > len(b) {
			return list
		}
		typ := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		list = append(list, wire.Attr{Type: typ, Data: b[unix.SizeofNlAttr:n]})
		b = b[min((n+3)&^3, len(b)):]
	}
	return list
}

func appendAttr(b []byte, typ uint16, data []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

// commentOf finds the comment in the user data of a rule or an element: libnftnl's records of a type (0: the comment), a length
// and a value (libnftnl/udata.h).
func commentOf(b []byte) string {
	for len(b) >= 2 && len(b) >= 2+int(b[1]) {
		if b[0] == 0 {
			return strconv.Quote(strings.TrimRight(string(b[2:2+b[1]]), "\x00"))
		}
		b = b[2+b[1]:]
	}
	return ""
}

func nfFamily(f uint8) string {
	return wire.Names{
		{Value: unix.NFPROTO_INET, Name: "inet"}, {Value: unix.NFPROTO_IPV4, Name: "ip"}, {Value: unix.NFPROTO_IPV6, Name: "ip6"},
		{Value: unix.NFPROTO_ARP, Name: "arp"}, {Value: unix.NFPROTO_BRIDGE, Name: "bridge"}, {Value: unix.NFPROTO_NETDEV, Name: "netdev"},
	}.Enum(uint64(f))
}

func sum(b []byte) uint32 {
	h := fnv.New32a()
	h.Write(b)
	return h.Sum32()
}
