package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// A Socket listens by TCP or UDP.
type Socket struct {
	tcp  *net.TCPListener // one of both
	udp  *net.UDPConn
	addr netip.AddrPort
}

const backlog = 128 // connections that wait to be accepted

// Listen opens a socket in the calling thread's network namespace, by "tcp" or "udp". Port 0 is one that is free. The error is
// unix.EADDRINUSE where somebody listens there.
func Listen(network string, at netip.AddrPort) (*Socket, error) {
	s, err := listen(network, at)
	if err != nil {
		return nil, fmt.Errorf("listen on %s by %s: %w", at, network, err)
	}
	return s, nil
}

func listen(network string, at netip.AddrPort) (*Socket, error) {
	kind := unix.SOCK_STREAM
	switch network {
	case "tcp":
	case "udp":
		kind = unix.SOCK_DGRAM
	default:
		return nil, net.UnknownNetworkError(network)
	}
	f, err := bound(kind, at)
	if err != nil {
		return nil, err
	}
	defer f.Close() // package net has a descriptor of its own
	if kind == unix.SOCK_DGRAM {
		c, err := net.FilePacketConn(f)
		if err != nil {
			return nil, err
		}
		udp := c.(*net.UDPConn)
		return &Socket{udp: udp, addr: udp.LocalAddr().(*net.UDPAddr).AddrPort()}, nil
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	tcp := l.(*net.TCPListener)
	return &Socket{tcp: tcp, addr: tcp.Addr().(*net.TCPAddr).AddrPort()}, nil
}

// bound opens a socket on the address; one of TCP listens.
func bound(kind int, at netip.AddrPort) (*os.File, error) {
	domain, sa := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: at.Addr().As16(), Port: int(at.Port())})
	if at.Addr().Is4() {
		domain, sa = unix.AF_INET, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), at.String())
	if domain == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil && kind == unix.SOCK_STREAM { // connections of the last relay may be in TIME_WAIT
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, sa))
	}
	if err == nil && kind == unix.SOCK_STREAM {
		err = os.NewSyscallError("listen", unix.Listen(fd, backlog))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// AddrPort is where the socket listens.
func (s *Socket) AddrPort() netip.AddrPort { return s.addr }

// Close closes it, and ends the Relay that serves it.
func (s *Socket) Close() error { return s.closer().Close() }

func (s *Socket) closer() io.Closer {
	if s.tcp != nil {
		return s.tcp
	}
	return s.udp
}
