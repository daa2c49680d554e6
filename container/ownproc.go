package container

import (
	"sync"

	"golang.org/x/sys/unix"
)

// An ownProc is an instance of procfs of plumb's own, mounted nowhere, to open sysctls of containers' network namespaces in.
//
// Below /proc/sys/net each namespace has directories of its own, all of the same names. The kernel keeps them in the hash of directory entries,
// in one chain of as many as there are namespaces, and walks it for each ipv4 and ipv6 of a path (proc_sys_compare, fs/proc/proc_sysctl.c): with
// a thousand namespaces half a millisecond. A new instance (Linux 5.8) has no entries yet. After some uses it is let go of for another one; each
// costs what a handful of long walks does.
type ownProc struct {
	mu     sync.Mutex
	fd     int // of its root, where uses > 0
	uses   int
	denied bool // no instance can be had: CAP_SYS_ADMIN is missing, or the kernel is older
}

// mostUses is after how many uses an ownProc begins anew.
const mostUses = 64

// use calls f with a descriptor of the root of a procfs. That is /proc where there is no instance to be had.
func (p *ownProc) use(f func(root int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.uses == mostUses {
		p.close()
	}
	if p.uses == 0 && !p.denied {
		var err error
		p.fd, err = newProc()
		p.denied = err != nil
	}
	if !p.denied {
		p.uses++
		f(p.fd)
		return
	}
	root, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(root)
	}
	f(root) // -1 is EBADF to whoever opens something in it
}

// close lets go of the instance. The caller has the lock, or is the last.
func (p *ownProc) close() error {
	if p.uses == 0 {
		return nil
	}
	p.uses = 0
	return unix.Close(p.fd)
}

// newProc makes an instance: fsopen(2), fsmount(2). Where somebody has seen to it that sysctls cannot be written, it is not to get round that.
func newProc() (int, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs("/proc/sys/net", &fs); err != nil {
		return -1, err
	}
	if fs.Flags&unix.ST_RDONLY != 0 {
		return -1, unix.EROFS
	}
	config, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(config)
	if err := unix.FsconfigCreate(config); err != nil {
		return -1, err
	}
	return unix.Fsmount(config, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}
