package wire

import "time"

// A Tracer sees every message that a Conn sends and receives. It is called while the Conn waits for it, by whatever
// goroutine uses the Conn: one that several Conns share is called concurrently.
type Tracer interface {
	Trace(Event)
}

// An Event is one message, or one step that needs none, seen by a Tracer.
type Event struct {
	Time      time.Time     // when it was sent, received, or done
	Namespace string        // the Conn's name for its namespace, such as "host"
	Protocol  *Protocol     // whose message types to name it by; nil for a step
	Sent      bool          // or else received
	Message   []byte        // the whole message, header included; to be copied by who keeps it; nil for a step
	Purpose   string        // what the request is for, and its answers have it too; what a step does: "setns web"
	Latency   time.Duration // of an answer: since its request was sent; of a step: what it took; 0 otherwise
	Err       *Error        // of an answer: the refusal; of a step: why it failed
}

// Step tells a tracer, which may be nil, of something that was done without a message: a setns, or
// "sysctl net.ipv4.ip_forward=1". It began at start and ends now.
func Step(t Tracer, namespace, what string, start time.Time, err error) {
	if t == nil {
		return
	}
	e := Event{Time: time.Now(), Namespace: namespace, Purpose: what}
	e.Latency = e.Time.Sub(start)
	if err != nil {
		e.Err = &Error{Op: what, Err: err}
	}
	t.Trace(e)
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
