package container

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// execName is what the helper of Exec is called.
const execName = "plumb: container exec"

const (
	stageEnter = "enter the container"
	stageDir   = "change to the working directory"
	stageDrop  = "drop privileges"
	stageUser  = "change the user"
)

// An execHelper is the state of Exec's helper: this program once more, from a file that nobody can write to (openSelf), in the caller's
// namespaces. It prepares a script and forks; the fork enters the container, drops what the container's processes do not have, and becomes the
// command. So neither plumb's memory, nor its file, nor any program of plumb's that would load libraries gets inside.
type execHelper struct {
	parent *bufio.Reader
	spec   execSpec
	script script
}

func (h *execHelper) steps() []initStep {
	return []initStep{
		{"read the specification", h.readSpec},
		{"prepare the command", h.prepare},
		{stageEnter, h.enterPIDNS},
		{stageEnter, h.fork},
		{stageExec, h.watch},
	}
}

func (h *execHelper) readSpec() (err error) {
	if err := closeOnExecAbove(2); err != nil {
		return err
	}
	h.parent = bufio.NewReader(rawFD(socketFD))
	h.spec, err = receiveExecSpec(h.parent)
	return err
}

// prepare writes the script.
func (h *execHelper) prepare() error {
	s := &h.script
	if err := s.open(); err != nil {
		return err
	}
	h.enter(s)
	h.chdir(s)
	if err := h.limit(s); err != nil {
		return err
	}
	h.waitForTerminal(s)
	if err := h.limitFiles(s); err != nil {
		return err
	}
	h.exec(s)
	return s.err
}

// enter joins namespaces and changes the root directory.
func (h *execHelper) enter(s *script) {
	// Nobody in the container may trace the process while it has plumb's privileges (CVE-2016-9962). exec ends that.
	s.add(stageEnter, unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0)
	if flags := h.spec.Namespaces &^ unix.CLONE_NEWPID; flags != 0 {
		s.add(stageEnter, unix.SYS_SETNS, targetFD, uintptr(flags))
	}
	if h.spec.Root {
		s.add(stageEnter, unix.SYS_FCHDIR, rootFD)
		s.add(stageEnter, unix.SYS_CHROOT, s.text("."))
	}
}

// chdir changes to the working directory, which must be inside the root, as initProcess.chdir has it. Before that all of plumb's
// descriptors are closed, so that no link of the container's leads to one by /proc/self/fd (CVE-2024-21626).
func (h *execHelper) chdir(s *script) {
	s.add(stageEnter, unix.SYS_UMASK, 0o022)
	s.closeAbove(stageEnter, socketFD)
	if h.spec.Dir == "" {
		return
	}
	s.add(stageDir, unix.SYS_CHDIR, s.text(path.Join("/", h.spec.Dir)))
	cwd := make([]byte, unix.PathMax)
	s.add(stageDir, unix.SYS_GETCWD, s.address(unsafe.Pointer(&cwd[0])), uintptr(len(cwd))).inside = &cwd[0]
}

