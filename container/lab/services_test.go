package lab_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/container/lab"
	"plumb/container/netns"
	testlab "plumb/test/lab"
)

// A place is a namespace with lo up and servers in it, for one test.
type place struct {
	t        testing.TB
	ns       *netns.NS
	services lab.Services
}

func newPlace(t testing.TB) *place {
	t.Helper()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, ns: ns}
	t.Cleanup(func() {
		if err := p.services.Close(); err != nil {
			t.Errorf("close the services: %v", err)
		}
		ns.Close()
	})
	p.do(testlab.LoopbackUp)
	return p
}

func (p *place) do(f func() error) {
	p.t.Helper()
	if err := p.ns.Do(f); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) listen(addr string) (l net.Listener) {
	p.t.Helper()
	p.do(func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	})
	return l
}

func (p *place) listenPacket(addr string) (pc net.PacketConn) {
	p.t.Helper()
	p.do(func() (err error) {
		pc, err = net.ListenPacket("udp", addr)
		return err
	})
	return pc
}

// dialContext is a lab.Dial. The test's deadline is ten seconds.
func (p *place) dialContext(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = p.ns.Do(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	if err == nil {
		c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return c, err
}

// say sends s to address, closes the sending side and returns all that comes back.
func (p *place) say(network, address, s string) (local, got string) {
	p.t.Helper()
	c, err := p.dialContext(p.t.Context(), network, address)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, s); err != nil {
		p.t.Fatal(err)
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.CloseWrite()
		b, err := io.ReadAll(c)
		if err != nil {
			p.t.Fatal(err)
		}
		return c.LocalAddr().String(), string(b)
	}
	buf := make([]byte, 65535)
	n, err := c.Read(buf)
	if err != nil {
		p.t.Fatal(err)
	}
	return c.LocalAddr().String(), string(buf[:n])
}

func TestServiceHTTP(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, addr := range []string{"127.0.0.8:80", "[::1]:80"} {
		p.services.ServeHTTP(p.listen(addr))
		var body strings.Builder
		answer, err := lab.Get(t.Context(), p.dialContext, "http://"+addr+"/path?q=1", &body)
		if err != nil || answer.Status != 200 || answer.Reason != "OK" {
			t.Errorf("%s: got %+v, %v", addr, answer, err)
		}
		you := strings.TrimSuffix(addr, "8:80")
		if s := body.String(); !strings.HasPrefix(s, "you are "+strings.TrimSuffix(you, ":80")) || !strings.HasSuffix(s, ", you asked "+addr+" for GET /path?q=1\n") {
			t.Errorf("%s: got %q", addr, s)
		}
	}
}

func TestServiceHTTPStatus(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.services.ServeHTTP(p.listen("127.0.0.1:80"))
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                                "HTTP/1.1 200 OK",
		"GET / HTTP/1.0\n\n":                                               "HTTP/1.1 200 OK",
		"POST /x HTTP/1.1\r\nContent-Length: 9\r\n\r\nsome body":           "HTTP/1.1 200 OK",
		"GET /\r\n\r\n":                                                    "HTTP/1.1 400 Bad Request",
		"GET /\x1b[2J HTTP/1.1\r\n\r\n":                                    "HTTP/1.1 400 Bad Request",
		"GET / HTTP/2\r\n\r\n":                                             "HTTP/1.1 505 HTTP Version Not Supported",
		"GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n": "HTTP/1.1 431 Request Header Fields Too Large",
	} {
		_, got := p.say("tcp", "127.0.0.1:80", request)
		if line, _, _ := strings.Cut(got, "\r\n"); line != want {
			t.Errorf("%.40q: got %q, want %q", request, line, want)
		}
	}
	if _, got := p.say("tcp", "127.0.0.1:80", "HEAD / HTTP/1.1\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("HEAD: got %q, want no body", got)
	}
}

func TestServiceEcho(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.services.ServeEcho(p.listen("127.0.0.1:7"))
	p.services.ServePacketEcho(p.listenPacket("127.0.0.1:7"))
	if me, got := p.say("tcp", "127.0.0.1:7", "hello"); got != me+"\nhello" {
		t.Errorf("tcp: got %q", got)
	}
	if me, got := p.say("udp", "127.0.0.1:7", "hello"); got != me+" hello" {
		t.Errorf("udp: got %q", got)
	}
}

