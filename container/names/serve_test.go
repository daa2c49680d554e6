package names_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"plumb/container/names"
	"plumb/container/netns"
	testlab "plumb/test/lab"
)

// Several queries of one connection, sent at once.
func TestPipeline(t *testing.T) {
	t.Parallel()
	w := start(t, someHosts(), nil)
	c := w.dial(t, "tcp")
	var all []byte
	for i := range 100 {
		msg := pack(t, question(uint16(i), "db.", dnsmessage.TypeA))
		all = append(binary.BigEndian.AppendUint16(all, uint16(len(msg))), msg...)
	}
	go func() {
		for _, b := range all { // a byte at a time
			c.Write([]byte{b})
		}
		c.(*net.TCPConn).CloseWrite()
	}()
	for i := range 100 {
		b, err := readFrame(c)
		var m dnsmessage.Message
		if err == nil {
			err = m.Unpack(b)
		}
		if err != nil || m.ID != uint16(i) || data(m) != "10.0.0.3" {
			t.Fatalf("query %d: %v, %v", i, m.GoString(), err)
		}
	}
	if _, err := readFrame(c); err == nil {
		t.Error("one answer too many")
	}
}

// Connections that say nothing hold up others of theirs, and no datagram.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	w := start(t, someHosts(), nil)
	query := question(1, "db.", dnsmessage.TypeA)
	var idle []net.Conn
	for range names.MaxConns {
		c := w.dial(t, "tcp")
		if _, err := roundTrip(c, "tcp", pack(t, query)); err != nil { // it is accepted
			t.Fatal(err)
		}
		c.Write([]byte{0}) // and begins a query that it does not end
		idle = append(idle, c)
	}
	late := w.dial(t, "tcp") // by the kernel
	if got := data(w.ask(t, "udp", query)); got != "10.0.0.3" {
		t.Errorf("a datagram meanwhile is answered by %q", got)
	}
	msg := pack(t, query)
	late.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...))
	late.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := readFrame(late); err == nil {
		t.Errorf("connection %d is served", names.MaxConns+1)
	}
	idle[0].Close()
	late.SetReadDeadline(time.Now().Add(patience))
	if _, err := readFrame(late); err != nil {
		t.Errorf("after another has gone: %v", err)
	}
}

// A query that goes on a byte at a time has no more time than any other.
func TestSlowQuery(t *testing.T) {
	t.Parallel()
	w := start(t, nil, nil)
	c := w.dial(t, "tcp")
	begin := time.Now()
	c.Write([]byte{0x0f})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		ended <- err
	}()
	for {
		select {
		case <-ended:
			if took := time.Since(begin); took < 5*time.Second || took >= patience {
				t.Errorf("it ended after %v", took)
			}
			return
		case <-tick.C:
			c.Write([]byte{0xff})
		}
	}
}

func TestFramesThatAreNone(t *testing.T) {
	t.Parallel()
	w := start(t, someHosts(), nil)
	answer := pack(t, reply(question(1, "db.", dnsmessage.TypeA), 0))
	for name, msg := range map[string][]byte{
		"an empty one":  {0, 0},
		"a long one":    binary.BigEndian.AppendUint16(nil, 65535),
		"an answer":     append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...),
		"another thing": []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		c := w.dial(t, "tcp")
		c.Write(msg)
		if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s is answered (%d, %v)", name, n, err)
		}
	}
}

// More queries than the server keeps fail at once, and what is known here is answered all the same.
func TestOutstandingAreBounded(t *testing.T) {
	t.Parallel()
	w := start(t, someHosts(), nil)
	u := upstreamAt(t, w.host, "127.0.0.53", silent, "udp")
	w.upstreams.Store(&[]netip.AddrPort{u.at})
	c := w.dial(t, "udp")
	failed := 0
	buf := make([]byte, 512)
	const more = 10
	// After each one that is forwarded a known name is asked for, so that none is lost in a full buffer.
	for i := range names.MaxOutstanding + more {
		c.Write(pack(t, question(uint16(i), "a.example.", dnsmessage.TypeA)))
		for c.Write(pack(t, question(60000, "db.", dnsmessage.TypeA))); ; {
			n, err := c.Read(buf)
			var m dnsmessage.Message
			if err == nil {
				err = m.Unpack(buf[:n])
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.ID == 60000 {
				break
			}
			if m.RCode != dnsmessage.RCodeServerFailure {
				t.Errorf("query %d: %v", i, m.GoString())
			}
			failed++
		}
	}
	if failed != more {
		t.Errorf("%d queries failed, want %d", failed, more)
	}
	if m := w.ask(t, "tcp", question(1, "a.example.", dnsmessage.TypeA)); m.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("by TCP: %v", m.GoString())
	}
	// Queries wait for upstream with patience; the server ends without any.
	begin := time.Now()
	if err := w.stop(); err != nil || time.Since(begin) > patience/2 {
		t.Errorf("it ended after %v with %v", time.Since(begin), err)
	}
}

func TestServeEnds(t *testing.T) {
	t.Parallel()
	w := start(t, nil, nil)
	u := upstreamAt(t, w.host, "127.0.0.53", silent)
	w.upstreams.Store(&[]netip.AddrPort{u.at})
	msg := pack(t, question(1, "a.example.", dnsmessage.TypeA))
	udp, tcp, idle := w.dial(t, "udp"), w.dial(t, "tcp"), w.dial(t, "tcp")
	udp.Write(msg)
	tcp.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...))
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	for _, c := range []net.Conn{tcp, idle} {
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) { // what was asked may be answered that it failed, at the last moment
			t.Error("a connection is open after the end")
		}
	}
	if _, err := w.inside.DialContext(t.Context(), "tcp", w.at.String()); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("the port after the end: %v", err)
	}
}

func TestServeOnClosedSockets(t *testing.T) {
	t.Parallel()
	ns := testlab.NewNS(t) // whose lo is down
	s, err := netns.Open(ns, names.Listen)
	if err != nil {
		t.Fatal(err)
	}
	if at := s.AddrPort(); at.Addr() != names.Addr || at.Port() == 0 {
		t.Errorf("it listens on %s", at)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := new(names.Server).Serve(t.Context(), s); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
}
