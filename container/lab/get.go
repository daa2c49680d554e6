package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// maxHeader is how many bytes of an answer's status line and header are read.
const maxHeader = 64 << 10

// A Dial opens a connection, in a namespace of its choice: net.Dialer's DialContext for instance.
// address is a host and a port.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// A Response is what an HTTP server answered, its body aside.
type Response struct {
	Status   int    // 200
	Reason   string // "OK"
	Location string // where a redirection leads
}

// Get asks a server for a URL, http://HOST[:PORT][/PATH], by plain HTTP/1.1 (RFC 9112), and copies the
// body of its answer to w. Redirections are the caller's to follow. Any complete answer, of whatever
// status, is without an error.
func Get(ctx context.Context, dial Dial, url string, w io.Writer) (Response, error) {
	host, address, target, err := splitURL(url)
	if err != nil {
		return Response{}, err
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return Response{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()

	r, err := roundTrip(conn, host, target, w)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", url, err)
	}
	return r, nil
}

func roundTrip(conn net.Conn, host, target string, w io.Writer) (Response, error) {
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: plumb\r\nAccept: */*\r\nConnection: close\r\n\r\n", target, host)
	if _, err := io.WriteString(conn, request); err != nil {
		return Response{}, err
	}
	limit := &io.LimitedReader{R: conn, N: maxHeader}
	b := bufio.NewReader(limit)
	for {
		r, h, err := readHead(b)
		if err != nil {
			return r, err
		}
		if r.Status >= 200 { // else an interim answer: RFC 9110, section 15.2
			limit.N = 1<<63 - 1
			return r, readBody(b, r, h, w)
		}
	}
}

// splitURL returns what the Host field says, whom to dial, and what to ask for.
func splitURL(url string) (host, address, target string, err error) {
	rest, ok := strings.CutPrefix(url, "http://")
	if !ok {
		return "", "", "", fmt.Errorf("%q is not a URL of plain HTTP: want http://HOST[:PORT][/PATH]", url)
	}
	rest, _, _ = strings.Cut(rest, "#")
	host, target = rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, target = rest[:i], rest[i:]
		if target[0] == '?' {
			target = "/" + target
		}
	}
	if !printable(host) || !printable(target) || strings.Contains(host, "@") {
		return "", "", "", fmt.Errorf("%q: the host or the path holds what a URL cannot", url)
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "80"
		if addr, err := netip.ParseAddr(name); strings.Contains(name, ":") && (err != nil || !addr.Is6()) {
			return "", "", "", fmt.Errorf("%q: %q is not a host", url, host)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || name == "" {
		return "", "", "", fmt.Errorf("%q: %q is not a host and a port", url, host)
	}
	if before, zone, ok := strings.Cut(host, "%"); ok { // the zone of an address means nothing to the server: RFC 9844
		_, after, _ := strings.Cut(zone, "]")
		host = before + "]" + after
	}
	return host, net.JoinHostPort(name, port), target, nil
}

// A framing says where a body ends: RFC 9112, section 6.3.
type framing struct {
	chunked bool
	length  int64 // -1: with the connection
}

func readHead(b *bufio.Reader) (Response, framing, error) {
	end := framing{length: -1}
	line, err := readLine(b)
	if err != nil {
		return Response{}, end, cutShort(err)
	}
	word := strings.SplitN(line, " ", 3)
	if len(word) < 2 || !strings.HasPrefix(word[0], "HTTP/1.") {
		return Response{}, end, fmt.Errorf("the server does not speak HTTP/1.1: it says %.40q", line)
	}
	r := Response{}
	if r.Status, err = strconv.Atoi(word[1]); err != nil || r.Status < 100 || r.Status > 999 {
		return Response{}, end, fmt.Errorf("%.40q is no status", word[1])
	}
	if len(word) == 3 {
		r.Reason = word[2]
	}
	for {
		if line, err = readLine(b); err != nil {
			return r, end, cutShort(err)
		}
		if line == "" {
			return r, end, nil
		}
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "content-length":
			if end.length, err = strconv.ParseInt(value, 10, 64); err != nil || end.length < 0 {
				return r, end, fmt.Errorf("%.40q is no length", value)
			}
		case "transfer-encoding":
			end.chunked = strings.EqualFold(value, "chunked")
		case "location":
			r.Location = value
		}
	}
}

func readBody(b *bufio.Reader, r Response, end framing, w io.Writer) error {
	var err error
	switch {
	case r.Status == 204 || r.Status == 304:
	case end.chunked:
		err = copyChunks(w, b)
	case end.length >= 0:
		_, err = io.CopyN(w, b, end.length)
	default:
		_, err = io.Copy(w, b)
		return err
	}
	return cutShort(err)
}

// copyChunks copies a body that comes in parts, each behind its length: RFC 9112, section 7.1.
func copyChunks(w io.Writer, b *bufio.Reader) error {
	for {
		line, err := readLine(b)
		if err != nil {
			return err
		}
		line, _, _ = strings.Cut(line, ";")
		n, err := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%.40q is no length of a chunk", line)
		}
		if n == 0 {
			return nil
		}
		if _, err := io.CopyN(w, b, n); err != nil {
			return err
		}
		if line, err = readLine(b); err != nil || line != "" {
			return errors.Join(err, errors.New("a chunk is longer than it says"))
		}
	}
}

// cutShort makes the end of the stream an error where more should have come.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
