package main

import (
	"errors"
	"fmt"
	"os"

	"plumb/container/lab"

	"golang.org/x/sys/unix"
)

// labMounts gives the calling thread, which is in the lab's network namespace, a mount namespace of its own, where names are
// resolved by the lab's name server, and /sys shows the lab's links.
func labMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keep the lab's mounts from the machine: %w", err)
	}
	if err := mountResolvConf(); err != nil {
		notice("names are not resolved by the lab's name server, " + lab.NameServer4 + ": " + err.Error())
	}
	// Services that resolve names for others, over a socket that no namespace of ours seals off.
	for _, socket := range []string{"/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket", "/var/run/nscd/socket"} {
		if err := unix.Mount("/dev/null", socket, "", unix.MS_BIND, ""); err != nil && !errors.Is(err, unix.ENOENT) {
			notice("names may be resolved outside the lab: cover " + socket + ": " + err.Error())
		}
	}
	if err := mountSys(); err != nil {
		notice("/sys shows the machine's links, not the lab's: " + err.Error())
	}
	return nil
}

// mountResolvConf puts a file of the lab's in the place of /etc/resolv.conf.
func mountResolvConf() error {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return os.NewSyscallError("fsconfig", err)
	}
	root, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return os.NewSyscallError("fsmount", err)
	}
	defer unix.Close(root)
	fd, err := unix.Openat(root, "resolv.conf", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return os.NewSyscallError("openat", err)
	}
	f := os.NewFile(uintptr(fd), "resolv.conf")
	defer f.Close()
	if _, err := f.WriteString("nameserver " + lab.NameServer4 + "\n"); err != nil {
		return err
	}
	file, err := unix.OpenTree(root, "resolv.conf", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer unix.Close(file)
	err = unix.MoveMount(file, "", unix.AT_FDCWD, "/etc/resolv.conf", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS)
	if err != nil {
		return &os.PathError{Op: "mount on", Path: "/etc/resolv.conf", Err: err}
	}
	return nil
}

// mountSys mounts a sysfs of the thread's network namespace on /sys, and the machine's cgroups in it again.
func mountSys() error {
	cgroups, err := unix.OpenTree(unix.AT_FDCWD, "/sys/fs/cgroup", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err == nil {
		defer unix.Close(cgroups)
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount sysfs: %w", err)
	}
	if err == nil {
		err = unix.MoveMount(cgroups, "", unix.AT_FDCWD, "/sys/fs/cgroup", unix.MOVE_MOUNT_F_EMPTY_PATH)
	}
	if err != nil {
		notice("cgroups are not to be seen in the lab: " + err.Error())
	}
	return nil
}
