package names_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/container/lab"
	"plumb/container/names"
	"plumb/container/netns"
	testlab "plumb/test/lab"
)

// patience is longer than anything that should happen takes.
const patience = 20 * time.Second

// A town is a host and a container's namespace in it, with a name server for that.
type town struct {
	host, inside *lab.Host
	server       names.Server
	zone         atomic.Pointer[names.Zone]
	upstreams    atomic.Pointer[[]netip.AddrPort]
	at           netip.AddrPort
	stop         func() error // ends the server; the cleanup does as well
}

// start starts a name server that knows these hosts, and has these upstreams in the host's namespace.
func start(t testing.TB, hosts []names.Host, change func(*names.Server), upstreams ...netip.AddrPort) *town {
	t.Helper()
	l := testlab.New(t)
	w := &town{host: l.NewHost("host"), inside: l.NewHostWith("inside", lab.HostOptions{NoUplink: true})}
	w.serve(t, hosts, change, upstreams...)
	return w
}

func (w *town) serve(t testing.TB, hosts []names.Host, change func(*names.Server), upstreams ...netip.AddrPort) {
	t.Helper()
	w.zone.Store(names.NewZone(hosts))
	w.upstreams.Store(&upstreams)
	w.server = names.Server{
		Zone:      w.zone.Load,
		Upstreams: func() []netip.AddrPort { return *w.upstreams.Load() },
		Dial: func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
			return w.host.DialContext(ctx, network, to.String())
		},
		Timeout: patience,
	}
	if change != nil {
		change(&w.server)
	}
	sockets, err := netns.Open(w.inside.NS(), names.Listen)
	if err != nil {
		t.Fatal(err)
	}
	w.at = sockets.AddrPort()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.server.Serve(ctx, sockets) }()
	w.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := w.stop(); err != nil {
			t.Errorf("the server ends with %v", err)
		}
	})
}

// question is a query for a name, without EDNS.
func question(id uint16, name string, typ dnsmessage.Type) dnsmessage.Message {
	return dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}},
	}
}

// withEDNS adds an OPT record with that size.
func withEDNS(m dnsmessage.Message, size int) dnsmessage.Message {
	var h dnsmessage.ResourceHeader
	if err := h.SetEDNS0(size, 0, true); err != nil {
		panic(err)
	}
	m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
	return m
}

func pack(t testing.TB, m dnsmessage.Message) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dial connects from inside the container to the name server.
func (w *town) dial(t testing.TB, network string) net.Conn {
	t.Helper()
	c, err := w.inside.DialContext(t.Context(), network, w.at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// roundTrip sends a message and returns the next that comes.
func roundTrip(c net.Conn, network string, msg []byte) ([]byte, error) {
	if network == "udp" {
		if _, err := c.Write(msg); err != nil {
			return nil, err
		}
		buf := make([]byte, 65535)
		n, err := c.Read(buf)
		return buf[:n], err
	}
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)); err != nil {
		return nil, err
	}
	return readFrame(c)
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, msg)
	return msg, err
}

// ask sends one message and unpacks the answer, whose id and question must be the query's.
func (w *town) ask(t testing.TB, network string, q dnsmessage.Message) dnsmessage.Message {
	t.Helper()
	b, err := roundTrip(w.dial(t, network), network, pack(t, q))
	if err != nil {
		t.Fatalf("%s %v: %v", network, q.Questions, err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil {
		t.Fatalf("%s %v: %v in % x", network, q.Questions, err, b)
	}
	if m.ID != q.ID || !m.Response || !slices.Equal(m.Questions, q.Questions) {
		t.Errorf("%s: %v, id %d, is answered by id %d, %v", network, q.Questions, q.ID, m.ID, m.Questions)
	}
	return m
}

// data are the addresses and names of the answers, sorted.
func data(m dnsmessage.Message) string {
	var list []string
	for _, r := range m.Answers {
		switch body := r.Body.(type) {
		case *dnsmessage.AResource:
			list = append(list, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			list = append(list, netip.AddrFrom16(body.AAAA).String())
		case *dnsmessage.PTRResource:
			list = append(list, body.PTR.String())
		default:
			list = append(list, r.Header.Type.String())
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// A handler makes the messages with which an upstream answers one. They are packed as they are returned.
type handler func(q dnsmessage.Message, network string) []dnsmessage.Message

// an upstream is a name server in the host's namespace, on 127.0.0.53:53 or another address, and what it was asked.
type upstream struct {
	at    netip.AddrPort
	mu    sync.Mutex
	asked []dnsmessage.Message
	ports []uint16 // of the sockets that asked
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.asked)
}

// upstreamAt starts one at an address that the host has; networks are "udp", "tcp" or both.
func upstreamAt(t testing.TB, h *lab.Host, ip string, answer handler, networks ...string) *upstream {
	t.Helper()
	u := &upstream{at: netip.AddrPortFrom(netip.MustParseAddr(ip), 53)}
	if len(networks) == 0 {
		networks = []string{"udp", "tcp"}
	}
	var wg sync.WaitGroup
	var closers []io.Closer
	for _, network := range networks {
		if network == "udp" {
			pc, err := h.ListenPacket("udp", u.at.String())
			if err != nil {
				t.Fatal(err)
			}
			closers = append(closers, pc)
			wg.Go(func() { u.datagrams(t, pc, answer) })
			continue
		}
		l, err := h.Listen("tcp", u.at.String())
		if err != nil {
			t.Fatal(err)
		}
		closers = append(closers, l)
		wg.Go(func() { u.connections(t, l, answer) })
	}
	t.Cleanup(func() {
		for _, c := range closers {
			c.Close()
		}
		wg.Wait()
	})
	return u
}

func (u *upstream) answers(t testing.TB, msg []byte, from net.Addr, answer handler) (packed [][]byte) {
	var q dnsmessage.Message
	if err := q.Unpack(msg); err != nil {
		t.Errorf("upstream is asked what it cannot read: %v", err)
		return nil
	}
	u.mu.Lock()
	u.asked = append(u.asked, q)
	u.ports = append(u.ports, netip.MustParseAddrPort(from.String()).Port())
	u.mu.Unlock()
	for _, m := range answer(q, from.Network()) {
		b, err := m.Pack()
		if err != nil {
			t.Errorf("upstream's answer: %v", err)
			continue
		}
		packed = append(packed, b)
	}
	return packed
}

func (u *upstream) datagrams(t testing.TB, pc net.PacketConn, answer handler) {
	buf := make([]byte, 65535)
	for {
		n, from, err := pc.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		for _, b := range u.answers(t, buf[:n], from, answer) {
			pc.WriteTo(b, from)
		}
	}
}

func (u *upstream) connections(t testing.TB, l net.Listener, answer handler) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(patience))
		if msg, err := readFrame(c); err == nil {
			for _, b := range u.answers(t, msg, c.RemoteAddr(), answer) {
				c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
			}
		}
		c.Close()
	}
}

// reply is an answer to q with addresses.
func reply(q dnsmessage.Message, code dnsmessage.RCode, addrs ...string) dnsmessage.Message {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: q.ID, Response: true, RecursionAvailable: true, RecursionDesired: q.RecursionDesired, RCode: code},
		Questions: q.Questions,
	}
	for _, a := range addrs {
		h := dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 60}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()}})
	}
	return m
}

// always answers with these addresses.
func always(code dnsmessage.RCode, addrs ...string) handler {
	return func(q dnsmessage.Message, _ string) []dnsmessage.Message {
		return []dnsmessage.Message{reply(q, code, addrs...)}
	}
}

func silent(dnsmessage.Message, string) []dnsmessage.Message { return nil }
