package wire

import (
	"errors"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// list is a request for things.
func list() Request { return getThing.New(0, &thing{}, "list things") }

// named is one message of a dump.
func named(seq uint32, name string) []byte { return one(seq, &thing{Name: name}) }

func interrupted(b []byte) []byte {
	native.PutUint16(b[6:], native.Uint16(b[6:])|uint16(netlink.DumpInterrupted))
	return b
}

func TestDump(t *testing.T) {
	t.Parallel()
	fine := func(seq uint32) []any {
		return []any{join(named(seq, "a"), named(seq, "b")), named(seq, "c"), done(seq, 0)}
	}
	tests := []struct {
		name   string
		answer func(try int, seq uint32) []any // try counts from 1
		want   string                          // the names, run together
		is     error
		tries  int
	}{
		{name: "several datagrams", want: "abc", tries: 1, answer: func(_ int, seq uint32) []any { return fine(seq) }},
		{name: "empty", tries: 1, answer: func(_ int, seq uint32) []any { return []any{done(seq, 0)} }},
		{name: "refused", is: unix.EPERM, tries: 1, answer: func(_ int, seq uint32) []any {
			return []any{ack(received{netlink.Header{Sequence: seq}, make([]byte, headerSize)}, unix.EPERM, nil)}
		}},
		{name: "refused at its end", is: unix.EMSGSIZE, tries: 1, answer: func(_ int, seq uint32) []any {
			return []any{named(seq, "a"), done(seq, unix.EMSGSIZE)}
		}},
		{name: "interrupted once, at its end", want: "abc", tries: 2, answer: func(try int, seq uint32) []any {
			if try == 1 {
				return []any{named(seq, "x"), interrupted(done(seq, 0))}
			}
			return fine(seq)
		}},
		{name: "interrupted once, in the middle", want: "abc", tries: 2, answer: func(try int, seq uint32) []any {
			if try == 1 {
				return []any{named(seq, "x"), interrupted(named(seq, "y")), named(seq, "z"), done(seq, 0)}
			}
			return fine(seq)
		}},
		{name: "interrupted for ever", is: ErrInterrupted, tries: dumpTries, answer: func(_ int, seq uint32) []any {
			return []any{interrupted(done(seq, 0))}
		}},
		{name: "overrun once", want: "abc", tries: 2, answer: func(try int, seq uint32) []any {
			if try == 1 {
				return append([]any{named(seq, "x"), unix.ENOBUFS}, fine(seq)...)
			}
			return fine(seq)
		}},
		{name: "left over from another", want: "abc", tries: 1, answer: func(_ int, seq uint32) []any {
			return append([]any{named(seq-1, "x"), done(seq-1, 0)}, fine(seq)...)
		}},
		{name: "without an end", is: ErrNoAnswer, tries: 1, answer: func(_ int, seq uint32) []any {
			return []any{named(seq, "a")}
		}},
		{name: "messages of other types", want: "a", tries: 1, answer: func(_ int, seq uint32) []any {
			return []any{message(0x99, netlink.Multi, seq, nil), named(seq, "a"), done(seq, 0)}
		}},
		{name: "a body that cannot be decoded", is: ErrTruncated, tries: 1, answer: func(_ int, seq uint32) []any {
			return []any{message(0x20, netlink.Multi, seq, []byte{1}), named(seq, "a"), done(seq, 0)}
		}},
		{name: "cut off", is: ErrTruncated, tries: 1, answer: func(_ int, seq uint32) []any {
			return []any{named(seq, "a")[:18], done(seq, 0)}
		}},
		{name: "longer than the buffer", is: ErrTruncated, tries: 1, answer: func(_ int, seq uint32) []any {
			return []any{make([]byte, receiveSize+4), done(seq, 0)}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			c, f := dialFake(t, func(s []received) []any {
				if s[0].Flags&netlink.Dump != netlink.Dump {
					t.Errorf("the request's flags are %#x, without NLM_F_DUMP", s[0].Flags)
				}
				tries++
				return test.answer(tries, s[0].Sequence)
			})
			things, err := Dump(c, list(), newThing)
			got := ""
			for _, v := range things {
				got += v.Name
			}
			if got != test.want || !errors.Is(err, test.is) || tries != test.tries {
				t.Errorf("got %q, %v in %d tries; want %q, %v in %d", got, err, tries, test.want, test.is, test.tries)
			}
			if e := (*Error)(nil); err != nil && (!errors.As(err, &e) || e.Op != "list things") {
				t.Errorf("%v is no Error of what was attempted", err)
			}
			if len(f.queue) > 0 {
				t.Errorf("%d datagrams are left over", len(f.queue))
			}
		})
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer func(s received) []any
		want   string
		is     error
	}{
		{name: "found", want: "a", answer: func(s received) []any { return []any{named(s.Sequence, "a")} }},
		{name: "not found", is: unix.ENODEV, answer: func(s received) []any { return []any{ack(s, unix.ENODEV, nil)} }},
		{name: "acknowledged, and no more", is: ErrNoAnswer, answer: func(s received) []any { return []any{ack(s, 0, nil)} }},
		{name: "silence", is: ErrNoAnswer, answer: func(received) []any { return nil }},
		{name: "overrun", is: unix.ENOBUFS, answer: func(received) []any { return []any{unix.ENOBUFS} }},
	}
	for _, test := range tests {
		c, _ := dialFake(t, func(s []received) []any { return test.answer(s[0]) })
		v, err := Get(c, list(), newThing)
		if !errors.Is(err, test.is) || test.is == nil && v.Name != test.want {
			t.Errorf("%s: got %v, %v; want %q, %v", test.name, v, err, test.want, test.is)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer func(s received) []any
		want   int
		is     error
	}{
		{name: "all", want: 3, answer: func(s received) []any {
			return []any{named(s.Sequence, "a"), join(named(s.Sequence, "b"), named(s.Sequence, "c")), ack(s, 0, nil)}
		}},
		{name: "some", want: 1, is: unix.ENOENT, answer: func(s received) []any {
			return []any{named(s.Sequence, "a"), ack(s, unix.ENOENT, nil)}
		}},
		{name: "none", is: unix.ENOENT, answer: func(s received) []any { return []any{ack(s, unix.ENOENT, nil)} }},
		{name: "without an end", want: 1, is: ErrNoAnswer, answer: func(s received) []any { return []any{named(s.Sequence, "a")} }},
		{name: "overrun", is: unix.ENOBUFS, answer: func(received) []any { return []any{unix.ENOBUFS} }},
	}
	for _, test := range tests {
		c, f := dialFake(t, func(s []received) []any {
			if s[0].Flags&netlink.Acknowledge == 0 {
				t.Errorf("%s: the end is not asked for", test.name)
			}
			return test.answer(s[0])
		})
		n, err := Count(c, list(), newThing)
		if n != test.want || !errors.Is(err, test.is) || len(f.queue) > 0 {
			t.Errorf("%s: got %d, %v, and %d datagrams are left over; want %d, %v", test.name, n, err, len(f.queue), test.want, test.is)
		}
		n = 0
		err = c.Do(Tally(list(), newThing, &n))
		if n != test.want || !errors.Is(err, test.is) || len(f.queue) > 0 {
			t.Errorf("%s, in a tally: got %d, %v, and %d datagrams are left over; want %d, %v", test.name, n, err, len(f.queue), test.want, test.is)
		}
	}
}

// Tallies and questions stand beside each other, and what is refused of one does not touch the others.
func TestTallyAmongOthers(t *testing.T) {
	t.Parallel()
	c, _ := dialFake(t, func(s []received) []any {
		return []any{named(s[0].Sequence, "a"), named(s[1].Sequence, "b"), named(s[1].Sequence, "c"), ack(s[1], unix.ENOENT, nil), named(s[2].Sequence, "d"), ack(s[2], 0, nil)}
	})
	var v thing
	var some, all int
	err := c.Do(Into(list(), newThing, &v), Tally(list(), newThing, &some), Tally(list(), newThing, &all))
	if refused := Refusals(err); v.Name != "a" || some != 2 || all != 1 || len(refused) != 1 || refused[0].Index != 1 || !errors.Is(err, unix.ENOENT) {
		t.Errorf("got %q, %d, %d, %v", v.Name, some, all, err)
	}
}

// Of a refusal that was expected the errno is all that is found out, and of any other all.
func TestExpecting(t *testing.T) {
	t.Parallel()
	for _, expected := range []unix.Errno{unix.ENOENT, unix.EPERM} {
		c, _ := dialFake(t, func(s []received) []any { return []any{ack(s[0], unix.ENOENT, nil)} })
		err := c.Do(list().Expecting(expected))
		refused := Refusals(err)
		if len(refused) != 1 || !errors.Is(err, unix.ENOENT) || refused[0].Sequence != 1 || (refused[0].Sent == nil) != (expected == unix.ENOENT) {
			t.Errorf("ENOENT where %v is expected: %+v", expected, refused)
		}
	}
}

// A Conn that is closed gives its buffer to the next.
func TestBuffersAreLent(t *testing.T) {
	t.Parallel()
	var buffers Buffers
	for _, name := range []string{"a", "b"} {
		f := &fake{answer: func(s []received) []any { return []any{named(s[0].Sequence, name)} }, expired: make(chan struct{})}
		c, err := Dial(Config{Protocol: testProtocol, Transport: f, Buffers: &buffers})
		if err != nil {
			t.Fatal(err)
		}
		if v, err := Get(c, list(), newThing); err != nil || v.Name != name {
			t.Errorf("got %v, %v", v, err)
		}
		if err := c.Close(); err != nil || c.in != nil {
			t.Errorf("closed: %v, and it still has its buffer: %v", err, c.in != nil)
		}
	}
}
