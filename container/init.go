package container

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
)

// initName is what a container's first process is called until its command runs.
const initName = "plumb: container init"

// Init must come first in the main function of every program that starts containers, and in the TestMain of every test that does.
// It returns at once unless this process is a container's first process before its command runs; then it builds the container and
// becomes the command. Other such processes are the helper that Exec starts, and the
// holder of a shared pool.
func Init() {
	if isReaper() {
		os.Exit(reap(os.Args[1], os.Args[2:]))
	}
	switch {
	case len(os.Args) != 1 || !fromParent():
	case os.Args[0] == initName && os.Getpid() == 1:
		runtime.LockOSThread() // capabilities, no_new_privs and the parent-death signal are the thread's
		follow((&initProcess{}).steps())
	case os.Args[0] == execName:
		runtime.LockOSThread() // so is the pid namespace of children
		follow((&execHelper{}).steps())
	case os.Args[0] == holderName:
		hold()
		os.Exit(0)
	}
}

// fromParent tells a process that this package has started from one that a user has given its name: it has a Unix socket.
func fromParent() bool {
	domain, err := unix.GetsockoptInt(socketFD, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return err == nil && domain == unix.AF_UNIX
}

// follow takes steps until one fails, reports that, and ends the process. Where none fails the last one ends it, or becomes the command.
func follow(steps []initStep) {
	stage, err := "", error(nil)
	for _, step := range steps {
		stage = step.stage
		if err = step.do(); err != nil {
			break
		}
	}
	// Only a failure comes here. When it cannot be reported, the parent sees the end of the socket, and the exit status.
	_ = reportOf(stage, err).frame().send(os.NewFile(socketFD, "parent"))
	os.Exit(125)
}

// An initProcess is the state of a container's first process on its way to the command.
type initProcess struct {
	parent   *bufio.Reader
	spec     initSpec
	terminal string // the host's path of stdin's terminal
	root     *rootfs
	files    etcFiles
	confined bool // the root directory is the mount namespace's own, not a chroot
}

type initStep struct {
	stage string
	do    func() error
}

// steps are what makes a container of a cloned process, in order. All up to "wait" happens while the parent makes the network.
func (p *initProcess) steps() []initStep {
	return []initStep{
		{"read the specification", p.readSpec},
		{"enter the network namespace", p.enterNetNS},
		{"set the host name", p.setHostname},
		{"build the root file system", p.buildRoot},
		{"enter the root file system", p.enterRoot},
		{"wait for the network", p.wait},
		{"change to the working directory", p.chdir},
		{"drop privileges", p.dropPrivileges},
		{"reset signals", resetSignals},
		{"check that the parent lives", p.checkParent},
		{stageExec, p.exec},
	}
}

func (p *initProcess) readSpec() (err error) {
	if err := closeOnExecAbove(2); err != nil { // this program's own descriptor too, which clone has passed on
		return err
	}
	p.parent = bufio.NewReader(rawFD(socketFD))
	unix.Umask(0) // modes are what they are given as
	p.spec, err = receiveSpec(p.parent)
	return err
}

// A rawFD reads without the runtime's poller, which would cost its set-up for a socket that is read twice.
type rawFD int

func (fd rawFD) Read(b []byte) (int, error) {
	n, err := readAgain(int(fd), b)
	if err == nil && n == 0 {
		err = errParentGone
	}
	return n, err
}

// readAgain is read(2), again where a signal interrupted it.
func readAgain(fd int, b []byte) (n int, err error) {
	for {
		if n, err = unix.Read(fd, b); err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

var errParentGone = errors.New("the process that started the container has ended")

func (p *initProcess) enterNetNS() error {
	if !p.spec.NetNS {
		return nil
	}
	ns, err := netns.FromFD(netnsFD)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := ns.Enter(); err != nil {
		return err
	}
	p.did(start, "setns(CLONE_NEWNET)")
	return ns.Close()
}

func (p *initProcess) setHostname() error {
	if p.spec.Hostname == "" {
		return nil
	}
	start := time.Now()
	err := unix.Sethostname([]byte(p.spec.Hostname))
	p.did(start, `sethostname("`, p.spec.Hostname, `")`)
	return err
}

func (p *initProcess) buildRoot() error {
	if p.spec.Terminal {
		p.terminal, _ = os.Readlink("/proc/self/fd/0") // before something lies over /proc
	}
	var err error
	start := time.Now()
	if p.root, err = buildRoot(p.spec.Rootfs); err != nil {
		return err
	}
	p.did(start, "mount the root file system", p.root.origin(p.spec.Rootfs), ", on a private stage: fsopen, fsmount, move_mount")
	start = time.Now()
	run, err := newFS("tmpfs", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, "mode=0755")
	if err != nil {
		return err
	}
	defer unix.Close(run)
	if err := p.root.mountOn("/run", run); err != nil {
		return err
	}
	dev, err := p.root.mountDev(p.terminal)
	if err != nil {
		return err
	}
	defer unix.Close(dev)
	if err := p.root.mountProc(dev); err != nil {
		return err
	}
	p.files, err = p.root.mountFiles()
	p.did(start, "mount /run, /dev, /proc, and files of its own on /etc/resolv.conf, /etc/hosts, /etc/hostname")
	return err
}

func (p *initProcess) enterRoot() (err error) {
	start := time.Now()
	p.confined, err = p.root.enter()
	if p.confined {
		p.did(start, `pivot_root(".", "."); umount2(".", MNT_DETACH): the host's mounts are out of reach`)
	} else {
		p.did(start, `chroot("."), for pivot_root is not possible here`)
	}
	return err
}

// wait waits for Release. The end of the socket is the parent's.
func (p *initProcess) wait() error {
	files, err := receiveFiles(p.parent)
	if err != nil {
		return err
	}
	if files.Hostname == "" {
		files.Hostname = p.spec.Hostname + "\n"
	}
	start := time.Now()
	err = p.files.write(files)
	p.did(start, "write /etc/resolv.conf, /etc/hosts, /etc/hostname")
	return err
}

// chdir changes to the working directory, and looks that it is inside the root: "(unreachable)" is what a directory outside
// looks like (getcwd(2); CVE-2024-21626).
func (p *initProcess) chdir() error {
	dir := path.Join("/", p.spec.Dir)
	if err := os.Chdir(dir); err != nil {
		return err
	}
	buf := make([]byte, unix.PathMax)
	if n, err := unix.Getcwd(buf); err != nil || n == 0 || buf[0] != '/' {
		return &os.PathError{Op: "chdir", Path: dir, Err: fmt.Errorf("%w: it is outside of the root file system", unix.EINVAL)}
	}
	return nil
}

func (p *initProcess) dropPrivileges() error {
	start := time.Now()
	unix.Umask(0o022)
	// The session keyring is inherited over clone, with whatever keys the host's user has in it (session-keyring(7)). No name: a new one. ENOSYS: CONFIG_KEYS=n;
	// EPERM: a seccomp filter, of a container around this one.
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil && err != unix.ENOSYS && err != unix.EPERM {
		return fmt.Errorf("join a session keyring: %w", err)
	}
	if err := dropPrivileges(p.confined); err != nil {
		return err
	}
	// commit_creds (kernel/cred.c) clears the parent-death signal when capabilities are gained or ids change; set once more it is certain.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("set the parent-death signal: %w", err)
	}
	err := protectTerminal()
	p.did(start, "drop privileges: a new session keyring, capset, prctl(PR_SET_NO_NEW_PRIVS), prctl(PR_SET_PDEATHSIG)")
	return err
}

// resetSignals undoes what this process has inherited: exec keeps the signal mask and what is ignored (signal(7)). Handlers it resets itself.
func resetSignals() error {
	var none unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil); err != nil {
		return err
	}
	// struct sigaction of the kernel, all zero: SIG_DFL, whatever the order of its fields.
	var byDefault [64]byte
	for sig := 1; sig <= 64; sig++ {
		// EINVAL for SIGKILL and SIGSTOP, which nobody can ignore.
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&byDefault)), 0, sigsetSize(), 0, 0)
	}
	return nil
}

