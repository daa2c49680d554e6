package container

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// What StartProcess and the process that it has cloned tell each other, in frames over a socket pair:
//
//	parent → child   initSpec      at once
//	parent → child   Files         when the network is there
//	child → parent   initReport    Step: what was done, if that is wanted; Exec: about to exec; or what failed
//	child → parent   end of file   after Exec: exec has closed the socket, the command runs; before: the child has died
//
// The parent's death is the end of file for the child, until it execs.

type initSpec struct {
	Args     []string
	Env      []string
	Dir      string
	Hostname string
	Rootfs   string
	Init     bool // see ProcessSpec
	NetNS    bool // descriptor netnsFD is the network namespace to enter
	Terminal bool // stdin is a terminal
	Trace    bool // steps are to be reported, too
}

type initReport struct {
	Exec  bool // about to exec; or else:
	Step  bool // a step was taken, and took so long; or else:
	Took  time.Duration
	Stage string
	Text  string
	Errno unix.Errno
}

// The descriptors of the child besides 0, 1 and 2.
const (
	socketFD = 3
	netnsFD  = 4
)

// stageExec is the stage whose failure is the command's fault, not the container's.
const stageExec = "run the command"

// A StartError says at which stage the start of a container failed. The kernel's error is in its chain, also when
// it happened in the container's process.
type StartError struct {
	Stage string
	Err   error
}

func (e *StartError) Error() string { return e.Stage + ": " + e.Err.Error() }

func (e *StartError) Unwrap() error { return e.Err }

// Status is the exit status that a shell gives such a failure: 127 when the command was not found, 126 when it cannot be run, and 125 when the
// container failed before it.
func (e *StartError) Status() int {
	if e.Stage != stageExec {
		return 125
	}
	if errno, isErrno := errnoOf(e.Err); isErrno && (errno == unix.ENOENT || errno == unix.ENOTDIR) {
		return 127
	}
	return 126
}

// A remoteError is an error of the container's process as its parent sees it.
type remoteError struct {
	text  string
	errno unix.Errno
}

func (e *remoteError) Error() string { return e.text }

func (e *remoteError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

func (r initReport) error() *StartError {
	return &StartError{Stage: r.Stage, Err: &remoteError{text: r.Text, errno: r.Errno}}
}

// reportOf makes the message of an error in the child.
func reportOf(stage string, err error) initReport {
	errno, _ := errnoOf(err)
	text := fmt.Sprint(err)
	if errno == unix.ENOSYS {
		text += ": containers need Linux 5.12 or later (mount_setattr)"
	}
	return initReport{Stage: stage, Text: text, Errno: errno}
}
