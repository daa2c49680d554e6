package wire

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
)

// A Config says what a Conn is.
type Config struct {
	Protocol  *Protocol
	Namespace string // a name for the namespace, for traces
	Tracer    Tracer // nil for none

	Brief bool // the socket is one for answers, as the function Brief opens it; Close must not come while another call is under way

	// Transport takes the place of a netlink socket in the calling thread's network namespace.
	Transport Transport

	// Buffers has buffers to receive in, for Conns that do not last: 64 KiB take some 20 µs to be made. Nil is a buffer of the Conn's own. Close, which gives the
	// buffer back, must then not come while another call is under way.
	Buffers *Buffers
}

// Buffers are lent to one Conn after the other. The zero value is ready for use, by several goroutines.
type Buffers struct{ pool sync.Pool }

// A Conn sends messages to the kernel and reads its answers. It may be used by several goroutines, one at a time
// getting its turn. One that has joined multicast groups is for Listen alone: among what it receives, answers cannot
// be told from others' notifications, which carry the sequence numbers of others' requests.
type Conn struct {
	config    Config
	transport Transport

	mu      sync.Mutex
	seq     uint32  // of the last message sent; it may wrap around
	out     Encoder // the datagram that is being sent
	ends    []int   // where each message in out ends
	in      []byte  // the datagram that is being read
	answers answers
	sentAt  time.Time // kept for a Tracer only
}

// Dial opens a socket in the calling thread's network namespace. It stays in that namespace, whoever uses it.
func Dial(config Config) (*Conn, error) {
	c := &Conn{config: config, transport: config.Transport}
	if c.transport == nil {
		open := Socket
		if config.Brief {
			open = Brief
		}
		var err error
		if c.transport, err = open(config.Protocol.Family); err != nil {
			return nil, fmt.Errorf("open a %s socket: %w", config.Protocol.Name, err)
		}
	}
	return c, nil
}

// Close closes the socket. A Listen that waits returns an error that is os.ErrClosed.
func (c *Conn) Close() error {
	if c.config.Buffers != nil && c.in != nil {
		c.config.Buffers.pool.Put((*[receiveSize]byte)(c.in))
		c.in = nil
	}
	return c.transport.Close()
}

// Control calls f with the socket's descriptor. The error is errors.ErrUnsupported where there is none.
func (c *Conn) Control(f func(fd int)) error {
	if s, ok := c.transport.(Controller); ok {
		return s.Control(f)
	}
	return errors.ErrUnsupported
}

// ErrNoAnswer is returned when the kernel took a message and did not answer it. What it did is then not known.
var ErrNoAnswer = errors.New("no answer from the kernel")

// Do sends the requests in one datagram and reads the answers, as far as requests ask for any (netlink.Acknowledge, Into); a
// refusal is answered whether or not it was asked for. Of several that ask for an acknowledgement the last alone gets one, unless there is
// a Tracer to be told of each: answers come in order, so that it tells of those before. The error is an *Error, or Errors where several were refused;
// Refusals gives both as Errors.
//
// rtnetlink goes on after a message that it refuses: those after it have been carried out. nftables carries out a
// batch wholly or not at all.
func (c *Conn) Do(requests ...Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(requests) == 0 {
		return nil
	}
	if err := c.send(requests); err != nil {
		return err
	}
	return c.readAnswers(requests)
}

// What answers take of a socket's receive buffer, in bytes. An acknowledgement is an sk_buff and its data; an
// extended ACK has a message in it. The default buffer, net.core.rmem_default, holds some hundreds of them.
const (
	answerSize     = 2048
	answersThatFit = 64
)

// usualSize is what most messages fit into, in bytes.
const usualSize = 128

// send encodes the requests, numbers them from c.seq+1 on, and sends them.
func (c *Conn) send(requests []Request) error {
	c.out.b, c.out.err, c.ends = slices.Grow(c.out.b[:0], len(requests)*usualSize), nil, c.ends[:0]
	from := c.acknowledgedFrom(requests)
	for i := range requests {
		c.seq++
		flags := requests[i].Flags
		if i < from {
			flags &^= netlink.Acknowledge
		}
		requests[i].appendTo(&c.out, flags, c.seq)
		if c.out.err != nil {
			return requests[i].failed(i, 0, c.out.err)
		}
		c.ends = append(c.ends, len(c.out.b))
	}
	if len(requests) > answersThatFit {
		if err := c.transport.Grow(len(requests) * answerSize); err != nil {
			return requests[0].failed(0, 0, fmt.Errorf("make room for %d answers: %w", len(requests), err))
		}
	}
	if c.config.Tracer != nil {
		c.traceSent(requests)
	}
	if err := c.transport.Send(c.out.b); err != nil {
		return requests[0].failed(0, 0, err)
	}
	return nil
}

// acknowledgedFrom is from which request of a group on those are acknowledged that ask for it: see Do.
func (c *Conn) acknowledgedFrom(requests []Request) int {
	i := 0
	if c.config.Tracer == nil {
		for i = len(requests) - 1; i > 0 && requests[i].Flags&netlink.Acknowledge == 0; i-- {
		}
	}
	return i
}

// message is the i-th message of those last sent, without its padding.
func (c *Conn) message(i int) []byte {
	start := 0
	if i > 0 {
		start = c.ends[i-1]
	}
	b := c.out.b[start:c.ends[i]]
	return b[:native.Uint32(b)]
}

// receiveSize is the most that one datagram can hold, in bytes: a message's attributes have 16-bit lengths, and the
// kernel's dumps come in pieces of at most 32 KiB.
const receiveSize = 1 << 16

// receive reads one datagram.
func (c *Conn) receive(wait bool) ([]byte, error) {
	if c.in == nil && c.config.Buffers != nil {
		if b, ok := c.config.Buffers.pool.Get().(*[receiveSize]byte); ok {
			c.in = b[:]
		}
	}
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

// drain throws away what is still to be received of something that went wrong, so that the next request does not meet
// it. A dump that is not read to its end would make the kernel refuse the next one (EBUSY, __netlink_dump_start).
func (c *Conn) drain() {
	for range 1 << 14 { // times 32 KiB: more than any dump
		_, err := c.receive(false)
		if err != nil && !errors.Is(err, ErrTruncated) && !errors.Is(err, errOverrun) {
			return
		}
	}
}