// sigsetSize is the size of the kernel's set of signals: 64 bits, and 128 on mips.
func sigsetSize() uintptr {
	if strings.HasPrefix(runtime.GOARCH, "mips") {
		return 16
	}
	return 8
}

// checkParent looks once more for the end of the socket: a parent that ended before the parent-death signal was set sends none.
func (p *initProcess) checkParent() error {
	fds := []unix.PollFd{{Fd: socketFD, Events: unix.POLLRDHUP}}
	if _, err := unix.Poll(fds, 0); err != nil && err != unix.EINTR {
		return err
	}
	if fds[0].Revents&(unix.POLLHUP|unix.POLLRDHUP) != 0 {
		return errParentGone
	}
	return nil
}

func (p *initProcess) exec() error {
	env := withPath(p.spec.Env)
	command, err := LookPath(p.spec.Args[0], env)
	if err != nil {
		return err
	}
	file, args := command, p.spec.Args
	if p.spec.Init {
		file, args = "/proc/self/exe", append([]string{reaperName, command}, args...)
	}
	if err := closeOnExecAbove(2); err != nil {
		return err
	}
	if err := (initReport{Exec: true, Stage: command}).frame().send(os.NewFile(socketFD, "parent")); err != nil {
		return err
	}
	return explainExec(command, unix.Exec(file, args, env))
}
