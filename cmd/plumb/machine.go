package main

import (
	"os"
	"strconv"
	"strings"

	"plumb/container/netns"

	"golang.org/x/sys/unix"
)

// labVariable is the environment variable by which what runs in plumb lab knows the lab's namespace: net:[4026532000].
const labVariable = "PLUMB_LAB"

// The inode numbers of the machine's first namespaces: enum init_ns_ino, linux/nsfs.h. That of the user namespace is as old as the
// numbers are, that of the network namespace is so since Linux 6.18.
const (
	firstUserNS = 0xEFFFFFFD
	firstNetNS  = 0xEFFFFFF9
)

// fixedNetNS says whether this kernel gives the first network namespace the number firstNetNS.
func fixedNetNS() bool {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return false
	}
	major, rest, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), ".")
	minor := strings.TrimRight(rest[:min(2, len(rest))], ".-")
	x, err := strconv.Atoi(major)
	y, minorErr := strconv.Atoi(minor)
	return err == nil && minorErr == nil && (x > 6 || x == 6 && y >= 18)
}

// isMachines says whether a network namespace is, or may be, the one that the machine itself is reached by: that of process 1. Where
// that cannot be seen, it is so unless somebody without power over the machine has made the namespace.
func isMachines(ns *netns.NS) bool {
	if _, inode := ns.ID(); inode == firstNetNS {
		return true
	}
	if os.Getenv(labVariable) == ns.String() {
		return false
	}
	if first, err := netns.FromPID(1); err == nil {
		defer first.Close()
		return ns.Equal(first)
	}
	if fixedNetNS() {
		return false
	}
	owner, err := unix.IoctlRetInt(ns.FD(), unix.NS_GET_USERNS)
	if err != nil { // EPERM: a user namespace that is not below ours
		return true
	}
	defer unix.Close(owner)
	var st unix.Stat_t
	return unix.Fstat(owner, &st) != nil || st.Ino == firstUserNS
}
