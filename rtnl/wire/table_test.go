package wire

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
			seen[PathAt(&thingTable, b, n.Offset+n.Length-1)] = true
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

// However early the bytes end, what is there is decoded or the error says that they end too early.
func TestTruncation(t *testing.T) {
	t.Parallel()
	whole := sampleBytes(t)
	for n := range whole {
		var v thing
		if err := thingTable.Decode(whole[:n], &v); err != nil && !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: %v is not ErrTruncated", n, err)
		}
		checkNodes(t, thingTable.Show(whole[:n]), 0, n)
	}
}

// The bytes of the small protocol's message, as the tables have them on a little-endian host.
func TestGoldenBytes(t *testing.T) {
	t.Parallel()
	if native.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes below are a little-endian host's")
	}
	golden := []byte{
		88, 0, 0, 0, 0x20, 0, 0x05, 0x06, 3, 0, 0, 0, 0, 0, 0, 0, // nlmsghdr: length, type, flags, sequence, pid
		2, 0, 0, 0, 7, 0, 0, 0, // family, padding, index
		8, 0, 1, 0, 'w', 'e', 'b', 0, // THING_NAME, the string and its NUL
		8, 0, 2, 0, 0xdc, 5, 0, 0, // THING_MTU 1500
		8, 0, 3, 0, 0, 0, 0, 0, // THING_ZERO 0, which is sent
		40, 0, 4, 0x80, // THING_INNER, with NLA_F_NESTED
		6, 0, 2, 0, 0, 80, 0, 0, //   INNER_PORT 80 in network byte order, padding
		16, 0, 3, 0x80, //   INNER_DATA
		12, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, //     LEAF_SIZE 9
		9, 0, 1, 0, 'l', 'e', 'a', 'f', 0, // INNER_KIND
		0, 0, 0,
	}
	v := sample()
	v.List, v.Other = nil, nil
	got, err := newThing.New(0x604, v, "").Encode(3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(golden, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestUnknownAttributesSurvive(t *testing.T) {
	t.Parallel()
	want := &thing{Other: []Attr{
		{Type: 99, Nested: true, Data: []byte{1, 2, 3, 4, 5}},
		{Type: 98, NetworkOrder: true, Data: []byte{}},
		{Type: 0, Data: []byte{1}},
	}}
	b, err := thingTable.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	var got thing
	if err := thingTable.Decode(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	b2, err := thingTable.Encode(&got)
	if err != nil || !slices.Equal(b, b2) {
		t.Errorf("encoded again it is %x, %v; want %x", b2, err, b)
	}
}

// What a newer kernel adds to the end of a number or a struct is passed over.
func TestLongerThanKnown(t *testing.T) {
	t.Parallel()
	var e Encoder
	e.grow(8)
	copy(e.attr(1, 6), "ab\x00cd")
	native.PutUint32(e.attr(2, 12), 1500)
	var v thing
	if err := thingTable.Decode(e.b, &v); err != nil || v.Name != "ab" || v.MTU != 1500 {
		t.Errorf("decoded as %+v, %v", v, err)
	}
}

// A fixed struct of any size is padded before the attributes that follow it: struct rtgenmsg has one byte.
func TestOddStruct(t *testing.T) {
	t.Parallel()
	odd := Table[*thing]{Rows: func(v *thing) Rows {
		return Of(v,
			Field("family", &v.Family),
			U32(1, "ODD_MTU", &v.MTU),
		)
	}}
	want := thing{Family: 2, MTU: 1500}
	b, err := odd.Encode(&want)
	if err != nil || len(b) != 12 {
		t.Fatalf("encoded as %x, %v; want 12 bytes", b, err)
	}
	var got thing
	if err := odd.Decode(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEncodeFails(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]*thing{
		"NUL":                      {Name: "a\x00b"},
		"65531 is the most":        {Name: strings.Repeat("a", 1<<16)},
		`"none" is not known`:      {Inner: &inner{Kind: "none", Data: &leaf{}}},
		`cannot be the data of "l`: {Inner: &inner{Kind: "leaf", Data: leaf{}}},
	} {
		if b, err := thingTable.Encode(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("encoded as %d bytes, %v; want an error that says %s", len(b), err, want)
		}
	}
}
