package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"plumb/test/lab"
)

// What cannot be done: the exit status, and every word of what is said about it. Nothing is left in any case.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, pid := s.process()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, other := s.process()
	s.succeeds("attach", "holder", "--pid", strconv.Itoa(other), "--ip", "10.0.0.50")
	defer s.succeeds("detach", "holder")
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"run --rootfs DIR/none -- true", 125, "plumb: run: root file system: stat DIR/none: no such file or directory: --rootfs wants a directory, such as an unpacked image\n"},
		{"run -- no-such-command", 127, "plumb: run: run the command: no-such-command: command not found in the container's PATH (/usr/sbin:/usr/bin:/sbin:/bin): no such file or directory\n"},
		{"run -- DIR/file", 126, "plumb: run: run the command: exec DIR/file: permission denied\n"},
		{"run --name " + strings.Repeat("x", 64) + " -- true", 125, "plumb: run: name \"" + strings.Repeat("x", 64) + "\": 64 bytes long, 63 is the most\n"},
		{"run --ip 10.1.0.2 -- true", 125, "plumb: run: attach NAME: ip \"10.1.0.2\": it is not in the subnet 10.0.0.0/24\n"},
		{"run --ip 10.0.0.50 -- true", 125, "plumb: run: attach NAME: address 10.0.0.50 is leased to holder (pl-holder): detach it first, or give another address with --ip\n"},
		{"run --name holder -- true", 125, "plumb: run: attach holder: a container holder is attached already, with 10.0.0.50: detach it first, or take another name\n"},
		{"run --subnet 203.0.113.0/24 -- true", 125, "plumb: run: attach NAME: subnet 203.0.113.0/24 overlaps 203.0.113.1/32, which the host reaches by uplink0: give another one with --subnet\n"},
		{"run --uplink none0 -- true", 125, "plumb: run: attach NAME: uplink none0: the host has no such link: name another one with --uplink\n"},
		{"run --mtu x -- true", 125, "plumb: run: --mtu \"x\": a number of bytes such as 1500 is needed\nusage: plumb run [options] [--] [CMD [ARG...]]\n"},
		{"run --nonsense", 125, "plumb: run: there is no option --nonsense\nusage: plumb run [options] [--] [CMD [ARG...]]\n"},
		{"attach holder --pid PID", 1, "plumb: attach holder: a container holder is attached already, with 10.0.0.50: detach it first, or take another name\n"},
		{"attach web --netns DIR/file", 1, "plumb: attach web: open network namespace DIR/file: not a network namespace: it is a regular file (an unmounted /run/netns name looks like this)\n"},
		{"attach web --netns DIR/none", 1, "plumb: attach web: open network namespace DIR/none: no such file or directory: give the path of a namespace, such as /proc/PID/ns/net\n"},
		{"attach web --netns /proc/self/ns/mnt", 1, "plumb: attach web: open network namespace /proc/self/ns/mnt: not a network namespace: it is a mount namespace\n"},
		{"attach web --netns /proc/self/ns/net", 1, "plumb: attach web: the process is in the host's own network namespace: start it in one of its own (CLONE_NEWNET, unshare -n)\n"},
		{"attach web --pid 4194304", 1, "plumb: attach web: open the network namespace of process 4194304: no such process: it has ended\n"},
		{"attach web", 2, "plumb: attach: say which namespace is meant, by --pid or by --netns\nusage: plumb attach NAME --pid PID | --netns PATH [options]\n"},
		{"attach --pid 1", 2, "plumb: attach: give one NAME, by which the network is detached again\nusage: plumb attach NAME --pid PID | --netns PATH [options]\n"},
		{"detach", 2, "plumb: detach: give the NAME that was attached, or --all\nusage: plumb detach NAME... | --all [--network NAME] [options]\n"},
	} {
		args := strings.NewReplacer("DIR", dir, "PID", strconv.Itoa(pid)).Replace(c.args)
		r := s.run(strings.Fields(args)...)
		if got := plain(r.stdout+r.stderr, dir, pid); r.status != c.status || got != c.want {
			t.Errorf("plumb %s: status %d, want %d\n got %q\nwant %q", c.args, r.status, c.status, got, c.want)
		}
	}
}

// plain is a text without what is another at each run.
func plain(text, dir string, pid int) string {
	for pattern, name := range map[string]string{
		regexp.QuoteMeta(dir): "DIR", `\b` + strconv.Itoa(pid) + `\b`: "PID", `\bc-[0-9a-f]{8}\b`: "NAME", `/fd/\d+`: "/fd/N", `net:\[\d+\]`: "net:[N]",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, name)
	}
	return text
}

