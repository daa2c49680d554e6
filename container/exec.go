package container

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
)

// ExecSpec says what runs in a container that exists, and which one that is.
type ExecSpec struct {
	PID   int       // a process of the container, see Processes
	Inode uint64    // what PID's network namespace must be, or else PID has come to mean another process; 0: any
	NetNS *netns.NS // where PID is 0: the network namespace, which is then all that is entered

	Args   []string // the command; Args[0] is looked up in PATH inside
	Env    []string // "KEY=VALUE", over what PID was started with
	Dir    string   // working directory inside; "": /, or this process's own where neither mounts nor the root directory differ
	User   *User    // nil: this process's, and root where the container has a user namespace of its own
	Stdin  *os.File // nil is /dev/null, as for the two others
	Stdout *os.File
	Stderr *os.File

	// Log is told what a user who waits should know; nil for nobody.
	Log io.Writer
}

// A User is what a command runs as. It is in no group but GID.
type User struct{ UID, GID uint32 }

// ParseUser reads UID or UID:GID, in numbers. Without a GID it is the UID.
func ParseUser(s string) (u User, err error) {
	uid, gid, both := strings.Cut(s, ":")
	if !both {
		gid = uid
	}
	for i, text := range [...]string{uid, gid} {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || n == 1<<32-1 { // which means "leave it", setresuid(2)
			return User{}, fmt.Errorf("%q is not UID or UID:GID, in numbers", s)
		}
		*[...]*uint32{&u.UID, &u.GID}[i] = uint32(n)
	}
	return u, nil
}

func (u User) String() string {
	return strconv.FormatUint(uint64(u.UID), 10) + ":" + strconv.FormatUint(uint64(u.GID), 10)
}

// Exec runs a command in a container that exists, to its end, and returns its exit status: 128+N when signal N ended it. The signals that
// this process gets meanwhile are passed on, see ForwardSignals, and so is the terminal's foreground.
//
// The command has the namespaces of process PID, those that differ from this process's, its root directory, the environment that it was started
// with, and no more capabilities than its bounding set; no_new_privs, if PID has it. In one of StartProcess's containers that is what the container's own
// command has. What cannot be known of another program's process is its seccomp filter, and what is not copied its resource
// limits, but for the soft one of open files, its cgroup and security label. If one of the streams is a terminal, the command cannot type on it.
//
// The command ends with this process, with ctx, and with its pid namespace. Its own children end with the pid namespace only.
//
// A failure is a *StartError, which has the exit status for it. unix.ESRCH is in its chain where PID has ended or is in another network
// namespace than Inode, unix.EPERM where CAP_SYS_ADMIN is missing here or over the container's user namespace.
func Exec(ctx context.Context, spec ExecSpec) (status int, err error) {
	if len(spec.Args) == 0 || spec.Args[0] == "" {
		return 0, &StartError{Stage: stageExec, Err: fmt.Errorf("no command given: %w", unix.ENOENT)}
	}
	if err := ctx.Err(); err != nil {
		return 0, &StartError{Stage: "start", Err: err}
	}
	if spec.PID == 0 && spec.NetNS == nil {
		return 0, &StartError{Stage: stageEnter, Err: fmt.Errorf("no process and no network namespace given: %w", unix.EINVAL)}
	}
	target, err := openTarget(spec)
	if err != nil {
		return 0, &StartError{Stage: stageEnter, Err: err}
	}
	defer target.close()
	// The parent-death signal comes when the thread ends that has cloned the helper, for the command is that one's child, too.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	e := &execution{spec: spec, command: &Process{joined: true, done: make(chan struct{})}}
	err = e.startHelper(target)
	if err == nil {
		err = e.run(ctx, target)
	}
	if start := (*StartError)(nil); err != nil && !errors.As(err, &start) {
		err = &StartError{Stage: "start the command's process", Err: err}
	}
	return e.command.status, err
}

