package wire

import "time"

// A Tracer sees every message that a Conn sends and receives. It is called while the Conn waits for it.
type Tracer interface {
	Trace(Event)
}

// An Event is one message, seen by a Tracer.
type Event struct {
	Time      time.Time
	Namespace string        // the Conn's name for its namespace, such as "host"
	Protocol  *Protocol     // whose message types to name it by
	Sent      bool          // or else received
	Message   []byte        // the whole message, header included; to be copied by who keeps it
	Purpose   string        // what the request is for; an answer has its request's
	Latency   time.Duration // of an answer: since its request was sent
	Err       *Error        // of an answer: the refusal
}

// trace shows an event to the tracer, if there is one.
func (c *Conn) trace(sent bool, b []byte, purpose string, err *Error) {
	if c.config.Tracer == nil {
		return
	}
	e := Event{
		Time: time.Now(), Namespace: c.config.Namespace, Protocol: c.config.Protocol,
		Sent: sent, Message: b, Purpose: purpose, Err: err,
	}
	if !sent {
		e.Latency = e.Time.Sub(c.sentAt)
	}
	c.config.Tracer.Trace(e)
}
