package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"plumb/container/netns"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

const (
	kindSysctl = "sysctl"
	sysctlRoot = "/proc/sys/"
)

// volatileSysctls change without anyone setting them.
func volatileSysctls() []string {
	return []string{
		"net/netfilter/nf_conntrack_count",             // the connections there are
		"net/ipv4/tcp_available_congestion_control",    // what modules have registered
		"net/ipv4/tcp_available_ulp",                   // the same
		"net/ipv4/route/flush", "net/ipv6/route/flush", // orders
		"net/mptcp/available_schedulers", "net/core/txq_reselection", // the kernel's own
	}
}

// readSysctls reads all files under a directory of /proc/sys, where those of net are the calling thread's namespace's. What cannot
// be read (orders, secrets that are not set) is not there.
func (s *State) readSysctls(dir string) error {
	files, err := filesIn(sysctlRoot + dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a link that goes meanwhile
	}
	var buf [4096]byte
	volatile := volatileSysctls()
	for _, f := range files {
		name := dir + "/" + f
		if slices.Contains(volatile, name) {
			continue
		}
		fd, opening := unix.Open(sysctlRoot+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if opening != nil {
			continue
		}
		n, reading := unix.Read(fd, buf[:])
		unix.Close(fd)
		if reading == nil {
			s.add(kindSysctl, name, prop{"value", strings.TrimRight(string(buf[:n]), "\n")})
		} else if reading == unix.EISDIR {
			err = errors.Join(err, s.readSysctls(name))
		}
	}
	return err
}

// filesIn are the names in a directory, in no order.
func filesIn(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// SnapshotProcess is the State of this process, as far as it can leave something behind: its mounts, its open files, and
// threads that are in another network namespace than the process.
func SnapshotProcess() (State, error) {
	// What the runtime opens once, at its first file that can be waited for, is there before the first snapshot.
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	var s State
	if err := errors.Join(s.readMounts(), s.readFiles(), s.readThreads(nil)); err != nil {
		return State{}, fmt.Errorf("take a snapshot of the process: %w", err)
	}
	return s, nil
}

// readMounts reads /proc/self/mountinfo, without the ids and the peer groups (proc_pid_mountinfo(5)).
func (s *State) readMounts() error {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		end := slices.Index(f, "-")
		if end < 6 || len(f) < end+4 {
			return fmt.Errorf("read the mounts: %q is not a line of mountinfo", line)
		}
		s.add("mount", f[4], prop{"type", f[end+1]}, prop{"source", f[end+2]}, prop{"root", f[3]},
			prop{"options", f[5]}, prop{"of the file system", f[end+3]})
	}
	return nil
}

const selfFD = "/proc/self/fd"

// readFiles reads what the process's descriptors refer to.
func (s *State) readFiles() error {
	list, err := filesIn(selfFD)
	if err != nil {
		return err
	}
	for _, d := range list {
		target, err := os.Readlink(selfFD + "/" + d)
		if err != nil {
			continue // closed meanwhile, as the directory itself is
		}
		fd, err := strconv.Atoi(d)
		if err != nil || isSplicePipe(fd, target) {
			continue
		}
		what := ""
		if strings.HasPrefix(target, "socket:") {
			what = describeSocket(fd)
		}
		s.add("file", target, prop{"is", what})
	}
	return nil
}

// isSplicePipe tells a pipe that package net has copied by (splice(2)) and keeps for the next copy: it has made it 1 MiB large
// (maxSpliceSize, internal/poll/splice_linux.go).
func isSplicePipe(fd int, target string) bool {
	if !strings.HasPrefix(target, "pipe:") {
		return false
	}
	size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
	return err == nil && size == 1<<20
}

// readSockets reads which of the process's sockets are in the namespace (SIOCGSKNS, linux/sockios.h).
func (s *State) readSockets(ns *netns.NS) error {
	list, err := filesIn(selfFD)
	if err != nil {
		return err
	}
	_, ino := ns.ID()
	for _, d := range list {
		fd, err := strconv.Atoi(d)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
			continue
		}
		of, err := unix.IoctlRetInt(fd, unix.SIOCGSKNS)
		if err != nil {
			continue // closed meanwhile, or of a namespace where we have no say
		}
		err = unix.Fstat(of, &st)
		unix.Close(of)
		if err == nil && st.Ino == ino {
			s.add("socket", describeSocket(fd))
		}
	}
	return nil
}

// describeSocket says what a socket is, as far as it can be told: "TCP 203.0.113.2:4000".
func describeSocket(fd int) string {
	option := func(name int) uint64 {
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, name)
		if err != nil {
			return 0
		}
		return uint64(n)
	}
	kind := wire.Names{
		{Value: unix.SOCK_STREAM, Name: "stream"}, {Value: unix.SOCK_DGRAM, Name: "datagram"}, {Value: unix.SOCK_RAW, Name: "raw"},
	}.Enum(option(unix.SO_TYPE))
	protocol := option(unix.SO_PROTOCOL)
	if option(unix.SO_DOMAIN) == unix.AF_NETLINK {
		return "netlink, of " + wire.Names{
			{Value: unix.NETLINK_ROUTE, Name: "NETLINK_ROUTE"}, {Value: unix.NETLINK_NETFILTER, Name: "NETLINK_NETFILTER"},
		}.Enum(protocol)
	}
	name := kind + ", protocol " + wire.Names{
		{Value: unix.IPPROTO_TCP, Name: "TCP"},
		{Value: unix.IPPROTO_UDP, Name: "UDP"},
		{Value: unix.IPPROTO_ICMP, Name: "ICMP"},
		{Value: unix.IPPROTO_ICMPV6, Name: "ICMPv6"},
	}.Enum(protocol)
	switch a, _ := unix.Getsockname(fd); a := a.(type) {
	case *unix.SockaddrInet4:
		return name + ", at " + netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return name + ", at " + netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrUnix:
		return "unix " + kind + ", at " + strconv.Quote(a.Name)
	}
	return name
}

// readThreads reads which threads are in the namespace, or, where that is nil, in any but the process's own. Go gives a
// thread to whatever goroutine comes next: one that is left behind elsewhere opens somebody's socket in the wrong place.
func (s *State) readThreads(ns *netns.NS) error {
	const dir = "/proc/self/task"
	tasks, err := filesIn(dir)
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, d := range tasks {
		if at, err := os.Readlink(dir + "/" + d + "/ns/net"); err == nil { // else it has ended
			count[at]++
		}
	}
	// The process's own namespace is the one that most threads are in: /proc/self is the main thread, which may be astray as well.
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	for at, n := range count {
		if n > count[own] {
			own = at
		}
	}
	if ns != nil {
		if at := ns.String(); at != own { // there, threads come and go as Go likes
			for range count[at] {
				s.add("thread", "in the namespace")
			}
		}
		return nil
	}
	for at, n := range count {
		for range n {
			if at != own {
				s.add("thread", "in "+at)
			}
		}
	}
	return nil
}
