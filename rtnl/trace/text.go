package trace

import (
	"io"
	"sync"
	"time"

	"plumb/rtnl/wire"
)

// Options say how a trace looks.
type Options struct {
	Color bool      // with the escape sequences of a terminal
	Start time.Time // what times count from; zero means the first event

	Commands Commander // knows the command beside a message; nil for none
	Bytes    bool      // of each message, too, in text
}

// Text returns a tracer that writes each event to w as a tree, in one Write. It may be shared by any number of
// Conns. A trace that cannot be written is lost: what is traced goes on.
func Text(w io.Writer, options Options) wire.Tracer { return &text{w: w, options: options} }

type text struct {
	options Options

	mu           sync.Mutex // guards what follows
	w            io.Writer
	parts        parts
	transactions transactions
}

// Trace implements wire.Tracer.
func (t *text) Trace(e wire.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.options.Start.IsZero() {
		t.options.Start = e.Time
	}
	p := &page{color: t.options.Color, whole: e.Sent, since: e.Time.Sub(t.options.Start), bytes: t.options.Bytes, namespace: e.Namespace, bracket: outside.head(), gutter: outside.below()}
	if t.options.Commands != nil {
		p.command = t.options.Commands.Command(e)
	}
	t.write(p, &e)
	_, _ = io.WriteString(t.w, p.String())
}

func (t *text) write(p *page, e *wire.Event) {
	switch {
	case e.Kind == wire.KindBegin:
		p.begins(t.parts.begin(e), e)
		return
	case e.Kind == wire.KindEnd:
		p.ends(t.parts.end(e), e)
		return
	case e.Message == nil:
		p.step(e)
		return
	case e.Protocol == nil:
		p.unreadable(e, "a message of no protocol")
		return
	}
	view, err := e.Protocol.View(e.Message)
	if err != nil {
		p.unreadable(e, err.Error())
		return
	}
	place, of := t.transactions.place(e, &view)
	p.bracket, p.gutter = place.head(), place.below()
	p.message(e, &view)
	if place == last {
		p.WriteString(of.total(e, p.paint) + "\n")
	}
}
