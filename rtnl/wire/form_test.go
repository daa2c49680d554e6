package wire

import "testing"

// A node says how its bytes say its value: the byte order is nowhere in the message.
func TestForm(t *testing.T) {
	t.Parallel()
	type all struct {
		Host  uint32
		Net   uint16
		Maybe *uint32
		Name  string
		Blob  []byte
	}
	seven := uint32(7)
	table := Table[*all]{Rows: func(a *all) Rows {
		return Of(a,
			Field("host", &a.Host),
			FieldBE("net", &a.Net),
			Pad(2),
			OptBE(1, "A_MAYBE", &a.Maybe),
			String(2, "A_NAME", &a.Name),
			Bytes(3, "A_BLOB", &a.Blob),
		)
	}}
	b, err := table.Encode(&all{1, 2, &seven, "x", []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Form{Number, Network, Filler, Network, Chars, Opaque}
	for i, n := range table.Show(b) {
		if n.Form != want[i] {
			t.Errorf("%s has the form %d, want %d", n.Name, n.Form, want[i])
		}
	}
}
