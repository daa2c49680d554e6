package names

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sort"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// maxStrays is how many messages that answer another question one socket takes. A forger who knows its port sends many, to
// find the id; the next try has another port.
const maxStrays = 64

// exchange asks one server, once, and returns what it answers, with the id that it was asked with.
func (s *service) exchange(ctx context.Context, server netip.AddrPort, q *query) ([]byte, dnsmessage.RCode, error) {
	network, trip := "udp", datagram
	if q.tcp {
		network, trip = "tcp", stream
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	conn, err := s.Dial(ctx, network, server)
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()

	id := uint16(rand.Uint32()) // of ChaCha8, seeded by the system
	msg, err := q.pack(id)
	if err != nil {
		return nil, 0, err
	}
	return trip(conn, msg, id, q)
}

// datagram sends the query and reads until the message comes that answers it. The socket is connected: the kernel lets in
// nothing but this server's.
func datagram(conn net.Conn, msg []byte, id uint16, q *query) ([]byte, dnsmessage.RCode, error) {
	if _, err := conn.Write(msg); err != nil {
		return nil, 0, err
	}
	buf := make([]byte, localSize)
	for range maxStrays {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, 0, err
		}
		if code, err := checkReply(buf[:n], id, q); !errors.Is(err, errStray) {
			return buf[:n], code, err
		}
	}
	return nil, 0, errStray
}

// stream does the same by TCP, where each message follows its length: RFC 1035, section 4.2.2.
func stream(conn net.Conn, msg []byte, id uint16, q *query) ([]byte, dnsmessage.RCode, error) {
	if err := writeFrame(conn, msg); err != nil {
		return nil, 0, err
	}
	answer, err := readFrame(conn, streamSize)
	if err != nil {
		return nil, 0, err
	}
	code, err := checkReply(answer, id, q)
	return answer, code, err
}

func writeFrame(w io.Writer, msg []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(msg)), uint16(len(msg))), msg...))
	return err
}

// readFrame reads a message of at most limit bytes.
func readFrame(r io.Reader, limit int) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > limit {
		return nil, errMalformed
	}
	msg := make([]byte, n)
	_, err := io.ReadFull(r, msg)
	return msg, err
}

// How long a server that did not answer is asked last, and how many of those are remembered.
const (
	silentTime = 10 * time.Second
	maxSilent  = 16
)

// A silence remembers which servers did not answer lately, so that not every query waits for them.
type silence struct {
	mu    sync.Mutex
	since map[netip.AddrPort]time.Time
}

// note remembers how an exchange with the server ended.
func (s *silence) note(server netip.AddrPort, answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case answered:
		delete(s.since, server)
	case s.since == nil || len(s.since) >= maxSilent: // the host's list has changed often
		s.since = map[netip.AddrPort]time.Time{server: time.Now()}
	default:
		s.since[server] = time.Now()
	}
}

// order puts the servers that were silent lately behind the others.
func (s *silence) order(servers []netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.since) == 0 {
		return
	}
	late := func(server netip.AddrPort) bool {
		at, silent := s.since[server]
		return silent && time.Since(at) < silentTime
	}
	sort.SliceStable(servers, func(i, j int) bool { return !late(servers[i]) && late(servers[j]) })
}