// mapped reports whether the user namespace has a user with this id.
func mapped(t *testing.T, id int) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var inside, outside, n int
		if _, err := fmt.Sscan(line, &inside, &outside, &n); err == nil && id >= inside && id-inside < n {
			return true
		}
	}
	return false
}

// launchEnv makes the test binary prepare the process that it then runs plumb in: see launch.
const launchEnv = "PLUMB_TEST_LAUNCH"

// launch changes this process as the words say, and executes this program again as what follows on the command line.
func launch(words string) error {
	runtime.LockOSThread() // capabilities, filters and mount namespaces are a thread's, and exec keeps those of its caller
	exe, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	for word := range strings.SplitSeq(words, ",") {
		var err error
		switch word {
		case "no-net-admin":
			err = dropCapability(unix.CAP_NET_ADMIN)
		case "no-sys-admin":
			err = dropCapability(unix.CAP_SYS_ADMIN)
		case "nobody":
			err = errors.Join(unix.Setgroups(nil), unix.Setgid(65534), unix.Setuid(65534))
		case "read-only-sys":
			err = readOnlySys()
		case "no-nftables":
			err = refuseNetfilter()
		case "no-leaving":
			err = refuseLeaving()
		default:
			if dir, ok := strings.CutPrefix(word, "chroot="); ok {
				return enterChroot(dir)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
	}
	os.Unsetenv(launchEnv)
	return execFD(exe, os.Args[1:])
}

// enterChroot runs the plumb that is in a directory, with that as its root.
func enterChroot(dir string) error {
	if err := errors.Join(unix.Chroot(dir), unix.Chdir("/")); err != nil {
		return err
	}
	return unix.Exec("/plumb", os.Args[1:], nil)
}

// execFD is execveat(2) of a file that is open: nobody may not look into the directory that it is in.
func execFD(fd int, args []string) error {
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return err
	}
	env, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return err
	}
	empty := []byte{0}
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH, 0)
	return errno
}

// readOnlySys is what a container engine does to /proc/sys.
func readOnlySys() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("/proc/sys", "/proc/sys", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
}

