package page

import (
	"io"
	"slices"
	"sync"
	"time"

	"plumb/rtnl/trace"
	"plumb/rtnl/wire"
)

// Options say what a page has besides the messages.
type Options struct {
	Title string    // such as the command line; "" is "plumb"
	Start time.Time // what times count from; zero means the first event
	// Commands finds the command that stands for a message, and "" where there is none. It is given every event, in
	// order. It may be nil.
	Commands trace.Commander
}

// A Page is a tracer that keeps what it sees, and writes it as a page when it is closed. It may be shared by any number of
// Conns.
type Page struct {
	w       io.Writer
	options Options

	mu     sync.Mutex // guards what follows
	events []wire.Event
	closed bool
}

// New returns a Page that is written to w.
func New(w io.Writer, options Options) *Page {
	if options.Title == "" {
		options.Title = "plumb"
	}
	return &Page{w: w, options: options}
}

// Trace implements wire.Tracer. It copies the message, and leaves everything else to Close: a trace is not to slow down
// what it shows.
func (p *Page) Trace(e wire.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		e.Message = slices.Clone(e.Message)
		p.events = append(p.events, e)
	}
}

// Close writes the page. What comes afterwards is not in it, and a second Close does nothing.
func (p *Page) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	_, err := io.WriteString(p.w, document(p.options, p.events))
	return err
}

// start is the time that a page counts from.
func (o *Options) start(events []wire.Event) time.Time {
	first := o.Start
	if !first.IsZero() {
		return first
	}
	for i, e := range events {
		begun := e.Time
		if howOf(e) == step {
			begun = begun.Add(-e.Latency)
		}
		if i == 0 || begun.Before(first) {
			first = begun
		}
	}
	return first
}

// answered finds the request that each event answers: its index, or -1. Several Conns can have used one sequence number in
// one namespace, so it is the last one before it; and the one with the same purpose, if there is one.
func answered(events []wire.Event) []int {
	type key struct {
		namespace, purpose string
		protocol           *wire.Protocol
		sequence           uint32
	}
	last := map[key]int{}
	to := make([]int, len(events))
	for i, e := range events {
		to[i] = -1
		if len(e.Message) < headerSize {
			continue
		}
		k := key{e.Namespace, e.Purpose, e.Protocol, sequence(e.Message)}
		anyPurpose := k
		anyPurpose.purpose = ""
		switch {
		case e.Sent:
			last[anyPurpose], last[k] = i, i
		case e.Latency > 0 || e.Err != nil:
			if at, ok := last[k]; ok {
				to[i] = at
			} else if at, ok := last[anyPurpose]; ok {
				to[i] = at
			}
		}
	}
	return to
}
