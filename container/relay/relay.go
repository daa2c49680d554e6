package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// The limits of one relay: each connection has two sockets and, while bytes move, up to two pipes.
const (
	maxConns    = 512
	maxFlows    = 256 // with a buffer of 64 KB each
	dialTimeout = 10 * time.Second
	pause       = 5 * time.Millisecond // after a failed system call: what it lacked may be missing for a while
)

// DefaultIdle is how long a UDP flow may be silent: what connection tracking gives a stream (nf_conntrack_udp_timeout_stream).
const DefaultIdle = 2 * time.Minute

// A Relay forwards to one address.
type Relay struct {
	To netip.AddrPort

	// Dial connects a socket to To, by "tcp" or "udp". It must return a *net.TCPConn or a *net.UDPConn.
	Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)

	Idle time.Duration // after which a UDP flow is forgotten; 0 for DefaultIdle
}

// Serve relays what comes to the socket until ctx is done, which is no error, or somebody closes the socket, which is
// net.ErrClosed. It closes the socket, resets all connections, and returns when all that it has started has ended.
func (r *Relay) Serve(ctx context.Context, s *Socket) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		<-ctx.Done()
		s.Close()
	})
	var err error
	if s.tcp != nil {
		err = r.serveTCP(ctx, s.tcp, &wg)
	} else {
		err = r.serveUDP(ctx, s.udp, &wg)
	}
	cancel()
	wg.Wait()
	if err != nil {
		return fmt.Errorf("relay %s to %s: %w", s.addr, r.To, err)
	}
	return nil
}

// ended says whether a socket gives nothing more, and with which error: none where ctx is the reason. Any other error is of the
// moment, and waited for.
func ended(ctx context.Context, err error) (bool, error) {
	if ctx.Err() != nil {
		return true, nil
	}
	if errors.Is(err, net.ErrClosed) {
		return true, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
	return false, nil
}
