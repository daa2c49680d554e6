package container

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
)

// own clones the process and waits for it, on one thread: the kernel sends the parent-death signal when the *thread* that cloned
// ends (PR_SET_PDEATHSIG(2const)), and Go may end any thread but a locked goroutine's. The end of ctx kills the process.
func (p *Process) own(ctx context.Context, spec ProcessSpec, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := openSelf()
	if err != nil {
		started <- err
		return
	}
	exe := os.NewFile(uintptr(fd), "plumb")
	defer exe.Close()
	c, err := p.clone(spec, exe)
	started <- err
	if err != nil {
		return
	}
	exe.Close() // this takes down a mount, which takes its time: beside the rest, and not in the end
	stop := context.AfterFunc(ctx, func() { p.Kill() })
	status, err := c.wait()
	stop()
	p.status = exitStatus(status)
	if err != nil {
		p.status = 125
	}
	if p.terminal != nil {
		err = errors.Join(err, p.terminal.takeBack())
	}
	p.err = err
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
	}
	close(p.done)
}

func exitStatus(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// clone starts the process: this program again, whose main calls Init. It opens all that must be closed when the process ends.
func (p *Process) clone(spec ProcessSpec, exe *os.File) (*child, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err == nil {
		defer null.Close()
	} // Without a /dev (an empty chroot) a stream that is not given is closed.
	attr := &os.ProcAttr{
		Env:   []string{"GOMAXPROCS=1"}, // for what there is to do one after the other; each thread more is one that exec has to end
		Files: []*os.File{orNull(spec.Stdin, null), orNull(spec.Stdout, null), orNull(spec.Stderr, null), theirs},
		Sys: &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP,
			Pdeathsig:  unix.SIGKILL,
			PidFD:      &p.pidfd,
			// A process group of its own: kill(0, …) inside would otherwise signal ours, which is the host's.
			Setpgid: true,
		},
	}
	if spec.NetNS == nil {
		attr.Sys.Cloneflags |= unix.CLONE_NEWNET
	} else {
		file, err := dupFile(spec.NetNS.FD())
		if err != nil {
			ours.Close()
			return nil, err
		}
		defer file.Close()
		attr.Files = append(attr.Files, file)
	}
	// The child moves its descriptors to the numbers that they have in Files, by way of free-looking ones above (forkAndExecInChild,
	// syscall/exec_linux.go). Only what is in Files itself cannot be overwritten by that before exec.
	attr.Files = append(attr.Files, exe)
	tell := story{tracer: spec.Tracer}
	begun := tell.now()
	c, err := startChild("/proc/self/fd/"+strconv.Itoa(len(attr.Files)-1), []string{initName}, attr)
	if err == nil {
		p.process, p.pid = c, c.pid
	}
	tell.cloned(begun, p.pid, spec, err)
	if err != nil {
		ours.Close()
		return nil, explainClone(err)
	}
	p.socket, p.reports = ours, bufio.NewReader(ours)
	begun = tell.now()
	err = p.openNetNS(spec)
	tell.did(hostName, begun, err, "open the process's network namespace, to reach it by a descriptor")
	if p.terminal = openTerminal(spec.Stdin); err == nil && p.terminal != nil {
		err = p.terminal.giveTo(p.pid)
	}
	if err != nil {
		p.abandon(c)
	}
	return c, err
}

// openNetNS opens what the end of the process closes. Without a pidfd (Linux before 5.3) the pid is still good: nobody has waited for it.
func (p *Process) openNetNS(spec ProcessSpec) (err error) {
	switch {
	case spec.NetNS != nil:
		p.netns, err = netns.FromPath("/proc/thread-self/fd/" + strconv.Itoa(spec.NetNS.FD()))
	case p.pidfd >= 0:
		p.netns, err = netns.FromPidfd(p.pidfd)
	default:
		p.netns, err = netns.FromPID(p.pid)
	}
	return err
}

// abandon ends a process that cannot be used, and closes what the end of a good one closes.
func (p *Process) abandon(c *child) {
	p.Kill()
	_, _ = c.wait()
	p.socket.Close()
	if p.netns != nil {
		p.netns.Close()
	}
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
	}
}

func orNull(file, null *os.File) *os.File {
	if file == nil {
		return null
	}
	return file
}

func dupFile(fd int) (*os.File, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor %d: %w", fd, err)
	}
	return os.NewFile(uintptr(dup), "netns"), nil
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "container"), os.NewFile(uintptr(fds[1]), "container"), nil
}

// explainClone says what to do about a clone that was refused. See clone(2), EPERM and ENOSPC.
func explainClone(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: new namespaces need root, CAP_SYS_ADMIN or a user namespace (as a normal user: unshare -Urn plumb run …)", err)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%w: a limit below /proc/sys/user (max_*_namespaces) is reached", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: this kernel lacks one of the mount, pid, UTS, IPC, cgroup and network namespaces (CONFIG_NAMESPACES)", err)
	}
	return err
}
