package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A socket belongs for ever to the namespace of the thread that called socket(2). Package net cannot be told which thread
// that is: a Dialer starts goroutines, for Happy Eyeballs (RFC 8305) and for the resolver, and each runs on a thread that
// is somewhere else. So here the socket itself is made inside Do, and everything else (bind, connect, the wait with its
// deadline) outside, on what is by then a file. Addresses are numeric: names belong to whoever resolves them.

// An endpoint is a socket to be: its domain, its type and its address.
type endpoint struct {
	network string
	domain  int
	kind    int
	addr    netip.AddrPort
	dual    bool // a wildcard for both families
}

// DialContext connects from the host to a numeric address and port ("8.8.8.8:53", "[2001:db8::2]:80") by "tcp" or
// "udp", also with a 4 or 6 behind it. The connection is the caller's to close, and may be used on any goroutine. Errors
// are *net.OpError, or what ended ctx.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	e, err := parseEndpoint(network, address)
	if err != nil {
		return nil, err
	}
	return h.ns.DialContext(ctx, network[:3], e.addr)
}

// Listen listens in the host by "tcp", "tcp4" or "tcp6". Without a host in it, the address (":80") is that of all addresses
// of both families; port 0 is one that is free.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	e, f, err := h.bound(network, address, unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := control(f, func(fd int) error { return os.NewSyscallError("listen", unix.Listen(fd, maxConns)) }); err != nil {
		return nil, e.failed("listen", err)
	}
	return net.FileListener(f)
}

// ListenPacket is Listen by "udp", "udp4" or "udp6".
func (h *Host) ListenPacket(network, address string) (net.PacketConn, error) {
	_, f, err := h.bound(network, address, unix.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return net.FilePacketConn(f)
}

// bound opens a socket and binds it.
func (h *Host) bound(network, address string, kind int) (endpoint, *os.File, error) {
	e, err := parseEndpoint(network, address)
	if err == nil && e.kind != kind {
		err = net.UnknownNetworkError(network)
	}
	if err != nil {
		return e, nil, err
	}
	if e.dual && !h.lab.ipv6 {
		e.domain, e.dual, e.addr = unix.AF_INET, false, netip.AddrPortFrom(netip.IPv4Unspecified(), e.addr.Port())
	}
	f, err := h.socket(e)
	if err != nil {
		return e, nil, e.failed("listen", err)
	}
	err = control(f, func(fd int) error {
		if kind == unix.SOCK_STREAM {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
				return os.NewSyscallError("setsockopt", err)
			}
		}
		return os.NewSyscallError("bind", unix.Bind(fd, e.sockaddr()))
	})
	if err != nil {
		f.Close()
		return e, nil, e.failed("listen", err)
	}
	return e, f, nil
}

// socket makes a socket in the host's namespace.
func (h *Host) socket(e endpoint) (f *os.File, err error) {
	err = h.Do(func() error {
		fd, err := unix.Socket(e.domain, e.kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		f = os.NewFile(uintptr(fd), e.network+":"+e.addr.String())
		return nil
	})
	if err == nil && e.domain == unix.AF_INET6 {
		only := 1
		if e.dual {
			only = 0
		}
		err = control(f, func(fd int) error {
			return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only))
		})
		if err != nil {
			f.Close()
		}
	}
	return f, err
}

// control runs f on a file's descriptor.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = f(int(fd)) }); err != nil {
		return err
	}
	return result
}

func parseEndpoint(network, address string) (endpoint, error) {
	e := endpoint{network: network, domain: unix.AF_INET6, kind: unix.SOCK_STREAM}
	family := strings.TrimPrefix(network, "tcp")
	if family == network {
		family, e.kind = strings.TrimPrefix(network, "udp"), unix.SOCK_DGRAM
	}
	if family == network || family != "" && family != "4" && family != "6" {
		return e, net.UnknownNetworkError(network)
	}
	if strings.HasPrefix(address, ":") {
		e.dual = family == ""
		address = map[string]string{"": "[::]", "4": "0.0.0.0", "6": "[::]"}[family] + address
	}
	var err error
	if e.addr, err = netip.ParseAddrPort(address); err != nil {
		return e, fmt.Errorf("%q is not a numeric address and a port: %w", address, err)
	}
	if e.addr.Addr().Zone() != "" {
		return e, &net.AddrError{Err: "an address with a zone, which means nothing outside of the host", Addr: address}
	}
	if e.addr.Addr().Is4() {
		e.domain = unix.AF_INET
	}
	if (family == "4") != (e.domain == unix.AF_INET) && family != "" {
		return e, &net.AddrError{Err: "an address of another family than " + network, Addr: address}
	}
	return e, nil
}

func (e endpoint) sockaddr() unix.Sockaddr {
	a, port := e.addr.Addr(), int(e.addr.Port())
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
	}
	return &unix.SockaddrInet6{Addr: a.As16(), Port: port}
}

// failed is err as package net would put it.
func (e endpoint) failed(op string, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	failure := &net.OpError{Op: op, Net: e.network, Err: err}
	if e.kind == unix.SOCK_STREAM {
		failure.Addr = net.TCPAddrFromAddrPort(e.addr)
	} else {
		failure.Addr = net.UDPAddrFromAddrPort(e.addr)
	}
	return failure
}
