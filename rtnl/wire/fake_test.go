package wire

import (
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A fake is a kernel that says what a script tells it to. For each datagram that is sent to it, answer returns the
// datagrams and errors that are then to be received, in order.
type fake struct {
	answer  func(sent []received) []any // []byte or error
	queue   []any
	sent    [][]byte
	grown   int
	sendErr error
	growErr error
	expired chan struct{} // closed by a deadline
}

// A received is a message that the fake got.
type received struct {
	netlink.Header
	whole []byte
}

func dialFake(t testing.TB, answer func(sent []received) []any) (*Conn, *fake) {
	t.Helper()
	f := &fake{answer: answer, expired: make(chan struct{})}
	c, err := Dial(Config{Protocol: testProtocol, Namespace: "test", Transport: f})
	if err != nil {
		t.Fatal(err)
	}
	return c, f
}

func (f *fake) Send(b []byte) error {
	f.sent = append(f.sent, append([]byte{}, b...))
	if f.sendErr != nil {
		return f.sendErr
	}
	var messages []received
	for len(b) > 0 {
		h, _, rest, err := parseHeader(b)
		if err != nil {
			return err
		}
		messages = append(messages, received{h, b[:h.Length]})
		b = rest
	}
	f.queue = append(f.queue, f.answer(messages)...)
	return nil
}

func (f *fake) Receive(b []byte, wait bool) (int, error) {
	if len(f.queue) == 0 {
		if !wait {
			return 0, unix.EAGAIN
		}
		<-f.expired
		return 0, os.ErrDeadlineExceeded
	}
	next := f.queue[0]
	f.queue = f.queue[1:]
	if err, ok := next.(error); ok {
		return 0, err
	}
	copy(b, next.([]byte)) // and the rest of it is lost
	return len(next.([]byte)), nil
}

func (f *fake) Join(uint32) error { return nil }

func (f *fake) Grow(n int) error { f.grown = n; return f.growErr }

func (f *fake) SetReadDeadline(t time.Time) error {
	if t.IsZero() {
		f.expired = make(chan struct{})
	} else {
		close(f.expired)
	}
	return nil
}

func (f *fake) Close() error { return nil }

// message is a message with a body, padded.
func message(typ netlink.HeaderType, flags netlink.HeaderFlags, seq uint32, body []byte) []byte {
	var e Encoder
	e.grow(headerSize)
	e.b = append(e.b, body...)
	native.PutUint32(e.b[0:], uint32(len(e.b)))
	native.PutUint16(e.b[4:], uint16(typ))
	native.PutUint16(e.b[6:], uint16(flags))
	native.PutUint32(e.b[8:], seq)
	e.pad()
	return e.b
}

// ack is an NLMSG_ERROR that answers to, capped, with an extended ACK where one is given.
func ack(to received, errno unix.Errno, extended *extendedAck) []byte {
	var e Encoder
	native.PutUint32(e.grow(4), uint32(-int32(errno)))
	e.b = append(e.b, to.whole[:headerSize]...)
	flags := netlink.HeaderFlags(flagCapped)
	if extended != nil {
		flags |= flagAckTLVs
		of(&ackTable).encode(&e, unsafe.Pointer(extended))
	}
	return message(netlink.Error, flags, to.Sequence, e.b)
}

// done is an NLMSG_DONE.
func done(seq uint32, errno unix.Errno) []byte {
	var e Encoder
	native.PutUint32(e.grow(4), uint32(-int32(errno)))
	return message(netlink.Done, netlink.Multi, seq, e.b)
}

// one is a message TEST_NEWTHING of a dump.
func one(seq uint32, v *thing) []byte {
	b, err := thingTable.Encode(v)
	if err != nil {
		panic(err)
	}
	return message(netlink.HeaderType(newThing.Type), netlink.Multi, seq, b)
}

// join makes one datagram of messages.
func join(messages ...[]byte) []byte {
	var datagram []byte
	for _, m := range messages {
		datagram = append(datagram, m...)
	}
	return datagram
}

// ackAll acknowledges each message that asks for it, all in one datagram.
func ackAll(sent []received) []any {
	var datagram []byte
	for _, m := range sent {
		if m.Flags&netlink.Acknowledge != 0 {
			datagram = append(datagram, ack(m, 0, nil)...)
		}
	}
	return []any{datagram}
}
