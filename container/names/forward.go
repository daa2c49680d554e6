package names

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/net/dns/dnsmessage"
)

// forward asks the upstreams in turn, s.attempts times, and returns the answer for the client: that of the first who knows, else
// the last refusal, else a failure of our own. It is nil once ctx is done.
func (s *service) forward(ctx context.Context, q *query, upstreams []netip.AddrPort) []byte {
	servers := slices.Clone(upstreams)
	if s.Rotate {
		rand.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	}
	s.silence.order(servers)
	var refusal []byte
	for range s.attempts {
		for _, server := range servers {
			msg, code, err := s.exchange(ctx, server, q)
			if ctx.Err() != nil {
				return nil
			}
			s.silence.note(server, err == nil)
			switch {
			case exhausted(err):
				return q.failure()
			case err != nil:
				continue
			case !speaksForItself(code):
				return q.restore(msg)
			}
			refusal = msg
		}
	}
	if refusal != nil {
		return q.restore(refusal)
	}
	return q.failure()
}

// speaksForItself reports whether a code says something of the server alone, so that another one may know. The C library asks
// the next one after the same (res_send.c).
func speaksForItself(code dnsmessage.RCode) bool {
	return code == dnsmessage.RCodeServerFailure || code == dnsmessage.RCodeRefused || code == dnsmessage.RCodeNotImplemented
}

// exhausted reports whether this process, and not the server, is the reason: it has too many open files, or no memory.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

func (q *query) failure() []byte {
	return q.answer(dnsmessage.RCodeServerFailure, nil, dnsmessage.Header{RecursionAvailable: true})
}
