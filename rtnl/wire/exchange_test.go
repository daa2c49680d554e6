package wire

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// parsed are the messages of a text.
func parsed(t *testing.T, text string) []Parsed {
	t.Helper()
	all, err := Parse(text, ParseOptions{Protocols: []*Protocol{testProtocol}})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Messages go as they are, in one datagram, and each answer is the message's whose number it has.
func TestExchange(t *testing.T) {
	t.Parallel()
	messages := parsed(t, "TEST_NEWTHING NLM_F_REQUEST|ACK seq=7  one\n THING_MTU 1\nTEST_NEWTHING NLM_F_REQUEST|ACK seq=3 nlmsg_pid=9  two\n THING_MTU nla_len=6 2")
	c, f := dialFake(t, func(sent []received) []any {
		return []any{ack(sent[0], 0, nil), ack(sent[1], unix.ERANGE, &extendedAck{Msg: "no", Offset: headerSize + 8})}
	})
	seen := &watcher{}
	c.config.Tracer = seen
	answers, err := c.Exchange(messages)
	if answers != 2 || len(f.sent) != 1 || len(f.sent[0]) != 2*32 || native.Uint32(f.sent[0][32+12:]) != 9 {
		t.Errorf("%d answers to % x", answers, f.sent)
	}
	refused := Refusals(err)
	if len(refused) != 1 || !errors.Is(err, unix.ERANGE) || refused[0].Path != "THING_MTU" && refused[0].Path != "MTU" || refused[0].Op != "two" || refused[0].Index != 1 {
		t.Errorf("it is refused by %v", err)
	}
	if n := len(seen.events); n != 4 || !seen.events[1].Sent || seen.events[2].Sent || seen.events[3].Err == nil || seen.events[2].Purpose != "one" {
		t.Errorf("a tracer sees %d events: %+v", n, seen.events)
	}
}

// A watcher keeps what a tracer is told.
type watcher struct{ events []Event }

func (w *watcher) Trace(e Event) { w.events = append(w.events, e) }

// Bytes that are no message are sent as well.
func TestExchangeGarbage(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{{1}, make([]byte, 15), make([]byte, 16), append(make([]byte, 12), 255, 255, 255, 255)} {
		c, f := dialFake(t, nil)
		messages := testProtocol.Split(b)
		f.sendErr = unix.EINVAL
		if answers, err := c.Exchange(messages); answers != 0 || !errors.Is(err, unix.EINVAL) {
			t.Errorf("% x: %d answers, %v", b, answers, err)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	whole, err := testProtocol.Parse("TEST_NEWTHING 0\nTEST_NEWTHING 0\n THING_NAME \"ab\"")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		b    []byte
		want []int
	}{
		{nil, nil},
		{whole, []int{24, len(whole) - 24}},
		{append(whole[:24:24], 1, 2, 3), []int{24, 3}},
		{whole[:23], []int{23}},
	} {
		var got []int
		for _, m := range testProtocol.Split(c.b) {
			got = append(got, len(m.Message))
		}
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] || len(got) > 1 && got[1] != c.want[1] {
			t.Errorf("% x is split into %v, want %v", c.b, got, c.want)
		}
	}
}
