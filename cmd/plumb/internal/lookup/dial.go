package lookup

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"plumb/container/netns"

	"golang.org/x/sys/unix"
)

// Dial connects to a numeric address and port, "8.8.8.8:53" or "[fe80::1%eth0]:80", by "tcp" or "udp". The
// socket is opened on the caller's thread, in its network namespace. It is net.Dialer's DialContext
// without the resolver that comes with it, which would be a twentieth of the program. Errors are the
// kernel's, or ctx's.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	kind := unix.SOCK_STREAM
	if strings.HasPrefix(network, "udp") {
		kind = unix.SOCK_DGRAM
	}
	fd, err := openFor(to.Addr(), kind|unix.SOCK_NONBLOCK)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), address)
	defer f.Close() // net.FileConn has a descriptor of its own
	sa, err := Sockaddr(fd, to.Addr().Unmap(), to.Port())
	if err != nil {
		return nil, err
	}
	if err := netns.Connect(ctx, f, sa); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	return net.FileConn(f)
}

// openFor opens a socket of the kind for the address's family.
func openFor(a netip.Addr, kind int) (int, error) {
	family := unix.AF_INET
	if a.Unmap().Is6() {
		family = unix.AF_INET6
	}
	return unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
}

// Sockaddr is an address and a port in the kernel's form. A zone is the name or the index of a link in the
// namespace of the socket fd.
func Sockaddr(fd int, a netip.Addr, port uint16) (unix.Sockaddr, error) {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: int(port)}, nil
	}
	sa := &unix.SockaddrInet6{Addr: a.As16(), Port: int(port)}
	if a.Zone() == "" {
		return sa, nil
	}
	n, err := strconv.ParseUint(a.Zone(), 10, 32)
	if err == nil {
		sa.ZoneId = uint32(n)
		return sa, nil
	}
	sa.ZoneId, err = LinkIndex(fd, a.Zone())
	return sa, err
}

// LinkIndex asks for the index of a link in the namespace of the socket fd: netdevice(7), SIOCGIFINDEX.
func LinkIndex(fd int, name string) (uint32, error) {
	req, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req)
	}
	if err != nil {
		return 0, fmt.Errorf("there is no link %q here: %w", name, err)
	}
	return req.Uint32(), nil
}

// SockaddrAddr is the address in the kernel's form, without its zone; invalid if it is neither IPv4 nor IPv6.
func SockaddrAddr(sa unix.Sockaddr) netip.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr)
	}
	return netip.Addr{}
}
