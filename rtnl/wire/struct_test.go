package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A newer kernel's C struct is longer: what is known of it is decoded, and the rest is shown as it is.
func TestStructIsLonger(t *testing.T) {
	t.Parallel()
	type counts struct{ A, B uint8 }
	table := Table[*counts]{Rows: func(c *counts) Rows {
		return Of(c,
			Field("a", &c.A),
			Field("b", &c.B),
		)
	}}
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
