package lab_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"plumb/container/lab"
	"plumb/rtnl"
	testlab "plumb/test/lab"
)

func TestMain(m *testing.M) { testlab.Main(m) }

// newLab builds a lab that the test closes at its end.
func newLab(t testing.TB) *lab.Lab {
	t.Helper()
	l, err := lab.New(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func addHost(t testing.TB, l *lab.Lab, name string, options lab.HostOptions) *lab.Host {
	t.Helper()
	h, err := l.AddHost(t.Context(), name, options)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// ping sends one echo request by an unprivileged ICMP socket and waits for the answer.
func ping(t testing.TB, h *lab.Host, to string) error {
	t.Helper()
	dst := netip.MustParseAddr(to)
	network, any, request, answer := "udp4", "0.0.0.0", icmp.Type(ipv4.ICMPTypeEcho), icmp.Type(ipv4.ICMPTypeEchoReply)
	protocol := 1
	if dst.Is6() {
		network, any, request, answer, protocol = "udp6", "::", ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply, 58
	}
	var conn *icmp.PacketConn
	err := h.Do(func() (err error) {
		conn, err = icmp.ListenPacket(network, any)
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	b, err := (&icmp.Message{Type: request, Body: &icmp.Echo{Seq: 1, Data: []byte("plumb")}}).Marshal(nil)
	if err != nil {
		return err
	}
	if _, err := conn.WriteTo(b, &net.UDPAddr{IP: dst.AsSlice()}); err != nil {
		return err
	}
	b = make([]byte, 1500)
	n, from, err := conn.ReadFrom(b)
	if err != nil {
		return err
	}
	m, err := icmp.ParseMessage(protocol, b[:n])
	if err != nil {
		return err
	}
	if m.Type != answer || from.(*net.UDPAddr).AddrPort().Addr().Unmap() != dst {
		return errors.New("not the answer: " + from.String())
	}
	return nil
}

func TestPing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := addHost(t, l, "a", lab.HostOptions{})
	b := addHost(t, l, "b", lab.HostOptions{MTU: 1400})
	for _, to := range []string{
		lab.NameServer4, lab.NameServer6, "1.1.1.1", "203.0.113.1", "2001:db8::1", "127.0.0.1", "::1",
		a.Addr4().String(), b.Addr4().String(), b.Addr6().String(),
	} {
		start, stalled := time.Now(), testlab.Stalled(t)
		if err := ping(t, a, to); err != nil {
			t.Errorf("a pings %s: %v", to, err)
		}
		if took := time.Since(start) - (testlab.Stalled(t) - stalled); took > time.Second/2 {
			t.Errorf("a pings %s: %v, so the first packet was lost", to, took)
		}
	}
	// The internet has no way out, and says so (ICMP network unreachable).
	if conn, err := a.DialContext(soon(t), "tcp", "198.51.100.1:80"); !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("198.51.100.1, which nobody has: %v %v", conn, err)
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := addHost(t, l, "h", lab.HostOptions{})
	for _, server := range []string{lab.NameServer4, lab.NameServer6} {
		t.Run(server, func(t *testing.T) {
			addr := func(port string) string { return net.JoinHostPort(server, port) }
			for _, network := range []string{"udp", "tcp"} {
				got := exchange(t, h, network, addr("7"), "hello\n")
				me := h.Addr4()
				if strings.Contains(server, ":") {
					me = h.Addr6()
				}
				if !strings.Contains(got, me.String()) || !strings.HasSuffix(got, "hello\n") {
					t.Errorf("%s echo: %q", network, got)
				}
			}
			var body bytes.Buffer
			r, err := lab.Get(soon(t), h.DialContext, "http://"+addr("80")+"/x", &body)
			if err != nil || r.Status != 200 || !strings.Contains(body.String(), "you asked "+addr("80")+" for GET /x") {
				t.Errorf("HTTP: %v %v %q", r, err, body.String())
			}
			if got := resolve(t, h, addr("53"), "google.com."); got != netip.MustParseAddr(lab.NameServer4) {
				t.Errorf("google.com is %s", got)
			}
		})
	}
}

// exchange sends s and returns what comes back, up to the end of s.
func exchange(t *testing.T, h *lab.Host, network, address, s string) string {
	t.Helper()
	conn, err := h.DialContext(soon(t), network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, s); err != nil {
		t.Fatal(err)
	}
	var got []byte
	b := make([]byte, 1500)
	for !bytes.HasSuffix(got, []byte(s)) {
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("%s %s: %v after %q", network, address, err, got)
		}
		got = append(got, b[:n]...)
	}
	return string(got)
}

func resolve(t *testing.T, h *lab.Host, server, name string) netip.Addr {
	t.Helper()
	q := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := h.DialContext(soon(t), "udp", server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	b = make([]byte, 512)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(b[:n]); err != nil || len(m.Answers) == 0 {
		t.Fatalf("no answer: %v %v", m, err)
	}
	return netip.AddrFrom4(m.Answers[0].Body.(*dnsmessage.AResource).A)
}

func TestHostsReachEachOther(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a, b := addHost(t, l, "a", lab.HostOptions{}), addHost(t, l, "b", lab.HostOptions{})
	lan, err := l.AddLAN(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []netip.Addr{b.Addr4(), b.Addr6(), lan.Addr4[1], lan.Addr6[1]} {
		s, err := b.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		port := s.Addr().(*net.TCPAddr).AddrPort().Port()
		conn, err := a.DialContext(soon(t), "tcp", netip.AddrPortFrom(addr, port).String())
		if err != nil {
			t.Fatal(err)
		}
		seen, err := s.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := seen.RemoteAddr().String(), conn.LocalAddr().String(); got != want {
			t.Errorf("b sees %s, a is %s", got, want)
		}
		for _, c := range []io.Closer{conn, seen, s} {
			c.Close()
		}
	}
	_, err = a.DialContext(soon(t), "tcp", netip.AddrPortFrom(b.Addr4(), 1).String())
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("dial a closed port: %v", err)
	}
}

func TestDialEndsWithContext(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := addHost(t, l, "a", lab.HostOptions{})
	// Nobody answers on the link for an address that the host takes for a neighbour's.
	dst := netip.MustParsePrefix("192.0.2.1/32")
	if err := a.Rtnl().Do(rtnl.NewRoute(rtnl.OnLink(2, dst), "")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if conn, err := a.DialContext(ctx, "tcp", "192.0.2.1:80"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v %v", conn, err)
	}
}

func TestIPv4Only(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := addHost(t, l, "h", lab.HostOptions{IPv4Only: true})
	if err := ping(t, h, lab.NameServer4); err != nil {
		t.Error(err)
	}
	for _, at := range []*lab.Host{h, l.Internet()} {
		index := uint32(2)
		addrs, err := at.Rtnl().Addrs(rtnl.IPv6, index)
		if err != nil || len(addrs) != 0 {
			t.Errorf("%s has %v on its end: %v", at.Name(), addrs, err)
		}
	}
}

func TestWrongUse(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := addHost(t, l, "h", lab.HostOptions{NoUplink: true})
	for _, name := range []string{"", "h", "internet", "a b", "a/b", "thirteenbytes"} {
		if _, err := l.AddHost(t.Context(), name, lab.HostOptions{}); err == nil {
			t.Errorf("AddHost takes %q", name)
		}
	}
	for _, c := range [][2]string{{"tcp", "google.com:80"}, {"tcp4", "[::1]:80"}, {"tcp6", "127.0.0.1:80"}, {"ip", "127.0.0.1:1"}, {"udp", "[fe80::1%lo]:1"}} {
		if _, err := h.DialContext(t.Context(), c[0], c[1]); err == nil {
			t.Errorf("DialContext takes %v", c)
		}
	}
	if _, err := h.Listen("udp", ":0"); err == nil {
		t.Error("Listen takes udp")
	}
	if _, err := l.AddLAN(t.Context(), h, h); err == nil {
		t.Error("a LAN of one host")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddHost(t.Context(), "late", lab.HostOptions{}); err == nil {
		t.Error("AddHost after Close")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lab.New(cancelled, lab.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("New with a context that is done: %v", err)
	}
}

// The price of a test's beginning and end.
func BenchmarkLab(b *testing.B) {
	for b.Loop() {
		l, err := lab.New(b.Context(), lab.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := l.AddHost(b.Context(), "host", lab.HostOptions{}); err != nil {
			b.Fatal(err)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
