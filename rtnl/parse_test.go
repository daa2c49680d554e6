package rtnl_test

import (
	"bytes"
	"strings"
	"testing"

	"plumb/rtnl"
	"plumb/rtnl/trace"
	"plumb/rtnl/wire"

	"github.com/google/go-cmp/cmp"
)

// What a trace shows of a message that was sent makes the same message again.
func TestParseTrace(t *testing.T) {
	t.Parallel()
	for _, m := range messages() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			b := sent(t, m)
			text := traced(b)
			got, err := rtnl.Protocol.Parse(text)
			if err != nil {
				t.Fatalf("%v\nof this text:\n%s", err, text)
			}
			if diff := cmp.Diff(annotate(t, m.command, bytes.Clone(b)), annotate(t, m.command, bytes.Clone(got))); diff != "" {
				t.Errorf("the text of a message makes another (-want +got):\n%s\nof this text:\n%s", diff, text)
			}
		})
	}
}

// traced is what a trace says of a message that is sent.
func traced(b []byte) string {
	var text strings.Builder
	trace.Text(&text, trace.Options{}).Trace(wire.Event{
		Namespace: "host", Protocol: rtnl.Protocol, Sent: true, Message: b, Purpose: "try it",
	})
	return text.String()
}

// FuzzParse makes messages of texts. Whatever text is taken, its message is shown as a text that makes it again.
func FuzzParse(f *testing.F) {
	for _, m := range messages() {
		r := &recorder{}
		c, err := rtnl.Dial(wire.Config{Transport: r})
		if err != nil {
			f.Fatal(err)
		}
		_ = m.run(c, pureWorld())
		f.Add(traced(r.last))
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := rtnl.Protocol.Parse(text)
		if err != nil || givenOtherwise(text) {
			return
		}
		all, err := wire.Parse(text, wire.ParseOptions{Protocols: []*wire.Protocol{rtnl.Protocol}})
		if err != nil || len(all) != 1 {
			return
		}
		shown := traced(b)
		again, err := rtnl.Protocol.Parse(shown)
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
