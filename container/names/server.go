package names

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// The limits of one server. Its clients are the processes of one container, which must not fill the host's memory, nor its
// table of open files: what goes beyond fails at once.
const (
	maxOutstanding = 1024                 // queries upstream, each with a socket
	maxConns       = 64                   // TCP connections; the next one waits in the backlog
	idleTimeout    = 10 * time.Second     // for the whole of a query by TCP, and for its answer to be taken
	pause          = 5 * time.Millisecond // after a failed system call: what it lacked may be missing for a while
)

// The defaults. Two tries of two servers are done while the client, which waits for 5 seconds by default (resolv.conf(5)), is still
// there.
const (
	DefaultTimeout  = 2 * time.Second
	DefaultAttempts = 2
)

// A Server is a name server to be. Its functions are called for each query, from several goroutines, and must not block.
type Server struct {
	// Zone is what is known here, nil for nothing. It is made anew where the containers have changed, and else the one of before.
	Zone func() *Zone

	// Upstreams are whom to ask for everything else, in this order. Where there are none, or no function, it is refused.
	Upstreams func() []netip.AddrPort

	// Dial connects a socket to an upstream, by "udp" or "tcp".
	Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)

	Timeout  time.Duration // for one try of one upstream; 0 for DefaultTimeout
	Attempts int           // how often the list of upstreams is gone through; 0 for DefaultAttempts
	Rotate   bool          // begin at a random one
}

// A service is a Server that serves.
type service struct {
	*Server
	sockets  *Sockets
	timeout  time.Duration
	attempts int
	silence  silence
	slots    chan struct{} // one for each query that waits for an upstream
	wg       sync.WaitGroup
}

// Serve answers what comes to the sockets until ctx is done, which is no error, or somebody closes them, which is
// net.ErrClosed. It closes them, and returns when all that it has started has ended.
func (s *Server) Serve(ctx context.Context, sockets *Sockets) error {
	v := &service{Server: s, sockets: sockets, timeout: s.Timeout, attempts: s.Attempts, slots: make(chan struct{}, maxOutstanding)}
	if v.timeout <= 0 {
		v.timeout = DefaultTimeout
	}
	if v.attempts <= 0 {
		v.attempts = DefaultAttempts
	}
	addr := sockets.AddrPort()
	ctx, cancel := context.WithCancel(ctx)
	var byTCP error
	v.wg.Go(func() {
		defer cancel()
		byTCP = v.serveTCP(ctx)
	})
	v.wg.Go(func() {
		<-ctx.Done()
		sockets.Close()
	})
	byUDP := v.serveUDP(ctx)
	cancel()
	v.wg.Wait()
	if err := errors.Join(byUDP, byTCP); err != nil {
		return fmt.Errorf("serve names on %s: %w", addr, err)
	}
	return nil
}

// local answers what needs nobody else. Otherwise it returns the upstreams to ask.
func (s *service) local(q *query, code dnsmessage.RCode) (answer []byte, upstreams []netip.AddrPort) {
	if s.Upstreams != nil {
		upstreams = s.Upstreams()
	}
	h := dnsmessage.Header{RecursionAvailable: len(upstreams) > 0}
	if code != dnsmessage.RCodeSuccess {
		return q.answer(code, nil, h), nil
	}
	if s.Zone != nil {
		if records, ours := s.Zone().lookup(q.question); ours {
			h.Authoritative = true
			return q.answer(dnsmessage.RCodeSuccess, records, h), nil
		}
	}
	if len(upstreams) == 0 {
		return q.answer(dnsmessage.RCodeRefused, nil, h), nil
	}
	return nil, upstreams
}

// gone reports whether a socket gives nothing more.
func gone(err error) bool { return errors.Is(err, net.ErrClosed) }

// rest waits a moment, or until ctx is done.
func rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}
