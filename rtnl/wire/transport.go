package wire

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Transport carries datagrams to and from the kernel. Dial makes a socket; a test can put a faulty one in its place.
// Only SetReadDeadline and Close are called while another call is under way.
type Transport interface {
	// Send sends one datagram, which may hold many messages.
	Send(b []byte) error
	// Receive reads one datagram into b and returns its length, which is more than len(b) when b was too short.
	// Where nothing has arrived it waits, or, without wait, returns EAGAIN. ENOBUFS says that something was lost for
	// want of room; what was not is still there.
	Receive(b []byte, wait bool) (int, error)
	// Join makes the transport receive what is sent to a multicast group.
	Join(group uint32) error
	// Grow asks for a receive buffer of at least so many bytes.
	Grow(bytes int) error
	// SetReadDeadline ends a Receive that waits.
	SetReadDeadline(t time.Time) error
	Close() error
}

// A Controller is a Transport with a descriptor, for what no message asks for: ioctl(2).
type Controller interface {
	Control(f func(fd int)) error
}

// socket is a netlink socket in the namespace of the thread that dialled it.
//
// It sends and receives on the file descriptor itself: mdlayher/socket starts a goroutine for each call to watch
// its context, which costs a locked thread 30 to 80 µs, more than most messages do.
type socket struct {
	conn *netlink.Conn
	raw  syscall.RawConn
	size int // of the receive buffer, in bytes, as far as Grow knows

	closed atomic.Bool

	// What RawConn calls, made once, and what those calls work on: a closure for each call would be an allocation.
	write, read func(fd uintptr) bool
	b           []byte
	wait        bool
	n           int
	err         error
}

func dialSocket(family int) (*socket, error) {
	conn, err := netlink.Dial(family, &netlink.Config{Strict: true})
	if err != nil {
		return nil, err
	}
	// A refusal need not bring back what was sent, which is still here: more of them fit into the receive buffer.
	err = conn.SetOption(netlink.CapAcknowledge, true)
	if err != nil {
		conn.Close()
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	s := &socket{conn: conn, raw: raw}
	s.write, s.read = s.writeFD, s.readFD
	return s, nil
}

func (s *socket) Send(b []byte) error {
	err := s.send(b)
	if err == unix.EMSGSIZE { // a datagram has to fit into the send buffer, 208 KiB by default
		if err := s.conn.SetWriteBuffer(len(b) + len(b)/2); err != nil {
			return err
		}
		err = s.send(b)
	}
	return os.NewSyscallError("write", err)
}

func (s *socket) send(b []byte) error {
	s.b = b
	if err := s.raw.Write(s.write); err != nil {
		return s.pollError(err)
	}
	return s.err
}

// writeFD sends to port 0, which is the kernel: the socket is not connected to another.
func (s *socket) writeFD(fd uintptr) bool {
	_, s.err = unix.Write(int(fd), s.b)
	return s.err != unix.EAGAIN
}

func (s *socket) Receive(b []byte, wait bool) (int, error) {
	s.b, s.wait = b, wait
	if err := s.raw.Read(s.read); err != nil {
		return 0, s.pollError(err)
	}
	if s.err != nil && s.err != unix.EAGAIN {
		return 0, os.NewSyscallError("recvfrom", s.err)
	}
	return s.n, s.err
}

func (s *socket) readFD(fd uintptr) bool {
	s.n, s.err = receiveFromKernel(int(fd), s.b)
	return s.err != unix.EAGAIN || !s.wait
}

// receiveFromKernel reads one datagram that the kernel sent: any process with CAP_NET_ADMIN over the namespace may send to
// the socket too (netlink_sendmsg, net/netlink/af_netlink.c), and is not believed. The error is EAGAIN where there is none.
func receiveFromKernel(fd int, b []byte) (int, error) {
	for {
		n, from, err := recvfrom(fd, b)
		if err != unix.EINTR && (err != nil || from.Pid == 0) {
			return n, err
		}
	}
}

// recvfrom is recvfrom(2) without waiting. MSG_TRUNC makes it return the datagram's length, however much of it
// fitted. Package unix has one too, which allocates the address for each call.
func recvfrom(fd int, b []byte) (n int, from unix.RawSockaddrNetlink, err error) {
	size := uint32(unix.SizeofSockaddrNetlink)
	r, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_TRUNC,
		uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return 0, from, errno
	}
	return int(r), from, nil
}

func (s *socket) Control(f func(fd int)) error {
	return s.pollError(s.raw.Control(func(fd uintptr) { f(int(fd)) }))
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

func (s *socket) Close() error {
	s.closed.Store(true)
	return s.conn.Close()
}

// pollError is err, which did not come from the kernel, or os.ErrClosed: a RawConn has a private error for that.
func (s *socket) pollError(err error) error {
	if err != nil && s.closed.Load() {
		return os.ErrClosed
	}
	return err
}

// Socket opens a netlink socket in the calling thread's network namespace, as Dial does where a Config has no Transport: for
// one that is to stand before it.
func Socket(family int) (Transport, error) { return dialSocket(family) }
