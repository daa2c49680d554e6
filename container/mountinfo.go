package container

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A mount is one line of /proc/self/mountinfo, as far as it matters here. See proc_pid_mountinfo(5).
type mount struct {
	id       uint64
	path     string
	fstype   string
	readOnly bool // the mount or its file system
}

func readMounts() ([]mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the host's mounts: %w", err)
	}
	return parseMounts(string(text)), nil
}

// parseMounts reads lines such as
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//
// and leaves out those that are not so.
func parseMounts(text string) []mount {
	var mounts []mount
	for line := range strings.Lines(text) {
		left, right, found := strings.Cut(strings.TrimSpace(line), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !found || len(l) < 6 || len(r) < 1 {
			continue
		}
		id, err := strconv.ParseUint(l[0], 10, 64)
		if err != nil {
			continue
		}
		m := mount{id: id, path: unescapeOctal(l[4]), fstype: r[0], readOnly: hasOption(l[5], "ro")}
		if len(r) >= 3 && hasOption(r[2], "ro") {
			m.readOnly = true
		}
		mounts = append(mounts, m)
	}
	return mounts
}

func hasOption(options, want string) bool { return slices.Contains(strings.Split(options, ","), want) }

// unescapeOctal undoes what the kernel does to space, tab, newline and backslash in a path: "\040".
func unescapeOctal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// visible reports whether m is what its path leads to: another mount may lie over it, or over a directory above it.
func (m mount) visible() bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, m.path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st)
	return err == nil && st.Mask&unix.STATX_MNT_ID != 0 && st.Mnt_id == m.id
}

func (m mount) isDir() bool { return m.mode() == unix.S_IFDIR }

// mode returns the file type of m's root, 0 if it cannot be seen.
func (m mount) mode() uint32 {
	var st unix.Stat_t
	if unix.Lstat(m.path, &st) != nil {
		return 0
	}
	return st.Mode & unix.S_IFMT
}

// hostsOwn are the file systems that speak of the whole host, or reach into it. Above all proc: /proc/PID/root of a second one, such as
// a chroot's, leads out of the container.
const hostsOwn = " autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs proc pstore securityfs sysfs tracefs "

// shown reports whether a container may have m: neither the kernel's own files, nor a socket, FIFO or device that is mounted as a file
// (docker.sock), to which read-only is no hindrance.
func (m mount) shown() bool {
	if strings.Contains(hostsOwn, " "+m.fstype+" ") {
		return false
	}
	mode := m.mode()
	return mode == unix.S_IFDIR || mode == unix.S_IFREG
}

// below reports whether path is dir or lies below it.
func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
