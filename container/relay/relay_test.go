package relay_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container/lab"
	"plumb/container/netns"
	"plumb/container/relay"
	testlab "plumb/test/lab"
)

func TestMain(m *testing.M) { testlab.Main(m) }

const patience = 20 * time.Second

// A street is a host with a relay on ::1, and the internet as the container: it echoes on lab.EchoPort.
type street struct {
	host, there *lab.Host
	at          netip.AddrPort
	stop        func() error
}

// start relays from [::1] to a port of the internet's.
func start(t testing.TB, network string, port uint16, idle time.Duration) *street {
	t.Helper()
	l := testlab.New(t)
	s := &street{host: l.NewHost("host"), there: l.Internet()}
	socket, err := netns.Open(s.host.NS(), func() (*relay.Socket, error) {
		return relay.Listen(network, netip.MustParseAddrPort("[::1]:0"))
	})
	if err != nil {
		t.Fatal(err)
	}
	s.at = socket.AddrPort()
	r := &relay.Relay{
		To: netip.AddrPortFrom(netip.MustParseAddr(lab.NameServer4), port), Idle: idle,
		Dial: func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
			return s.host.DialContext(ctx, network, to.String())
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, socket) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("the relay ends with %v", err)
		}
	})
	return s
}

func (s *street) dial(t testing.TB, network string) net.Conn {
	t.Helper()
	c, err := s.host.DialContext(t.Context(), network, s.at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// accept calls serve with the connections to a port of the internet's.
func (s *street) accept(t testing.TB, port uint16, serve func(*net.TCPConn)) {
	t.Helper()
	l, err := s.there.Listen("tcp", fmt.Sprintf("%s:%d", lab.NameServer4, port))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(patience))
			wg.Go(func() {
				defer c.Close()
				serve(c.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
}

// Each side sends, says that it has ended, and still gets all that the other sends.
func TestBothWaysWithHalfClose(t *testing.T) {
	t.Parallel()
	const size = 32 << 20
	payload := bytes.Repeat([]byte("relayed bytes, each of which counts. "), size/37)
	s := start(t, "tcp", 4000, 0)
	s.accept(t, 4000, func(c *net.TCPConn) {
		sum := sha256.New()
		if _, err := io.Copy(sum, c); err != nil { // until the client has ended
			t.Error(err)
		}
		c.Write(sum.Sum(nil))
		c.Write(payload)
	})
	c := s.dial(t, "tcp").(*net.TCPConn)
	if _, err := c.Write(payload); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	want := sha256.Sum256(payload)
	if err != nil || !bytes.HasPrefix(got, want[:]) || !bytes.Equal(got[len(want):], payload) {
		t.Errorf("%d bytes came back, %v, want %d after the right sum", len(got), err, len(payload))
	}
}

// The container ends first, and reads on.
func TestServerEndsFirst(t *testing.T) {
	t.Parallel()
	s := start(t, "tcp", 4000, 0)
	heard := make(chan string, 1)
	s.accept(t, 4000, func(c *net.TCPConn) {
		io.WriteString(c, "bye")
		c.CloseWrite()
		all, _ := io.ReadAll(c)
		heard <- string(all)
	})
	c := s.dial(t, "tcp").(*net.TCPConn)
	if got, err := io.ReadAll(c); string(got) != "bye" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	io.WriteString(c, "still here")
	c.Close()
	if got := <-heard; got != "still here" {
		t.Errorf("the container got %q", got)
	}
}

func TestResets(t *testing.T) {
	t.Parallel()
	s := start(t, "tcp", 4000, 0) // where nobody listens
	// The reset may be there before connect(2) has looked.
	refused, err := s.host.DialContext(t.Context(), "tcp", s.at.String())
	if err == nil {
		defer refused.Close()
		_, err = refused.Read(make([]byte, 1))
	}
	if !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("a refused port: %v, want ECONNRESET", err)
	}
	failed := make(chan error, 1)
	s.accept(t, 4000, func(c *net.TCPConn) {
		c.Write([]byte("x"))
		_, err := c.Read(make([]byte, 1))
		failed <- err
	})
	c := s.dial(t, "tcp").(*net.TCPConn)
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	c.SetLinger(0)
	c.Close()
	if err := <-failed; !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the client has reset its connection, the container sees %v", err)
	}
}

func TestManyConnections(t *testing.T) {
	t.Parallel()
	s := start(t, "tcp", lab.EchoPort, 0)
	var wg sync.WaitGroup
	for i := range 200 {
		c := s.dial(t, "tcp").(*net.TCPConn)
		wg.Go(func() {
			said := fmt.Sprintf("connection %d", i)
			io.WriteString(c, said)
			c.CloseWrite()
			got, err := io.ReadAll(c)
			if _, echo, _ := bytes.Cut(got, []byte("\n")); err != nil || string(echo) != said {
				t.Errorf("said %q, got %q, %v", said, got, err)
			}
		})
	}
	wg.Wait()
}

// The end of the relay is the end of its connections, those in the middle of something too.
func TestEnd(t *testing.T) {
	t.Parallel()
	s := start(t, "tcp", 4000, 0)
	gone := make(chan error, 1)
	s.accept(t, 4000, func(c *net.TCPConn) {
		c.Write([]byte("x"))
		_, err := io.Copy(io.Discard, c)
		gone <- err
	})
	c := s.dial(t, "tcp")
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil { // it is relayed
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the client sees %v, want ECONNRESET", err)
	}
	if err := <-gone; !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the container sees %v, want ECONNRESET", err)
	}
	if _, err := s.host.DialContext(t.Context(), "tcp", s.at.String()); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("the port afterwards: %v", err)
	}
}

