package page

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// A quoted string is the string for whoever reads JSON, and nothing for whoever reads HTML.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "pl-web", "</script><!--", "\"\\\x00\x1f\x7f\u2028\u2029é", "\xff<"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := quote(s)
		var got string
		if err := json.Unmarshal([]byte(q), &got); err != nil || got != string([]rune(s)) {
			t.Errorf("%q is quoted as %s, which is %q (%v)", s, q, got, err)
		}
		if strings.ContainsAny(q, "<>&\u2028\u2029\n") {
			t.Errorf("%q is quoted as %s", s, q)
		}
	})
}

// sample are a refused request with its answer, a step, a part, and bytes that are no message.
func sample(t *testing.T) []wire.Event {
	t.Helper()
	request, err := rtnl.SetUp(7, "set it up").Encode(3)
	if err != nil {
		t.Fatal(err)
	}
	enodev := int32(-19)
	var answer []byte
	answer = binary.NativeEndian.AppendUint32(answer, 36)
	answer = binary.NativeEndian.AppendUint16(answer, 2) // NLMSG_ERROR
	answer = binary.NativeEndian.AppendUint16(answer, 0x100)
	answer = binary.NativeEndian.AppendUint32(answer, 3)
	answer = binary.NativeEndian.AppendUint32(answer, 0)
	answer = append(binary.NativeEndian.AppendUint32(answer, uint32(enodev)), request[:16]...)
	at := time.Unix(1700000000, 0)
	refusal := &wire.Error{Op: "set it up", Err: unix.ENODEV, Offset: 20, Sent: request}
	return []wire.Event{
		{Kind: wire.KindBegin, Time: at, Namespace: "host", Purpose: "all", Why: "because"},
		{Time: at.Add(1000), Namespace: "host", Protocol: rtnl.Protocol, Sent: true, Message: request, Purpose: "set it up"},
		{Time: at.Add(4000), Namespace: "host", Protocol: rtnl.Protocol, Message: answer, Purpose: "set it up", Latency: 2500, Err: refusal},
		{Kind: wire.KindStep, Time: at.Add(9000), Namespace: "web", Purpose: "setns", Latency: 100},
		{Kind: wire.KindEnd, Time: at.Add(9100), Namespace: "host", Purpose: "all", Latency: 9100},
		{Time: at.Add(9200), Namespace: "host", Protocol: rtnl.Protocol, Message: []byte{1, 2, 3}},
		{Time: at.Add(9300), Namespace: "host", Message: request},
	}
}

// The data is JSON with all that there is of each event.
func TestData(t *testing.T) {
	t.Parallel()
	var got struct {
		Title   string
		Strings []string
		Headers [][]string
		Events  [][]any
	}
	b := data(Options{Title: "<&>"}, sample(t))
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if got.Title != "<&>" || len(got.Headers) < 30 || len(got.Events) != 7 || got.Strings[0] != "" {
		t.Errorf("got %+v", got)
	}
	text := func(i, j int) string { return got.Strings[int(got.Events[i][j].(float64))] }
	answer := got.Events[2]
	if answer[0] != 4000.0 || answer[5] != 2500.0 || answer[7] != 20.0 || answer[8] != 1.0 || text(2, 6) != "no such device (ENODEV)" || text(2, 10) != "NLMSG_ERROR" {
		t.Errorf("the answer is %v", answer)
	}
	if text(0, 6) != "because" || text(1, 12) != "rtnl_setlink" || got.Events[3][3] != 2.0 || got.Events[0][3] != 3.0 || got.Events[4][3] != 4.0 {
		t.Errorf("the events are %v", got.Events)
	}
	if got.Events[5][14] != "AQID" || got.Events[6][14] == "" {
		t.Errorf("what is no message is %v", got.Events[5])
	}
}

// An answer belongs to the last request of its number in its namespace, by its purpose where there are several.
func TestAnswered(t *testing.T) {
	t.Parallel()
	message := func(seq byte) []byte { return append([]byte{16, 0, 0, 0, 0, 0, 0, 0, seq}, make([]byte, 7)...) }
	ask := func(ns string, seq byte, purpose string) wire.Event {
		return wire.Event{Sent: true, Namespace: ns, Message: message(seq), Purpose: purpose}
	}
	tell := func(ns string, seq byte, purpose string) wire.Event {
		return wire.Event{Namespace: ns, Message: message(seq), Purpose: purpose, Latency: 1}
	}
	got := answered([]wire.Event{
		ask("a", 1, "x"), ask("b", 1, "x"), ask("a", 1, "y"), tell("a", 1, "x"), tell("b", 1, "x"), tell("a", 1, "y"), tell("a", 2, "x"),
		{Namespace: "a", Message: message(1)},
		ask("a", 1, "x"), tell("a", 1, "x"), tell("a", 1, "z"),
	})
	want := []int{-1, -1, -1, 0, 1, 2, -1, -1, -1, 8, 8}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d answers %d, want %d", i, got[i], want[i])
		}
	}
}

// A page is written once, and says when it cannot be.
func TestClose(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := New(&b, Options{Title: "a </title> & \"b\""})
	for _, e := range sample(t) {
		p.Trace(e)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	p.Trace(sample(t)[0])
	got := b.String()
	if strings.Count(got, "<!DOCTYPE html>") != 1 || strings.Contains(got, "{{") || len(regexp.MustCompile(`(?i)</title>`).FindAllString(got, -1)) != 1 {
		t.Errorf("the page is %.2000s", got)
	}
	broken := New(failing{}, Options{})
	if err := broken.Close(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("closing it where there is no space gives %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, unix.ENOSPC }

var _ io.Writer = failing{}
