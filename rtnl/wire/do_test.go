package wire

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// indexes are the places of the refused messages in their group.
func indexes(err error) []int {
	var list []int
	for _, e := range Refusals(err) {
		list = append(list, e.Index)
	}
	return list
}

func TestDo(t *testing.T) {
	t.Parallel()
	// Four messages, of which the third does not ask for an answer.
	group := func() []Request {
		g := []Request{create("a"), create("b"), create("c"), create("d")}
		g[2].Flags &^= netlink.Acknowledge
		return g
	}
	tests := []struct {
		name   string
		answer func(sent []received) []any
		is     error // nil for success
		at     []int // the refused messages
	}{
		{name: "all in one datagram", answer: ackAll},
		{name: "in several datagrams", answer: func(s []received) []any {
			return []any{ack(s[0], 0, nil), join(ack(s[1], 0, nil), ack(s[3], 0, nil))}
		}},
		{name: "several refused", is: unix.EEXIST, at: []int{0, 3}, answer: func(s []received) []any {
			return []any{join(ack(s[0], unix.EEXIST, nil), ack(s[1], 0, nil)), ack(s[3], unix.EEXIST, nil)}
		}},
		{name: "refused without having asked", is: unix.EPERM, at: []int{2}, answer: func(s []received) []any {
			return []any{join(ack(s[0], 0, nil), ack(s[1], 0, nil), ack(s[2], unix.EPERM, nil), ack(s[3], 0, nil))}
		}},
		{name: "refused out of order", is: unix.EPERM, at: []int{0, 3}, answer: func(s []received) []any {
			return []any{ack(s[3], unix.EPERM, nil), ack(s[0], unix.EPERM, nil)}
		}},
		{name: "refused as a whole, on the first", is: unix.EOPNOTSUPP, at: []int{0}, answer: func(s []received) []any {
			return []any{ack(s[0], unix.EOPNOTSUPP, nil)}
		}},
		{name: "an answer lost", is: ErrNoAnswer, at: []int{1}, answer: func(s []received) []any {
			return []any{ack(s[0], 0, nil), ack(s[3], 0, nil)}
		}},
		{name: "no answer at all", is: ErrNoAnswer, at: []int{0, 1, 3}, answer: func([]received) []any { return nil }},
		{name: "overrun: what fitted is read", is: unix.ENOBUFS, at: []int{0, 3}, answer: func(s []received) []any {
			return []any{unix.ENOBUFS, ack(s[0], unix.EEXIST, nil), ack(s[1], 0, nil)}
		}},
		{name: "overrun for ever", is: unix.ENOBUFS, at: []int{0, 1, 3}, answer: func([]received) []any {
			return []any{unix.ENOBUFS, unix.ENOBUFS, unix.ENOBUFS}
		}},
		{name: "receive fails", is: unix.EBADF, at: []int{1, 3}, answer: func(s []received) []any {
			return []any{ack(s[0], 0, nil), unix.EBADF}
		}},
		{name: "other sequence numbers", answer: func(s []received) []any {
			early, late := s[0], s[3]
			early.Sequence--
			late.Sequence++
			return append([]any{ack(early, unix.EPERM, nil), ack(late, unix.EPERM, nil)}, ackAll(s)...)
		}},
		{name: "answered twice", answer: func(s []received) []any {
			return append([]any{ack(s[0], 0, nil), ack(s[0], 0, nil)}, ackAll(s)...)
		}},
		{name: "an echo before the answer", answer: func(s []received) []any {
			return append([]any{one(s[0].Sequence, sample())}, ackAll(s)...)
		}},
		{name: "cut in a header", is: ErrTruncated, at: []int{0, 1, 3}, answer: func(s []received) []any {
			return []any{ack(s[0], 0, nil)[:headerSize-1]}
		}},
		{name: "cut in a body", is: ErrTruncated, at: []int{1, 3}, answer: func(s []received) []any {
			return []any{join(ack(s[0], 0, nil), ack(s[1], 0, nil)[:headerSize+2])}
		}},
		{name: "an answer too short for its errno", is: ErrTruncated, at: []int{0, 1, 3}, answer: func(s []received) []any {
			return []any{message(netlink.Error, 0, s[0].Sequence, []byte{0, 0})}
		}},
		{name: "longer than the buffer", is: ErrTruncated, at: []int{0, 1, 3}, answer: func([]received) []any {
			return []any{make([]byte, receiveSize+1)}
		}},
		{name: "an empty datagram", answer: func(s []received) []any { return append([]any{[]byte{}}, ackAll(s)...) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// The second time, the sequence numbers wrap around within the group.
			for _, seq := range []uint32{0, math.MaxUint32 - 2} {
				c, f := dialFake(t, test.answer)
				c.seq = seq
				c.config.Tracer = &watcher{} // so that each is acknowledged
				err := c.Do(group()...)
				if !errors.Is(err, test.is) {
					t.Errorf("after sequence number %d: got %v, want %v", seq, err, test.is)
				}
				if got := indexes(err); !equal(got, test.at) {
					t.Errorf("after sequence number %d: refused are %v, want %v: %v", seq, got, test.at, err)
				}
				for _, e := range Refusals(err) {
					if e.Sequence != seq+1+uint32(e.Index) {
						t.Errorf("message %d has sequence number %d, want %d", e.Index, e.Sequence, seq+1+uint32(e.Index))
					}
				}
				// Whatever happened, the next group is none the wiser.
				f.answer = ackAll
				if err := c.Do(group()...); err != nil {
					t.Errorf("the next group: %v", err)
				}
				if len(f.queue) > 0 {
					t.Errorf("%d datagrams are left over", len(f.queue))
				}
			}
		})
	}
}

