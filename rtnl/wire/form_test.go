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
	table := Table[*all]{
		Field("host", func(a *all) *uint32 { return &a.Host }),
		FieldBE("net", func(a *all) *uint16 { return &a.Net }),
		Pad[*all](2),
		OptBE(1, "A_MAYBE", func(a *all) **uint32 { return &a.Maybe }),
		String(2, "A_NAME", func(a *all) *string { return &a.Name }),
		Bytes(3, "A_BLOB", func(a *all) *[]byte { return &a.Blob }),
	}
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
