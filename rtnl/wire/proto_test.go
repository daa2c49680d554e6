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

var innerTable = Table[*inner]{Rows: func(i *inner) Rows {
	return Of(i,
		BE16(2, "INNER_PORT", &i.Port),
		NestBy(3, "INNER_DATA", &i.Kind, &i.Data,
			Kinds{KindOf("leaf", &leafTable)}),
		String(1, "INNER_KIND", &i.Kind),
	)
}}

type leaf struct{ Size uint64 }

var leafTable = Table[*leaf]{Rows: func(l *leaf) Rows {
	return Of(l, U64(1, "LEAF_SIZE", &l.Size))
}}

var thingTable = Table[*thing]{Rows: func(t *thing) Rows {
	return Of(t,
		Field("family", &t.Family),
		Pad(3),
		Field("index", &t.Index),
		String(1, "THING_NAME", &t.Name),
		U32(2, "THING_MTU", &t.MTU),
		Opt(3, "THING_ZERO", &t.Zero),
		Nest(4, "THING_INNER", &t.Inner, &innerTable),
		List(5, "THING_LIST", 1, "THING_ELEM", &t.List, &innerTable),
		Unknown(&t.Other, Group{}),
	)
}}

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
