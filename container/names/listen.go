package names

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Addr is the address that a container's resolv.conf names. Any in 127.0.0.0/8 would do; this one is known from elsewhere.
var Addr = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// Sockets are those of one name server: UDP and TCP, on one port.
type Sockets struct {
	udp *net.UDPConn
	tcp *net.TCPListener
}

const (
	listenTries = 64      // until a port is free for both
	backlog     = 128     // connections that wait to be accepted
	udpBuffer   = 1 << 20 // bytes, as the kernel counts them: some thousand queries
)

// Listen opens the sockets in the calling thread's network namespace, on Addr and a port that the kernel draws. The loopback
// link need not be up yet.
func Listen() (*Sockets, error) {
	var err error
	for range listenTries {
		var s *Sockets
		if s, err = listen(); err == nil {
			return s, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) { // UDP's port is another's in TCP
			break
		}
	}
	return nil, fmt.Errorf("open a name server on %s: %w", Addr, err)
}

func listen() (*Sockets, error) {
	udp, port, err := bound(unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, err
	}
	defer udp.Close() // package net has a descriptor of its own
	tcp, _, err := bound(unix.SOCK_STREAM, port)
	if err != nil {
		return nil, err
	}
	defer tcp.Close()
	if err := unix.Listen(int(tcp.Fd()), backlog); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	packets, err := net.FilePacketConn(udp)
	if err != nil {
		return nil, err
	}
	connections, err := net.FileListener(tcp)
	if err != nil {
		return nil, errors.Join(err, packets.Close())
	}
	return &Sockets{packets.(*net.UDPConn), connections.(*net.TCPListener)}, nil
}

// bound opens a socket on Addr and the port, 0 for one that is free, and returns its port.
func bound(kind, port int) (*os.File, int, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, 0, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), Addr.String())
	// Without IP_FREEBIND (ip(7)) the address has to be there: it comes when lo is set up.
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: Addr.As4(), Port: port})
	}
	if err != nil {
		f.Close()
		return nil, 0, os.NewSyscallError("bind", err)
	}
	if kind == unix.SOCK_DGRAM && unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, udpBuffer) != nil {
		// Without CAP_NET_ADMIN outside of user namespaces it is what rmem_max allows. Who is not heard asks again.
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, udpBuffer)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		f.Close()
		return nil, 0, os.NewSyscallError("getsockname", err)
	}
	return f, sa.(*unix.SockaddrInet4).Port, nil
}

// AddrPort is where the sockets listen.
func (s *Sockets) AddrPort() netip.AddrPort { return s.udp.LocalAddr().(*net.UDPAddr).AddrPort() }

// Close closes both, and ends the Server that serves them.
func (s *Sockets) Close() error { return errors.Join(s.udp.Close(), s.tcp.Close()) }
