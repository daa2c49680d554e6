package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"plumb/container"
	"plumb/rtnl/trace"
	"plumb/rtnl/trace/page"
	"plumb/rtnl/wire"
)

// tracing are the options that every command has that speaks netlink: in what form its messages are shown, and where.
// The zero value shows none.
type tracing struct {
	start time.Time // of the command
	form  string    // of what goes to stderr: "text", "short" or "json"; "" for nothing
	pcap  string    // file of packets; "" for none
	html  string    // the file that a page is written to, or ""
	plan  *planner  // nothing is done, and what would be goes to stdout; nil: all is done

	opened  bool
	queue   *trace.Queue  // before the tracers; nil where there are none
	tracers []wire.Tracer // that have been opened
	closers []func() error
}

// registerTrace adds the options to f.
func (t *tracing) registerTrace(f *flags) {
	t.start = time.Now()
	f.BoolFunc("trace", "show every netlink message, and the kernel's answer, on stderr: --trace=text (the same as --trace), --trace=short (a line each), --trace=json (an object a line)", func(s string) error {
		switch s {
		case "true":
			s = "text"
		case "text", "short", "json":
		default:
			return fmt.Errorf("%q is not a form of trace: text, short and json are", s)
		}
		t.form = s
		return nil
	})
	f.StringVar(&t.pcap, "pcap", "", "write every netlink message to `FILE`, a pcap, for Wireshark and for plumb trace decode")
	f.StringVar(&t.html, "html", "", "write `FILE`, a page that shows every message: when, what it builds, and each of its bytes")
}

// tracer opens what was asked for, once, and returns it; nil where that is nothing. Whoever calls it calls closeTrace, too.
func (t *tracing) tracer() (wire.Tracer, error) {
	if !t.opened {
		t.opened = true
		if err := t.open(); err != nil {
			return nil, err
		}
		if all := trace.Tee(t.tracers...); all != nil {
			t.queue = trace.NewQueue(t.plan.over(all), nil)
		}
	}
	if t.queue == nil {
		return nil, nil
	}
	return t.queue, nil
}

// open opens a tracer for each option.
func (t *tracing) open() error {
	options := trace.Options{Start: t.start, Commands: t.commander()}
	to, form := &reporter{w: os.Stderr, name: "stderr"}, t.form
	terminal := os.Stderr
	if t.plan != nil {
		to, terminal = &reporter{w: os.Stdout, name: "stdout"}, os.Stdout
		options.Bytes = t.plan.bytes
		form = cmp.Or(form, "text")
	}
	switch form {
	case "text":
		options.Color = colour(terminal)
		t.add(trace.Text(to, options), to.result)
	case "json":
		t.add(trace.JSON(to, options), to.result)
	case "short":
		options.Color = colour(terminal)
		t.add(trace.Short(to, options), to.result)
	}
	if t.pcap != "" {
		if err := t.addFile("pcap", t.pcap, func(w io.Writer) fileTracer { return trace.NewPcap(w, t.start) }); err != nil {
			return err
		}
	}
	if t.html != "" {
		return t.addFile("html", t.html, t.newPage)
	}
	return nil
}

// newPage is the page of --html.
func (t *tracing) newPage(w io.Writer) fileTracer {
	return page.New(w, page.Options{Title: "plumb " + strings.Join(os.Args[1:], " "), Start: t.start, Commands: t.commander()})
}

// commander knows the commands that do what a message does. Each tracer has one of its own, for it learns from what it sees.
func (t *tracing) commander() trace.Commander {
	if t.plan != nil {
		return t.plan
	}
	return container.NewCommands()
}

// add adds a tracer, and what ends it.
func (t *tracing) add(tracer wire.Tracer, end func() error) {
	t.tracers = append(t.tracers, tracer)
	t.closers = append(t.closers, end)
}

// A fileTracer writes to a file, and is complete once it is closed.
type fileTracer interface {
	wire.Tracer
	Close() error
}

// addFile adds a tracer that writes to a file, which is made anew: what the option called name is given.
func (t *tracing) addFile(name, path string, open func(io.Writer) fileTracer) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--%s: %w", name, err)
	}
	tracer := open(file)
	t.add(tracer, func() error {
		if err := errors.Join(tracer.Close(), file.Close()); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
		return nil
	})
	return nil
}

// flush returns when all that was traced has been written.
func (t *tracing) flush() {
	if t.queue != nil {
		t.queue.Flush()
	}
}

// closeTrace ends what tracer has opened; a command defers it. What goes wrong is added to the command's own error.
func (t *tracing) closeTrace(err *error) {
	if t.queue != nil {
		t.queue.Close()
		t.queue = nil
	}
	for _, end := range t.closers {
		failed := end()
		exit := (*exitError)(nil)
		switch {
		case failed == nil:
		case errors.As(*err, &exit): // the status of what was run stays
			*err = &exitError{exit.status, errors.Join(exit.err, failed)}
		default:
			*err = errors.Join(*err, failed)
		}
	}
	t.closers = nil
}

// openHost opens the host that this process is in, traced.
func (t *tracing) openHost() (*container.Host, error) {
	tracer, err := t.tracer()
	if err != nil {
		return nil, err
	}
	return container.OpenHost(container.HostOptions{Tracer: tracer, Notice: notice, Plan: t.plan != nil, Ending: true})
}

// A reporter is a writer that remembers its first error: who traces goes on when that happens.
type reporter struct {
	w    io.Writer
	name string
	err  error
}

func (r *reporter) Write(b []byte) (int, error) {
	n, err := r.w.Write(b)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("write the trace to %s: %w", r.name, err)
	}
	return n, err
}

func (r *reporter) result() error { return r.err }
