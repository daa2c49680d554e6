package nat_test

import (
	"bytes"
	"strings"
	"testing"

	"plumb/nat"
	"plumb/rtnl/trace"
	"plumb/rtnl/wire"
)

// What a trace shows of a message that was sent makes the same message again.
func TestParseTrace(t *testing.T) {
	t.Parallel()
	for _, m := range messages(t) {
		text := traced(m.bytes)
		got, err := nat.Protocol.Parse(text)
		if err != nil {
			t.Errorf("%s: %v\nof this text:\n%s", m.name, err, text)
		} else if !bytes.Equal(got, m.bytes) {
			t.Errorf("%s: the text of a message makes another:\n% x\n% x\nof this text:\n%s", m.name, m.bytes, got, text)
		}
	}
}

// A whole transaction is one text, and one datagram.
func TestParseTransaction(t *testing.T) {
	t.Parallel()
	requests := append([]wire.Request{nat.BeginBatch(0)}, nat.CreateRequests()...)
	var want []byte
	var text strings.Builder
	tracer := trace.Text(&text, trace.Options{Color: true})
	for i, r := range append(requests, nat.EndBatch()) {
		b, err := r.Encode(uint32(7 + i))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, b...)
		tracer.Trace(wire.Event{Namespace: "host", Protocol: nat.Protocol, Sent: true, Message: b, Purpose: r.Purpose})
	}
	if got, err := nat.Protocol.Parse(text.String()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the text of a transaction makes another: %v\n% x\n% x", err, want, got)
	}
}

// traced is what a trace says of a message that is sent.
func traced(b []byte) string {
	var text strings.Builder
	trace.Text(&text, trace.Options{}).Trace(wire.Event{
		Namespace: "host", Protocol: nat.Protocol, Sent: true, Message: b, Purpose: "try it",
	})
	return text.String()
}

// FuzzParse makes messages of texts. Whatever text is taken, its message is shown as a text that makes it again.
func FuzzParse(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(traced(m.bytes))
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := wire.Parse(text, wire.ParseOptions{Protocols: []*wire.Protocol{nat.Protocol}})
		if err != nil || len(all) != 1 || givenOtherwise(text) {
			return
		}
		b := all[0].Message
		shown := traced(b)
		again, err := nat.Protocol.Parse(shown)
		if err != nil {
			t.Fatalf("%v\nof what is shown:\n%s\nof the text:\n%s", err, shown, text)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("% x\nis shown as a text of another message, % x:\n%s\nof the text:\n%s", b, again, shown, text)
		}
	})
}

// givenOtherwise says whether a text has something that is not as its table would have it: it need not be shown as such.
func givenOtherwise(text string) bool {
	for _, form := range []string{"nla_", "nlmsg_", "bytes:", "u8:", "16:", "32:", "64:", "0x", "malformed", "attribute", "rest=", "body="} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}
