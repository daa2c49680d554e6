package wire

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// errOverrun is a receive buffer that was too small for what the kernel had to say: some of it is lost.
const errOverrun = unix.ENOBUFS

// answers are what the kernel said to a group of messages.
type answers struct {
	first   uint32    // sequence number of the group's first message
	to      []hearing // by index
	pending int       // messages that are awaited
	last    int       // the last message that was answered; -1: none
	refused Errors
	lost    error // why answers may be missing
}

// A hearing is what has been heard of a message.
type hearing uint8

const (
	silent  hearing = iota // nothing, and nothing will be unless it is refused
	awaited                // nothing yet
	heard
)

// begin is called for each group; the slice of the last one is used again.
func (a *answers) begin(first uint32, requests []Request, acknowledgedFrom int) {
	*a = answers{first: first, to: a.to[:0], last: -1}
	for i := range requests {
		h := silent
		if requests[i].asks() && (i >= acknowledgedFrom || requests[i].into != nil) {
			h = awaited
			a.pending++
		}
		a.to = append(a.to, h)
	}
}

// asks reports whether the request asks for an answer.
func (r *Request) asks() bool { return r.Flags&netlink.Acknowledge != 0 || r.into != nil }

// readAnswers reads until every request that asked for an answer has it. The kernel handles a netlink message in the
// caller's send: what it has to say is queued when send returns, so there is nothing to wait for.
func (c *Conn) readAnswers(requests []Request) error {
	a := &c.answers
	a.begin(c.seq-uint32(len(requests))+1, requests, c.acknowledgedFrom(requests))
	// A refusal comes without being asked for. Answers come in order, so one to the messages before the last that
	// asks has been read when that one's has; those after it can be known only when nothing more is there.
	toEnd := !requests[len(requests)-1].asks()
	for a.pending > 0 || toEnd {
		b, err := c.receive(false)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err == nil {
			err = c.readDatagram(a, requests, b)
		}
		switch {
		case errors.Is(err, errOverrun) && a.lost == nil:
			a.lost = err // what did fit is still there to be read
		case err != nil:
			a.lost = err
			c.drain()
			return a.result(requests)
		}
	}
	return a.result(requests)
}

// readDatagram reads the answers in b.
func (c *Conn) readDatagram(a *answers, requests []Request, b []byte) error {
	for len(b) > 0 {
		h, body, rest, err := parseHeader(b)
		if err != nil {
			return fmt.Errorf("read an answer: %w", err)
		}
		// Unsigned, so that this holds when the numbers wrap around. What does not belong to the group is left over
		// from something that went wrong before.
		if i := h.Sequence - a.first; i < uint32(len(requests)) {
			if err := c.readAnswer(a, &requests[i], int(i), h, b[:h.Length], body); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}

func (c *Conn) readAnswer(a *answers, r *Request, index int, h netlink.Header, whole, body []byte) error {
	if h.Type != netlink.Error { // what was asked for; with NLM_F_ECHO, what came of the request
		c.traceAnswer(whole, r, nil)
		if r.want == nil || uint16(h.Type) != r.want.Type {
			return nil
		}
		if r.tally != nil {
			*r.tally++
			return nil
		}
		a.got(index)
		if err := r.want.body.decode(body, r.into); err != nil {
			a.refused = append(a.refused, r.failed(index, h.Sequence, fmt.Errorf("decode %s: %w", r.want.Name, err)))
		}
		return nil
	}
	p, err := splitAck(false, uint16(h.Flags), body)
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", r.op(), err)
	}
	var refused *Error
	if p.errno != 0 {
		refused = c.refusal(r, index, &p)
		a.refused = append(a.refused, refused)
	}
	c.traceAnswer(whole, r, refused)
	if refused != nil || r.into == nil { // an acknowledgement is no answer to a question
		a.got(index)
	}
	return nil
}

// refusal is the Error of a request that was refused.
func (c *Conn) refusal(r *Request, index int, p *ackParts) *Error {
	if p.errno == r.expected && c.config.Tracer == nil {
		return r.failed(index, native.Uint32(c.message(index)[8:]), p.errno)
	}
	return r.refusal(c.message(index), index, p.errno, p.extended())
}

// got notes that a request has its answer.
func (a *answers) got(index int) {
	if a.to[index] == awaited {
		a.pending--
	}
	a.to[index] = heard
	a.last = max(a.last, index)
}

// result is the error of the group. Where answers may have been lost, or there are none at all, each message of which nothing tells what
// the kernel did about it is one of the refused. Otherwise a refusal explains the others' silence: a batch that nftables refuses as a whole is
// answered on its first message alone.
func (a *answers) result(requests []Request) error {
	why := a.lost
	if why == nil && a.pending > 0 && len(a.refused) == 0 {
		why = ErrNoAnswer
	}
	if why != nil {
		for i := range requests {
			told := a.to[i] == heard || a.to[i] == silent && i < a.last && a.lost == nil
			if requests[i].asks() && !told {
				a.refused = append(a.refused, requests[i].failed(i, a.first+uint32(i), why))
			}
		}
		if len(a.refused) == 0 {
			return requests[0].failed(0, a.first, why)
		}
	}
	err := a.refused.result()
	a.refused = nil // the caller's now
	return err
}
