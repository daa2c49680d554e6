package wire

import (
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
