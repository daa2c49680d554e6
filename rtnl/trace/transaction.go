package trace

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mdlayher/netlink"

	"plumb/rtnl/wire"
)

// transactions follow what nfnetlink does wholly or not at all: what is sent from NFNL_MSG_BATCH_BEGIN to
// NFNL_MSG_BATCH_END, and its answers (nfnetlink_rcv_batch, net/netfilter/nfnetlink.c).
type transactions struct{ open []*transaction }

type transaction struct {
	namespace   string
	protocol    *wire.Protocol
	first, last uint32 // sequence numbers; the last is not known before the end was sent
	sent        bool   // wholly
	began       time.Time
	messages    int
	bytes       int
	generation  string   // that the batch is for, where it says so; else ""
	pending     []uint32 // sequence numbers of messages that asked for an answer and have none
	refused     int
	number      int // for JSON
}

// A place is where in a transaction a message is.
type place uint8

const (
	outside place = iota
	first
	within
	last // with it the transaction has ended
)

// head is what stands before a message's first line.
func (p place) head() string { return [...]string{"  ", "┌ ", "│ ", "└ "}[p] }

// below is what stands before the lines below it.
func (p place) below() string { return [...]string{"  ", "│ ", "│ ", "  "}[p] }

// place finds out where a message belongs. The view's nodes are looked at where a batch begins; where there are none its
// generation is not told.
func (ts *transactions) place(e *wire.Event, v *wire.View) (place, *transaction) {
	t, i := ts.find(e, v)
	switch {
	case e.Sent && strings.HasSuffix(v.Name, "_BATCH_BEGIN"):
		if t != nil { // it has ended without a word: its answers were lost
			ts.open = append(ts.open[:i], ts.open[i+1:]...)
		}
		t = &transaction{namespace: e.Namespace, protocol: e.Protocol, first: v.Header.Sequence, began: e.Time, generation: generation(v)}
		ts.open = append(ts.open, t)
		t.add(v)
		return first, t
	case t == nil:
		return outside, nil
	case e.Sent && t.sent && e.Time.Equal(t.began): // in the same send, after the batch
		return outside, nil
	case e.Sent && t.sent: // something else: there are no answers to come
		ts.open = append(ts.open[:i], ts.open[i+1:]...)
		return outside, nil
	case e.Sent:
		t.add(v)
		t.sent, t.last = strings.HasSuffix(v.Name, "_BATCH_END"), v.Header.Sequence
		return within, t
	case v.Header.Type != netlink.Error:
		return within, t
	}
	t.pending = slices.DeleteFunc(t.pending, func(seq uint32) bool { return seq == v.Header.Sequence })
	if e.Err != nil {
		t.refused++
		if v.Header.Sequence == t.first { // all of it, at once
			t.pending = nil
		}
	}
	if len(t.pending) > 0 { // a refusal comes without being asked for, and those that asked are answered all the same
		return within, t
	}
	ts.open = append(ts.open[:i], ts.open[i+1:]...)
	return last, t
}

// find finds the transaction that is open where the message was sent, or that it answers.
func (ts *transactions) find(e *wire.Event, v *wire.View) (*transaction, int) {
	for i, t := range ts.open {
		if t.namespace != e.Namespace || t.protocol != e.Protocol {
			continue
		}
		if e.Sent || v.Header.Sequence-t.first <= t.last-t.first {
			return t, i
		}
	}
	return nil, 0
}

func (t *transaction) add(v *wire.View) {
	t.messages++
	t.bytes += int(v.Header.Length)
	if v.Header.Flags&netlink.Acknowledge != 0 {
		t.pending = append(t.pending, v.Header.Sequence)
	}
}

// generation is the value of NFNL_BATCH_GENID, linux/netfilter/nfnetlink.h.
func generation(v *wire.View) string {
	for i := range v.Nodes {
		if v.Nodes[i].Name == "NFNL_BATCH_GENID" {
			return v.Nodes[i].Value
		}
	}
	return ""
}

// total says what came of a transaction, in a line.
func (t *transaction) total(e *wire.Event, paint func(sgr, s string) string) string {
	what := "# transaction of " + strconv.Itoa(t.messages) + " messages, " + strconv.Itoa(t.bytes) + " bytes"
	if t.generation != "" {
		what += ", for generation " + t.generation
	}
	outcome := paint(green, "committed")
	switch {
	case t.refused > 0:
		outcome = paint(red, "nothing of it done")
	case !t.sent:
		outcome = paint(red, "nothing of it done for want of an end")
	}
	return what + ": " + outcome + " after " + round(e.Time.Sub(t.began))
}

// errnoOf is the errno in the body of an NLMSG_ERROR, negative, or 0.
func errnoOf(message []byte) int32 {
	if len(message) < headerSize+4 {
		return 0
	}
	return int32(binary.NativeEndian.Uint32(message[headerSize:]))
}

// round is a duration to a tenth of a microsecond.
func round(d time.Duration) string { return d.Round(100 * time.Nanosecond).String() }