// A connected socket hears nothing from another address than it asked.
func TestServiceOnAllAddresses(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.services.ServePacketEcho(p.listenPacket(":7"))
	p.services.ServePacketEcho(p.listenPacket("0.0.0.0:8"))
	for _, addr := range []string{"127.0.0.1:7", "127.9.9.9:7", "[::1]:7", "127.9.9.9:8"} {
		if me, got := p.say("udp", addr, "hello"); got != me+" hello" {
			t.Errorf("%s: got %q, want %q", addr, got, me+" hello")
		}
	}
}

func TestServicesClose(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	l := p.listen("127.0.0.1:7")
	p.services.ServeEcho(l)
	p.services.ServePacketEcho(p.listenPacket("127.0.0.1:7"))
	c, err := p.dialContext(t.Context(), "tcp", "127.0.0.1:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, len(c.LocalAddr().String())+1)); err != nil {
		t.Fatal(err)
	}
	if err := p.services.Close(); err != nil {
		t.Error(err)
	}
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("an open connection gave %d more bytes", n)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is not closed: %v", err)
	}
	late := p.listen("127.0.0.1:7")
	p.services.ServeEcho(late)
	if _, err := late.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener that came after Close is not closed: %v", err)
	}
}

// ask puts a question to the server at 127.0.0.1:53.
func (p *place) ask(network string, q dnsmessage.Message) (m dnsmessage.Message) {
	p.t.Helper()
	query, err := q.Pack()
	if err != nil {
		p.t.Fatal(err)
	}
	if network == "tcp" {
		query = append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	}
	_, got := p.say(network, "127.0.0.1:53", string(query))
	if network == "tcp" {
		got = got[2:]
	}
	if err := m.Unpack([]byte(got)); err != nil {
		p.t.Fatal(err)
	}
	return m
}

func TestServiceDNS(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	z := lab.Internet()
	z.AddHost("Web.Test", netip.MustParseAddr("192.0.2.1"))
	p.services.ServeDNS(p.listenPacket("127.0.0.1:53"), z)
	p.services.ServeDNSTCP(p.listen("127.0.0.1:53"), z)
	for _, c := range []struct {
		name    string
		kind    dnsmessage.Type
		network string
		want    string // code, truncated, answers
	}{
		{"google.com.", dnsmessage.TypeA, "udp", "0 false 1"},
		{"GOOGLE.com.", dnsmessage.TypeAAAA, "udp", "0 false 1"},
		{"web.test.", dnsmessage.TypeA, "udp", "0 false 1"},
		{"1.2.0.192.in-addr.arpa.", dnsmessage.TypePTR, "udp", "0 false 1"},
		{"8.8.8.8.in-addr.arpa.", dnsmessage.TypePTR, "tcp", "0 false 1"},
		{"google.com.", dnsmessage.TypeMX, "udp", "0 false 0"},
		{"com.", dnsmessage.TypeA, "udp", "0 false 0"},
		{"www.example.com.", dnsmessage.TypeA, "udp", "0 false 2"},
		{"nosuch.example.com.", dnsmessage.TypeA, "udp", "3 false 0"},
		{"large.example.com.", dnsmessage.TypeTXT, "udp", "0 true 0"},
		{"large.example.com.", dnsmessage.TypeTXT, "tcp", "0 false 20"},
	} {
		q := dnsmessage.Question{Name: dnsmessage.MustNewName(c.name), Type: c.kind, Class: dnsmessage.ClassINET}
		m := p.ask(c.network, dnsmessage.Message{Header: dnsmessage.Header{ID: 9}, Questions: []dnsmessage.Question{q}})
		got := fmt.Sprint(int(m.RCode), m.Truncated, len(m.Answers))
		if got != c.want || m.ID != 9 || len(m.Questions) != 1 {
			t.Errorf("%s %v by %s: got %s, want %s", c.name, c.kind, c.network, got, c.want)
		}
	}
	if m := p.ask("udp", dnsmessage.Message{Header: dnsmessage.Header{OpCode: 5}}); m.RCode != dnsmessage.RCodeNotImplemented {
		t.Errorf("an update: got %v", m.RCode)
	}
	if m := p.ask("udp", dnsmessage.Message{}); m.RCode != dnsmessage.RCodeFormatError {
		t.Errorf("no question: got %v", m.RCode)
	}
}
