package container

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A rootfs is the container's root file system while it is being built, in the container's own mount namespace.
//
// All of it hangs below one private tmpfs, the stage, so that nothing is ever created in the host's tree:
//
//	root/    the container's root directory is mounted here
//	layer/N  upper and work directory of overlay N
//	files/   resolv.conf, hosts, hostname
//	empty/   what hides a masked directory
//
// When the container's root has become /, the stage is unmounted with all of the host's mounts, and lives on only as what overlays
// and bind mounts refer to. It goes with the last process of the container; nobody has to clean up.
type rootfs struct {
	stage    int     // the stage's root directory
	root     int     // the container's root directory, once mounted
	layers   int     // overlays so far
	layered  bool    // root is thrown away, so anything may be created or replaced in it
	chrooted bool    // plumb's own / is not a mount: plumb runs in a chroot
	mounts   []mount // the host's mounts, as they were before the stage
}

// buildRoot mounts the container's root file system: the directory dir, or the host's own root through a layer.
func buildRoot(dir string) (*rootfs, error) {
	r := &rootfs{root: -1}
	var err error
	if r.mounts, err = readMounts(); err != nil {
		return nil, err
	}
	if err := r.makeStage(); err != nil {
		return nil, fmt.Errorf("make the stage of the root file system: %w", err)
	}
	if dir == "" {
		err = r.mountHost()
	} else {
		err = r.mountDir(dir)
	}
	return r, err
}

// makeStage cuts the mount namespace off from the host's and mounts the stage over /proc, which every host has and nothing here needs any more.
// (Over / it would stay on top of the old root after pivot_root, and take the unmount that is meant for that.)
// In a chroot, / is not a mount, and what is mounted on a directory of it may show on the host; there, /proc itself must be a mount.
func (r *rootfs) makeStage() error {
	at := "/"
	err := unix.Mount("", at, "", unix.MS_REC|unix.MS_PRIVATE, "")
	if errors.Is(err, unix.EINVAL) {
		r.chrooted = true
		at = "/proc"
		err = unix.Mount("", at, "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err != nil {
		return &os.PathError{Op: "make mounts private below", Path: at, Err: err}
	}
	if r.stage, err = newFS("tmpfs", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, "mode=0755"); err != nil {
		return err
	}
	target, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/proc", Err: err}
	}
	defer unix.Close(target)
	if err := attach(r.stage, target); err != nil {
		return &os.PathError{Op: "mount on", Path: "/proc", Err: err}
	}
	for _, dir := range []string{"root", "layer", "files", "empty"} {
		if err := unix.Mkdirat(r.stage, dir, 0o755); err != nil {
			return &os.PathError{Op: "mkdir", Path: dir, Err: err}
		}
	}
	return nil
}

// mountDir makes dir the root, as it is and writable. Mount points that it lacks are created in it; if that is not possible, or if it
// is no mount that may be copied, it comes through a layer as the host's root does.
func (r *rootfs) mountDir(dir string) error {
	src, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open the root file system", Path: dir, Err: err}
	}
	defer unix.Close(src)
	var st unix.Stat_t
	if err := unix.Fstat(src, &st); err != nil {
		return &os.PathError{Op: "stat the root file system", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return &os.PathError{Op: "use as root file system", Path: dir, Err: fmt.Errorf("%w: give a directory, such as an unpacked image", unix.ENOTDIR)}
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, 0); err != nil {
		mnt, overlayErr := r.overlay(dir)
		if overlayErr == nil {
			r.layered = true
			return r.setRoot(mnt)
		}
	}
	mnt, err := cloneTree(src, "", true)
	if err != nil {
		return fmt.Errorf("bind the root file system %s: %w", dir, err)
	}
	// Without a device cgroup, a device node in an image would be the host's device.
	if err := setAttrs(mnt, unix.MOUNT_ATTR_NODEV, true); err != nil {
		return fmt.Errorf("bind the root file system %s: %w", dir, err)
	}
	return r.setRoot(mnt)
}

// origin says what the root file system is made of.
func (r *rootfs) origin(dir string) string {
	switch {
	case dir == "":
		return ": the host's, through overlays that are thrown away"
	case r.layered:
		return ": " + dir + ", through an overlay that is thrown away"
	}
	return ": " + dir
}

// setRoot mounts mnt as the container's root directory.
func (r *rootfs) setRoot(mnt int) error {
	target, err := openIn(r.stage, "root", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if err := attach(mnt, target); err != nil {
		return fmt.Errorf("mount the root file system: %w", err)
	}
	r.root = mnt
	return nil
}

// enter makes the container's root this process's and lets go of the host's.
func (r *rootfs) enter() (confined bool, err error) {
	if err := unix.Fchdir(r.root); err != nil {
		return false, fmt.Errorf("chdir into the root file system: %w", err)
	}
	err = unix.PivotRoot(".", ".")
	if errors.Is(err, unix.EINVAL) {
		// pivot_root(2): the present root is no mount (a chroot), or it is the initramfs, which cannot be moved.
		return false, r.chroot()
	}
	if err != nil {
		return false, fmt.Errorf("pivot_root: %w", err)
	}
	// With both arguments the same, the old root lies over the new one now: pivot_root(2), "pivot_root(".", ".")".
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return false, fmt.Errorf("unmount the host's root: %w", err)
	}
	return true, os.Chdir("/")
}

// chroot is enter where pivot_root cannot be. The caller must take CAP_SYS_CHROOT away, with which a process leaves a chroot.
// In an initramfs the new root is first moved over the old, as switch_root(8) does. In a chroot that would show on the host if
// the mount that it lies on is shared, and it is left out.
func (r *rootfs) chroot() error {
	if !r.chrooted {
		if err := unix.MoveMount(r.root, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("move the root file system to /: %w", err)
		}
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return os.Chdir("/")
}
