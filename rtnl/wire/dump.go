package wire

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// dumpTries is how often a dump is begun again when something changed under it.
const dumpTries = 32

// ErrInterrupted is a dump of which the kernel says that it is not consistent, since what it lists changed meanwhile.
// Dump asks again, and returns this only when it was so each time.
var ErrInterrupted = errors.New("changed while it was read (NLM_F_DUMP_INTR)")

// Get sends a request and decodes the one message that answers it, of type m. The error is an *Error: the kernel's
// refusal, or ErrNoAnswer where the answer held no such message.
func Get[T any](c *Conn, r Request, m *Message[T]) (*T, error) {
	v := new(T)
	if err := c.Do(Into(r, m, v)); err != nil {
		return nil, err
	}
	return v, nil
}

// Dump sends a request with NLM_F_DUMP and decodes all the messages of type m that answer it. A dump that the kernel
// says is inconsistent is asked for again, and so is one of which a part was lost (ENOBUFS). The error is an *Error.
func Dump[T any](c *Conn, r Request, m *Message[T]) ([]T, error) {
	var list []T
	err := c.dumpTo(r, m.Info(), unsafe.Pointer(&list), grow[T])
	return list, err
}

// dumpTo dumps to the slice at list, which is empty where the dump fails. more appends an element to it.
func (c *Conn) dumpTo(r Request, want *Info, list unsafe.Pointer, more func(unsafe.Pointer) unsafe.Pointer) error {
	empty := func() { *(*[]struct{})(list) = nil } // all slices have one shape
	err := c.dump(r, want, empty, func(body []byte) error { return want.body.decode(body, more(list)) })
	if err != nil {
		empty()
	}
	return err
}

// Show is Dump for one who does not know the answers' Go type: it returns the fields and attributes of every message of
// the type want, as its table shows them. What a table does not know is shown as hexadecimal.
func (c *Conn) Show(r Request, want uint16) ([][]Node, error) {
	info := c.config.Protocol.Info(want)
	var list [][]Node
	err := c.dump(r, info, func() { list = nil }, func(body []byte) error {
		list = append(list, info.show(body))
		return nil
	})
	return list, err
}

// dump queries until a dump is whole, and calls begin before each try.
func (c *Conn) dump(r Request, want *Info, begin func(), each func(body []byte) error) error {
	r.Flags |= netlink.Dump
	var err error
	for range dumpTries {
		begin()
		err = c.query(r, want, each)
		if !errors.Is(err, ErrInterrupted) && !errors.Is(err, errOverrun) {
			return err
		}
	}
	return fmt.Errorf("%d times over: %w", dumpTries, err)
}

// query sends r and calls each with the body of every message of the type wanted that answers it, up to the end of the
// dump, or the acknowledgement that r asks for.
func (c *Conn) query(r Request, want *Info, each func(body []byte) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	requests := []Request{r}
	if err := c.send(requests); err != nil {
		return err
	}
	a := answer{want: want, each: each}
	for !a.ended {
		b, err := c.receive(false)
		if errors.Is(err, unix.EAGAIN) {
			return r.failed(0, c.seq, ErrNoAnswer)
		}
		if err == nil {
			err = a.readDatagram(c, &requests[0], b)
		}
		if err != nil {
			c.drain()
			return r.failed(0, c.seq, err)
		}
	}
	if a.err != nil {
		return a.err
	}
	return nil
}

// An answer reads the messages that answer a query. It reads on after an error, to the end, so that nothing is left in
// the socket for the next query to find.
type answer struct {
	want  *Info
	each  func(body []byte) error
	err   *Error // the first
	ended bool
}

func (a *answer) readDatagram(c *Conn, r *Request, b []byte) error {
	for len(b) > 0 && !a.ended {
		h, body, rest, err := parseHeader(b)
		if err != nil {
			return err
		}
		if h.Sequence == c.seq { // or else it is left over from something that went wrong before
			if err := a.add(c, r, h, b[:h.Length], body); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}

func (a *answer) add(c *Conn, r *Request, h netlink.Header, whole, body []byte) error {
	if h.Flags&netlink.DumpInterrupted != 0 { // on any of a dump's messages, NLMSG_DONE included
		a.fail(r.failed(0, c.seq, ErrInterrupted))
	}
	if h.Type != netlink.Error && h.Type != netlink.Done {
		c.traceAnswer(whole, r, nil)
		if uint16(h.Type) == a.want.Type && a.err == nil {
			if err := a.each(body); err != nil {
				a.fail(r.failed(0, c.seq, fmt.Errorf("decode %s: %w", a.want.Name, err)))
			}
		}
		return nil
	}
	p, err := splitAck(h.Type == netlink.Done, uint16(h.Flags), body)
	if err != nil {
		return err
	}
	a.ended = true
	var refused *Error
	if p.errno != 0 {
		refused = c.refusal(r, 0, &p)
		a.fail(refused)
	}
	c.traceAnswer(whole, r, refused)
	return nil
}

// fail keeps the first error.
func (a *answer) fail(err *Error) {
	if a.err == nil {
		a.err = err
	}
}
