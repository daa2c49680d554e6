package lab

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// What a server of the lab grants each client: enough for anything that a test means, and an end to
// whatever it does not.
const (
	maxConns    = 256                  // at once, on one listener; the next one waits in its queue
	connTimeout = 30 * time.Second     // for a whole connection
	maxEcho     = 1 << 20              // bytes that a TCP echo sends back
	acceptPause = 5 * time.Millisecond // after a failed accept(2): "too many open files" stays true for a while
)

// Services are the servers that the lab's internet runs. The caller opens their sockets in the namespace
// in which they are to be heard; a socket stays in its namespace whatever thread uses it. From then on
// they belong to Services. The zero value is ready.
type Services struct {
	mu     sync.Mutex
	closed bool
	open   map[io.Closer]struct{}
	wg     sync.WaitGroup
}

// Close closes every socket, and returns when every goroutine has ended.
func (s *Services) Close() error {
	s.mu.Lock()
	s.closed = true
	var errs []error
	for c := range s.open {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.mu.Unlock()
	s.wg.Wait()
	return errors.Join(errs...)
}

// start runs serve on a goroutine that Close ends by closing c. After Close it only closes c.
func (s *Services) start(c io.Closer, serve func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return
	}
	if s.open == nil {
		s.open = make(map[io.Closer]struct{})
	}
	s.open[c] = struct{}{}
	s.wg.Go(func() {
		defer s.finish(c)
		serve()
	})
}

func (s *Services) finish(c io.Closer) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	c.Close()
}

// accept serves each connection to l on a goroutine of its own.
func (s *Services) accept(l net.Listener, serve func(net.Conn)) {
	s.start(l, func() {
		slots := make(chan struct{}, maxConns)
		for {
			conn, err := l.Accept()
			if lost(err) {
				return
			}
			if err != nil {
				time.Sleep(acceptPause)
				continue
			}
			slots <- struct{}{} // Close ends whoever holds one
			conn.SetDeadline(time.Now().Add(connTimeout))
			s.start(conn, func() {
				serve(conn)
				<-slots
			})
		}
	})
}

// ServeEcho answers each connection with a line that says whom it sees, "203.0.113.2:4321", and then with
// what the client sends.
func (s *Services) ServeEcho(l net.Listener) {
	s.accept(l, func(conn net.Conn) {
		if _, err := io.WriteString(conn, conn.RemoteAddr().String()+"\n"); err == nil {
			io.Copy(conn, io.LimitReader(conn, maxEcho))
		}
	})
}

// ServePacketEcho answers each datagram with whom it sees and what it received: "203.0.113.2:4321 hello".
func (s *Services) ServePacketEcho(pc net.PacketConn) {
	s.packets(pc, func(p []byte, from net.Addr) []byte {
		return append([]byte(from.String()+" "), p...)
	})
}

// packets answers each datagram with what answer makes of it, unless that is nil, from the address that
// it was sent to.
func (s *Services) packets(pc net.PacketConn, answer func(p []byte, from net.Addr) []byte) {
	s.start(pc, func() {
		if u, ok := pc.(*net.UDPConn); ok && u.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() {
			serveWildcard(u, answer)
			return
		}
		buf := make([]byte, 65535)
		for {
			n, from, err := pc.ReadFrom(buf)
			if lost(err) {
				return
			}
			if err != nil {
				continue // an ICMP error for an answer before
			}
			if a := answer(buf[:n], from); a != nil {
				pc.WriteTo(a, from) // who does not hear it asks again
			}
		}
	})
}

// lost reports whether a socket gives nothing more: anything but an error of the kernel's that concerns
// one client.
func lost(err error) bool {
	var errno syscall.Errno
	return err != nil && (!errors.As(err, &errno) || errno == syscall.EBADF)
}
