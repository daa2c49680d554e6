package lookup

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const dnsPort = 53

// ask puts the question to one server, once: by UDP, by TCP if that answer was cut short, and without
// EDNS if the server does not know it.
func (r *Resolver) ask(ctx context.Context, server netip.AddrPort, q dnsmessage.Question) (reply, error) {
	network := "udp"
	if r.TCP {
		network = "tcp"
	}
	got, err := r.exchange(ctx, network, server, q, true)
	if err == nil && (got.rcode == dnsmessage.RCodeFormatError || got.rcode == dnsmessage.RCodeNotImplemented) {
		got, err = r.exchange(ctx, network, server, q, false) // RFC 6891, section 7
	}
	if err == nil && got.truncated && network == "udp" {
		got, err = r.exchange(ctx, "tcp", server, q, true)
	}
	if err == nil && got.truncated {
		err = fmt.Errorf("%w: it is cut short", ErrMalformed)
	}
	return got, err
}

// exchange sends one query, and waits for its answer for r.Timeout at most.
func (r *Resolver) exchange(ctx context.Context, network string, server netip.AddrPort, q dnsmessage.Question, edns bool) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	dial := r.Dial
	if dial == nil {
		dial = Dial
	}
	// A connected socket takes messages from this server alone, and hears of a closed port at once. The
	// kernel draws its port; with the id from Go's ChaCha8 that is what a forger would have to guess.
	conn, err := dial(ctx, network, server.String())
	if err != nil {
		return reply{}, plain(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()

	id := uint16(rand.Uint32())
	query, err := packQuery(id, q, edns)
	if err != nil {
		return reply{}, err
	}
	trip := datagram
	if network == "tcp" {
		trip = stream
	}
	got, err := trip(conn, query, id, q)
	return got, plain(err)
}

// datagram sends the query and reads until the message comes that answers it.
func datagram(conn net.Conn, query []byte, id uint16, q dnsmessage.Question) (reply, error) {
	if _, err := conn.Write(query); err != nil {
		return reply{}, err
	}
	buf := make([]byte, 65535) // whatever the server was told
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return reply{}, err
		}
		if got, err := parseReply(buf[:n], id, q); !errors.Is(err, errStray) {
			return got, err
		}
	}
}

// stream does the same by TCP, where each message follows its length: RFC 1035, section 4.2.2.
func stream(conn net.Conn, query []byte, id uint16, q dnsmessage.Question) (reply, error) {
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(query)))
	if _, err := conn.Write(append(framed, query...)); err != nil {
		return reply{}, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return reply{}, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, msg); err != nil {
		return reply{}, err
	}
	return parseReply(msg, id, q)
}

// plain takes from a socket's error what Go's text adds (the operation, both addresses): the caller names
// the server.
func plain(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the server hung up")
	}
	return err
}
