package container

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A child is a process that this one has cloned, and waits for. os.Process is the same, but clones a process before a program's first one, to see
// whether a pidfd can be waited for (checkPidfd, os/pidfd_linux.go), which takes a third of a millisecond.
type child struct {
	pid int

	mu     sync.Mutex // held by who signals it, and by who takes its status: from then on its pid may be another's
	waited bool
}

// startChild is os.StartProcess.
func startChild(path string, args []string, attr *os.ProcAttr) (*child, error) {
	sys := &syscall.ProcAttr{Dir: attr.Dir, Env: attr.Env, Sys: attr.Sys}
	for _, file := range attr.Files {
		fd := ^uintptr(0) // closed
		if file != nil {
			fd = file.Fd()
		}
		sys.Files = append(sys.Files, fd)
	}
	pid, _, err := syscall.StartProcess(path, args, sys)
	runtime.KeepAlive(attr)
	if err != nil {
		return nil, &os.PathError{Op: "fork/exec", Path: path, Err: err}
	}
	return &child{pid: pid}, nil
}

// Signal sends it a signal. The error is os.ErrProcessDone where it has ended and was waited for.
func (c *child) Signal(sig os.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waited {
		return os.ErrProcessDone
	}
	number, ok := sig.(syscall.Signal)
	if !ok {
		return unix.EINVAL
	}
	err := unix.Kill(c.pid, number)
	if errors.Is(err, unix.ESRCH) {
		err = os.ErrProcessDone
	}
	return err
}

// wait waits for its end.
func (c *child) wait() (status unix.WaitStatus, err error) {
	for {
		var info unix.Siginfo
		if err = unix.Waitid(unix.P_PID, c.pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for err == nil {
		if _, err = unix.Wait4(c.pid, &status, 0, nil); err == unix.EINTR {
			err = nil
			continue
		}
		break
	}
	c.waited = true
	return status, os.NewSyscallError("wait", err)
}
