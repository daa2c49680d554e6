package lookup_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/cmd/plumb/internal/lookup"
)

var lastServer atomic.Uint32

// freshIP is a loopback address that no other test uses.
func freshIP(t testing.TB) netip.Addr {
	needLoopback(t)
	n := lastServer.Add(1)
	return netip.AddrFrom4([4]byte{127, 53, byte(n >> 8), byte(n)})
}

// A handler answers a query with any number of messages.
type handler func(q dnsmessage.Message, tcp bool) []dnsmessage.Message

// serve runs a name server until the test ends, and returns its address.
func serve(t testing.TB, h handler) netip.AddrPort {
	t.Helper()
	addr := netip.AddrPortFrom(freshIP(t), 53)
	pc, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 2)
	go func() { serveUDP(t, pc, h); done <- struct{}{} }()
	go func() { serveTCP(t, l, h); done <- struct{}{} }()
	t.Cleanup(func() {
		pc.Close()
		l.Close()
		<-done
		<-done
	})
	return addr
}

func serveUDP(t testing.TB, pc *net.UDPConn, h handler) {
	buf := make([]byte, 4096)
	for {
		n, from, err := pc.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		for _, a := range answers(t, buf[:n], h, false) {
			pc.WriteToUDPAddrPort(a, from)
		}
	}
}

func serveTCP(t testing.TB, l net.Listener, h handler) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		var size [2]byte
		io.ReadFull(c, size[:])
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		io.ReadFull(c, query)
		for _, a := range answers(t, query, h, true) {
			c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
		}
		c.Close()
	}
}

func answers(t testing.TB, query []byte, h handler, tcp bool) (packed [][]byte) {
	var q dnsmessage.Message
	if err := q.Unpack(query); err != nil {
		t.Errorf("a query that cannot be read: %v", err)
		return nil
	}
	for _, m := range h(q, tcp) {
		b, err := m.Pack()
		if err != nil {
			t.Errorf("an answer that cannot be packed: %v", err)
			continue
		}
		packed = append(packed, b)
	}
	return packed
}

// reply is an answer to q with these records.
func reply(q dnsmessage.Message, code dnsmessage.RCode, records ...dnsmessage.Resource) dnsmessage.Message {
	return dnsmessage.Message{
		Header:    dnsmessage.Header{ID: q.ID, Response: true, RecursionAvailable: true, RCode: code},
		Questions: q.Questions,
		Answers:   slices.Clone(records), // packing writes to them
	}
}

// always answers every query alike.
func always(code dnsmessage.RCode, records ...dnsmessage.Resource) handler {
	return func(q dnsmessage.Message, _ bool) []dnsmessage.Message {
		return []dnsmessage.Message{reply(q, code, records...)}
	}
}

func silent(dnsmessage.Message, bool) []dnsmessage.Message { return nil }

func record(name string, t dnsmessage.Type, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Type: t, Class: dnsmessage.ClassINET, TTL: 60},
		Body:   body,
	}
}

func a(name, addr string) dnsmessage.Resource {
	return record(name, lookup.TypeA, &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()})
}

func alias(name, to string) dnsmessage.Resource {
	return record(name, dnsmessage.TypeCNAME, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(to)})
}

// resolver asks these servers, for ten seconds, once.
func resolver(servers ...netip.AddrPort) *lookup.Resolver {
	return &lookup.Resolver{Config: lookup.Config{Servers: servers, Ndots: 1, Timeout: 10 * time.Second, Attempts: 1}}
}
