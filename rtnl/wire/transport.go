package wire

import (
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Transport carries datagrams to and from the kernel. Dial makes a socket; a test can put a faulty one in its place.
type Transport interface {
	// Send sends one datagram, which may hold many messages.
	Send(b []byte) error
	// Receive reads one datagram into b and returns its length, which is more than len(b) when b was too short.
	// Where nothing has arrived it waits, or, without wait, returns EAGAIN.
	Receive(b []byte, wait bool) (int, error)
	// Join makes the transport receive what is sent to a multicast group.
	Join(group uint32) error
	// Grow asks for a receive buffer of at least so many bytes.
	Grow(bytes int) error
	// SetReadDeadline ends a Receive that waits.
	SetReadDeadline(t time.Time) error
	Close() error
}

// socket is a netlink socket in the namespace of the thread that dialled it.
//
// It sends and receives on the file descriptor itself: mdlayher/socket starts a goroutine for each call to watch
// its context, which costs a locked thread 30 to 80 µs, more than most messages do.
type socket struct {
	conn *netlink.Conn
	raw  syscall.RawConn
	size int // of the receive buffer, in bytes, as far as Grow knows
}

func dialSocket(family int) (*socket, error) {
	conn, err := netlink.Dial(family, &netlink.Config{Strict: true})
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &socket{conn: conn, raw: raw}, nil
}

func (s *socket) Send(b []byte) error {
	var err error
	control := s.raw.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return err != unix.EAGAIN
	})
	if control != nil {
		return control
	}
	return os.NewSyscallError("sendto", err)
}

func (s *socket) Receive(b []byte, wait bool) (int, error) {
	var n int
	var err error
	receive := func(fd uintptr) bool {
		for {
			// MSG_TRUNC makes the kernel return the datagram's length, however much of it fitted.
			n, _, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
			if err != unix.EINTR {
				return !wait || err != unix.EAGAIN
			}
		}
	}
	if control := s.raw.Read(receive); control != nil {
		return 0, control
	}
	if err != nil {
		return 0, os.NewSyscallError("recvfrom", err)
	}
	return n, nil
}

func (s *socket) Join(group uint32) error { return s.conn.JoinGroup(group) }

func (s *socket) Grow(bytes int) error {
	if bytes <= s.size {
		return nil
	}
	s.size = bytes
	return s.conn.SetReadBuffer(bytes)
}

func (s *socket) SetReadDeadline(t time.Time) error { return s.conn.SetReadDeadline(t) }

func (s *socket) Close() error { return s.conn.Close() }
