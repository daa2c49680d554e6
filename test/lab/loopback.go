package lab

import "golang.org/x/sys/unix"

// LoopbackUp sets lo up in the calling thread's network namespace, without a netlink socket: 127.0.0.0/8 answers then, and
// ::1 (netdevice(7), SIOCSIFFLAGS).
func LoopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}
