package netns

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrNotNetNS is in the chain of an error about something that exists but is not a network namespace.
// The error's text says what it is instead.
var ErrNotNetNS = errors.New("not a network namespace")

// pidfdGetNetNamespace is PIDFD_GET_NET_NAMESPACE of linux/pidfd.h, _IO(PIDFS_IOCTL_MAGIC, 4), since Linux 6.11. What _IO
// puts into the upper half differs between architectures; NS_GET_NSTYPE is an _IO as well.
const pidfdGetNetNamespace = unix.NS_GET_NSTYPE&^0xffff | 0xff<<8 | 4

// An NS is a network namespace, held by a file descriptor that keeps it alive until Close.
// Its methods may be called from several goroutines, but not after Close.
type NS struct {
	fd       atomic.Int64 // -1 once closed
	dev, ino uint64
}

// Current returns the network namespace of the calling thread. A goroutine that is not locked to its thread may
// be elsewhere by the time that Current returns.
func Current() (*NS, error) {
	fd, err := openCurrent()
	if err != nil {
		return nil, err
	}
	return take(fd, "the calling thread's namespace")
}

// FromPID returns the network namespace of process pid, as /proc shows it. A pid may come to mean another process once
// its own has ended: a caller that holds a pidfd uses [FromPidfd]. The error is unix.ESRCH when there is no such process.
func FromPID(pid int) (*NS, error) {
	ns, err := openProper("/proc/" + strconv.Itoa(pid) + "/ns/net") // where nothing else can be
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("open the network namespace of process %d: %w", pid, noSuchProcess())
	}
	return ns, err
}

// FromPidfd returns the network namespace of the process that pidfd refers to; pidfd stays open. The error is unix.ESRCH
// when the process has ended.
func FromPidfd(pidfd int) (*NS, error) {
	fd, err := unix.IoctlRetInt(pidfd, pidfdGetNetNamespace)
	switch err {
	case nil:
		// Descriptors that the pidfd ioctls make are close-on-exec (open_namespace, fs/nsfs.c).
		return take(fd, "the namespace of pidfd "+strconv.Itoa(pidfd))
	case unix.ENOTTY, unix.EINVAL: // a kernel without it
		return fromPidfdByProc(pidfd)
	}
	return nil, fmt.Errorf("ask pidfd %d for its network namespace (PIDFD_GET_NET_NAMESPACE): %w", pidfd, err)
}

// fromPidfdByProc goes through the pid. The pid is the pidfd's as long as the process has not been waited for, and
// a pidfd polls readable from the moment that it ends: a pidfd that is not readable afterwards was right all the time.
func fromPidfdByProc(pidfd int) (*NS, error) {
	pid, err := pidOf(pidfd)
	if err != nil {
		return nil, err
	}
	ns, err := FromPID(pid)
	if err != nil {
		return nil, err
	}
	poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	if err == nil && n > 0 {
		err = unix.ESRCH
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the network namespace of pidfd %d (process %d): %w", pidfd, pid, err), ns.Close())
	}
	return ns, nil
}

// pidOf reads the pid of a pidfd from its fdinfo: "Pid:" is -1 once the process has ended. See pidfd_open(2).
func pidOf(pidfd int) (int, error) {
	path := "/proc/thread-self/fdinfo/" + strconv.Itoa(pidfd)
	info, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("find the process of pidfd %d: %w", pidfd, err)
	}
	for line := range strings.Lines(string(info)) {
		value, found := strings.CutPrefix(line, "Pid:")
		if !found {
			continue
		}
		pid, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			return 0, fmt.Errorf("find the process of pidfd %d: %s: %w", pidfd, path, err)
		}
		if pid <= 0 {
			return 0, fmt.Errorf("find the process of pidfd %d: %w", pidfd, noSuchProcess())
		}
		return pid, nil
	}
	return 0, fmt.Errorf("find the process of fd %d: %w (%s has no line Pid)", pidfd, errNotPidfd, path)
}

var errNotPidfd = errors.New("not a pidfd")

// FromFD takes over fd, which the process was started with. It closes fd when that is no network namespace.
func FromFD(fd int) (*NS, error) {
	unix.CloseOnExec(fd)
	return take(fd, "descriptor "+strconv.Itoa(fd))
}

// FromPath returns the network namespace at path, a file such as /run/netns/NAME or /proc/PID/ns/net.
// ErrNotNetNS is in the error's chain when path is something else. It neither blocks on a FIFO nor opens a device.
func FromPath(path string) (*NS, error) { return open(path) }