// echo sends a datagram and returns the port that the internet sees it from.
func echo(t testing.TB, c net.Conn, text string) uint16 {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65535)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	from, back, _ := bytes.Cut(buf[:n], []byte(" "))
	if string(back) != text {
		t.Fatalf("sent %d bytes, got %q", len(text), buf[:n])
	}
	return netip.MustParseAddrPort(string(from)).Port()
}

func TestDatagrams(t *testing.T) {
	t.Parallel()
	s := start(t, "udp", lab.EchoPort, 0)
	ports := map[uint16]bool{}
	var clients []net.Conn
	for range 50 {
		clients = append(clients, s.dial(t, "udp"))
	}
	for round := range 3 {
		for i, c := range clients {
			ports[echo(t, c, fmt.Sprintf("client %d, round %d", i, round))] = true
		}
	}
	if len(ports) != len(clients) {
		t.Errorf("%d clients are seen as %d", len(clients), len(ports))
	}
	echo(t, clients[0], string(bytes.Repeat([]byte("x"), 9000)))
}

// A flow that is silent for its time is forgotten, with its socket: the next datagram comes by another.
func TestFlowsEnd(t *testing.T) {
	t.Parallel()
	const idle = 100 * time.Millisecond
	s := start(t, "udp", lab.EchoPort, idle)
	c := s.dial(t, "udp")
	first := echo(t, c, "first")
	fresh := first
	for deadline := time.Now().Add(patience); fresh == first && time.Now().Before(deadline); {
		<-time.After(2 * idle) // silence is the event
		fresh = echo(t, c, "again")
	}
	if fresh == first {
		t.Errorf("after %v of silence the flow has still port %d", 2*idle, first)
	}
}

// More clients than the table holds: all are served, those who were silent longest by a new flow.
func TestFlowsAreBounded(t *testing.T) {
	t.Parallel()
	s := start(t, "udp", lab.EchoPort, 0)
	oldest := s.dial(t, "udp")
	before := echo(t, oldest, "first")
	kept := s.dial(t, "udp")
	port := echo(t, kept, "kept")
	for i := range relay.MaxFlows - 1 {
		echo(t, s.dial(t, "udp"), fmt.Sprintf("client %d", i))
	}
	if echo(t, kept, "kept") != port {
		t.Error("a flow ended that was not the one silent longest")
	}
	if echo(t, oldest, "again") == before {
		t.Error("the table has no end")
	}
}

func TestUDPPortOpensLater(t *testing.T) {
	t.Parallel()
	s := start(t, "udp", 4000, 0)
	c := s.dial(t, "udp")
	io.WriteString(c, "to nobody")
	pc, err := s.there.ListenPacket("udp", lab.NameServer4+":4000")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	pc.SetDeadline(time.Now().Add(patience))
	buf := make([]byte, 100)
	for i := 0; ; i++ { // the first may meet the end of the flow that was refused
		io.WriteString(c, "to somebody")
		pc.SetReadDeadline(time.Now().Add(time.Second))
		_, from, err := pc.ReadFrom(buf)
		if err == nil {
			pc.WriteTo([]byte("heard"), from)
			break
		}
		if i == 10 {
			t.Fatal(err)
		}
	}
	if n, err := c.Read(buf); err != nil || string(buf[:n]) != "heard" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	l := testlab.New(t)
	h := l.NewHost("host")
	listen := func(network, at string) (*relay.Socket, error) {
		return netns.Open(h.NS(), func() (*relay.Socket, error) { return relay.Listen(network, netip.MustParseAddrPort(at)) })
	}
	for _, network := range []string{"tcp", "udp"} {
		s, err := listen(network, "[::1]:8080")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := listen(network, "[::1]:8080"); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("%s twice: %v, want EADDRINUSE", network, err)
		}
		other, err := listen(network, "127.0.0.1:8080") // another family's
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if err := new(relay.Relay).Serve(t.Context(), s); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
		other.Close()
	}
	if _, err := listen("sctp", "[::1]:0"); err == nil {
		t.Error("it listens by sctp")
	}
}
