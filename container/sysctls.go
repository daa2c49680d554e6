package container

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// pingRange is the sysctl that says which groups may open ICMP echo sockets (icmp(7)): all of them, so that ping works
// without CAP_NET_RAW. In a user namespace only groups that are mapped can be named.
const pingRange = "sys/net/ipv4/ping_group_range"

// conf6Dir has a directory for each link. A descriptor of it stays in its network namespace, and finds links that are made later.
const conf6Dir = "sys/net/ipv6/conf"

// sysctls are those of a container's namespace that plumb sets. They are opened by a thread that is in it, and written from elsewhere.
type sysctls struct {
	ping     int // descriptor, or -1: pingErr
	pingErr  error
	conf6    int // descriptor, or -1: not wanted, or conf6Err
	conf6Err error
	plan     bool // nothing is written
}

func noSysctls(plan bool) sysctls { return sysctls{ping: -1, conf6: -1, plan: plan} }

// open opens them in the procfs that proc is a descriptor of.
func (s *sysctls) open(proc int, ipv6 bool) {
	s.ping, s.pingErr = unix.Openat(proc, pingRange, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if ipv6 {
		s.conf6, s.conf6Err = unix.Openat(proc, conf6Dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
}

func (s *sysctls) close() {
	for _, fd := range []int{s.ping, s.conf6} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// ignoreRA makes a link take no router advertisements. The kernel takes them on a link that does not forward, unless it is told not to.
func (s *sysctls) ignoreRA(link string) error {
	if s.plan {
		return nil // there is no such link
	}
	fd, err := unix.Openat(s.conf6, link+"/accept_ra", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte("0"))
	return err
}

// allowPing opens the ping range, unless it is open already. It returns what was done, as a step tells it: "=0 2147483647".
func (s *sysctls) allowPing() (did string, err error) {
	if s.pingErr != nil {
		return "", s.pingErr
	}
	var b [64]byte
	n, err := unix.Pread(s.ping, b[:], 0)
	if strings.HasPrefix(string(b[:n]), "0\t") { // closed it is "1\t0"
		return " is open already", nil
	}
	const all, own = "0 2147483647", "0 0"
	did = "=" + all
	if s.plan {
		return did, err
	}
	if err == nil {
		_, err = unix.Pwrite(s.ping, []byte(all), 0)
	}
	if errors.Is(err, unix.EINVAL) {
		did = "=" + own
		_, err = unix.Pwrite(s.ping, []byte(own), 0)
	}
	return did, err
}