// open looks before it opens: an O_PATH descriptor tells a namespace (its file system is nsfs) from anything else, while
// an open proper could block on a FIFO or arm a watchdog device. O_NONBLOCK is for whoever swaps the file between the two.
func open(path string) (*NS, error) {
	look, err := retry(func() (int, error) { return unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &os.PathError{Op: "open network namespace", Path: path, Err: err}
	}
	defer unix.Close(look)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(look, &fs); err != nil {
		return nil, &os.PathError{Op: "statfs network namespace", Path: path, Err: err}
	}
	if int64(fs.Type) != unix.NSFS_MAGIC {
		return nil, &os.PathError{Op: "open network namespace", Path: path, Err: notNetNS(fileKind(look))}
	}
	return openProper(path)
}

func openProper(path string) (*NS, error) {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &os.PathError{Op: "open network namespace", Path: path, Err: err}
	}
	return take(fd, path)
}

// New returns a new network namespace that has no name: it goes when the last descriptor, socket and process do.
// It holds a loopback link, down, and nothing else. It needs CAP_SYS_ADMIN (unix.EPERM otherwise).
func New() (*NS, error) {
	var made *NS
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			if errors.Is(err, unix.EPERM) {
				err = fmt.Errorf("%w: it needs root, CAP_SYS_ADMIN or a user namespace", err)
			}
			return fmt.Errorf("make a network namespace: %w", err)
		}
		var err error
		made, err = Current()
		return err
	})
	if err != nil && made != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, err
}

// take makes an NS of fd after it has checked what fd is; it closes fd when that is not a network namespace.
func take(fd int, what string) (*NS, error) {
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err == nil && kind != unix.CLONE_NEWNET {
		err = notNetNS(namespaceKind(kind))
	} else if errors.Is(err, unix.ENOTTY) {
		err = notNetNS(fileKind(fd))
	}
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "open network namespace", Path: what, Err: err}
	}
	ns := &NS{dev: uint64(st.Dev), ino: st.Ino} //nolint:unconvert // Dev is 32 bits wide on mips
	ns.fd.Store(int64(fd))
	return ns, nil
}

// FD returns the descriptor that holds the namespace, close-on-exec, or -1 after Close. It stays the NS's own.
func (ns *NS) FD() int { return int(ns.fd.Load()) }

// Close lets go of the namespace. A second Close does nothing. Whoever uses FD, Do or a sysctl at the same moment must have finished.
func (ns *NS) Close() error {
	fd := ns.fd.Swap(-1)
	if fd < 0 {
		return nil
	}
	if err := unix.Close(int(fd)); err != nil {
		return fmt.Errorf("close network namespace %s: %w", ns, err)
	}
	return nil
}

// Equal reports whether both are the same namespace. It is exact while both are open: the kernel may give the numbers to a
// new namespace after the last reference to the old one is gone.
func (ns *NS) Equal(other *NS) bool {
	return other != nil && ns.dev == other.dev && ns.ino == other.ino
}

// ID returns what tells the namespace from every other that is alive: the device and inode number of its nsfs file.
func (ns *NS) ID() (dev, ino uint64) { return ns.dev, ns.ino }

// String returns the namespace as /proc/PID/ns/net shows it: "net:[4026531840]".
func (ns *NS) String() string { return "net:[" + strconv.FormatUint(ns.ino, 10) + "]" }

func notNetNS(instead string) error { return fmt.Errorf("%w: it is %s", ErrNotNetNS, instead) }

func noSuchProcess() error { return fmt.Errorf("%w: it has ended", unix.ESRCH) }

// namespaceKind names a namespace by its clone flag. See ioctl_nsfs(2).
func namespaceKind(flag int) string {
	kinds := map[int]string{
		unix.CLONE_NEWCGROUP: "a cgroup namespace", unix.CLONE_NEWIPC: "an IPC namespace", unix.CLONE_NEWNS: "a mount namespace",
		unix.CLONE_NEWPID: "a pid namespace", unix.CLONE_NEWTIME: "a time namespace", unix.CLONE_NEWUSER: "a user namespace",
		unix.CLONE_NEWUTS: "a UTS namespace",
	}
	if kind, known := kinds[flag]; known {
		return kind
	}
	return fmt.Sprintf("a namespace of kind %#x", flag)
}

// fileKind names what fd is, for a reader who expected a namespace.
func fileKind(fd int) string {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "unknown: fstat: " + err.Error()
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a regular file (an unmounted /run/netns name looks like this)"
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device"
	}
	return fmt.Sprintf("a file of mode %#o", st.Mode)
}

// retry repeats what a signal interrupted: Go's preemption signals reach any thread.
func retry(open func() (int, error)) (int, error) {
	for {
		n, err := open()
		if err != unix.EINTR {
			return n, err
		}
	}
}
