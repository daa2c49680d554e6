//go:build linux && !386 && !arm

package container

import "golang.org/x/sys/unix"

// The system calls that take user and group ids of 32 bits.
const (
	sysSetgroups = unix.SYS_SETGROUPS
	sysSetresgid = unix.SYS_SETRESGID
	sysSetresuid = unix.SYS_SETRESUID
)
