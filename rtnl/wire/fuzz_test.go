package wire

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func sampleBytes(t testing.TB) []byte {
	t.Helper()
	b, err := thingTable.Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seeds are what fuzzing begins with.
func seeds(f *testing.F) {
	b := sampleBytes(f)
	f.Add(b)
	f.Add(b[:len(b)-3])
	f.Add([]byte{})
	f.Add(b[8:])
}

// What can be decoded can be encoded, and is then decoded as the same.
func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second thing
		if err := thingTable.Decode(b, &first); err != nil {
			if !errors.Is(err, ErrTruncated) {
				t.Errorf("%v is not ErrTruncated", err)
			}
			return
		}
		again, err := thingTable.Encode(&first)
		if err != nil {
			return // a string of 65531 bytes, say, has no room for its NUL
		}
		if err := thingTable.Decode(again, &second); err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v", err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("decoded, encoded and decoded again it is another (-first +second):\n%s", diff)
		}
	})
}

// Whatever is shown lies in the message, in its parent, and beside its siblings.
func FuzzShow(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		checkNodes(t, thingTable.Show(b), 0, len(b))
	})
}

func checkNodes(t *testing.T, nodes []Node, start, end int) {
	t.Helper()
	for _, n := range nodes {
		if n.Name == "" || n.Length <= 0 || n.Offset < start || n.Offset+n.Length > end {
			t.Fatalf("%+v is not within %d to %d", n, start, end)
		}
		checkNodes(t, n.Children, n.Offset+n.Header, n.Offset+n.Length)
		start = n.Offset + n.Length
	}
}

func FuzzPathAt(f *testing.F) {
	b := sampleBytes(f)
	f.Add(b, 20, 1)
	f.Add(b, len(b), 99)
	f.Add(b[:9], -1, 3)
	f.Fuzz(func(t *testing.T, b []byte, offset, typ int) {
		path := PathAt(&thingTable, b, offset)
		if (offset < 0 || offset >= len(b)) && path != "" {
			t.Errorf("%s is at %d, outside of %d bytes", path, offset, len(b))
		}
		if names := of(&thingTable).missing(b, offset, uint16(typ), nil); len(names) == 0 || names[len(names)-1] == "" {
			t.Errorf("the missing attribute has no name: %q", names)
		}
	})
}

// Whatever a kernel answers, nothing panics or hangs, and a refusal belongs to a message that was sent.
func FuzzAnswers(f *testing.F) {
	to := received{whole: make([]byte, headerSize)}
	to.Sequence = 1
	refusal := ack(to, unix.EINVAL, &extendedAck{Msg: "no", Offset: 20, MissType: 1, MissNest: new(uint32)})
	f.Add(refusal, refusal[:len(refusal)-1])
	f.Add(named(1, "a"), done(1, 0))
	f.Add(ack(to, 0, nil), interrupted(done(1, unix.EPERM)))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		script := func([]received) []any { return []any{one, unix.ENOBUFS, two} }
		c, _ := dialFake(t, script)
		for _, e := range Refusals(c.Do(create("a"), create("b"))) {
			if e.Index < 0 || e.Index > 1 || e.Error() == "" {
				t.Errorf("%+v is not of a message that was sent", e)
			}
		}
		c, _ = dialFake(t, script)
		if _, err := Get(c, list(), newThing); err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}
		c, _ = dialFake(t, script)
		if _, err := Dump(c, list(), newThing); err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}
	})
}

func FuzzView(f *testing.F) {
	b := sampleBytes(f)
	to := received{whole: message(0x20, 1, 1, b)}
	f.Add(message(0x20, 5, 1, b))
	f.Add(ack(to, unix.EINVAL, &extendedAck{Msg: "no", Offset: 20}))
	f.Add(done(1, unix.EINVAL))
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := testProtocol.View(b)
		if err != nil {
			if !errors.Is(err, ErrTruncated) {
				t.Errorf("%v is not ErrTruncated", err)
			}
			return
		}
		checkNodes(t, v.Nodes, 0, int(v.Header.Length)-headerSize)
	})
}
