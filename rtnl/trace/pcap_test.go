package trace

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb/rtnl/trace/capture"
	"plumb/rtnl/wire"
)

// both gives each event to several tracers.
type both []wire.Tracer

func (b both) Trace(e wire.Event) {
	for _, t := range b {
		t.Trace(e)
	}
}

// replay decodes a capture in the protocol of the tests.
func replay(t testing.TB, b []byte, tracer wire.Tracer) {
	t.Helper()
	source, err := capture.Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	m := messages()
	protocol := &wire.Protocol{Name: "NETLINK_TEST", Lookup: func(typ uint16) *wire.Info { return m[typ].Info() }}
	err = capture.Play(source, capture.Options{Protocol: func(int) *wire.Protocol { return protocol }}, tracer)
	if err != nil {
		t.Fatal(err)
	}
}

// What was captured reads as it did when it happened.
func TestPcapSaysTheSame(t *testing.T) {
	t.Parallel()
	var text, short, file bytes.Buffer
	p := NewPcap(&file, time.Time{})
	c := &clock{both{Text(&text, Options{}), Short(&short, Options{}), p}, time.Unix(1<<31, 999_999_000)}
	play(t, c)
	c.Trace(wire.Event{Namespace: "a\nb\\n", Purpose: "remove table inet plumb\n", Message: []byte{5}, Protocol: &wire.Protocol{}})
	c.Trace(wire.Event{Purpose: "a step", Err: &wire.Error{Op: "a step", Err: io.ErrUnexpectedEOF}, Latency: time.Hour})
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	var again, shortAgain bytes.Buffer
	replay(t, file.Bytes(), both{Text(&again, Options{}), Short(&shortAgain, Options{})})
	if diff := cmp.Diff(text.String(), again.String()); diff != "" {
		t.Errorf("in text (-traced +decoded):\n%s", diff)
	}
	if diff := cmp.Diff(short.String(), shortAgain.String()); diff != "" {
		t.Errorf("in short (-traced +decoded):\n%s", diff)
	}
}

func TestPcapThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := NewPcap(broken{}, time.Now())
	play(t, p)
	if err := p.Close(); err == nil {
		t.Error("Close does not say that nothing was written")
	}
}

// Whatever one message is, and its purpose, a file of it says the same.
func FuzzPcap(f *testing.F) {
	m := messages()
	f.Add(encode(f, m[16], 5, &link{Name: "lo", Info: &info{"veth"}}, 1), "create lo", "host", true, int64(5))
	f.Add(answered(f, 1, answer{Errno: -22, Msg: "no"}), "plumb\n\\n", "a\x00b", false, int64(-1))
	f.Fuzz(func(t *testing.T, b []byte, purpose, namespace string, sent bool, latency int64) {
		if len(b) < headerSize || binary.NativeEndian.Uint32(b) != uint32(len(b)) {
			return
		}
		e := wire.Event{
			Time: time.Unix(1, 0), Namespace: namespace, Purpose: purpose, Sent: sent, Message: b, Latency: time.Duration(latency),
			Protocol: &wire.Protocol{Lookup: func(typ uint16) *wire.Info { return wire.Find(typ, m[16].Info()) }},
		}
		var file bytes.Buffer
		NewPcap(&file, e.Time).Trace(e)
		var got []wire.Event
		replay(t, file.Bytes(), tracerFunc(func(e wire.Event) {
			e.Message = bytes.Clone(e.Message)
			got = append(got, e)
		}))
		if len(got) != 1 || got[0].Namespace != namespace || got[0].Purpose != purpose || got[0].Sent != sent || got[0].Latency != e.Latency || !bytes.Equal(got[0].Message, b) {
			t.Errorf("got %+v, want %+v", got, e)
		}
	})
}

type tracerFunc func(e wire.Event)

func (f tracerFunc) Trace(e wire.Event) { f(e) }
