package relay

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A flow is what one client sends and gets. Its socket is connected, and has a port of its own by which answers find the client.
type flow struct {
	conn net.Conn
	last atomic.Int64 // when a datagram passed, in nanoseconds since the table began
}

// flows are those of one socket, by client.
type flows struct {
	socket *net.UDPConn
	idle   time.Duration
	began  time.Time

	mu       sync.Mutex
	byClient map[netip.AddrPort]*flow
}

const maxDatagram = 65535 // bytes

// serveUDP passes each datagram on in its client's flow. What cannot be sent is lost, as UDP may lose it.
func (r *Relay) serveUDP(ctx context.Context, socket *net.UDPConn, wg *sync.WaitGroup) error {
	t := &flows{socket: socket, idle: r.Idle, began: time.Now(), byClient: make(map[netip.AddrPort]*flow)}
	if t.idle <= 0 {
		t.idle = DefaultIdle
	}
	buf := make([]byte, maxDatagram)
	for {
		n, client, err := socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			if end, err := ended(ctx, err); end {
				return err
			}
			continue
		}
		f := t.find(client)
		if f == nil {
			conn, err := r.Dial(ctx, "udp", r.To)
			if err != nil {
				continue
			}
			f = t.add(client, conn)
			wg.Go(func() {
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				t.answers(client, f)
			})
		}
		f.last.Store(int64(time.Since(t.began)))
		f.conn.Write(buf[:n])
	}
}

func (t *flows) find(client netip.AddrPort) *flow {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byClient[client]
}

// add begins a flow. In a full table that which was silent longest makes room.
func (t *flows) add(client netip.AddrPort, conn net.Conn) *flow {
	f := &flow{conn: conn}
	f.last.Store(int64(time.Since(t.began)))
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byClient) >= maxFlows {
		var oldest netip.AddrPort
		for c, g := range t.byClient {
			if o := t.byClient[oldest]; o == nil || g.last.Load() < o.last.Load() {
				oldest = c
			}
		}
		t.byClient[oldest].conn.Close() // which ends its goroutine
		delete(t.byClient, oldest)
	}
	t.byClient[client] = f
	return f
}

// answers passes what comes back to the client, until the flow was silent for too long, both ways. A port that is closed
// (ECONNREFUSED) ends it as well: the next datagram tries anew.
func (t *flows) answers(client netip.AddrPort, f *flow) {
	defer t.remove(client, f)
	buf := make([]byte, maxDatagram)
	for {
		last := time.Duration(f.last.Load())
		f.conn.SetReadDeadline(t.began.Add(last + t.idle))
		n, err := f.conn.Read(buf)
		if err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() && time.Duration(f.last.Load()) > last {
				continue // the client has sent something meanwhile
			}
			return
		}
		f.last.Store(int64(time.Since(t.began)))
		t.socket.WriteToUDPAddrPort(buf[:n], client)
	}
}

// remove forgets a flow, unless another one has its place.
func (t *flows) remove(client netip.AddrPort, f *flow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.conn.Close()
	if t.byClient[client] == f {
		delete(t.byClient, client)
	}
}
