package wire

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// dumpTries is how often a dump is begun again when something changed under it.
const dumpTries = 32

// errInterrupted is a dump of which the kernel says that it is not consistent: NLM_F_DUMP_INTR.
var errInterrupted = errors.New("changed while it was read (NLM_F_DUMP_INTR)")

// Get sends a request and decodes the one message that answers it, of type m.
func Get[T any](c *Conn, r Request, m *Message[T]) (*T, error) {
	list, err := query(c, r, m)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, &Error{Op: r.op(), Name: r.Name, Err: ErrNoAnswer}
	}
	return &list[0], nil
}

// Dump sends a request with NLM_F_DUMP and decodes all the messages of type m that answer it. A dump that the kernel
// says is inconsistent is asked for again.
func Dump[T any](c *Conn, r Request, m *Message[T]) ([]T, error) {
	r.Flags |= netlink.Dump
	var err error
	for range dumpTries {
		var list []T
		list, err = query(c, r, m)
		if !errors.Is(err, errInterrupted) && !errors.Is(err, unix.ENOBUFS) {
			return list, err
		}
	}
	return nil, fmt.Errorf("%s: %d times over: %w", r.op(), dumpTries, err)
}

// query sends r and decodes what answers it, up to the end of the dump or the one answer.
func query[T any](c *Conn, r Request, m *Message[T]) ([]T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	requests := []Request{r}
	if err := c.send(requests); err != nil {
		return nil, err
	}
	a := answer[T]{message: m, dump: r.Flags&netlink.Dump == netlink.Dump}
	for !a.ended {
		b, err := c.receive(false)
		if errors.Is(err, unix.EAGAIN) {
			err = ErrNoAnswer
		}
		if err != nil {
			return nil, &Error{Op: r.op(), Name: r.Name, Err: err}
		}
		for len(b) > 0 && !a.ended {
			h, body, rest, err := parseHeader(b)
			if err != nil {
				return nil, &Error{Op: r.op(), Name: r.Name, Err: err}
			}
			if h.Sequence == c.seq {
				a.add(c, &requests[0], h, b[:headerSize+len(body)], body)
			}
			b = rest
		}
	}
	return a.list, a.err
}

// An answer gathers the messages that answer a query. It reads on after an error, to the end, so that nothing
// is left in the socket for the next query to find.
type answer[T any] struct {
	message *Message[T]
	dump    bool
	list    []T
	err     error
	ended   bool
}

func (a *answer[T]) add(c *Conn, r *Request, h netlink.Header, whole, body []byte) {
	if h.Flags&netlink.DumpInterrupted != 0 {
		a.fail(errInterrupted)
	}
	switch h.Type {
	case netlink.Error, netlink.Done:
		a.ended = true
		errno, ack, err := parseAck(h.Type == netlink.Done, uint16(h.Flags), body)
		a.fail(err)
		var refused *Error
		if errno != 0 {
			refused = refusal(r, c.message(0), 0, errno, ack)
			a.fail(refused)
		}
		c.trace(false, whole, r.Purpose, refused)
	default:
		c.trace(false, whole, r.Purpose, nil)
		a.ended = !a.dump
		if uint16(h.Type) != a.message.Type {
			return
		}
		var v T
		if err := a.message.Body.Decode(body, &v); err != nil {
			a.fail(&Error{Op: r.op(), Name: r.Name, Err: fmt.Errorf("decode %s: %w", a.message.Name, err)})
		}
		a.list = append(a.list, v)
	}
}

// fail keeps the first error.
func (a *answer[T]) fail(err error) {
	if a.err == nil && err != nil {
		a.err = err
		a.list = nil
	}
}