// Without a Tracer the last message that asks for an acknowledgement gets the only one, and it tells of those before.
func TestDoWithOneAcknowledgement(t *testing.T) {
	t.Parallel()
	group := func(v *thing) []Request {
		g := []Request{create("a"), Into(list(), newThing, v), create("c"), create("d")}
		g[3].Flags &^= netlink.Acknowledge
		return g
	}
	answer := func(s []received) []byte { return one(s[1].Sequence, sample()) }
	tests := []struct {
		name   string
		answer func(sent []received) []any
		is     error
		at     []int
	}{
		{name: "all is well", answer: func(s []received) []any { return []any{answer(s), ack(s[2], 0, nil)} }},
		{name: "one is refused", is: unix.EEXIST, at: []int{0}, answer: func(s []received) []any {
			return []any{ack(s[0], unix.EEXIST, nil), answer(s), ack(s[2], 0, nil)}
		}},
		{name: "one after the last is refused", is: unix.EPERM, at: []int{3}, answer: func(s []received) []any {
			return []any{answer(s), ack(s[2], 0, nil), ack(s[3], unix.EPERM, nil)}
		}},
		{name: "a refusal, and no acknowledgement", is: unix.EEXIST, at: []int{0}, answer: func(s []received) []any {
			return []any{ack(s[0], unix.EEXIST, nil), answer(s)}
		}},
		{name: "a question is not answered", is: ErrNoAnswer, at: []int{1}, answer: func(s []received) []any { return []any{ack(s[2], 0, nil)} }},
		{name: "no acknowledgement", is: ErrNoAnswer, at: []int{2}, answer: func(s []received) []any { return []any{answer(s)} }},
		{name: "no answer at all", is: ErrNoAnswer, at: []int{0, 1, 2}, answer: func([]received) []any { return nil }},
		{name: "overrun", is: unix.ENOBUFS, at: []int{0, 1}, answer: func(s []received) []any { return []any{unix.ENOBUFS, ack(s[2], 0, nil)} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := []bool{false, false, true, false}
			c, _ := dialFake(t, func(s []received) []any {
				for i, want := range asked {
					if got := s[i].Flags&netlink.Acknowledge != 0; got != want {
						t.Errorf("message %d asks for an acknowledgement: %v, want %v", i, got, want)
					}
				}
				return test.answer(s)
			})
			err := c.Do(group(new(thing))...)
			if got := indexes(err); !errors.Is(err, test.is) || !equal(got, test.at) {
				t.Errorf("got %v, refused are %v; want %v of %v", err, got, test.is, test.at)
			}
		})
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestDoWithoutAnswersReadsRefusals(t *testing.T) {
	t.Parallel()
	c, _ := dialFake(t, func(s []received) []any { return []any{ack(s[1], unix.EBUSY, nil)} })
	a, b := create("a"), create("b")
	a.Flags, b.Flags = netlink.Request, netlink.Request
	if err := c.Do(a, b); !errors.Is(err, unix.EBUSY) || !equal(indexes(err), []int{1}) {
		t.Errorf("got %v, want EBUSY of the second message", err)
	}
}

func TestDoOfNothing(t *testing.T) {
	t.Parallel()
	c, f := dialFake(t, ackAll)
	if err := c.Do(); err != nil || len(f.sent) > 0 {
		t.Errorf("got %v and %d datagrams, want nothing at all", err, len(f.sent))
	}
}

func TestDoSendFails(t *testing.T) {
	t.Parallel()
	c, f := dialFake(t, ackAll)
	f.sendErr = unix.EMSGSIZE
	err := c.Do(create("a"), create("b"))
	if want := "create a: message too long (EMSGSIZE)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDoCannotEncode(t *testing.T) {
	t.Parallel()
	c, f := dialFake(t, ackAll)
	err := c.Do(create("a"), create("b\x00c"))
	if !equal(indexes(err), []int{1}) || len(f.sent) > 0 {
		t.Errorf("got %v, and %d datagrams sent; want the second message refused and nothing sent", err, len(f.sent))
	}
	if err := c.Do(create("a")); err != nil {
		t.Errorf("the next group: %v", err)
	}
}

func TestDoGrowsForManyAnswers(t *testing.T) {
	t.Parallel()
	c, f := dialFake(t, ackAll)
	var many []Request
	for range 1000 {
		many = append(many, create("a"))
	}
	if err := c.Do(many...); err != nil {
		t.Fatal(err)
	}
	if f.grown < 1000*answerSize {
		t.Errorf("the receive buffer has %d bytes, want at least %d", f.grown, 1000*answerSize)
	}
}

func TestDoCannotGrow(t *testing.T) {
	t.Parallel()
	c, f := dialFake(t, ackAll)
	f.growErr = unix.EPERM
	err := c.Do(slices.Repeat([]Request{create("a")}, 100)...)
	if want := "create a: make room for 100 answers: operation not permitted (EPERM)"; !equal(indexes(err), []int{0}) || err.Error() != want {
		t.Errorf("got %v, want an Error: %s", err, want)
	}
	if len(f.sent) > 0 {
		t.Errorf("%d datagrams were sent", len(f.sent))
	}
}

func TestErrorsAreFound(t *testing.T) {
	t.Parallel()
	c, _ := dialFake(t, func(s []received) []any {
		return []any{ack(s[0], unix.EEXIST, nil), ack(s[1], unix.ENOENT, nil)}
	})
	err := c.Do(create("a"), create("b"))
	for _, want := range []error{unix.EEXIST, unix.ENOENT, fs.ErrExist, fs.ErrNotExist} {
		if !errors.Is(err, want) {
			t.Errorf("%v is not %v", err, want)
		}
	}
	if want := "create a: file exists (EEXIST); create b: no such file or directory (ENOENT)"; err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
