package wire

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Config says what a Conn is.
type Config struct {
	Protocol  *Protocol
	Namespace string // a name for the namespace, for traces
	Tracer    Tracer // nil for none

	// Transport takes the place of a netlink socket in the calling thread's network namespace.
	Transport Transport
}

// A Conn sends messages to the kernel and reads its answers. It may be used by several goroutines, one at a time
// getting its turn.
type Conn struct {
	config    Config
	transport Transport

	mu     sync.Mutex
	seq    uint32
	out    Encoder // the datagram that is being sent
	in     []byte  // the datagram that is being read
	ends   []int   // where each message in out ends
	sentAt time.Time
}

// receiveSize is the most that one datagram can hold: a message's attributes have 16-bit lengths, and the kernel's
// dumps come in pieces of at most 32 KiB.
const receiveSize = 1 << 16

// Dial opens a socket in the calling thread's network namespace. It stays in that namespace, whoever uses it.
func Dial(config Config) (*Conn, error) {
	c := &Conn{config: config, transport: config.Transport}
	if c.transport == nil {
		s, err := dialSocket(config.Protocol.Family)
		if err != nil {
			return nil, fmt.Errorf("open a %s socket: %w", config.Protocol.Name, err)
		}
		c.transport = s
	}
	return c, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return c.transport.Close() }

// ErrNoAnswer is returned when the kernel took a message and did not answer it. What it did is then not known.
var ErrNoAnswer = errors.New("no answer from the kernel")

// ackSize is what one acknowledgement takes of the socket's receive buffer: its sk_buff's truesize.
const ackSize = 1024

// Do sends the requests in one datagram and reads the answer to each that asks for one (netlink.Acknowledge). The
// error is an *Error, or Errors where several were refused.
//
// rtnetlink goes on after a message that it refuses: those after it have been carried out. nftables carries out a
// batch wholly or not at all.
func (c *Conn) Do(requests ...Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.send(requests); err != nil {
		return err
	}
	return c.readAnswers(requests)
}

// send encodes the requests, numbers them from c.seq+1 on, and sends them.
func (c *Conn) send(requests []Request) error {
	c.out.b, c.out.err, c.ends = c.out.b[:0], nil, c.ends[:0]
	first := c.seq + 1
	for i := range requests {
		c.seq++
		requests[i].appendTo(&c.out, c.seq)
		if c.out.err != nil {
			return &Error{Op: requests[i].op(), Name: requests[i].Name, Index: i, Err: c.out.err}
		}
		c.ends = append(c.ends, len(c.out.b))
	}
	if len(requests) > 64 {
		if err := c.transport.Grow(len(requests) * ackSize * 2); err != nil {
			return fmt.Errorf("make room for %d answers: %w", len(requests), err)
		}
	}
	c.sentAt = time.Now()
	if c.config.Tracer != nil {
		for i := range requests {
			c.trace(true, c.message(i), requests[i].Purpose, nil)
		}
	}
	if err := c.transport.Send(c.out.b); err != nil {
		return &Error{Op: requests[0].op(), Name: requests[0].Name, Err: fmt.Errorf("send message %d: %w", first, err)}
	}
	return nil
}

// message is the i-th message of those last sent.
func (c *Conn) message(i int) []byte {
	start := 0
	if i > 0 {
		start = c.ends[i-1]
	}
	b := c.out.b[start:c.ends[i]]
	return b[:native.Uint32(b)]
}

// readAnswers reads until every request that asked for an answer has it. The kernel handles a netlink message in the
// caller's send: what it has to say is queued when send returns, so there is nothing to wait for.
func (c *Conn) readAnswers(requests []Request) error {
	first := c.seq - uint32(len(requests)) + 1
	answered := make([]bool, len(requests))
	pending := 0
	for i := range requests {
		if requests[i].Flags&netlink.Acknowledge != 0 {
			pending++
		}
	}
	var refused Errors
	for pending > 0 {
		b, err := c.receive(false)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return c.incomplete(requests, answered, refused, err)
		}
		for len(b) > 0 {
			h, body, rest, err := parseHeader(b)
			if err != nil {
				return c.incomplete(requests, answered, refused, fmt.Errorf("read an answer: %w", err))
			}
			i := int(h.Sequence - first)
			if i >= 0 && i < len(requests) && h.Type == netlink.Error {
				e, err := c.readAck(&requests[i], i, h, b[:headerSize+len(body)], body)
				if err != nil {
					return c.incomplete(requests, answered, refused, err)
				}
				if e != nil {
					refused = append(refused, e)
				}
				if !answered[i] && requests[i].Flags&netlink.Acknowledge != 0 {
					pending--
				}
				answered[i] = true
			}
			b = rest
		}
	}
	// A batch that is refused as a whole is answered on its first message alone.
	if pending > 0 && len(refused) == 0 {
		return c.incomplete(requests, answered, refused, ErrNoAnswer)
	}
	return refused.result()
}

// readAck reads the NLMSG_ERROR that answers r.
func (c *Conn) readAck(r *Request, index int, h netlink.Header, whole, body []byte) (*Error, error) {
	errno, ack, err := parseAck(false, uint16(h.Flags), body)
	if err != nil {
		return nil, fmt.Errorf("read the answer to %s: %w", r.op(), err)
	}
	var e *Error
	if errno != 0 {
		e = refusal(r, c.message(index), index, errno, ack)
	}
	c.trace(false, whole, r.Purpose, e)
	return e, nil
}

// incomplete is the error of a group of which not every answer could be read.
func (c *Conn) incomplete(requests []Request, answered []bool, refused Errors, err error) error {
	for i := range requests {
		if !answered[i] && requests[i].Flags&netlink.Acknowledge != 0 {
			refused = append(refused, &Error{Op: requests[i].op(), Name: requests[i].Name, Index: i, Err: err})
		}
	}
	if len(refused) == 0 {
		return err
	}
	return refused.result()
}

// receive reads one datagram.
func (c *Conn) receive(wait bool) ([]byte, error) {
	if c.in == nil {
		c.in = make([]byte, receiveSize)
	}
	n, err := c.transport.Receive(c.in, wait)
	if err != nil {
		return nil, err
	}
	if n > len(c.in) {
		return nil, fmt.Errorf("a datagram of %d bytes, where at most %d can be read: %w", n, len(c.in), ErrTruncated)
	}
	return c.in[:n], nil
}
