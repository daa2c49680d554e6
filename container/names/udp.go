package names

import (
	"context"
	"net/netip"
)

// serveUDP answers datagrams: those that need nobody else in their turn, the others each on a goroutine.
func (s *service) serveUDP(ctx context.Context) error {
	buf := make([]byte, maxQuery)
	for {
		n, from, err := s.sockets.udp.ReadFromUDPAddrPort(buf)
		switch {
		case gone(err):
			return closed(ctx, err)
		case err != nil:
			rest(ctx)
			continue
		}
		q, code, err := readQuery(buf[:n], false)
		if err != nil {
			continue
		}
		answer, upstreams := s.local(q, code)
		if answer == nil {
			answer = s.later(ctx, q, upstreams, from)
		}
		if answer != nil {
			s.sockets.udp.WriteToUDPAddrPort(answer, from) // who does not hear it asks again
		}
	}
}

// later forwards a query, and answers its client when upstream has. Where too many are under way it fails at once: queueing would make
// what the zone knows wait as well.
func (s *service) later(ctx context.Context, q *query, upstreams []netip.AddrPort, from netip.AddrPort) []byte {
	select {
	case s.slots <- struct{}{}:
	default:
		return q.failure()
	}
	s.wg.Go(func() {
		defer func() { <-s.slots }()
		if answer := s.forward(ctx, q, upstreams); answer != nil {
			s.sockets.udp.WriteToUDPAddrPort(answer, from)
		}
	})
	return nil
}
