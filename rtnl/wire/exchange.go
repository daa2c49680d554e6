package wire

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Exchange sends messages that are encoded already, in one datagram and as they are, whatever may be wrong with them: their
// sequence numbers too, by which answers are told apart. It reads all that the kernel says to them, dumps to their end, and returns how
// many messages that were. The error is what was refused, as Do's is. Who only wants a thing done uses Do.
func (c *Conn) Exchange(messages []Parsed) (answers int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := exchange{conn: c, messages: messages}
	var datagram []byte
	for i := range messages {
		x.requests = append(x.requests, messages[i].request())
		datagram = append(datagram, messages[i].Message...)
	}
	if len(messages) > answersThatFit {
		if err := c.transport.Grow(len(messages) * answerSize); err != nil {
			return 0, fmt.Errorf("make room for %d answers: %w", len(messages), err)
		}
	}
	if c.config.Tracer != nil {
		c.traceRaw(messages)
	}
	if err := c.transport.Send(datagram); err != nil {
		return 0, fmt.Errorf("send %d bytes: %w", len(datagram), err)
	}
	err = x.read()
	return x.answers, err
}

// An exchange is what came of one Exchange so far.
type exchange struct {
	conn     *Conn
	messages []Parsed
	requests []Request
	answers  int
	refused  Errors
}

// header is the message's, as far as it has one.
func (m *Parsed) header() netlink.Header {
	var b [headerSize]byte
	copy(b[:], m.Message)
	return netlink.Header{
		Length: native.Uint32(b[0:]), Type: netlink.HeaderType(native.Uint16(b[4:])), Flags: netlink.HeaderFlags(native.Uint16(b[6:])),
		Sequence: native.Uint32(b[8:]), PID: native.Uint32(b[12:]),
	}
}

// whole is the message without its padding, where its length can be believed.
func (m *Parsed) whole() []byte {
	if n := int64(m.header().Length); n >= headerSize && n <= int64(len(m.Message)) {
		return m.Message[:n]
	}
	return m.Message
}

// body is what stands after the header.
func (m *Parsed) body() []byte {
	b := m.whole()
	return b[min(headerSize, len(b)):]
}

// request is the message as a Request, for what is said of it.
func (m *Parsed) request() Request {
	h := m.header()
	return Request{Info: m.Protocol.infoOf(h, m.body()), Flags: h.Flags, Purpose: m.Purpose}
}

// read reads until nothing more is there: the kernel handles a message in the caller's send, and makes the next part of a
// dump while the one before it is received (netlink_recvmsg, net/netlink/af_netlink.c).
func (x *exchange) read() error {
	var lost error
	for {
		b, err := x.conn.receive(false)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return errors.Join(x.refused.result(), lost)
		case errors.Is(err, errOverrun) && lost == nil:
			lost = fmt.Errorf("some of the answers are lost: %w", err) // what did fit is still there to be read
			continue
		case err != nil:
			return errors.Join(x.refused.result(), err)
		}
		for len(b) > 0 {
			h, body, rest, err := parseHeader(b)
			if err != nil {
				return errors.Join(x.refused.result(), fmt.Errorf("read an answer: %w", err))
			}
			x.answer(h, b[:h.Length], body)
			b = rest
		}
	}
}

// answer takes one message of the kernel's.
func (x *exchange) answer(h netlink.Header, whole, body []byte) {
	x.answers++
	index := x.find(h.Sequence)
	r := &Request{Info: x.messages[0].Protocol.infoOf(h, body)}
	if index >= 0 {
		r = &x.requests[index]
	}
	var refused *Error
	if h.Type == netlink.Error || h.Type == netlink.Done {
		errno, ack, err := parseAck(h.Type == netlink.Done, uint16(h.Flags), body)
		if err == nil && errno != 0 && index >= 0 && len(x.messages[index].Message) >= headerSize {
			refused = r.refusal(x.messages[index].whole(), index, errno, ack)
			x.refused = append(x.refused, refused)
		}
	}
	x.conn.traceAnswer(whole, r, refused)
}

// find is the index of the message with a sequence number, or -1.
func (x *exchange) find(seq uint32) int {
	for i := range x.messages {
		if x.messages[i].header().Sequence == seq {
			return i
		}
	}
	return -1
}
