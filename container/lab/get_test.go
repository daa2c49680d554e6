package lab_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"plumb/container/lab"
)

// canned serves one connection with an answer, and returns the request line and the Host field it read.
func canned(t *testing.T, answer string) (lab.Dial, <-chan string) {
	asked := make(chan string, 1)
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		done := make(chan struct{})
		t.Cleanup(func() { <-done })
		go func() {
			defer close(done)
			defer server.Close()
			b := bufio.NewReader(server)
			request := ""
			for {
				line, err := b.ReadString('\n')
				if err != nil || line == "\r\n" {
					break
				}
				request += line
			}
			lines := strings.SplitN(request, "\r\n", 3)
			asked <- strings.Join(lines[:2], " ")
			io.WriteString(server, answer)
		}()
		return client, nil
	}, asked
}

func TestGet(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		answer, body, err string
		status            int
	}{
		"length":           {ok + "Content-Length: 5\r\n\r\nhello and more", "hello", "", 200},
		"until the end":    {"HTTP/1.0 200\r\n\r\nhello", "hello", "", 200},
		"chunks":           {ok + "transfer-encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n, dear all\r\n0\r\n\r\n", "hello, dear all", "", 200},
		"interim":          {"HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi", "hi", "", 200},
		"no content":       {"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", "", "", 204},
		"not found":        {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "no", "", 404},
		"cut short":        {ok + "Content-Length: 9\r\n\r\nhello", "hello", "unexpected EOF", 200},
		"chunk cut short":  {ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nhello", "hello", "unexpected EOF", 200},
		"chunk too long":   {ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", "he", "longer than it says", 200},
		"header cut short": {ok + "Content-Len", "", "unexpected EOF", 200},
		"header endless":   {ok + strings.Repeat("X: yyyyyyy\r\n", 10000), "", "unexpected EOF", 200},
		"another protocol": {"SSH-2.0-x\r\n", "", "does not speak HTTP", 0},
		"bad length":       {ok + "Content-Length: -1\r\n\r\n", "", "no length", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dial, asked := canned(t, c.answer)
			var body strings.Builder
			r, err := lab.Get(t.Context(), dial, "http://example.com:8080?q", &body)
			if got := <-asked; got != "GET /?q HTTP/1.1 Host: example.com:8080" {
				t.Errorf("asked %q", got)
			}
			if body.String() != c.body || r.Status != c.status || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %+v, %q, %v, want %d, %q, %q", r, body.String(), err, c.status, c.body, c.err)
			}
		})
	}
}

func TestGetURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"http://example.com":         "example.com:80 example.com",
		"http://example.com:81/x#f":  "example.com:81 example.com:81",
		"http://[::1]/":              "[::1]:80 [::1]",
		"http://[fe80::1%eth0]:8080": "[fe80::1%eth0]:8080 [fe80::1]:8080",
		"https://example.com":        "",
		"example.com":                "",
		"http://":                    "",
		"http://a b/":                "",
		"http://x/\r\nHost:y":        "",
		"http://user@example.com":    "",
		"http://example.com:0":       "",
		"http://a:b:c/":              "",
	} {
		got := ""
		answer, asked := canned(t, "HTTP/1.1 204 x\r\n\r\n")
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			got = address
			return answer(ctx, network, address)
		}
		_, err := lab.Get(t.Context(), dial, url, io.Discard)
		if err == nil {
			_, host, _ := strings.Cut(<-asked, "Host: ")
			got += " " + host
		}
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v, want %q", url, got, err, want)
		}
	}
}

func TestGetEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.services.ServeEcho(p.listen("127.0.0.1:80")) // it waits for more, as the client does
	ctx, cancel := context.WithCancel(t.Context())
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := p.dialContext(ctx, network, address)
		cancel()
		return c, err
	}
	if _, err := lab.Get(ctx, dial, "http://127.0.0.1/", io.Discard); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("got %v", err)
	}
}