// refuseNetfilter makes socket(AF_NETLINK, ..., NETLINK_NETFILTER) fail as in a kernel without CONFIG_NETFILTER_NETLINK.
func refuseNetfilter() error {
	const load, jump, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{ // struct seccomp_data: the number at 0, the arguments from 16 on, low half first on a little-endian machine
		{Code: load, K: 0},
		{Code: jump, K: unix.SYS_SOCKET, Jf: 5},
		{Code: load, K: 16},
		{Code: jump, K: unix.AF_NETLINK, Jf: 3},
		{Code: load, K: 32},
		{Code: jump, K: unix.NETLINK_NETFILTER, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT)},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

// dropCapability takes a capability from the bounding set, so that root does not get it by exec, and from the others.
func dropCapability(c int) error {
	if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	d := &data[c/32]
	bit := uint32(1) << (c % 32)
	d.Effective, d.Permitted, d.Inheritable = d.Effective&^bit, d.Permitted&^bit, d.Inheritable&^bit
	return unix.Capset(&header, &data[0])
}

// What plumb says when it may not do, or the kernel cannot do, what it needs. It leaves nothing then either.
func TestPrivilegesAndKernels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, pid := s.process()
	for _, c := range []struct {
		launch, args string
		status       int
		want         string
	}{
		{"no-net-admin", "run -- true", 125, "plumb: run: attach NAME: get the generation id: operation not permitted (EPERM): CAP_NET_ADMIN is needed in the user namespace that owns the host's network namespace: run plumb as root, or as a normal user below unshare -Urn\n"},
		{"no-net-admin", "attach web --pid PID", 1, "plumb: attach web: get the generation id: operation not permitted (EPERM): CAP_NET_ADMIN is needed in the user namespace that owns the host's network namespace: run plumb as root, or as a normal user below unshare -Urn\n"},
		{"no-sys-admin", "run -- true", 125, "plumb: run: start the container's process: make a network namespace: operation not permitted: new namespaces need root, CAP_SYS_ADMIN or a user namespace (as a normal user: unshare -Urn plumb run …)\n"},
		{"no-sys-admin", "attach web --pid PID", 1, "plumb: attach web: open a socket in the container's network namespace: enter network namespace net:[N] (setns): operation not permitted: it needs CAP_SYS_ADMIN here and in the user namespace that owns it\n"},
		{"nobody", "run -- true", 125, "plumb: run: start the container's process: make a network namespace: operation not permitted: new namespaces need root, CAP_SYS_ADMIN or a user namespace (as a normal user: unshare -Urn plumb run …)\n"},
		{"nobody", "attach web --pid PID", 1, "plumb: attach web: open network namespace /proc/PID/ns/net: permission denied: run plumb as root, or as a normal user in the user namespace of process PID\n"},
		{"nobody", "detach web", 1, "plumb: detach web: read the leases: list the elements of set lease4: operation not permitted (EPERM): CAP_NET_ADMIN is needed in the user namespace that owns the host's network namespace: run plumb as root, or as a normal user below unshare -Urn\n"},
		{"nobody", "detach --all", 1, "plumb: detach: read the leases: list the elements of set lease4: operation not permitted (EPERM): CAP_NET_ADMIN is needed in the user namespace that owns the host's network namespace: run plumb as root, or as a normal user below unshare -Urn\n"},
		{"nobody", "ls", 1, "plumb: ls: list what the containers hold: list the elements of set link: operation not permitted (EPERM): CAP_NET_ADMIN is needed in the user namespace that owns the host's network namespace: run plumb as root, or as a normal user below unshare -Urn\n"},
		{"nobody", "gc", 1, "plumb: gc: read the leases: list the elements of set lease4: operation not permitted (EPERM): CAP_NET_ADMIN is needed in the user namespace that owns the host's network namespace: run plumb as root, or as a normal user below unshare -Urn\n"},
		{"nobody", "gc --repair", 1, "plumb: gc: get the generation id: operation not permitted (EPERM): CAP_NET_ADMIN is needed in the user namespace that owns the host's network namespace: run plumb as root, or as a normal user below unshare -Urn\n"},
		{"no-nftables", "run -- true", 125, "plumb: run: nf_tables not supported by this kernel: load the module nf_tables, or rebuild with CONFIG_NF_TABLES (open a NETLINK_NETFILTER socket: socket: protocol not supported)\n"},
		{"no-nftables", "attach web --pid PID", 1, "plumb: attach web: nf_tables not supported by this kernel: load the module nf_tables, or rebuild with CONFIG_NF_TABLES (open a NETLINK_NETFILTER socket: socket: protocol not supported)\n"},
		{"read-only-sys", "run --dns 8.8.8.8 -- PLUMB ping -c 1 8.8.8.8", 2, "plumb: note: NAME has IPv4 only: there is no IPv6 to be had: set sysctl net.ipv6.conf.all.forwarding to \"1\": open /proc/sys/net/ipv6/conf/all/forwarding: read-only file system\nplumb: note: ping in NAME will need CAP_NET_RAW: open /proc/sys/net/ipv4/ping_group_range: read-only file system\nplumb: ping: the kernel lets group 0 open no socket for ICMP (permission denied): sysctl net.ipv4.ping_group_range has to contain it (\"0 2147483647\" is everyone), or this process needs CAP_NET_RAW\n"},
		{"read-only-sys", "attach web --pid PID", 0, "web eth0 10.0.0.2/24 via 10.0.0.1 (pl-web)\nplumb: note: web has IPv4 only: there is no IPv6 to be had: set sysctl net.ipv6.conf.all.forwarding to \"1\": open /proc/sys/net/ipv6/conf/all/forwarding: read-only file system\nplumb: note: ping in web will need CAP_NET_RAW: open /proc/sys/net/ipv4/ping_group_range: read-only file system\n"},
		{"", "detach web", 0, ""},
	} {
		if c.launch == "nobody" && !mapped(t, 65534) {
			continue
		}
		args := strings.NewReplacer("PLUMB", s.plumb, "PID", strconv.Itoa(pid)).Replace(c.args)
		r := s.launched(c.launch, strings.Fields(args)...)
		if got := plain(r.stdout+r.stderr, s.plumb, pid); r.status != c.status || got != c.want {
			t.Errorf("%s: plumb %s: status %d, want %d\n got %q\nwant %q", c.launch, c.args, r.status, c.status, got, c.want)
		}
	}
}

// launched is run in a process that launch has prepared.
func (s *site) launched(words string, args ...string) result {
	s.t.Helper()
	launcher := s.plumb + "-launcher"
	if _, err := os.Stat(launcher); err != nil {
		exe, err := os.Executable()
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.Symlink(exe, launcher); err != nil {
			s.t.Fatal(err)
		}
	}
	return s.runProgram(lab.NeedTool(s.t, "env"), append([]string{launchEnv + "=" + words, launcher, s.plumb}, args...)...)
}
