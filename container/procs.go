package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Proc is a process in a network namespace that is not the caller's.
type Proc struct {
	PID     int
	Started time.Duration // after boot, in steps of 10 ms: what tells it from another that had its pid
	Init    bool          // PID 1 of a pid namespace below the caller's
}

// Processes looks through /proc once, and returns the processes of every network namespace but the caller's, by the inode
// of the namespace. The first of each list is the namespace's main process: PID 1 of its pid namespace, or else the oldest. The others follow by
// age.
//
// It is what was seen on the way: processes come and go meanwhile, and a pid may have come to mean another since (see ExecSpec.Inode). Processes
// that may not be looked at (another user's without CAP_SYS_PTRACE, or hidden by hidepid of proc(5)) are left out. The error is about /proc itself.
func Processes() (map[uint64][]Proc, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("look for processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("look for processes: %w", err)
	}
	fd := int(dir.Fd())
	own, err := netNSInode(fd, "thread-self")
	if err != nil {
		return nil, fmt.Errorf("look for processes: read the caller's network namespace: %w", err)
	}
	found := map[uint64][]Proc{}
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		// Whatever the error: it has ended, or is not for us to see.
		inode, err := netNSInode(fd, name)
		if err != nil || inode == own {
			continue
		}
		if p, err := readProc(fd, name); err == nil {
			found[inode] = insert(found[inode], p)
		}
	}
	return found, nil
}

// insert puts p into its place. /proc lists by pid, which is nearly by age, so that is near the end. (slices.SortFunc would weigh 15 KB.)
func insert(list []Proc, p Proc) []Proc {
	list = append(list, p)
	for i := len(list) - 1; i > 0 && before(list[i], list[i-1]); i-- {
		list[i-1], list[i] = list[i], list[i-1]
	}
	return list
}

// before orders a namespace's processes, the main one first. Of two that began within one tick the lower pid is most often the older.
func before(a, b Proc) bool {
	switch {
	case a.Init != b.Init:
		return a.Init
	case a.Started != b.Started:
		return a.Started < b.Started
	}
	return a.PID < b.PID
}

// netNSInode reads the number in the link PID/ns/net: "net:[4026531840]".
func netNSInode(proc int, pid string) (uint64, error) {
	var buf [64]byte
	n, err := unix.Readlinkat(proc, pid+"/ns/net", buf[:])
	if err != nil {
		return 0, err
	}
	number, isNet := strings.CutPrefix(string(buf[:n]), "net:[")
	number, closed := strings.CutSuffix(number, "]")
	if !isNet || !closed {
		return 0, fmt.Errorf("%q is no network namespace", buf[:n])
	}
	return strconv.ParseUint(number, 10, 64)
}

func readProc(proc int, name string) (p Proc, err error) {
	if p.PID, err = strconv.Atoi(name); err != nil {
		return p, err
	}
	stat, err := readAt(proc, name+"/stat")
	if err != nil {
		return p, err
	}
	if p.Started, err = parseStarted(stat); err != nil {
		return p, err
	}
	status, err := readAt(proc, name+"/status")
	if err != nil {
		return p, err
	}
	p.Init = isInit(status)
	return p, nil
}

// readAt reads a small file of /proc: one that is longer than a page is cut there, behind what is looked for.
func readAt(dir int, name string) (string, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var buf [4096]byte
	n, err := readAgain(fd, buf[:])
	return string(buf[:n]), err
}

var errNoStat = errors.New("not a line of /proc/PID/stat")

// parseStarted reads starttime, field 22 of /proc/PID/stat, in ticks of USER_HZ: 100 a second, for every architecture that Go knows. Field 2 is the
// program's name in brackets, which may have spaces and brackets in it.
func parseStarted(stat string) (time.Duration, error) {
	const behindName = 3 // the number of the first field there
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= 22-behindName {
		return 0, errNoStat
	}
	ticks, err := strconv.ParseUint(fields[22-behindName], 10, 63)
	return time.Duration(ticks) * (time.Second / 100), err
}

// isInit reads NSpid, the process's pid in each pid namespace from /proc's own to the innermost. (Before Linux 4.1 there is no such line.)
func isInit(status string) bool {
	_, rest, found := strings.Cut(status, "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	pids := strings.Fields(line)
	return found && len(pids) > 1 && pids[len(pids)-1] == "1"
}
