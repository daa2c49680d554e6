package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A command that works in namespaces of its own alone, such as the demo, needs no privilege on the host: a normal user
// has every capability in a user namespace of his own (user_namespaces(7)).

// capable says whether this process has the capabilities that namespaces and netlink ask for.
func capable() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN
	return data[0].Effective&needed == needed
}

// inUserNamespace runs this program again, with the same arguments, as root of a new user namespace, and returns an
// exitError with its status. The network namespace is new, too, for the old one belongs to someone else.
func inUserNamespace() error {
	runtime.LockOSThread() // the parent-death signal comes when the thread that cloned ends
	defer runtime.UnlockOSThread()
	child, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
		Env:   os.Environ(),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
			Pdeathsig:   unix.SIGKILL,
		},
	})
	if err != nil {
		return fmt.Errorf("start in a user namespace: %w: a normal user needs user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, or kernel.apparmor_restrict_unprivileged_userns), or else be root", err)
	}
	// What is typed on a terminal reaches the child, too: it ends, and so do we.
	signal.Ignore(unix.SIGINT, unix.SIGQUIT)
	state, err := child.Wait()
	if err != nil {
		return fmt.Errorf("wait for the program in the user namespace: %w", err)
	}
	status := state.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled():
		return &exitError{status: 128 + int(status.Signal())}
	case status.ExitStatus() != 0:
		return &exitError{status: status.ExitStatus()}
	}
	return nil
}
