package container

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// devices are what programs expect everywhere. See Documentation/admin-guide/devices.txt.
var devices = [...]struct {
	name         string
	major, minor uint32
}{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}

var devLinks = [...]struct{ name, to string }{
	{"ptmx", "pts/ptmx"},
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
}

// mountDev mounts a minimal /dev and returns a descriptor of its root. terminal is the host's path of the terminal that
// becomes /dev/console, or "".
func (r *rootfs) mountDev(terminal string) (int, error) {
	target, err := openDirIn(r.root, "/dev")
	if err != nil {
		return -1, err
	}
	defer unix.Close(target)
	dev, err := newFS("tmpfs", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, "mode=0755", "size=65536")
	if err != nil {
		return -1, err
	}
	if err := attach(dev, target); err != nil {
		return -1, fmt.Errorf("mount /dev: %w", err)
	}
	for _, d := range devices {
		if err := makeDevice(dev, d.name, unix.Mkdev(d.major, d.minor)); err != nil {
			return -1, err
		}
	}
	for _, link := range devLinks {
		if err := unix.Symlinkat(link.to, dev, link.name); err != nil {
			return -1, &os.PathError{Op: "symlink", Path: "/dev/" + link.name, Err: err}
		}
	}
	if err := mountDevSubdirs(dev); err != nil {
		return -1, err
	}
	if terminal != "" {
		// A terminal that cannot be shown (it is another namespace's) still works as stdin.
		_ = bindDevice(dev, "console", terminal, 0)
	}
	return dev, nil
}

// makeDevice makes a device node, or shows the host's where nodes may not be made (a user namespace: mknod(2), EPERM).
func makeDevice(dev int, name string, number uint64) error {
	err := unix.Mknodat(dev, name, unix.S_IFCHR|0o666, int(number))
	if errors.Is(err, unix.EPERM) {
		return bindDevice(dev, name, "/dev/"+name, number)
	}
	if err != nil {
		return &os.PathError{Op: "mknod", Path: "/dev/" + name, Err: err}
	}
	return nil
}

// bindDevice mounts the host's device node path on dev/name, after a look that it is the device number (0: any).
func bindDevice(dev int, name, path string, number uint64) error {
	node, err := cloneTree(unix.AT_FDCWD, path, false)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(node, &st); err != nil {
		unix.Close(node)
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || number != 0 && uint64(st.Rdev) != number { //nolint:unconvert // 32 bits on mips
		unix.Close(node)
		return &os.PathError{Op: "use as /dev/" + name, Path: path, Err: fmt.Errorf("%w: it is another device", unix.ENODEV)}
	}
	if err := createFile(dev, name); err != nil {
		unix.Close(node)
		return err
	}
	return attachAt(node, dev, name)
}

// mountDevSubdirs mounts the container's own pseudo-terminals, shared memory and POSIX message queues.
func mountDevSubdirs(dev int) error {
	pts, err := newFS("devpts", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
	if errors.Is(err, unix.EINVAL) { // group tty is not mapped in this user namespace
		pts, err = newFS("devpts", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, "newinstance", "ptmxmode=0666", "mode=0620")
	}
	if err := mountNew(dev, "pts", pts, err); err != nil {
		return err
	}
	shm, err := newFS("tmpfs", dataAttrs, "mode=1777", "size=64m")
	if err := mountNew(dev, "shm", shm, err); err != nil {
		return err
	}
	queues, err := newFS("mqueue", dataAttrs)
	if errors.Is(err, syscall.ENODEV) { // CONFIG_POSIX_MQUEUE=n, as on small hosts
		return nil
	}
	return mountNew(dev, "mqueue", queues, err)
}

// mountNew mounts mnt, if it could be made, on a new directory of dir.
func mountNew(dir int, name string, mnt int, err error) error {
	if err != nil {
		return err
	}
	if err := unix.Mkdirat(dir, name, 0o755); err != nil {
		unix.Close(mnt)
		return &os.PathError{Op: "mkdir", Path: name, Err: err}
	}
	return attachAt(mnt, dir, name)
}
