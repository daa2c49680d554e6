package wire

import "time"

// A Tracer sees every message that a Conn sends and receives. It is called while the Conn waits for it, by whatever
// goroutine uses the Conn: one that several Conns share is called concurrently.
type Tracer interface {
	Trace(Event)
}

// An EventKind says what an Event is of.
type EventKind uint8

// The kinds of events. Parts may lie within each other.
const (
	KindMessage EventKind = iota // a message was sent or received
	KindStep                     // something was done without a message
	KindBegin                    // a part of the work begins
	KindEnd                      // the innermost part that has begun and not ended, of this purpose, ends
)

// An Event is one message, or one step that needs none, or the beginning or the end of a part of the work, seen by a Tracer.
type Event struct {
	Kind      EventKind
	Time      time.Time     // when it was sent, received, or done
	Namespace string        // the Conn's name for its namespace, such as "host"
	Protocol  *Protocol     // whose message types to name it by; nil for a step
	Sent      bool          // or else received
	Message   []byte        // the whole message, header included; to be copied by who keeps it; nil for a step
	Purpose   string        // what the request is for, and its answers have it too; what a step or a part does: "setns web"
	Why       string        // of a part that begins: why it is done, or what is to be known of it
	Latency   time.Duration // of an answer: since its request was sent; of a step, and of a part's end: what it took; 0 otherwise
	Err       *Error        // of an answer: the refusal; of a step, and of a part's end: why it failed
}

// Step tells a tracer, which may be nil, of something that was done without a message: a setns, or
// "sysctl net.ipv4.ip_forward=1". It began at start and ends now.
func Step(t Tracer, namespace, what string, start time.Time, err error) {
	if t != nil {
		t.Trace(ended(KindStep, namespace, what, start, err))
	}
}

func ended(kind EventKind, namespace, what string, start time.Time, err error) Event {
	e := Event{Kind: kind, Time: time.Now(), Namespace: namespace, Purpose: what}
	e.Latency = e.Time.Sub(start)
	if err != nil {
		e.Err = &Error{Op: what, Err: err}
	}
	return e
}

// A Part is a part of the work that a tracer was told has begun: "take an address". The zero Part tells nobody.
type Part struct {
	tracer          Tracer
	namespace, what string
	start           time.Time
}

// Begin tells a tracer, which may be nil, that a part of the work begins, and why it is done. Who calls it calls End.
func Begin(t Tracer, namespace, what, why string) Part {
	if t == nil {
		return Part{}
	}
	p := Part{t, namespace, what, time.Now()}
	t.Trace(Event{Kind: KindBegin, Time: p.start, Namespace: namespace, Purpose: what, Why: why})
	return p
}

// End tells that the part has ended, and why it failed if it did. A second End tells nothing.
func (p *Part) End(err error) {
	if p.tracer != nil {
		p.tracer.Trace(ended(KindEnd, p.namespace, p.what, p.start, err))
		p.tracer = nil
	}
}

// traceSent shows the messages that are about to be sent.
func (c *Conn) traceSent(requests []Request) {
	c.sentAt = time.Now()
	for i := range requests {
		c.config.Tracer.Trace(Event{
			Time: c.sentAt, Namespace: c.config.Namespace, Protocol: c.config.Protocol,
			Sent: true, Message: c.message(i), Purpose: requests[i].Purpose,
		})
	}
	c.sentAt = time.Now() // what the tracer took is not the kernel's latency
}

// traceRaw shows messages that are about to be sent as they are.
func (c *Conn) traceRaw(messages []Parsed) {
	c.sentAt = time.Now()
	for i := range messages {
		c.config.Tracer.Trace(Event{
			Time: c.sentAt, Namespace: c.config.Namespace, Protocol: messages[i].Protocol,
			Sent: true, Message: messages[i].whole(), Purpose: messages[i].Purpose,
		})
	}
	c.sentAt = time.Now()
}

// traceAnswer shows an answer to r, and what it refuses.
func (c *Conn) traceAnswer(b []byte, r *Request, refused *Error) {
	if c.config.Tracer == nil {
		return
	}
	now := time.Now()
	c.config.Tracer.Trace(Event{
		Time: now, Namespace: c.config.Namespace, Protocol: c.config.Protocol,
		Message: b, Purpose: r.Purpose, Latency: now.Sub(c.sentAt), Err: refused,
	})
}

// traceNotification shows a message that answers nothing.
func (c *Conn) traceNotification(b []byte) {
	if c.config.Tracer == nil {
		return
	}
	c.config.Tracer.Trace(Event{
		Time: time.Now(), Namespace: c.config.Namespace, Protocol: c.config.Protocol, Message: b,
	})
}
