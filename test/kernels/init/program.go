package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"plumb/test/kernels"
)

// runTime is how long a program may take. It is emulated, and two machines share a processor.
const runTime = 30 * time.Second

// A program is one that runs.
type program struct {
	*exec.Cmd
	stdout, stderr output
	stop           context.CancelFunc
}

// An output is what a program has printed so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	line chan struct{} // closed with the first line
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	if bytes.ContainsRune(b, '\n') && o.line != nil {
		close(o.line)
		o.line = nil
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// begin starts a program. It is killed when it takes too long.
func (m *machine) begin(ctx context.Context, step kernels.Step, line chan struct{}) (*program, error) {
	ns, err := m.namespace(step.In)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	p := &program{Cmd: exec.CommandContext(ctx, step.Args[0], step.Args[1:]...), stop: stop}
	p.stdout.line = line
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := ns.Do(p.Start); err != nil { // a process has the namespace of the thread that clones it
		stop()
		return nil, err
	}
	return p, nil
}

// finish waits for a program's end.
func (p *program) finish(result *kernels.Result) error {
	err := p.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	p.stop()
	result.Status, result.Stdout, result.Stderr = p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()
	return err
}

// run runs a program to its end.
func (m *machine) run(step kernels.Step, result *kernels.Result) error {
	ctx, cancel := context.WithTimeout(context.Background(), runTime)
	defer cancel()
	p, err := m.begin(ctx, step, nil)
	if err != nil {
		return err
	}
	return errors.Join(p.finish(result), ctx.Err())
}

// start starts a program, and waits for its first line.
func (m *machine) start(step kernels.Step) error {
	line := make(chan struct{})
	p, err := m.begin(context.Background(), step, line)
	if err != nil {
		return err
	}
	m.started = append(m.started, p)
	select {
	case <-line:
		return nil
	case <-time.After(runTime):
		return fmt.Errorf("it has printed no line: %s %s", &p.stdout, &p.stderr)
	}
}

// end ends what was started last.
func (m *machine) end(_ kernels.Step, result *kernels.Result) error {
	if len(m.started) == 0 {
		return errors.New("nothing was started")
	}
	p := m.started[len(m.started)-1]
	m.started = m.started[:len(m.started)-1]
	kill := time.AfterFunc(runTime, p.stop)
	defer kill.Stop()
	if err := p.Process.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.finish(result)
}
