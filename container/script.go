package container

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A script is a list of system calls that a forked process makes, the last of which executes a program.
//
// setns(2) puts only a process with one thread into a user namespace, and a mount namespace asks for a file system context that nobody
// shares. A Go program always has more threads. What fork makes of it has one, the one that forked: but of Go's runtime it has only the
// memory. No goroutine can be scheduled there, no stack can grow, no memory can be allocated. So everything is
// prepared before the fork, and after it there is only a loop that takes one call after the other from the list.
type script struct {
	calls []call
	pin   runtime.Pinner // what args point to
	err   error          // the first thing that could not be prepared

	failures, report int // the ends of the pipe that a failure goes through
}

// A call is one of them.
type call struct {
	stage    string
	number   uintptr
	args     [6]uintptr
	result   uintptr       // what it has to return, unless that is anyResult
	inside   *byte         // where getcwd(2) writes: "/…" for a directory inside the root, "(unreachable)/…" outside
	forgiven [2]unix.Errno // errors that are as good as success
	search   search
}

// search is what becomes of an error on the way along PATH.
type search uint8

const (
	fail     search = iota // it ends the script
	lookFor                // it skips the next call, which would execute the file
	tryToRun               // EACCES (a directory, a file system without programs) goes on to the next file, as execvp(3) does
)

const anyResult = ^uintptr(0)

// A failure is how a script ended. It goes through a pipe as it lies in memory.
type failure struct {
	call  uint32 // index
	errno uint32
}

// add appends a call. Pointers in args come from text, strings or address. (Inlined in some forty places it would take 10 KB.)
//
//go:noinline
func (s *script) add(stage string, number uintptr, args ...uintptr) *call {
	s.calls = append(s.calls, call{stage: stage, number: number, result: anyResult})
	c := &s.calls[len(s.calls)-1]
	copy(c.args[:], args)
	return c
}

// text is a string's address, with a NUL behind it.
func (s *script) text(str string) uintptr {
	p, err := unix.BytePtrFromString(str)
	if err != nil {
		if s.err == nil {
			s.err = fmt.Errorf("%q: %w: it has a NUL byte", str, err)
		}
		return 0
	}
	return s.address(unsafe.Pointer(p))
}

// strings is the address of a NULL-terminated array of strings, such as execve(2) takes.
func (s *script) strings(list []string) uintptr {
	array := make([]uintptr, len(list)+1)
	for i, str := range list {
		array[i] = s.text(str)
	}
	return s.address(unsafe.Pointer(&array[0]))
}

// address keeps what p points to where it is, and alive. It is never let go: the process execs or ends.
//
//go:noinline
func (s *script) address(p unsafe.Pointer) uintptr {
	s.pin.Pin(p)
	return uintptr(p)
}

// cloneArgs is struct clone_args, linux/sched.h, as far as its first version goes.
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64
}

// open makes the pipe. It comes before the first call, for calls that close descriptors have to leave it alone.
func (s *script) open() error {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	s.failures, s.report = pipe[0], pipe[1]
	return nil
}

// closeAbove adds calls that close every descriptor above last but the pipe's.
func (s *script) closeAbove(stage string, last int) {
	s.add(stage, unix.SYS_CLOSE_RANGE, uintptr(last+1), uintptr(s.report-1), 0).forgiven[0] = unix.EINVAL // there is none below
	s.add(stage, unix.SYS_CLOSE_RANGE, uintptr(s.report+1), ^uintptr(0), 0)
}

// fork starts the script in a child of this process's parent, which waits for it, and whose end is the child's (the parent-death signal).
// The calling goroutine is locked to its thread.
func (s *script) fork() (pid int, err error) {
	pid, err = s.forkWith(&cloneArgs{flags: unix.CLONE_PARENT})
	return pid, errors.Join(err, unix.Close(s.report)) // now the child's alone
}

// forkWith starts the script in a child of this process, or whatever args say.
func (s *script) forkWith(args *cloneArgs) (pid int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	// Go's signal handlers are in the child, too, and nothing of what they count on.
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return 0, fmt.Errorf("block all signals: %w", err)
	}
	child, errno := s.start(args)
	err = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	if errno != 0 {
		err = fmt.Errorf("clone3: %w", errno)
	}
	return int(child), err
}

// start forks, and in the child does not return. It, and play, may call nothing that could grow the stack or wait for another thread.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (s *script) start(args *cloneArgs) (pid uintptr, errno unix.Errno) {
	pid, _, errno = unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args), 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	failed := s.play()
	unix.RawSyscall(unix.SYS_WRITE, uintptr(s.report), uintptr(unsafe.Pointer(&failed)), unsafe.Sizeof(failed))
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 125, 0, 0)
	}
}

// play makes the calls, in the child, and returns where it failed: unless it does, a program runs.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (s *script) play() failure {
	var best failure // of the search along PATH
	for i := 0; i < len(s.calls); i++ {
		c := &s.calls[i]
		result, _, errno := unix.RawSyscall6(c.number, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5])
		switch {
		case errno == unix.EINTR:
			i-- // once more
			continue
		case errno == 0 && c.result != anyResult && c.result != result:
			errno = unix.EPIPE // the parent has ended
		case errno == 0 && c.inside != nil && *c.inside != '/':
			errno = unix.EXDEV
		case errno == 0 || errno == c.forgiven[0] || errno == c.forgiven[1]:
			continue
		}
		failed := failure{call: uint32(i), errno: uint32(errno)}
		if c.search == fail || c.search == tryToRun && errno != unix.EACCES {
			return failed
		}
		if c.search == lookFor {
			i++
		}
		if best.errno == 0 || errno == unix.EACCES && unix.Errno(best.errno) != unix.EACCES {
			best = failed
		}
	}
	return best
}

// wait waits until the program runs, and returns nil; or else the call that failed, and its error.
func (s *script) wait() (*call, unix.Errno, error) {
	var f failure
	b := unsafe.Slice((*byte)(unsafe.Pointer(&f)), unsafe.Sizeof(f)) // written at once, so read at once (pipe(7), PIPE_BUF)
	n, err := readAgain(s.failures, b)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("wait for the command: %w", err)
	case n == 0:
		return nil, 0, nil
	}
	return &s.calls[f.call], unix.Errno(f.errno), nil
}
