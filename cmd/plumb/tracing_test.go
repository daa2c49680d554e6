package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumb/rtnl/trace"
	"plumb/rtnl/wire"
)

// A purposes writes the purpose of each event to a file, when it is closed.
type purposes struct {
	w    io.Writer
	text string
	err  error
}

func (p *purposes) Trace(e wire.Event) { p.text += e.Purpose + "\n" }

func (p *purposes) Close() error {
	_, err := io.WriteString(p.w, p.text)
	return errors.Join(err, p.err)
}

// Every tracer that was asked for sees everything, and all are closed at a command's end, whatever its error.
func TestTracingFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	broken := errors.New("it is broken")
	var tr tracing
	tr.opened = true // by hand, here
	for path, err := range map[string]error{one: nil, two: broken} {
		add := tr.addFile("file", path, func(w io.Writer) fileTracer { return &purposes{w: w, err: err} })
		if add != nil {
			t.Fatal(add)
		}
	}
	tr.queue = trace.NewQueue(trace.Tee(tr.tracers...), nil)
	tracer, err := tr.tracer()
	if err != nil {
		t.Fatal(err)
	}
	wire.Step(tracer, "host", "one step", time.Now(), nil)
	err = &exitError{status: 3}
	tr.closeTrace(&err)
	if exit := (*exitError)(nil); !errors.As(err, &exit) || exit.status != 3 || !errors.Is(exit.err, broken) {
		t.Errorf("closed with %v, want status 3 and that it is broken", err)
	}
	for _, path := range []string{one, two} {
		if text, err := os.ReadFile(path); string(text) != "one step\n" || err != nil {
			t.Errorf("%s holds %q, %v", path, text, err)
		}
	}
	err = nil
	if tr.closeTrace(&err); err != nil {
		t.Errorf("closed once more: %v", err)
	}
	if err := tr.addFile("file", filepath.Join(dir, "none", "file"), nil); err == nil || !strings.HasPrefix(err.Error(), "--file: ") {
		t.Errorf("a file that cannot be made: %v", err)
	}
}

// A trace that cannot be written fails the command, at its end.
func TestTracingUnwritable(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	r := reporter{w: full, name: "stderr"}
	for range 2 {
		if _, err := io.WriteString(&r, "a line\n"); err == nil {
			t.Fatal("/dev/full took a line")
		}
	}
	if got := r.result(); got == nil || !strings.HasPrefix(got.Error(), "write the trace to stderr: ") {
		t.Errorf("got %v", got)
	}
}

func TestTracingNothing(t *testing.T) {
	t.Parallel()
	var tr tracing
	if tracer, err := tr.tracer(); tracer != nil || err != nil {
		t.Errorf("got %v, %v", tracer, err)
	}
}
