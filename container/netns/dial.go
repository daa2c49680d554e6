package netns

import (
	"context"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// DialContext connects from the namespace to an address by "tcp" or "udp". The connection, a *net.TCPConn or a *net.UDPConn, is the
// caller's to close, and may be used on any goroutine. Errors are *net.OpError, or what ended ctx.
func (ns *NS) DialContext(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	failed := func(err error) error {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		addr := net.Addr(net.TCPAddrFromAddrPort(to))
		if network == "udp" {
			addr = net.UDPAddrFromAddrPort(to)
		}
		return &net.OpError{Op: "dial", Net: network, Addr: addr, Err: err}
	}
	kind, domain := unix.SOCK_STREAM, unix.AF_INET6
	if network == "udp" {
		kind = unix.SOCK_DGRAM
	}
	var sockaddr unix.Sockaddr = &unix.SockaddrInet6{Addr: to.Addr().As16(), Port: int(to.Port())}
	if to.Addr().Is4() {
		domain, sockaddr = unix.AF_INET, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
	}
	f, err := Open(ns, func() (*os.File, error) {
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return nil, os.NewSyscallError("socket", err)
		}
		return os.NewFile(uintptr(fd), network+":"+to.String()), nil
	})
	if err != nil {
		return nil, failed(err)
	}
	defer f.Close() // FileConn has a descriptor of its own
	if err := Connect(ctx, f, sockaddr); err != nil {
		return nil, failed(err)
	}
	return net.FileConn(f)
}

// Connect connects a socket that does not block, and waits as long as ctx allows. Errors are the kernel's, in an
// *os.SyscallError, or os.ErrDeadlineExceeded once ctx is done.
func Connect(ctx context.Context, f *os.File, to unix.Sockaddr) error {
	defer context.AfterFunc(ctx, func() { f.SetWriteDeadline(time.Unix(1, 0)) })()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	started := false
	var result error
	err = raw.Write(func(fd uintptr) bool {
		if started {
			result = connected(int(fd))
		} else {
			started, result = true, unix.Connect(int(fd), to)
		}
		return result != unix.EINPROGRESS
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("connect", result)
}

// connected is how a connect that was begun has ended: EINPROGRESS says that it has not. A socket may be
// writable for no reason (it is so before it is connected), so the peer's address has the last word.
func connected(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	switch errno := unix.Errno(n); errno {
	case 0:
		if _, err := unix.Getpeername(fd); err != nil {
			return unix.EINPROGRESS
		}
		return nil
	case unix.EALREADY, unix.EINTR:
		return unix.EINPROGRESS
	default:
		return errno
	}
}
