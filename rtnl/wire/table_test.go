package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

var innerTable = Table[inner]{
	BE16(2, "INNER_PORT", func(i *inner) *uint16 { return &i.Port }),
	NestBy(3, "INNER_DATA", func(i *inner) string { return i.Kind }, func(i *inner) *any { return &i.Data },
		Kinds{"leaf": KindOf(&leafTable)}),
	String(1, "INNER_KIND", func(i *inner) *string { return &i.Kind }),
}

type leaf struct{ Size uint64 }

var leafTable = Table[leaf]{U64(1, "LEAF_SIZE", func(l *leaf) *uint64 { return &l.Size })}

var thingTable = Table[thing]{
	Field("family", func(t *thing) *uint8 { return &t.Family }),
	Pad[thing](3),
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

func TestTableRoundTrip(t *testing.T) {
	t.Parallel()
	want := sample()
	b, err := thingTable.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	var got thing
	if err := thingTable.Decode(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got); diff != "" {
		t.Errorf("decoding what was encoded gives another value (-want +got):\n%s", diff)
	}
}

func TestPathAt(t *testing.T) {
	t.Parallel()
	b, err := thingTable.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	var walk func(nodes []Node)
	seen := map[string]bool{}
	walk = func(nodes []Node) {
		for _, n := range nodes {
			seen[PathAt(thingTable, b, n.Offset+n.Length-1)] = true
			walk(n.Children)
		}
	}
	walk(thingTable.Show(b))
	for _, want := range []string{"family", "index", "NAME", "INNER/INNER_DATA/LEAF_SIZE", "LIST/ELEM/INNER_PORT", "attribute 99"} {
		if !seen[want] {
			t.Errorf("no offset leads to %s; got %v", want, seen)
		}
	}
}
