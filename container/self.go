package container

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openSelf returns a descriptor of this program to start containers' processes from: one through which nobody can write to the
// program's file. CVE-2019-5736: as long as a container's first process is this program, or becomes it again (a command that is a script
// with "#!/proc/self/exe"), /proc/PID/exe inside leads to the host's file, and root inside may open it for writing.
//
// A read-only bind mount that is attached nowhere does it for two system calls: what is opened through /proc/PID/exe is opened on that mount
// (EROFS), and to change the mount takes CAP_SYS_ADMIN. Where mounts may not be made (no CAP_SYS_ADMIN over
// the mount namespace) it is a sealed copy in memory, some 2 ms for 4 MB.
func openSelf() (int, error) {
	fd, err := cloneExecutable()
	if err != nil {
		fd, err = copyExecutable()
	}
	if err != nil {
		return -1, fmt.Errorf("open this program to run it again (/proc must be mounted): %w", err)
	}
	return fd, nil
}

func cloneExecutable() (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, "/proc/self/exe", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err == unix.EINVAL {
		fd, err = cloneByPath() // /proc/self/exe is on the mount that was there when this program started: another namespace's now
	}
	if err != nil {
		return -1, err
	}
	if err := setAttrs(fd, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, false); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// cloneByPath does the same with the path that the link shows, after a look that it still is this program.
func cloneByPath() (int, error) {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return -1, err
	}
	fd, err := cloneTree(unix.AT_FDCWD, path, false)
	if err != nil {
		return -1, err
	}
	var there, self unix.Stat_t
	err = unix.Fstat(fd, &there)
	if err == nil {
		err = unix.Stat("/proc/self/exe", &self)
	}
	if err == nil && (there.Dev != self.Dev || there.Ino != self.Ino) {
		err = unix.ESTALE
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func copyExecutable() (int, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return -1, err
	}
	defer self.Close()
	// MFD_EXEC (Linux 6.3) is refused by older kernels, whose memfds are executable anyway.
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("plumb", flags|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate("plumb", flags)
	}
	if err != nil {
		return -1, fmt.Errorf("memfd_create: %w", err)
	}
	if err = sendAll(fd, int(self.Fd())); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("copy this program to memory: %w", err)
	}
	return fd, nil
}

// sendAll copies a file inside the kernel. sendfile(2) moves at most 2 GiB at once.
func sendAll(to, from int) error {
	for {
		n, err := unix.Sendfile(to, from, nil, 1<<30)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return nil
		}
	}
}
