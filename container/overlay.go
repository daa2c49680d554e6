package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// freshDirs are the container's own and not the host's, with everything that is mounted below them.
var freshDirs = [...]string{"/proc", "/sys", "/dev", "/run"}

// mountHost makes the host's own root the container's, through a layer that is thrown away.
func (r *rootfs) mountHost() error {
	r.layered = true
	mnt, err := r.overlay("/")
	if err != nil {
		// In a user namespace the host's mounts are locked onto each other, and / without them would show what they hide:
		// EINVAL (clone_private_mount, fs/namespace.c). Without overlay at all it is ENODEV.
		if composeErr := r.compose(); composeErr != nil {
			return errors.Join(fmt.Errorf("layer over /: %w", err), fmt.Errorf("compose a root of /'s directories: %w", composeErr))
		}
		return nil
	}
	if err := r.setRoot(mnt); err != nil {
		return err
	}
	for _, m := range r.mounts {
		if m.path == "/" || isFresh(m.path) || !m.shown() || !m.visible() {
			continue
		}
		r.mountBelow(m) // what cannot be shown shows as its empty mount point
	}
	return nil
}

// mountBelow shows one of the host's mounts below / in the container: through a layer of its own, as an overlay shows no
// mounts below its lower directory; read-only where it is so already, or where there can be no layer. A layer also cuts off the host's
// sockets and FIFOs: its inodes are its own, and nobody is bound to them (unix_find_bsd, net/unix/af_unix.c).
func (r *rootfs) mountBelow(m mount) error {
	target, err := openIn(r.root, m.path, unix.O_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	mnt := -1
	if m.isDir() {
		mnt, err = r.overlay(m.path)
		if err == nil && m.readOnly {
			err = setAttrs(mnt, unix.MOUNT_ATTR_RDONLY, false)
		}
		if err != nil && mnt >= 0 {
			unix.Close(mnt)
			mnt = -1
		}
	}
	if mnt < 0 {
		mnt, err = readOnlyCopy(m.path, false)
	}
	if err != nil {
		return err
	}
	defer unix.Close(mnt)
	return attach(mnt, target)
}

// readOnlyCopy returns a read-only bind mount of path. Below it, in a user namespace, there may be mounts that stay writable
// for whoever may write them outside too.
func readOnlyCopy(path string, recursive bool) (int, error) {
	return readOnlyCopyAt(unix.AT_FDCWD, path, recursive)
}

func readOnlyCopyAt(dir int, path string, recursive bool) (int, error) {
	mnt, err := cloneTree(dir, path, recursive)
	if err != nil {
		return -1, err
	}
	if err := setAttrs(mnt, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NODEV, recursive); err != nil {
		unix.Close(mnt)
		return -1, fmt.Errorf("make %s read-only: %w", path, err)
	}
	return mnt, nil
}

// overlay returns an overlay over the host's directory lower, not mounted anywhere yet. Its changes go to the stage.
func (r *rootfs) overlay(lower string) (int, error) {
	layer := "layer/" + strconv.Itoa(r.layers)
	r.layers++
	upper, work := layer+"/upper", layer+"/work"
	for _, dir := range []string{layer, upper, work} {
		if err := unix.Mkdirat(r.stage, dir, 0o755); err != nil {
			return -1, &os.PathError{Op: "mkdir", Path: dir, Err: err}
		}
	}
	if err := r.copyOwner(lower, upper); err != nil {
		return -1, err
	}
	if err := unix.Fchdir(r.stage); err != nil { // upperdir and workdir are relative to the working directory
		return -1, fmt.Errorf("chdir to the stage: %w", err)
	}
	options := []string{"lowerdir=" + escapeLower(lower), "upperdir=" + upper, "workdir=" + work}
	mnt, err := newFS("overlay", unix.MOUNT_ATTR_NODEV, options...)
	if errors.Is(err, unix.EPERM) {
		// trusted.* xattrs need the initial user namespace (Documentation/filesystems/overlayfs.rst, "User xattr").
		mnt, err = newFS("overlay", unix.MOUNT_ATTR_NODEV, append(options, "userxattr")...)
	}
	return mnt, err
}

// copyOwner gives the upper directory the lower one's owner and mode, which become those of the overlay's root.
func (r *rootfs) copyOwner(lower, upper string) error {
	var st unix.Stat_t
	if err := unix.Stat(lower, &st); err != nil {
		return &os.PathError{Op: "stat", Path: lower, Err: err}
	}
	// An owner that is not mapped in this user namespace cannot be given (EINVAL); then it is root's.
	_ = unix.Fchownat(r.stage, upper, int(st.Uid), int(st.Gid), 0)
	if err := unix.Fchmodat(r.stage, upper, st.Mode&0o7777, 0); err != nil {
		return &os.PathError{Op: "chmod", Path: upper, Err: err}
	}
	return nil
}

// escapeLower escapes what separates directories in the option lowerdir.
func escapeLower(path string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(path)
}

// compose makes a root for a user namespace. Files of users that are not mapped in it can be read and not changed, below the top directories
// (EOVERFLOW: an overlay copies a file with its owner).
//
// It is made of what is in the host's /, one by one: a layer for each plain directory, a read-only copy of those that cannot
// have one (they hold locked mounts), copies of symlinks, read-only copies of files.
func (r *rootfs) compose() error {
	mnt, err := newFS("tmpfs", unix.MOUNT_ATTR_NODEV, "mode=0755")
	if err != nil {
		return err
	}
	if err := r.setRoot(mnt); err != nil {
		return err
	}
	dir, err := os.Open("/")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if isFresh("/" + name) {
			continue
		}
		// What this user may not see is left out; that is no failure of the container.
		_ = r.composeEntry(name)
	}
	for _, m := range r.mounts {
		if !isFresh(m.path) && !m.shown() && m.visible() {
			r.cover(m.path)
		}
	}
	return nil
}

