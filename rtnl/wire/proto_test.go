package wire

import "github.com/mdlayher/netlink"

// A small protocol, with a row of nearly every sort.

type thing struct {
	Family uint8
	Index  uint32
	Name   string
	MTU    uint32
	Zero   *uint32
	Inner  *inner
	List   []inner
	Other  []Attr
}

type inner struct {
	Kind string
	Port uint16
	Data any
}

var innerTable = Table[*inner]{
	BE16(2, "INNER_PORT", func(i *inner) *uint16 { return &i.Port }),
	NestBy(3, "INNER_DATA", func(i *inner) string { return i.Kind }, func(i *inner) *any { return &i.Data },
		Kinds{KindOf("leaf", &leafTable)}),
	String(1, "INNER_KIND", func(i *inner) *string { return &i.Kind }),
}

type leaf struct{ Size uint64 }

var leafTable = Table[*leaf]{U64(1, "LEAF_SIZE", func(l *leaf) *uint64 { return &l.Size })}

var thingTable = Table[*thing]{
	Field("family", func(t *thing) *uint8 { return &t.Family }),
	Pad[*thing](3),
	Field("index", func(t *thing) *uint32 { return &t.Index }),
	String(1, "THING_NAME", func(t *thing) *string { return &t.Name }),
	U32(2, "THING_MTU", func(t *thing) *uint32 { return &t.MTU }),
	Opt(3, "THING_ZERO", func(t *thing) **uint32 { return &t.Zero }),
	Nest(4, "THING_INNER", func(t *thing) **inner { return &t.Inner }, &innerTable),
	List(5, "THING_LIST", 1, "THING_ELEM", func(t *thing) *[]inner { return &t.List }, &innerTable),
	Unknown(func(t *thing) *[]Attr { return &t.Other }),
}

func sample() *thing {
	return &thing{
		Family: 2, Index: 7, Name: "web", MTU: 1500, Zero: new(uint32),
		Inner: &inner{Kind: "leaf", Port: 80, Data: &leaf{Size: 9}},
		List:  []inner{{Kind: "other", Data: Raw{1, 2, 3}}, {Port: 1}},
		Other: []Attr{{Type: 99, Nested: true, Data: []byte{1, 2, 3, 4, 5}}},
	}
}

// The message types of the small protocol.
var (
	newThing = &Message[thing]{Type: 0x20, Name: "TEST_NEWTHING", Body: &thingTable}
	getThing = &Message[thing]{Type: 0x22, Name: "TEST_GETTHING", Body: &thingTable}
)

var testProtocol = &Protocol{Name: "NETLINK_TEST", Lookup: func(typ uint16) *Info {
	return Find(typ, newThing.Info(), getThing.Info())
}}

// create is a request that asks for an answer.
func create(name string) Request {
	return newThing.New(netlink.Acknowledge|netlink.Create|netlink.Excl, &thing{Name: name, MTU: 1500}, "create "+name)
}
