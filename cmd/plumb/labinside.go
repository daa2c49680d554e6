package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"plumb/container"
	"plumb/container/lab"
	"plumb/container/netns"

	"golang.org/x/sys/unix"
)

// runInside runs a command on a lab's host, with this process's standard streams, and returns its exit status as a shell
// would: 128 and the number of the signal that ended it. What the command leaves running is ended.
func runInside(host *lab.Host, words []string) (status int, err error) {
	env, err := labEnv(host)
	if err != nil {
		return 0, err
	}
	path, err := container.LookPath(words[0], env)
	if err != nil {
		return notFound(err), fmt.Errorf("find %s: %w", words[0], err)
	}
	// The children of what has ended become ours (PR_SET_CHILD_SUBREAPER, prctl(2)): none of them is lost.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("become the reaper of the lab's processes: %w", err)
	}
	// What is typed on the terminal is for the command, but ^C reaches both. The signals are caught and not ignored, for the command
	// would inherit that.
	typed := make(chan os.Signal, 1)
	signal.Notify(typed, unix.SIGINT, unix.SIGQUIT)
	defer signal.Stop(typed)
	result := make(chan error, 1)
	// The thread moves into namespaces that no other goroutine may find itself in. It lives as long as the command, whose parent-death signal
	// comes when its parent, the thread, ends.
	go netns.OnLostThread(func() {
		var err error
		status, err = runOnThread(host, path, words, env)
		result <- err
	})
	err = <-result
	takeTerminal()
	return status, errors.Join(err, endChildren())
}

// runOnThread moves the calling thread to the host, and runs the command from there.
func runOnThread(host *lab.Host, path string, words, env []string) (status int, err error) {
	if err := host.NS().Enter(); err != nil {
		return 0, err
	}
	if err := labMounts(); err != nil {
		return 0, err
	}
	child, err := os.StartProcess(path, words, &os.ProcAttr{
		Env:   env,
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		return 126, fmt.Errorf("start %s: %w", path, err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGHUP)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		defer signal.Stop(signals)
		select {
		case <-signals: // the lab is asked to end: an interactive shell would not hear anything less
			_ = child.Kill()
		case <-ended:
		}
	}()
	w, err := reapUntil(child.Pid)
	switch {
	case err != nil:
		return 0, fmt.Errorf("wait for %s: %w", path, err)
	case w.Signaled():
		return 128 + int(w.Signal()), nil
	}
	return w.ExitStatus(), nil
}

// reapUntil waits for a child, and for those that became ours meanwhile: they would be zombies for as long as the lab lasts.
func reapUntil(pid int) (w unix.WaitStatus, err error) {
	for {
		ended, err := unix.Wait4(-1, &w, 0, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return w, err
		}
		if ended == pid {
			return w, nil
		}
	}
}

// notFound is the exit status that a shell gives for a command that cannot be run.
func notFound(err error) int {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return 127
	}
	return 126
}

// takeTerminal puts this process group back into the foreground of its terminal: a shell that was killed has not done so. Whoever is in
// the background must not be stopped for that (SIGTTOU, tcsetpgrp(3)).
func takeTerminal() {
	if isTerminal(os.Stdin) {
		signal.Ignore(unix.SIGTTOU)
		_ = unix.IoctlSetPointerInt(int(os.Stdin.Fd()), unix.TIOCSPGRP, unix.Getpgrp())
	}
}
