package container

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A container that was given the caller's terminal could type on it: TIOCSTI puts characters into its input, and the shell that plumb was started
// from would read and run them afterwards (CVE-2016-7545, CVE-2017-5226; TIOCLINUX pastes on a console). Linux 6.2 can switch TIOCSTI off
// (dev.tty.legacy_tiocsti), but need not; so a seccomp filter refuses both, where there is a terminal.

// Numbers of ioctl under which a program of another ABI gets at it: the 32-bit ABIs of x86 and Arm (both 54), and x32.
const (
	ioctlCompat = 54
	ioctlX32    = 0x40000000 + 514
)

// Offsets in struct seccomp_data, linux/seccomp.h.
const (
	seccompNr   = 0
	seccompArgs = 16 // 64 bits each
)

// protectTerminal refuses those ioctls to the calling thread and what it will exec, if one of descriptors 0, 1 and 2 is a terminal.
// no_new_privs must be set. A kernel without seccomp filters (EINVAL) leaves the terminal as open as it was.
func protectTerminal() error {
	if !terminalAmong(0, 1, 2) {
		return nil
	}
	filter := terminalFilter()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	runtime.KeepAlive(filter)
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("protect the terminal with a seccomp filter: %w", err)
	}
	return nil
}

func terminalAmong(fds ...int) bool {
	for _, fd := range fds {
		if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
			return true
		}
	}
	return false
}

// terminalFilter allows everything but the two ioctls. The number that means ioctl in one ABI may mean another call in the next (54 is setsockopt on
// amd64, whose second argument is a level and never one of these), so the ABI need not be looked at.
func terminalFilter() []unix.SockFilter {
	const load, equal, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	return []unix.SockFilter{
		{Code: load, K: seccompNr},
		{Code: equal, K: unix.SYS_IOCTL, Jt: 3},
		{Code: equal, K: ioctlCompat, Jt: 2},
		{Code: equal, K: ioctlX32, Jt: 1},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		{Code: load, K: seccompArgs + 8 + lowHalf()},
		{Code: equal, K: unix.TIOCSTI, Jt: 2},
		{Code: equal, K: unix.TIOCLINUX, Jt: 1},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
	}
}

// lowHalf is where the lower 32 bits of a 64-bit word are: the kernel takes no more of an ioctl's number.
func lowHalf() uint32 {
	one := uint16(1)
	if *(*byte)(unsafe.Pointer(&one)) == 1 {
		return 0
	}
	return 4
}
