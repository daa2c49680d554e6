package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	maxRequest = 8 << 10         // bytes of a request line and its header
	lingerTime = 2 * time.Second // for the client to hang up after the answer
	maxLinger  = 1 << 20         // bytes of a request's body that are read and thrown away
)

// ServeHTTP answers each request, one a connection, with a text that says whom it sees:
// "you are 203.0.113.2:4321, you asked 8.8.8.8:80 for GET /path" and a newline. It is HTTP/1.1 (RFC 9112)
// as far as that goes, without net/http, which would double the size of the program.
func (s *Services) ServeHTTP(l net.Listener) {
	s.accept(l, func(conn net.Conn) {
		status, body := "200 OK", ""
		r, err := readRequest(conn)
		if err != nil {
			status, body = err.status, err.status+"\n"
		} else {
			body = fmt.Sprintf("you are %s, you asked %s for %s %s\n", conn.RemoteAddr(), conn.LocalAddr(), r.method, r.target)
		}
		head := fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", status, len(body))
		if r.method == "HEAD" {
			body = ""
		}
		if _, err := io.WriteString(conn, head+body); err == nil {
			linger(conn)
		}
	})
}

// linger waits for the client to hang up. Closing at once, with a part of the request unread, would send
// a reset, which can overtake the answer: RFC 9112, section 9.6.
func linger(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		conn.SetReadDeadline(time.Now().Add(lingerTime))
		io.CopyN(io.Discard, conn, maxLinger)
	}
}

type request struct{ method, target string }

// A requestError is a request that gets another status than 200.
type requestError struct{ status string }

// readRequest reads a request up to the end of its header.
func readRequest(r io.Reader) (request, *requestError) {
	b := bufio.NewReader(io.LimitReader(r, maxRequest))
	line, err := readLine(b)
	word := strings.Split(line, " ")
	if err == nil && (len(word) != 3 || !printable(word[0]) || !printable(word[1])) {
		return request{}, &requestError{"400 Bad Request"}
	}
	if err == nil && !strings.HasPrefix(word[2], "HTTP/1.") {
		return request{}, &requestError{"505 HTTP Version Not Supported"}
	}
	for err == nil && line != "" {
		line, err = readLine(b)
	}
	switch {
	case errors.Is(err, io.EOF):
		return request{}, &requestError{"431 Request Header Fields Too Large"} // or broken off, and nobody reads this
	case err != nil:
		return request{}, &requestError{"408 Request Timeout"}
	}
	return request{word[0], word[1]}, nil
}

// readLine reads a line and strips its end.
func readLine(b *bufio.Reader) (string, error) {
	line, err := b.ReadString('\n')
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), err
}

// printable reports whether s is visible ASCII: what a terminal may be shown.
func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
