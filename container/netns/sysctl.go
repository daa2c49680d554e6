package netns

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadSysctl returns the value of the sysctl name in the namespace, without the newline at its end. name is dotted
// ("net.ipv4.ip_forward") or slashed ("net/ipv4/conf/eth0.5/forwarding"), as in sysctl(8): the first separator is the one that
// separates, so in a dotted name a slash stands for a dot ("net.ipv4.conf.eth0/5.forwarding").
//
// Files under /proc/sys/net show the namespace of the thread that opens them (net/sysctl_net.c, net_ctl_header_lookup);
// all others are the same in every network namespace.
func (ns *NS) ReadSysctl(name string) (string, error) {
	file, err := ns.openSysctl(name, unix.O_RDONLY)
	if err != nil {
		return "", fmt.Errorf("read sysctl %s: %w", name, err)
	}
	defer file.Close()
	value, err := io.ReadAll(file)
	if err != nil {
		return "", fmt.Errorf("read sysctl %s: %w", name, err)
	}
	return strings.TrimSuffix(string(value), "\n"), nil
}

// WriteSysctl sets the sysctl name in the namespace, in one write as proc(5) wants it. See ReadSysctl for names.
func (ns *NS) WriteSysctl(name, value string) error {
	file, err := ns.openSysctl(name, unix.O_WRONLY)
	if err != nil {
		return fmt.Errorf("set sysctl %s to %q: %w", name, value, err)
	}
	defer file.Close()
	if _, err := file.WriteString(value); err != nil {
		return fmt.Errorf("set sysctl %s to %q: %w", name, value, err)
	}
	return nil
}

func (ns *NS) openSysctl(name string, flags int) (*os.File, error) {
	path, err := sysctlPath(name)
	if err != nil {
		return nil, err
	}
	return Open(ns, func() (*os.File, error) {
		fd, err := retry(func() (int, error) { return unix.Open(path, flags|unix.O_CLOEXEC, 0) })
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	})
}

// sysctlPath returns the file of a sysctl. It refuses names that lead out of /proc/sys.
func sysctlPath(name string) (string, error) {
	slashed := strings.TrimPrefix(name, "/proc/sys/")
	if i := strings.IndexAny(slashed, "./"); i >= 0 && slashed[i] == '.' {
		slashed = strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, slashed)
	}
	for part := range strings.SplitSeq(slashed, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsRune(part, 0) {
			return "", fmt.Errorf("%q is not a sysctl name: %w", name, unix.EINVAL)
		}
	}
	return "/proc/sys/" + slashed, nil
}
