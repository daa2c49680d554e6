package container

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	"plumb/rtnl/wire"
)

// ProcessSpec says what runs in a container, and in what surroundings.
type ProcessSpec struct {
	Args     []string // the command; Args[0] is looked up in PATH inside the root file system
	Env      []string // "KEY=VALUE"; without a PATH, the usual one is added
	Dir      string   // working directory inside, "" is /
	Hostname string   // "" keeps the host's
	Rootfs   string   // directory of the root file system; "" (and "/") is the host's own, through a layer that is thrown away
	Stdin    *os.File // nil is /dev/null, as for the two others
	Stdout   *os.File
	Stderr   *os.File
	Init     bool      // a small PID 1 of plumb's reaps orphans, passes signals on, and makes ^C end a command that does not care
	NetNS    *netns.NS // nil: a new one. It stays the caller's, and is needed only until StartProcess returns

	Tracer wire.Tracer // is told what is done, until the command runs, under the name of Hostname; nil for nobody
}

// A Process is a container's first process. It is PID 1 of its pid namespace: when it ends, the kernel kills all others in it.
type Process struct {
	process  signalled
	pid      int
	joined   bool // not the first: one of Exec's, in a container that was there
	pidfd    int
	netns    *netns.NS
	socket   *os.File
	terminal *terminal // nil unless stdin is one

	releasing sync.Mutex
	reports   *bufio.Reader
	next      func() (initReport, error) // receives one
	heard     chan struct{}              // where a tracer is told: closed when nothing more is read from reports; else nil

	done   chan struct{} // closed when the process has ended and was waited for
	status int
	err    error
}

// signalled is a process that is waited for elsewhere: a *child, or an *os.Process.
type signalled interface{ Signal(os.Signal) error }

// StartProcess clones a process into new mount, pid, UTS, IPC, cgroup and (unless spec has one) network namespaces. It returns while that
// builds its root file system; the command starts with Release. The end of ctx kills the process, and so does the end of this one.
// The caller must Wait in any case. A failure is a *StartError; unix.EPERM is in its chain where CAP_SYS_ADMIN is missing.
func StartProcess(ctx context.Context, spec ProcessSpec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, &StartError{Stage: "start", Err: err}
	}
	if err := spec.complete(); err != nil {
		return nil, err
	}
	p := &Process{pidfd: -1, done: make(chan struct{})}
	started := make(chan error)
	go p.own(ctx, spec, started)
	if err := <-started; err != nil {
		return nil, &StartError{Stage: stageStart, Err: err}
	}
	p.next = func() (initReport, error) { return receiveReport(p.reports) }
	if err := p.introduce(spec); err != nil {
		p.Kill()
		p.Wait()
		return nil, &StartError{Stage: stageStart, Err: err}
	}
	if spec.Tracer != nil {
		p.listen(spec.Tracer, spec.Hostname)
	}
	return p, nil
}

const stageStart = "start the container's process"

// complete finds out early what the child would find out late. It may be called again.
func (s *ProcessSpec) complete() error {
	if len(s.Args) == 0 {
		return &StartError{Stage: stageExec, Err: fmt.Errorf("no command given: %w", unix.EINVAL)}
	}
	if err := checkOwnName(s.Hostname); err != nil {
		return &StartError{Stage: "set the host name", Err: err}
	}
	if s.Rootfs != "" {
		abs, err := checkRootfs(s.Rootfs)
		if err != nil {
			return &StartError{Stage: "root file system", Err: err}
		}
		s.Rootfs = abs
	}
	return nil
}

// checkRootfs finds out early what the child would find out late. "/" is the host's own root, which is never given as it is.
func checkRootfs(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	if err != nil {
		return "", fmt.Errorf("%w: --rootfs wants a directory, such as an unpacked image", err)
	}
	if !info.IsDir() {
		return "", &os.PathError{Op: "use as root file system", Path: abs, Err: fmt.Errorf("%w: --rootfs wants one, such as an unpacked image", unix.ENOTDIR)}
	}
	if host, err := os.Stat("/"); err == nil && os.SameFile(info, host) {
		return "", nil
	}
	return abs, nil
}

// introduce tells the process what it is to become.
func (p *Process) introduce(spec ProcessSpec) error {
	err := initSpec{
		Args: spec.Args, Env: spec.Env, Dir: spec.Dir, Hostname: spec.Hostname, Rootfs: spec.Rootfs, Init: spec.Init,
		NetNS: spec.NetNS != nil, Terminal: isTerminal(spec.Stdin), Trace: spec.Tracer != nil,
	}.frame().send(p.socket)
	if err != nil && !errors.Is(err, unix.EPIPE) { // EPIPE: it has ended, and has said why
		return fmt.Errorf("tell the container's process what to run: %w", err)
	}
	return nil
}

// PID returns the process's id in the caller's pid namespace.
func (p *Process) PID() int { return p.pid }

// NetNS returns the process's network namespace, to give it a network before Release. It stays the Process's own, which closes it in
// Wait: before that, a process that has ended early leaves a namespace that still is the right one.
func (p *Process) NetNS() *netns.NS { return p.netns }

// Release gives the container its files and starts its command. It returns when the command runs (exec has succeeded), or with
// a *StartError; then the process ends by itself.
func (p *Process) Release(files Files) error {
	p.releasing.Lock()
	defer p.releasing.Unlock()
	err := files.frame().send(p.socket)
	if err != nil && !errors.Is(err, unix.EPIPE) {
		return &StartError{Stage: "release the container's process", Err: err}
	}
	err = awaitExec(p.next)
	if start := (*StartError)(nil); err == nil || errors.As(err, &start) {
		return err
	}
	return &StartError{Stage: "set up the container", Err: p.died(err)}
}

// awaitExec returns nil when the command runs, the *StartError that its process has sent, or else what came instead of either.
func awaitExec(next func() (initReport, error)) error {
	about := false // to exec
	for {
		report, err := next()
		switch {
		case err == nil && report.Exec:
			about = true
		case err == nil:
			return report.error()
		case about && execed(err):
			return nil
		default:
			return err
		}
	}
}

// execed says whether the reports have ended as exec ends them.
func execed(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) }

// died describes a process that ended without a word: killed, or out of memory.
func (p *Process) died(cause error) error {
	p.Kill()
	<-p.done
	return fmt.Errorf("its process ended with status %d before the command ran: %w", p.status, cause)
}

// Signal sends a signal to the process. As PID 1 it ignores what it has no handler for, SIGKILL and SIGSTOP aside
// (pid_namespaces(7)). A process that has ended is no error.
func (p *Process) Signal(sig os.Signal) error {
	err := p.process.Signal(sig)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send signal %v to the container's process %d: %w", sig, p.PID(), err)
	}
	return nil
}

// Kill ends the process, and with it all others in the container.
func (p *Process) Kill() error { return p.Signal(unix.SIGKILL) }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process and returns its exit status: 128+N when signal N ended it.
func (p *Process) Wait() (status int, err error) {
	<-p.done
	if p.heard != nil {
		<-p.heard
	}
	p.releasing.Lock() // a Release that is still reading what the process said gets to the end of it first
	p.socket.Close()
	p.netns.Close() // not before: its number could be another namespace's while the caller still uses it
	p.releasing.Unlock()
	return p.status, p.err
}
