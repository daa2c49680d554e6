package nat

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A set holds keys, a map keys and what they mean: enum nft_set_attributes, linux/netfilter/nf_tables.h.

// A Set is one set or map.
type Set struct {
	Header
	Table      string
	Name       string
	Flags      SetFlags
	KeyType    DataType // informational: for those who print it
	KeyLen     uint32   // bytes
	DataType   DataType // of a map
	DataLen    uint32   // bytes
	Policy     SetPolicy
	Desc       *SetDesc
	ID         uint32 // names the set within a batch; the kernel wants one
	Timeout    uint64 // of elements that have none of their own, milliseconds
	GCInterval uint32 // milliseconds
	UserData   UserData
	Expression *Expr   // what an element has that comes without one of its own (Linux 5.7)
	Handle     uint64  // the kernel's
	Count      *uint32 // elements in it (Linux 6.17); the kernel's
	Unknown    []wire.Attr
}

// A SetDesc helps the kernel choose what the set is made of: enum nft_set_desc_attributes.
type SetDesc struct {
	Size    uint32     // the most elements that there will be
	Concat  []SetField // of a concatenation with intervals
	Unknown []wire.Attr
}

// A SetField is one part of a concatenation: enum nft_set_field_attributes.
type SetField struct {
	Len     uint32 // bytes, without the padding to 4
	Unknown []wire.Attr
}

// SetFlags is enum nft_set_flags.
type SetFlags uint32

// The flags of a set.
const (
	NFT_SET_ANONYMOUS SetFlags = 1 << iota
	NFT_SET_CONSTANT
	NFT_SET_INTERVAL
	NFT_SET_MAP
	NFT_SET_TIMEOUT
	NFT_SET_EVAL
	NFT_SET_OBJECT
	NFT_SET_CONCAT // a concatenation with intervals (Linux 5.6)
	NFT_SET_EXPR
)

func (f SetFlags) String() string {
	return flagNames(uint32(f), "anonymous", "constant", "interval", "map", "timeout", "dynamic", "object", "concat", "expr")
}

// SetPolicy is enum nft_set_policies.
type SetPolicy uint32

// The policies.
const (
	NFT_SET_POL_PERFORMANCE SetPolicy = iota
	NFT_SET_POL_MEMORY
)

func (p SetPolicy) String() string {
	return nameOf(int64(p), []string{NFT_SET_POL_PERFORMANCE: "performance", NFT_SET_POL_MEMORY: "memory"})
}

// A DataType is the number of one of nft's data types (enum datatypes, include/datatype.h of nftables), or of a
// concatenation: 6 bits for each part, the last one's lowest. The kernel only keeps it.
type DataType uint32

// Data types, and that of a map to verdicts: NFT_DATA_VERDICT, enum nft_data_types.
const (
	TypeIPv4Addr    DataType = 7
	TypeIPv6Addr    DataType = 8
	typeEtherAddr   DataType = 9
	TypeInetProto   DataType = 12
	TypeInetService DataType = 13
	TypeMark        DataType = 19
	TypeIfName      DataType = 41
	TypeVerdict     DataType = unix.NFT_DATA_VERDICT
)

// typeBits is how many bits one part of a concatenation has: TYPE_BITS in nft.
const typeBits = 6

// ConcatType is the type of a concatenation.
func ConcatType(parts ...DataType) DataType {
	var t DataType
	for _, p := range parts {
		t = t<<typeBits | p
	}
	return t
}

// String is the type as nft writes it: "ifname . ipv4_addr".
func (t DataType) String() string {
	if t == TypeVerdict {
		return "verdict"
	}
	names := []string{
		TypeIPv4Addr: "ipv4_addr", TypeIPv6Addr: "ipv6_addr", TypeInetProto: "inet_proto", TypeInetService: "inet_service",
		TypeMark: "mark", TypeIfName: "ifname", typeEtherAddr: "ether_addr",
	}
	last := nameOf(int64(t&(1<<typeBits-1)), names)
	if t>>typeBits == 0 {
		return last
	}
	return (t >> typeBits).String() + " . " + last
}

// UnmarshalText reads what String writes.
func (t *DataType) UnmarshalText(text []byte) error {
	*t = 0
	if string(text) == TypeVerdict.String() {
		*t = TypeVerdict
		return nil
	}
	for part := range strings.SplitSeq(string(text), " . ") {
		n, err := strconv.ParseUint(part, 10, typeBits)
		for ; err != nil && n < 1<<typeBits; n++ {
			if DataType(n).String() == part {
				break
			}
		}
		if n >= 1<<typeBits || *t>>(32-typeBits) != 0 {
			return fmt.Errorf("%q is no data type: a name or a number below %d is needed, and several with \" . \" between them", part, 1<<typeBits)
		}
		*t = *t<<typeBits | DataType(n)
	}
	return nil
}

// What x/sys/unix does not have of the enumerations of sets.
const (
	nftaSetDescConcat = 2
	nftaSetFieldLen   = 1
	nftaSetHandle     = 16
	nftaSetExpr       = 17
	nftaSetCount      = 20
)