// An execution is one call of Exec.
type execution struct {
	spec    ExecSpec
	helper  *os.Process
	command *Process // only partly one: it has no network namespace of its own, and nobody else waits for it
}

// startHelper starts this program once more, to be an execHelper.
func (e *execution) startHelper(target *execTarget) error {
	fd, err := openSelf()
	if err != nil {
		return err
	}
	exe := os.NewFile(uintptr(fd), "plumb")
	defer exe.Close()
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err == nil {
		defer null.Close()
	}
	files := []*os.File{orNull(e.spec.Stdin, null), orNull(e.spec.Stdout, null), orNull(e.spec.Stderr, null), theirs, target.file}
	if target.root != nil {
		files = append(files, target.root)
	}
	files = append(files, exe) // see Process.clone
	e.helper, err = os.StartProcess("/proc/self/fd/"+strconv.Itoa(len(files)-1), []string{execName}, &os.ProcAttr{
		Env: []string{}, Files: files, Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		return errors.Join(err, ours.Close())
	}
	e.command.socket, e.command.reports = ours, bufio.NewReader(ours)
	return nil
}

// run tells the helper what to do, and waits for it and for the command.
func (e *execution) run(ctx context.Context, target *execTarget) error {
	p := e.command
	err := target.complete(e.spec).frame().send(p.socket)
	pid := 0
	if err == nil || errors.Is(err, unix.EPIPE) { // EPIPE: it has ended, and has said why
		pid, err = receivePID(p.reports)
	}
	if err == nil {
		err = e.follow(ctx, pid)
	}
	p.socket.Close()
	if err != nil {
		e.helper.Kill() // if it has not ended
	}
	if _, waited := e.helper.Wait(); err == nil {
		err = waited
	}
	return err
}

// follow starts the command in its process, which is there and waits, and returns when it has ended.
func (e *execution) follow(ctx context.Context, pid int) (err error) {
	p := e.command
	process, err := os.FindProcess(pid) // by a pidfd; and it is a child that nobody has waited for
	if err != nil {
		return fmt.Errorf("open the command's process: %w", err)
	}
	defer process.Release()
	p.process, p.pid = process, pid
	log := e.spec.Log
	if log == nil {
		log = io.Discard
	}
	stop := ForwardSignals(p, log)
	cancel := context.AfterFunc(ctx, func() { p.Kill() })
	if err = e.release(pid); err != nil {
		p.socket.Close() // as long as the command does not run, that ends it
		p.Kill()
	}
	ended := p.waitStopped()
	cancel()
	close(p.done)
	stop()
	if p.terminal != nil {
		ended = errors.Join(ended, p.terminal.takeBack())
	}
	return errors.Join(err, ended)
}

// release gives the process the terminal, and then its command.
func (e *execution) release(pid int) error {
	p := e.command
	// A process group of its own: what is typed reaches it alone, and not by us once more.
	err := unix.Setpgid(pid, pid)
	if p.terminal = openTerminal(e.spec.Stdin); err == nil && p.terminal != nil {
		err = p.terminal.giveTo(pid)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) { // ESRCH: it has ended; its helper says why
		return err
	}
	if _, err := p.socket.Write([]byte{1}); err != nil && !errors.Is(err, unix.EPIPE) {
		return err
	}
	return awaitExec(func() (initReport, error) { return receiveReport(p.reports) })
}

// waitStopped waits for the end of the process. A ^Z is undone, as the reaper does it: no shell outside could wake the command again.
func (p *Process) waitStopped() error {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(p.PID(), &status, unix.WUNTRACED, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			p.status = 125
			return fmt.Errorf("wait for the command: %w", err)
		case status.Stopped() && status.StopSignal() == unix.SIGTSTP && p.terminal != nil:
			_ = unix.Kill(-p.PID(), unix.SIGCONT)
		case status.Stopped():
		case status.Signaled():
			p.status = 128 + int(status.Signal())
			return nil
		default:
			p.status = status.ExitStatus()
			return nil
		}
	}
}
