package ping

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/cmd/plumb/internal/lookup"
)

// aim ties the socket to the link or the source address that from names, if any, and sets whom it sends
// to. It returns the source address, and an error if there is no route. Nothing is sent: that a route
// exists and from where it leads is learnt by connecting a UDP socket.
func (s *socket) aim(to netip.Addr, from string) (source netip.Addr, err error) {
	probe, err := s.probeSocket()
	if err != nil {
		return netip.Addr{}, err
	}
	defer unix.Close(probe)
	for _, fd := range []int{s.fd, probe} {
		if err := tie(fd, from); err != nil {
			return netip.Addr{}, err
		}
	}
	if to.IsLinkLocalUnicast() && to.Is6() && to.Zone() == "" {
		to = to.WithZone(linkName(from))
		if to.Zone() == "" {
			return netip.Addr{}, fmt.Errorf("%s is link-local: name its link, as in %s%%eth0 or by -I", to, to)
		}
	}
	if s.to, err = lookup.Sockaddr(probe, to, 0); err != nil {
		return netip.Addr{}, err
	}
	target, err := lookup.Sockaddr(probe, to, 1025) // as good a port as any
	if err != nil {
		return netip.Addr{}, err
	}
	switch err := unix.Connect(probe, target); {
	case errors.Is(err, unix.EACCES):
		return netip.Addr{}, fmt.Errorf("%s is a broadcast address: ping a host", to)
	case err != nil:
		return netip.Addr{}, fmt.Errorf("connect to %s: %w", to, err)
	}
	name, err := unix.Getsockname(probe)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("getsockname: %w", err)
	}
	return lookup.SockaddrAddr(name), nil
}

func (s *socket) probeSocket() (int, error) {
	family := unix.AF_INET
	if s.v6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return -1, fmt.Errorf("open a socket to look for a route: %w", err)
	}
	return fd, nil
}

// tie binds fd to an address of this host, or to the link of that name.
func tie(fd int, from string) error {
	if from == "" {
		return nil
	}
	if addr, err := netip.ParseAddr(from); err == nil {
		sa, err := lookup.Sockaddr(fd, addr.Unmap(), 0)
		if err == nil {
			err = unix.Bind(fd, sa)
		}
		if err != nil {
			return fmt.Errorf("bind to %s: %w", from, err)
		}
		return nil
	}
	if _, err := lookup.LinkIndex(fd, from); err != nil {
		return err
	}
	if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, from); err != nil {
		return fmt.Errorf("bind to link %s: %w", from, err)
	}
	return nil
}