var setFieldTable = wire.Table[*SetField]{Rows: func(f *SetField) wire.Rows {
	return wire.Of(f,
		wire.BE32(nftaSetFieldLen, "NFTA_SET_FIELD_LEN", &f.Len),
		wire.Unknown(&f.Unknown, words.Group("set_field")),
	)
}}

var setDescTable = wire.Table[*SetDesc]{Rows: func(d *SetDesc) wire.Rows {
	return wire.Of(d,
		wire.BE32(unix.NFTA_SET_DESC_SIZE, "NFTA_SET_DESC_SIZE", &d.Size),
		wire.List(nftaSetDescConcat, "NFTA_SET_DESC_CONCAT", unix.NFTA_LIST_ELEM, "NFTA_LIST_ELEM",
			&d.Concat, &setFieldTable),
		wire.Unknown(&d.Unknown, words.Group("set_desc")),
	)
}}

var setTable = wire.Table[*Set]{Rows: func(s *Set) wire.Rows {
	return wire.Of(s,
		headerRows(&s.Header),
		wire.String(unix.NFTA_SET_TABLE, "NFTA_SET_TABLE", &s.Table),
		wire.String(unix.NFTA_SET_NAME, "NFTA_SET_NAME", &s.Name),
		wire.BE32(unix.NFTA_SET_FLAGS, "NFTA_SET_FLAGS", &s.Flags),
		wire.BE32(unix.NFTA_SET_KEY_TYPE, "NFTA_SET_KEY_TYPE", &s.KeyType),
		wire.BE32(unix.NFTA_SET_KEY_LEN, "NFTA_SET_KEY_LEN", &s.KeyLen),
		wire.BE32(unix.NFTA_SET_DATA_TYPE, "NFTA_SET_DATA_TYPE", &s.DataType),
		wire.BE32(unix.NFTA_SET_DATA_LEN, "NFTA_SET_DATA_LEN", &s.DataLen),
		wire.BE32(unix.NFTA_SET_POLICY, "NFTA_SET_POLICY", &s.Policy),
		wire.Nest(unix.NFTA_SET_DESC, "NFTA_SET_DESC", &s.Desc, &setDescTable),
		wire.BE32(unix.NFTA_SET_ID, "NFTA_SET_ID", &s.ID),
		wire.BE64(unix.NFTA_SET_TIMEOUT, "NFTA_SET_TIMEOUT", &s.Timeout),
		wire.BE32(unix.NFTA_SET_GC_INTERVAL, "NFTA_SET_GC_INTERVAL", &s.GCInterval),
		wire.Bytes(unix.NFTA_SET_USERDATA, "NFTA_SET_USERDATA", &s.UserData),
		wire.Nest(nftaSetExpr, "NFTA_SET_EXPR", &s.Expression, &exprTable),
		wire.BE64(nftaSetHandle, "NFTA_SET_HANDLE", &s.Handle),
		wire.OptBE(nftaSetCount, "NFTA_SET_COUNT", &s.Count),
		wire.Unknown(&s.Unknown, words.Group("set")),
	)
}}

var (
	newSet = wire.Message[Set]{Type: subsystem | unix.NFT_MSG_NEWSET, Name: "NFT_MSG_NEWSET", Body: &setTable}
	getSet = wire.Message[Set]{Type: subsystem | unix.NFT_MSG_GETSET, Name: "NFT_MSG_GETSET", Body: &setTable}
	delSet = wire.Message[Set]{Type: subsystem | unix.NFT_MSG_DELSET, Name: "NFT_MSG_DELSET", Body: &setTable}
)

// NewSet makes a set or a map.
func NewSet(s *Set, flags netlink.HeaderFlags) wire.Request {
	return newSet.New(netlink.Create|flags, s, "make set "+s.Name)
}

// nonRecursive is NLM_F_NONREC, linux/netlink.h: a DELSET with it is EBUSY while the set has elements. It shares its bit with NLM_F_EXCL.
const nonRecursive netlink.HeaderFlags = unix.NLM_F_NONREC

// DelSet removes a set that no rule refers to, with its elements, or, with NLM_F_NONREC in flags, only if it has none (EBUSY).
func DelSet(s *Set, flags netlink.HeaderFlags) wire.Request {
	return delSet.New(flags, s, "remove set "+s.Name)
}

// Set returns a set; the error is unix.ENOENT where there is none.
func (c *Conn) Set(family Family, table, name string) (*Set, error) {
	s, err := wire.Get(c.wire, getSet.New(0, &Set{Header: Header{Family: family}, Table: table, Name: name}, "get set "+name), &newSet)
	return s, c.explain(err)
}

// Sets returns the sets of a table.
func (c *Conn) Sets(family Family, table string) ([]Set, error) {
	return dump(c, getSet.New(0, &Set{Header: Header{Family: family}, Table: table}, "list the sets of table "+table), &newSet)
}
