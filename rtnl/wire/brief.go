package wire

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Brief opens a socket, in the calling thread's network namespace, for a few messages: a Config's Transport. It costs some
// 5 µs where Dial's costs 40, for it cannot wait, and so need not be known to Go's poller. The kernel answers a request
// before send returns: only events are waited for.
func Brief(family int) (Transport, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	for _, option := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK, unix.NETLINK_GET_STRICT_CHK} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, option, 1); err != nil {
			unix.Close(fd)
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	return &brief{fd}, nil
}

// brief is a socket without a poller. Its Conn takes care that it is used by one at a time.
type brief struct{ fd int }

var errBrief = errors.New("a brief socket is for requests and their answers alone")

func (s *brief) Send(b []byte) error {
	_, err := unix.Write(s.fd, b)
	return os.NewSyscallError("write", err)
}

func (s *brief) Receive(b []byte, wait bool) (int, error) {
	if wait {
		return 0, errBrief
	}
	n, err := receiveFromKernel(s.fd, b)
	if err != nil && err != unix.EAGAIN {
		return 0, os.NewSyscallError("recvfrom", err)
	}
	return n, err
}

func (s *brief) Join(uint32) error               { return errBrief }
func (s *brief) SetReadDeadline(time.Time) error { return errBrief }

func (s *brief) Grow(bytes int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

func (s *brief) Close() error {
	if s.fd < 0 {
		return os.ErrClosed
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return os.NewSyscallError("close", err)
}