// limit takes from the process what the container's does not have. Its order: a filter needs CAP_SYS_ADMIN or no_new_privs, the bounding
// set CAP_SETPCAP, the user CAP_SETUID and CAP_SETGID. A change of credentials clears the parent-death signal, so that comes last.
func (h *execHelper) limit(s *script) error {
	// As in initProcess.dropPrivileges: no keys of the host's user.
	s.add(stageDrop, unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0).forgiven = [2]unix.Errno{unix.ENOSYS, unix.EPERM}
	if h.spec.NoNewPrivs {
		s.add(stageDrop, unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	if terminalAmong(0, 1, 2) {
		filter := terminalFilter()
		program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		s.address(unsafe.Pointer(&filter[0]))
		s.add("protect the terminal", unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, s.address(unsafe.Pointer(program))).forgiven[0] = unix.EINVAL
	}
	if h.spec.Limit {
		for c := uintptr(0); c < 64; c++ {
			if err := unix.Prctl(unix.PR_CAPBSET_READ, c, 0, 0, 0); err != nil {
				break // a capability that this kernel does not know
			}
			if h.spec.Caps&(1<<c) == 0 {
				s.add(stageDrop, unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0, 0, 0)
			}
		}
		s.add(stageDrop, unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	h.changeUser(s)
	if h.spec.Limit {
		if err := h.limitCaps(s); err != nil {
			return err
		}
	}
	s.add(stageDrop, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	return nil
}

func (h *execHelper) changeUser(s *script) {
	u := h.spec.User
	if u == nil {
		return
	}
	// EPERM: in the user namespace of a normal user, whose groups stay what they are (setgroups in user_namespaces(7)).
	s.add(stageUser, sysSetgroups, 0, 0).forgiven[0] = unix.EPERM
	s.add(stageUser, sysSetresgid, uintptr(u.GID), uintptr(u.GID), uintptr(u.GID))
	s.add(stageUser, sysSetresuid, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID))
}

// limitCaps keeps, of the capabilities that the process has, those that are in the specification. In a user namespace that it has entered it has
// all; another user than root has none.
func (h *execHelper) limitCaps(s *script) error {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	caps := new([2]unix.CapUserData) // bits 0 to 31, 32 to 63
	if err := unix.Capget(header, &caps[0]); err != nil {
		return fmt.Errorf("read the capabilities: %w", err)
	}
	for i := range caps {
		if h.spec.Namespaces&unix.CLONE_NEWUSER != 0 {
			caps[i].Permitted = ^uint32(0)
		}
		caps[i].Permitted &= uint32(h.spec.Caps >> (32 * i))
		if h.spec.User != nil && h.spec.User.UID != 0 {
			caps[i].Permitted = 0
		}
		caps[i].Effective, caps[i].Inheritable = caps[i].Permitted, 0
	}
	s.add(stageDrop, unix.SYS_CAPSET, s.address(unsafe.Pointer(header)), s.address(unsafe.Pointer(caps)))
	return nil
}

// limitFiles gives the process the soft limit of open files that the container's has, as far as its own hard limit goes.
func (h *execHelper) limitFiles(s *script) error {
	if h.spec.OpenFiles == 0 {
		return nil
	}
	limit := new(unix.Rlimit)
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	limit.Cur = min(h.spec.OpenFiles, limit.Max)
	s.add("limit the open files", unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, s.address(unsafe.Pointer(limit)), 0)
	return nil
}

// waitForTerminal resets signals (see resetSignals), and waits for the parent's word that the process has the terminal. A parent that has ended
// before the parent-death signal was set is noticed here.
func (h *execHelper) waitForTerminal(s *script) {
	const stage = "wait for the terminal"
	byDefault := new([64]byte) // struct sigaction: SIG_DFL
	action := s.address(unsafe.Pointer(byDefault))
	for sig := uintptr(1); sig <= 64; sig++ {
		s.add("reset signals", unix.SYS_RT_SIGACTION, sig, action, 0, sigsetSize()).forgiven[0] = unix.EINVAL
	}
	s.add("reset signals", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, action, 0, sigsetSize())
	s.add(stage, unix.SYS_READ, socketFD, s.address(unsafe.Pointer(new(byte))), 1).result = 1
	hangup := &unix.PollFd{Fd: socketFD, Events: unix.POLLRDHUP}
	s.add(stage, unix.SYS_PPOLL, s.address(unsafe.Pointer(hangup)), 1, s.address(unsafe.Pointer(new(unix.Timespec))), 0, 0).result = 0
}

// exec tries the files that the command may be, as execvp(3) does.
func (h *execHelper) exec(s *script) {
	env := withPath(h.spec.Env)
	argv, envp := s.strings(h.spec.Args), s.strings(env)
	s.add(stageExec, unix.SYS_CLOSE_RANGE, socketFD, ^uintptr(0), unix.CLOSE_RANGE_CLOEXEC)
	files, _ := candidates(h.spec.Args[0], env)
	for _, file := range files {
		name := s.text(file)
		s.add(stageExec, unix.SYS_FACCESSAT, ^uintptr(99), name, unix.X_OK).search = lookFor // AT_FDCWD is -100
		s.add(stageExec, unix.SYS_EXECVE, name, argv, envp).search = tryToRun
	}
}

// enterPIDNS moves the children of this thread into the pid namespace. (The fork could not do it for itself.)
func (h *execHelper) enterPIDNS() error {
	if h.spec.Namespaces&unix.CLONE_NEWPID == 0 {
		return nil
	}
	return explainEnter(unix.Setns(targetFD, unix.CLONE_NEWPID))
}

func (h *execHelper) fork() error {
	pid, err := h.script.fork()
	if errors.Is(err, unix.ENOMEM) && h.spec.Namespaces&unix.CLONE_NEWPID != 0 {
		err = fmt.Errorf("%w: its pid namespace is ending, or memory is short", err)
	}
	if err != nil {
		return err
	}
	return pidFrame(pid).send(os.NewFile(socketFD, "parent"))
}

// watch tells the parent how it went, and ends the helper.
func (h *execHelper) watch() error {
	failed, errno, err := h.script.wait()
	if err != nil {
		return err
	}
	report := initReport{Exec: true}
	if failed != nil {
		report = reportOf(failed.stage, h.explain(failed, errno))
	}
	if err := report.frame().send(os.NewFile(socketFD, "parent")); err != nil {
		return err
	}
	os.Exit(0)
	return nil
}

// explain says what a call's error means.
func (h *execHelper) explain(c *call, errno unix.Errno) error {
	name := h.spec.Args[0]
	switch {
	case c.stage == stageEnter:
		return explainEnter(errno)
	case c.inside != nil && errno == unix.EXDEV:
		return &os.PathError{Op: "chdir", Path: h.spec.Dir, Err: fmt.Errorf("%w: it is outside of the root file system", unix.EINVAL)}
	case c.stage == stageDir:
		return &os.PathError{Op: "chdir", Path: h.spec.Dir, Err: errno}
	case c.stage == stageUser && errno == unix.EINVAL:
		return fmt.Errorf("become %s: %w: there is no such id in the container's user namespace", h.spec.User, errno)
	case c.stage == stageUser:
		return fmt.Errorf("become %s: %w", h.spec.User, errno)
	case c.result != anyResult && errno == unix.EPIPE:
		return errParentGone
	case c.search == fail:
		return errno
	case name == "" || !strings.Contains(name, "/") && errno != unix.EACCES && c.search == lookFor:
		return fmt.Errorf("%s: command not found in the container's PATH: %w", name, unix.ENOENT)
	case c.search == tryToRun && errno == unix.EACCES:
		return &os.PathError{Op: "exec", Path: name, Err: fmt.Errorf("%w: it is a directory, or lies where no program may run", errno)}
	case c.search == tryToRun:
		return explainExec(name, errno)
	}
	return &os.PathError{Op: "exec", Path: name, Err: errno}
}

func explainEnter(err error) error {
	switch err {
	case nil:
		return nil
	case unix.ESRCH:
		return fmt.Errorf("%w: its process has ended", err)
	case unix.EPERM:
		return fmt.Errorf("%w: it needs CAP_SYS_ADMIN here and in the user namespace that the container belongs to, and CAP_SYS_CHROOT", err)
	case unix.EINVAL:
		return fmt.Errorf("%w: its pid namespace is not below this one, or the kernel is older than Linux 5.8 (setns by a pidfd)", err)
	}
	return err
}
