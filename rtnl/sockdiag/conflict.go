package sockdiag

import "net/netip"

// Conflict returns the first of the sockets, all of one protocol, that would take what is sent to a port that is to be published, or
// nil. The port is published on addr, or, where that is not valid, on all addresses of the host's in the family of v6.
//
// A DNAT comes before the sockets, so it is the socket that would get nothing any more.
func Conflict(sockets []Socket, addr netip.Addr, v6 bool, port uint16) *Socket {
	if addr.IsValid() {
		addr = addr.Unmap().WithZone("")
		v6 = addr.Is6()
	}
	for i := range sockets {
		if s := &sockets[i]; s.Addr.Port() == port && s.takes(addr, v6) {
			return s
		}
	}
	return nil
}

// takes reports whether the socket is on addr, or, where that is not valid, on any address of the family.
func (s *Socket) takes(addr netip.Addr, v6 bool) bool {
	bound := s.Addr.Addr()
	switch {
	case bound.Is6() && bound.IsUnspecified() && !s.V6Only: // both families
		return true
	case bound.Unmap().Is6() != v6: // an IPv6 socket can be bound to ::ffff:192.0.2.1, and has IPv4 then
		return false
	case bound.Unmap().IsUnspecified():
		return true
	}
	return !addr.IsValid() || bound.Unmap().WithZone("") == addr
}
