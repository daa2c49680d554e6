package container

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Below /proc and /sys there are files that show or change the whole host, whatever the namespace. These lists are those of the OCI
// runtimes' default configuration.
var (
	maskedProc = [...]string{
		"acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats",
	}
	readOnlyProc = [...]string{"bus", "fs", "irq", "sys", "sysrq-trigger"}
	maskedSys    = [...]string{"firmware", "devices/virtual/powercap"}
)

// mountProc mounts the /proc of the new pid namespace and the /sys of the new network namespace. dev is the root of /dev, whose null hides files.
func (r *rootfs) mountProc(dev int) error {
	proc, err := newFS("proc", dataAttrs)
	if errors.Is(err, unix.EPERM) {
		err = fmt.Errorf("%w: in a user namespace a /proc with nothing mounted over parts of it must be visible (user_namespaces(7))", err)
	}
	if err != nil {
		return err
	}
	defer unix.Close(proc)
	if err := r.mountOn("/proc", proc); err != nil {
		return err
	}
	if err := r.maskAll(proc, maskedProc[:], dev); err != nil {
		return err
	}
	for _, name := range readOnlyProc {
		if err := makeReadOnly(proc, name); err != nil {
			return err
		}
	}
	return r.mountSys(dev)
}

// mountSys leaves /sys out where sysfs may not be mounted: in a user namespace that does not own the network namespace.
func (r *rootfs) mountSys(dev int) error {
	sys, err := newFS("sysfs", dataAttrs|unix.MOUNT_ATTR_RDONLY)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(sys)
	if err := r.mountOn("/sys", sys); err != nil {
		return err
	}
	return r.maskAll(sys, maskedSys[:], dev)
}

func (r *rootfs) maskAll(dir int, names []string, dev int) error {
	for _, name := range names {
		if err := r.mask(dir, name, dev); err != nil {
			return err
		}
	}
	return nil
}

// mountOn mounts mnt on the directory name of the container's root, which is created if it is missing.
func (r *rootfs) mountOn(name string, mnt int) error {
	target, err := openDirIn(r.root, name)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if err := attach(mnt, target); err != nil {
		return &os.PathError{Op: "mount on", Path: name, Err: err}
	}
	return nil
}

// mask hides name below dir: a directory under an empty one, a file under /dev/null. What is mounted over, and what is mounted, is held by
// descriptors that were looked at, so a symlink put in the way changes nothing (CVE-2025-31133). What a kernel does not have needs no mask.
func (r *rootfs) mask(dir int, name string, dev int) error {
	target, err := openNoLinks(dir, name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(target)
	var st unix.Stat_t
	if err := unix.Fstat(target, &st); err != nil {
		return &os.PathError{Op: "stat", Path: name, Err: err}
	}
	var over int
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		over, err = cloneTree(r.stage, "empty", false)
	} else {
		over, err = cloneNull(dev)
	}
	if err != nil {
		return fmt.Errorf("mask %s: %w", name, err)
	}
	defer unix.Close(over)
	if err := setAttrs(over, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, false); err != nil {
		return fmt.Errorf("mask %s: %w", name, err)
	}
	if err := attach(over, target); err != nil {
		return fmt.Errorf("mask %s: %w", name, err)
	}
	return nil
}

// cloneNull returns a copy of /dev/null, and nothing else under that name.
func cloneNull(dev int) (int, error) {
	null, err := cloneTree(dev, "null", false)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = unix.Fstat(null, &st)
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFCHR || uint64(st.Rdev) != unix.Mkdev(1, 3)) { //nolint:unconvert // 32 bits on mips
		err = fmt.Errorf("%w: /dev/null is something else", unix.ENODEV)
	}
	if err != nil {
		unix.Close(null)
		return -1, err
	}
	return null, nil
}

// makeReadOnly mounts name, below dir, read-only over itself.
func makeReadOnly(dir int, name string) error {
	target, err := openNoLinks(dir, name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(target)
	over, err := cloneTree(target, "", false)
	if err != nil {
		return fmt.Errorf("make %s read-only: %w", name, err)
	}
	defer unix.Close(over)
	if err := setAttrs(over, dataAttrs|unix.MOUNT_ATTR_RDONLY, false); err != nil {
		return fmt.Errorf("make %s read-only: %w", name, err)
	}
	if err := attach(over, target); err != nil {
		return fmt.Errorf("make %s read-only: %w", name, err)
	}
	return nil
}

// openNoLinks opens name below dir for mounting on it, and fails on any symlink.
func openNoLinks(dir int, name string) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(dir, name, &how)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}
