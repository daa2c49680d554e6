package relay

import (
	"context"
	"io"
	"net"
	"sync"
)

// serveTCP relays each connection on goroutines of its own. Beyond maxConns they wait in the backlog.
func (r *Relay) serveTCP(ctx context.Context, l *net.TCPListener, wg *sync.WaitGroup) error {
	free := make(chan struct{}, maxConns)
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		client, err := l.AcceptTCP()
		if err != nil {
			<-free
			if end, err := ended(ctx, err); end {
				return err
			}
			continue
		}
		wg.Go(func() {
			defer func() { <-free }()
			r.connection(ctx, client)
		})
	}
}

// connection relays one connection until both directions have ended. Where the container refuses, or resets, so does the client's
// end; the handshake with the client was over before.
func (r *Relay) connection(ctx context.Context, client *net.TCPConn) {
	server, err := r.connect(ctx)
	if err != nil {
		reset(client)
		return
	}
	stop := context.AfterFunc(ctx, func() {
		reset(client)
		reset(server)
	})
	defer stop()
	var there sync.WaitGroup
	there.Go(func() { transfer(server, client) })
	transfer(client, server)
	there.Wait()
	client.Close()
	server.Close()
}

func (r *Relay) connect(ctx context.Context) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := r.Dial(ctx, "tcp", r.To)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// transfer moves bytes until from ends, and then ends to in this direction alone. io.Copy between two TCPConns is splice(2). What fails
// resets both: neither end must take the bytes so far for all.
func transfer(to, from *net.TCPConn) {
	_, err := io.Copy(to, from)
	if err == nil {
		err = to.CloseWrite()
	}
	if err != nil {
		reset(to)
		reset(from)
	}
}

// reset closes a connection by RST: SO_LINGER of 0, socket(7). A second one does nothing.
func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}
