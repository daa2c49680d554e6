package wire

import "testing"

type counted struct{ Size uint64 }

func TestReqBESendsZero(t *testing.T) {
	t.Parallel()
	table := Table[*counted]{Rows: func(l *counted) Rows {
		return Of(l, ReqBE(7, "COUNTED_SIZE", &l.Size))
	}}
	for _, size := range []uint64{0, 1} {
		b, err := table.Encode(&counted{Size: size})
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != attrHeader+8 || b[len(b)-1] != byte(size) {
			t.Errorf("%d is encoded as %x, want an attribute of 8 bytes in network byte order", size, b)
		}
		var got counted
		if err := table.Decode(b, &got); err != nil || got.Size != size {
			t.Errorf("decoded %d, %v; want %d", got.Size, err, size)
		}
	}
}
