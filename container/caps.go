package container

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// keptCaps are the capabilities that root keeps in a container, as other container engines have them, but for two: NET_RAW, which lets a
// container forge packets (and ping needs it no more: net.ipv4.ping_group_range), and MKNOD, since no device cgroup stands behind it.
// NET_ADMIN and SYS_ADMIN are not among them anywhere. See capabilities(7).
var keptCaps = [...]int{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID, unix.CAP_SETUID,
	unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_CHROOT, unix.CAP_SETFCAP, unix.CAP_AUDIT_WRITE,
}

// dropPrivileges limits the calling thread, and what it will exec, to keptCaps. confined says that the root directory is the mount
// namespace's own; otherwise it is a chroot, and CAP_SYS_CHROOT, which leads out of one, goes too.
func dropPrivileges(confined bool) error {
	var kept uint64
	for _, c := range keptCaps {
		if c != unix.CAP_SYS_CHROOT || confined {
			kept |= 1 << c
		}
	}
	// The bounding set first: dropping from it needs CAP_SETPCAP. EINVAL is the first capability that this kernel does not know.
	for c := 0; c < 64; c++ {
		if kept&(1<<c) != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) && c > unix.CAP_SYS_CHROOT {
			break
		}
		if err != nil {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, err)
		}
	}
	// Kernels before 4.3 have no ambient set to clear.
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("clear the ambient capabilities: %w", err)
	}
	if err := limitCaps(kept); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	return nil
}

// limitCaps keeps those capabilities of the calling thread that are in kept, and empties the inheritable set.
func limitCaps(kept uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData // bits 0 to 31, 32 to 63
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return fmt.Errorf("read the capabilities: %w", err)
	}
	for i := range caps {
		caps[i].Permitted &= uint32(kept >> (32 * i))
		caps[i].Effective, caps[i].Inheritable = caps[i].Permitted, 0
	}
	if err := unix.Capset(&header, &caps[0]); err != nil {
		return fmt.Errorf("set the capabilities: %w", err)
	}
	return nil
}
