package names

import (
	"context"
	"net"
	"time"
)

// serveTCP serves each connection on a goroutine.
func (s *service) serveTCP(ctx context.Context) error {
	free := make(chan struct{}, maxConns)
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := s.sockets.tcp.Accept()
		if err != nil {
			<-free
			if gone(err) {
				return closed(ctx, err)
			}
			rest(ctx)
			continue
		}
		s.wg.Go(func() {
			defer func() { <-free }()
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
			for ctx.Err() == nil && s.converse(ctx, conn) {
			}
		})
	}
}

// converse answers one query of a connection. It reports whether there may be another. The deadline is for a query as a whole, so
// that nobody holds a connection by sending a byte now and then.
func (s *service) converse(ctx context.Context, conn net.Conn) bool {
	if !extend(ctx, conn) {
		return false
	}
	msg, err := readFrame(conn, maxQuery)
	if err != nil {
		return false
	}
	q, code, err := readQuery(msg, true)
	if err != nil {
		return false
	}
	answer, upstreams := s.local(q, code)
	if answer == nil {
		select {
		case s.slots <- struct{}{}:
			answer = s.forward(ctx, q, upstreams)
			<-s.slots
		default:
			answer = q.failure()
		}
	}
	return answer != nil && extend(ctx, conn) && writeFrame(conn, answer) == nil
}

// extend gives the connection time anew, unless ctx is done: its end may have come between, and has the last word.
func extend(ctx context.Context, conn net.Conn) bool {
	conn.SetDeadline(time.Now().Add(idleTimeout))
	return ctx.Err() == nil
}

// closed is the error of a socket that was closed: none where ctx is the reason.
func closed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
