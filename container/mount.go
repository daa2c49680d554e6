package container

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Mounts are made with the kernel's file-descriptor API (fsopen, fsmount, open_tree, move_mount: Linux 5.2; mount_setattr:
// 5.12), since a descriptor cannot be swapped under us as a path can: a target is opened inside the root, looked at, and mounted
// on by the same descriptor. That is what the masked paths of others lacked (CVE-2025-31133), and it needs no /proc.

// The mount attributes of what holds data, never programs or devices.
const dataAttrs = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC

// newFS makes a file system and returns a descriptor of its root, not mounted anywhere yet. Each option is "key=value" or a flag.
func newFS(fstype string, attrs int, options ...string) (int, error) {
	fs, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, &os.PathError{Op: "fsopen", Path: fstype, Err: err}
	}
	defer unix.Close(fs)
	for _, option := range append(options, "source="+fstype) {
		key, value, hasValue := strings.Cut(option, "=")
		if hasValue {
			err = unix.FsconfigSetString(fs, key, value)
		} else {
			err = unix.FsconfigSetFlag(fs, key)
		}
		if err != nil {
			return -1, &os.PathError{Op: "fsconfig " + fstype, Path: option, Err: fsError(fs, err)}
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, &os.PathError{Op: "make file system", Path: fstype, Err: fsError(fs, err)}
	}
	mnt, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attrs)
	if err != nil {
		return -1, &os.PathError{Op: "fsmount", Path: fstype, Err: fsError(fs, err)}
	}
	return mnt, nil
}

// fsError adds what the file system itself says about err: reading the fsopen descriptor gives its log, one line a read, as
// "e message" (Documentation/filesystems/mount_api.rst).
func fsError(fs int, err error) error {
	line := make([]byte, 256)
	for {
		n, readErr := unix.Read(fs, line)
		if readErr != nil || n <= 0 {
			return err
		}
		if text, isError := strings.CutPrefix(string(line[:n]), "e "); isError {
			return fmt.Errorf("%w (%s)", err, strings.TrimSpace(text))
		}
	}
}

// cloneTree returns a descriptor of a copy of the mount at name, as MS_BIND makes one, not mounted anywhere yet.
// An empty name means dir itself. It does not follow a symlink at the end of name.
func cloneTree(dir int, name string, recursive bool) (int, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT)
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(dir, name, flags)
	if err != nil {
		return -1, &os.PathError{Op: "open_tree", Path: name, Err: err}
	}
	return fd, nil
}

// setAttrs adds attributes to a mount, and to those below it if recursive.
func setAttrs(mnt int, attrs uint64, recursive bool) error {
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(mnt, "", flags, &unix.MountAttr{Attr_set: attrs}); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	return nil
}

// attach mounts mnt on target; both are descriptors and stay open.
func attach(mnt, target int) error {
	if err := unix.MoveMount(mnt, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

// attachAt mounts mnt on name, which is resolved inside root, and closes mnt.
func attachAt(mnt, root int, name string) error {
	defer unix.Close(mnt)
	target, err := openIn(root, name, unix.O_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if err := attach(mnt, target); err != nil {
		return &os.PathError{Op: "mount on", Path: name, Err: err}
	}
	return nil
}

// openIn opens name as a process whose root directory is root would: no symlink and no ".." leads out (openat2(2)).
func openIn(root int, name string, flags int) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(root, name, &how)
		switch err {
		case nil:
			return fd, nil
		case unix.EINTR, unix.EAGAIN: // EAGAIN: a rename somewhere raced with a ".."
			continue
		}
		return -1, &os.PathError{Op: "open in the root", Path: name, Err: err}
	}
}

// openDirIn opens the directory name inside root for mounting on it. What is missing of it is created, mode 0755.
func openDirIn(root int, name string) (int, error) {
	fd, err := openIn(root, name, unix.O_PATH|unix.O_DIRECTORY)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	parent, err := openDirIn(root, path.Dir(name))
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := unix.Mkdirat(parent, path.Base(name), 0o755); err != nil && err != unix.EEXIST {
		return -1, &os.PathError{Op: "mkdir", Path: name, Err: err}
	}
	return openIn(root, name, unix.O_PATH|unix.O_DIRECTORY)
}
