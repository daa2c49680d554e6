package trace

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// JSON returns a tracer that writes each event to w as a JSON object in a line of its own (https://jsonlines.org), in one Write.
// It says all that Text does, in the same words, with every field's place in the message and the message's bytes:
// docs/reference.md describes the members. Options.Color is of no use to it.
func JSON(w io.Writer, options Options) wire.Tracer { return &jsonLines{w: w, options: options} }

type jsonLines struct {
	options Options

	mu           sync.Mutex // guards what follows
	w            io.Writer
	b            object
	parts        parts
	transactions transactions
	count        int // of the transactions
}

// Trace implements wire.Tracer.
func (j *jsonLines) Trace(e wire.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.options.Start.IsZero() {
		j.options.Start = e.Time
	}
	o := &j.b
	o.b = o.b[:0]
	o.open('{')
	o.string("kind", [...]string{"message", "step", "begin", "end"}[min(e.Kind, wire.KindEnd)])
	since := e.Time.Sub(j.options.Start)
	o.string("time", j.options.Start.Add(since).UTC().Format(time.RFC3339Nano)) // by the clock that nobody sets, as in a Pcap
	o.raw("ms", strings.TrimLeft(string(appendMilliseconds(nil, since)), " "))
	o.string("namespace", e.Namespace)
	switch {
	case e.Kind == wire.KindBegin:
		o.string("step", j.parts.begin(&e))
	case e.Kind == wire.KindEnd:
		o.string("step", j.parts.end(&e))
	}
	o.textual("purpose", e.Purpose)
	o.textual("why", e.Why)
	if j.options.Commands != nil {
		if command := j.options.Commands.Command(e); command != "" {
			o.strings("commands", strings.Split(command, "\n"))
		}
	}
	if e.Kind != wire.KindBegin && !(e.Kind == wire.KindMessage && e.Sent) {
		o.number("tookNs", int64(e.Latency))
	}
	if e.Message != nil {
		j.message(&e)
	}
	j.failure(&e)
	o.close('}')
	o.b = append(o.b, '\n')
	_, _ = j.w.Write(o.b)
}

// message writes the members of a message.
func (j *jsonLines) message(e *wire.Event) {
	o := &j.b
	o.bool("sent", e.Sent)
	if e.Protocol == nil {
		o.string("unreadable", "a message of no protocol")
		o.hex("bytes", e.Message)
		return
	}
	o.string("protocol", e.Protocol.Name)
	v, err := e.Protocol.View(e.Message)
	if err != nil {
		o.string("unreadable", err.Error())
		o.hex("bytes", e.Message)
		return
	}
	o.string("name", v.Name)
	o.strings("flags", v.Flags)
	o.member("header")
	o.open('{')
	o.number("nlmsg_len", int64(v.Header.Length))
	o.number("nlmsg_type", int64(v.Header.Type))
	o.number("nlmsg_flags", int64(v.Header.Flags))
	o.number("nlmsg_seq", int64(v.Header.Sequence))
	o.number("nlmsg_pid", int64(v.Header.PID))
	o.close('}')
	j.transaction(e, &v)
	o.member("fields")
	o.nodes(v.Nodes)
	o.hex("bytes", e.Message)
}

// transaction says which one a message belongs to, and with the last of its messages what came of it.
func (j *jsonLines) transaction(e *wire.Event, v *wire.View) {
	place, t := j.transactions.place(e, v)
	if place == outside {
		return
	}
	if place == first {
		j.count++
		t.number = j.count
	}
	o := &j.b
	o.member("transaction")
	o.open('{')
	o.number("number", int64(t.number))
	o.textual("generation", t.generation)
	if place == last {
		o.number("messages", int64(t.messages))
		o.number("bytes", int64(t.bytes))
		o.bool("committed", t.refused == 0 && t.sent)
		o.number("tookNs", int64(e.Time.Sub(t.began)))
	}
	o.close('}')
}

// failure writes why something failed: offset is of the byte that the kernel points at in the message that it refuses, field of
// the field or attribute that it is of.
func (j *jsonLines) failure(e *wire.Event) {
	if e.Err == nil {
		return
	}
	o := &j.b
	o.member("error")
	o.open('{')
	o.string("text", why(e.Err))
	if errno := unix.Errno(0); errors.As(e.Err.Err, &errno) {
		o.string("errno", wire.ErrnoName(errno))
		o.number("number", int64(errno))
	}
	o.textual("message", e.Err.Message)
	o.textual("path", e.Err.Path)
	o.textual("missing", e.Err.Missing)
	if e.Err.Sequence != 0 {
		o.number("nlmsg_seq", int64(e.Err.Sequence))
	}
	if e.Err.Offset > 0 {
		o.number("offset", int64(e.Err.Offset))
		if e.Protocol != nil && e.Err.Sent != nil {
			if sent, err := e.Protocol.View(e.Err.Sent); err == nil {
				if path := pathTo(sent.Nodes, e.Err.Offset-headerSize); path != nil {
					n := path[len(path)-1]
					o.member("field")
					o.open('{')
					o.number("offset", int64(n.Offset+headerSize))
					o.number("length", int64(n.Length))
					o.close('}')
				}
			}
		}
	}
	o.close('}')
}

// nodes writes fields and attributes. Their offsets count from the start of the message.
func (o *object) nodes(nodes []wire.Node) {
	o.open('[')
	for i := range nodes {
		n := &nodes[i]
		o.item()
		o.open('{')
		o.string("name", n.Name)
		if n.Header > 0 {
			o.number("type", int64(n.Type))
		}
		o.number("offset", int64(n.Offset+headerSize))
		o.number("length", int64(n.Length))
		if n.Header > 0 {
			o.number("header", int64(n.Header))
		}
		if n.Value != "" || n.Children == nil {
			o.string("value", n.Value)
		}
		if n.Children != nil {
			o.member("fields")
			o.nodes(n.Children)
		}
		o.close('}')
	}
	o.close(']')
}

// textual is string, left out where there is nothing to say.
func (o *object) textual(name, value string) {
	if value != "" {
		o.string(name, value)
	}
}

func (o *object) strings(name string, values []string) {
	o.member(name)
	o.open('[')
	for _, v := range values {
		o.item()
		o.b = AppendJSONString(o.b, v)
	}
	o.close(']')
}

func (o *object) number(name string, n int64) { o.raw(name, strconv.FormatInt(n, 10)) }
func (o *object) bool(name string, b bool)    { o.raw(name, strconv.FormatBool(b)) }