// cover hides what a recursive copy has brought in of the host's, under something empty. Inside, nobody may unmount that.
// Where name is no mount, or is not there, it does no harm.
func (r *rootfs) cover(name string) {
	target, err := openIn(r.root, name, unix.O_PATH)
	if err != nil {
		return
	}
	defer unix.Close(target)
	empty, err := readOnlyCopyAt(r.stage, "empty", false)
	if err != nil {
		return
	}
	defer unix.Close(empty)
	if attach(empty, target) == nil {
		return
	}
	_ = createFile(r.stage, "none") // ENOTDIR: name is a file. EEXIST: not the first.
	if none, err := readOnlyCopyAt(r.stage, "none", false); err == nil {
		_ = attach(none, target)
		unix.Close(none)
	}
}

func (r *rootfs) composeEntry(name string) error {
	path := "/" + name
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	switch info.Mode().Type() {
	case os.ModeSymlink:
		to, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return unix.Symlinkat(to, r.root, name)
	case os.ModeDir:
		mnt, err := r.overlay(path)
		if err != nil {
			mnt, err = readOnlyCopy(path, true)
		}
		if err != nil {
			return err
		}
		if err := unix.Mkdirat(r.root, name, 0o755); err != nil {
			unix.Close(mnt)
			return err
		}
		return attachAt(mnt, r.root, name)
	case 0:
		mnt, err := readOnlyCopy(path, false)
		if err != nil {
			return err
		}
		if err := createFile(r.root, name); err != nil {
			unix.Close(mnt)
			return err
		}
		return attachAt(mnt, r.root, name)
	}
	return nil // sockets, FIFOs and devices are the host's own
}

// createFile creates an empty file in dir, to mount on.
func createFile(dir int, name string) error {
	fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return &os.PathError{Op: "create", Path: name, Err: err}
	}
	return unix.Close(fd)
}

func isFresh(path string) bool {
	for _, dir := range freshDirs {
		if below(path, dir) {
			return true
		}
	}
	return false
}
