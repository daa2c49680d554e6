package container

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// reaperName is what PID 1 is called where ProcessSpec.Init is set.
const reaperName = "plumb: init"

// A reaper is this program, executed once more after its privileges were dropped: a thread that had kept any would lend them to whoever
// may trace one that has not. Its file is on a read-only mount: see openSelf.
func isReaper() bool {
	return len(os.Args) >= 3 && os.Args[0] == reaperName && os.Getpid() == 1
}

// reap runs file with args as a child, passes signals on to it, waits for it and for every orphan, and returns its exit status.
func reap(file string, args []string) int {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded[:]...)
	child, err := os.StartProcess(file, args, &os.ProcAttr{
		Env:   os.Environ(),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setpgid: true}, // what is typed then reaches it alone, and not by way of PID 1 again
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "plumb: %v\n", explainExec(file, errors.Unwrap(err)))
		return (&StartError{Stage: stageExec, Err: err}).Status()
	}
	takeLimit(child.Pid)
	giveForeground(child.Pid)
	go func() {
		for sig := range signals {
			// By pid: child.Signal would have to be told that the loop below has waited for it.
			_ = unix.Kill(child.Pid, sig.(syscall.Signal)) // ESRCH: it has just ended
		}
	}()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WUNTRACED, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			fmt.Fprintf(os.Stderr, "plumb: wait for the container's processes: %v\n", err)
			return 125
		case pid == child.Pid && status.Stopped() && status.StopSignal() == unix.SIGTSTP:
			// No shell outside waits for us that could wake the command again: a ^Z is undone.
			_ = unix.Kill(-child.Pid, unix.SIGCONT)
		case status.Stopped():
		case pid == child.Pid && status.Signaled():
			return 128 + int(status.Signal())
		case pid == child.Pid:
			return status.ExitStatus()
		}
	}
}

// takeLimit takes the limit of open files of the child, which has the one that PID 1 was started with: Go has raised PID 1's (os/rlimit.go), and Exec goes by that.
// A child that has become another user by now does not show it; then PID 1's stays.
func takeLimit(child int) {
	var limit unix.Rlimit
	if unix.Prlimit(child, unix.RLIMIT_NOFILE, nil, &limit) == nil {
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) // it may always be lowered
	}
}

// giveForeground puts the child's process group into the terminal's foreground if PID 1's is there. A child that was quicker and has read from the
// terminal meanwhile was stopped by SIGTTIN, and goes on by SIGCONT.
func giveForeground(child int) {
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() {
		return // no terminal, or in the background
	}
	if unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, child) == nil {
		_ = unix.Kill(-child, unix.SIGCONT)
	}
}
