package wire

import (
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Brief opens a socket, in the calling thread's network namespace, for requests and their answers: a Config's Transport. Go's poller does not know it.
// So it costs some 5 µs to open where Dial's costs 40, and no answer wakes the poller's thread (sock_def_readable, net/core/sock.c), mostly on another
// processor, which takes the sender longer than many a request. Nor need anybody be woken: the kernel answers before send returns. Who does wait, for
// events, keeps a thread, and hears of the end of a context only some milliseconds later.
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
	return &brief{fd: fd}, nil
}

// brief is a socket without a poller. Its Conn takes care that it is used by one at a time.
type brief struct {
	fd       int
	size     int          // of the receive buffer, as far as Grow knows
	deadline atomic.Int64 // of a Receive that waits, in Unix time, ns; 0: none
}

func (s *brief) Send(b []byte) error {
	_, err := unix.Write(s.fd, b)
	if err == unix.EMSGSIZE { // as with socket.Send
		if err := s.enlarge(unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, len(b)+len(b)/2); err != nil {
			return err
		}
		_, err = unix.Write(s.fd, b)
	}
	return os.NewSyscallError("write", err)
}

func (s *brief) Receive(b []byte, wait bool) (int, error) {
	n, err := receiveFromKernel(s.fd, b)
	for wait && err == unix.EAGAIN {
		if err = s.poll(); err != nil {
			return 0, err
		}
		n, err = receiveFromKernel(s.fd, b)
	}
	if err != nil && err != unix.EAGAIN {
		return 0, os.NewSyscallError("recvfrom", err)
	}
	return n, err
}

// Control calls f with the socket's descriptor.
func (s *brief) Control(f func(fd int)) error {
	f(s.fd)
	return nil
}

// poll waits until there is something to be received, but not longer than briefWait: then it looks whether the deadline has passed.
func (s *brief) poll() error {
	const briefWait = 10 // ms
	if d := s.deadline.Load(); d != 0 && time.Now().UnixNano() >= d {
		return os.ErrDeadlineExceeded
	}
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, briefWait)
	if err == unix.EINTR {
		return nil
	}
	return os.NewSyscallError("poll", err)
}

// Join binds the socket first. One that has sent nothing yet has no port, and the kernel takes it for the origin of what it tells by itself, which is of
// no port either (do_one_broadcast, net/netlink/af_netlink.c).
func (s *brief) Join(group uint32) error {
	err := unix.Bind(s.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	if err != nil && err != unix.EINVAL { // bound already
		return os.NewSyscallError("bind", err)
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(group)))
}

func (s *brief) SetReadDeadline(t time.Time) error {
	deadline := int64(0)
	if !t.IsZero() {
		deadline = t.UnixNano()
	}
	s.deadline.Store(deadline)
	return nil
}

func (s *brief) Grow(bytes int) error {
	if bytes <= s.size {
		return nil
	}
	s.size = bytes
	return s.enlarge(unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, bytes)
}

// enlarge sets a buffer's size, whatever net.core's limit is, where CAP_NET_ADMIN allows that (socket(7)).
func (s *brief) enlarge(force, option, bytes int) error {
	err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, force, bytes)
	if err == unix.EPERM {
		err = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, option, bytes)
	}
	return os.NewSyscallError("setsockopt", err)
}

func (s *brief) Close() error {
	if s.fd < 0 {
		return os.ErrClosed
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return os.NewSyscallError("close", err)
}
