//go:build linux && (386 || arm)

package container

import "golang.org/x/sys/unix"

// The system calls that take user and group ids of 32 bits: here those without a suffix take 16.
const (
	sysSetgroups = unix.SYS_SETGROUPS32
	sysSetresgid = unix.SYS_SETRESGID32
	sysSetresuid = unix.SYS_SETRESUID32
)
