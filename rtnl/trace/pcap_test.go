package trace

import (
	"bytes"
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
