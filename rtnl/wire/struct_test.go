package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A newer kernel's C struct is longer: what is known of it is decoded, and the rest is shown as it is.
func TestStructIsLonger(t *testing.T) {
	t.Parallel()
	type counts struct{ A, B uint8 }
	table := Table[*counts]{
		Field("a", func(c *counts) *uint8 { return &c.A }),
		Field("b", func(c *counts) *uint8 { return &c.B }),
	}
	b := []byte{1, 2, 0, 0, 0, 0}
	var got counts
	if err := table.Decode(b, &got); err != nil || got != (counts{1, 2}) {
		t.Errorf("decoded %+v, %v", got, err)
	}
	want := []Node{
		{Name: "a", Value: "1", Length: 1, Form: Number},
		{Name: "b", Value: "2", Offset: 1, Length: 1, Form: Number},
		{Name: "rest", Value: "0x00000000", Offset: 2, Length: 4},
	}
	if diff := cmp.Diff(want, table.Show(b)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What nobody asks for has its names all the same, as far as the kernel tells it.
func TestStructTold(t *testing.T) {
	t.Parallel()
	type counts struct{ A uint16 }
	table := Table[*counts]{
		Field("a", func(c *counts) *uint16 { return &c.A }),
		Told[*counts](2, "b", "c"),
	}
	whole := native.AppendUint16(native.AppendUint16(native.AppendUint16(native.AppendUint16(nil, 1), 2), 3), 4)
	nodes := []Node{
		{Name: "a", Value: "1", Length: 2, Form: Number},
		{Name: "b", Value: "2", Offset: 2, Length: 2, Form: Number},
		{Name: "c", Value: "3", Offset: 4, Length: 2, Form: Number},
		{Name: "rest", Value: hex(whole[6:]), Offset: 6, Length: 2},
	}
	for n, want := range map[int][]Node{2: nodes[:1], 4: nodes[:2], 6: nodes[:3], 8: nodes} {
		var got counts
		if err := table.Decode(whole[:n], &got); err != nil || got != (counts{1}) {
			t.Errorf("%d bytes: decoded %+v, %v", n, got, err)
		}
		if diff := cmp.Diff(want, table.Show(whole[:n])); diff != "" {
			t.Errorf("%d bytes: -want +got:\n%s", n, diff)
		}
	}
	if b, err := table.Encode(&counts{1}); err != nil || len(b) > 4 {
		t.Errorf("encoded %x, %v", b, err)
	}
}
