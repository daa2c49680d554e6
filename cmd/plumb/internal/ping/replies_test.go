package ping_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"plumb/cmd/plumb/internal/ping"
)

// Each case is run with a datagram socket and with a raw one, which see errors by different ways.
func TestReplies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		v6     bool
		script func(*responder, []byte) []message
		want   string // between the title and the times
	}{
		"duplicate": {false, firstTwice, `64 bytes from 127.0.0.7: icmp_seq=1 ttl=64 time=N ms
64 bytes from 127.0.0.7: icmp_seq=1 ttl=64 time=N ms (DUP!)
64 bytes from 127.0.0.7: icmp_seq=2 ttl=64 time=N ms
`},
		"damaged": {false, func(r *responder, q []byte) []message {
			return []message{r.echoed(q, func(b []byte) []byte { b[8+5] = 0xff; return b })}
		}, `64 bytes from 127.0.0.7: icmp_seq=1 ttl=64 time=N ms
wrong data byte #5 should be 0x5 but was 0xff
64 bytes from 127.0.0.7: icmp_seq=2 ttl=64 time=N ms
wrong data byte #5 should be 0x5 but was 0xff
`},
		"truncated": {false, func(r *responder, q []byte) []message {
			return []message{r.echoed(q, func(b []byte) []byte { return b[:20] })}
		}, `20 bytes from 127.0.0.7: icmp_seq=1 ttl=64 time=N ms (truncated)
20 bytes from 127.0.0.7: icmp_seq=2 ttl=64 time=N ms (truncated)
`},
		"too long": {false, func(r *responder, q []byte) []message {
			return []message{r.echoed(q, func(b []byte) []byte { return append(b, make([]byte, 1000)...) })}
		}, ""},
		"another address": {false, func(r *responder, q []byte) []message {
			m := r.echoed(q, nil)
			m.router = true
			return []message{m}
		}, `64 bytes from 127.0.0.3: icmp_seq=1 ttl=64 time=N ms (DIFFERENT ADDRESS!)
64 bytes from 127.0.0.3: icmp_seq=2 ttl=64 time=N ms (DIFFERENT ADDRESS!)
`},
		"another request": {false, func(r *responder, q []byte) []message {
			return []message{r.echoed(q, func(b []byte) []byte { b[6] = 0x70; return b }), r.echoed(q, nil)}
		}, `64 bytes from 127.0.0.7: icmp_seq=1 ttl=64 time=N ms
64 bytes from 127.0.0.7: icmp_seq=2 ttl=64 time=N ms
`},
		"host unreachable": {false, failing(3, 1, 0), "From 127.0.0.3 icmp_seq=1 Destination Host Unreachable\nFrom 127.0.0.3 icmp_seq=2 Destination Host Unreachable\n"},
		"fragments needed": {false, failing(3, 4, 576), "From 127.0.0.3 icmp_seq=1 Frag needed and DF set (mtu = 576)\nFrom 127.0.0.3 icmp_seq=2 Frag needed and DF set (mtu = 576)\n"},
		"filtered":         {false, failing(3, 13, 0), "From 127.0.0.3 icmp_seq=1 Packet filtered\nFrom 127.0.0.3 icmp_seq=2 Packet filtered\n"},
		"ttl exceeded":     {false, failing(11, 0, 0), "From 127.0.0.3 icmp_seq=1 Time to live exceeded\nFrom 127.0.0.3 icmp_seq=2 Time to live exceeded\n"},
		"no route, v6":     {true, failing(1, 0, 0), "From ::1 icmp_seq=1 Destination unreachable: No route\nFrom ::1 icmp_seq=2 Destination unreachable: No route\n"},
		"hop limit, v6":    {true, failing(3, 0, 0), "From ::1 icmp_seq=1 Time exceeded: Hop limit\nFrom ::1 icmp_seq=2 Time exceeded: Hop limit\n"},
		"answer, v6": {
			true, func(r *responder, q []byte) []message { return []message{r.echoed(q, nil)} },
			"64 bytes from ::1: icmp_seq=1 ttl=64 time=N ms\n64 bytes from ::1: icmp_seq=2 ttl=64 time=N ms\n",
		},
	} {
		for _, raw := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", raw", false: ""}[raw], func(t *testing.T) {
				t.Parallel()
				r := newResponder(t, raw, c.v6, c.script)
				got, _, err := run(t, r.ns, r.target.String(), 2, nil)
				_, body, _ := strings.Cut(got, "\n")
				body, _, _ = strings.Cut(body, "\n---")
				if name == "too long" { // how much of it is seen differs
					if strings.Count(body, "(too long)") != 2 {
						t.Errorf("%v, got:\n%s", err, body)
					}
					return
				}
				if err != nil || body != c.want {
					t.Errorf("%v, got:\n%s\nwant:\n%s", err, body, c.want)
				}
			})
		}
	}
}

// failing answers every request with an ICMP error.
func failing(kind, code byte, info uint32) func(*responder, []byte) []message {
	return func(r *responder, q []byte) []message { return []message{r.failure(q, kind, code, info)} }
}

// firstTwice answers the first request twice. With the last one's second reply a run need not wait.
func firstTwice(r *responder, q []byte) []message {
	if q[7] == 1 {
		return []message{r.echoed(q, nil), r.echoed(q, nil)}
	}
	return []message{r.echoed(q, nil)}
}

func silent(*responder, []byte) []message { return nil }

// underWay is how many requests were under way at once, which depends on how busy the machine is.
var underWay = regexp.MustCompile(`(, )?pipe \d+`)

func TestSummary(t *testing.T) {
	t.Parallel()
	odd := func(r *responder, q []byte) []message { // only the first of each three
		if q[7]%3 == 1 {
			return []message{r.echoed(q, nil)}
		}
		return nil
	}
	for name, c := range map[string]struct {
		script func(*responder, []byte) []message
		count  int
		change func(*ping.Options)
		want   string
	}{
		"silence": {
			silent, 1, func(o *ping.Options) { o.Wait = 30 * time.Millisecond },
			"1 packets transmitted, 0 received, 100% packet loss, time Nms\n\n",
		},
		"a third": {
			odd, 3, func(o *ping.Options) { o.Wait = 3 * time.Second },
			"3 packets transmitted, 1 received, 66.6667% packet loss, time Nms\nrtt min/avg/max/mdev = N/N/N/N ms\n",
		},
		"errors": {failing(3, 1, 0), 3, nil, "3 packets transmitted, 0 received, +3 errors, 100% packet loss, time Nms\n\n"},
		"error before the deadline": {
			failing(3, 1, 0), 0, func(o *ping.Options) { o.Deadline = time.Hour },
			"1 packets transmitted, 0 received, +1 errors, 100% packet loss, time Nms\n\n",
		},
		"until the count is answered": {
			odd, 2, func(o *ping.Options) { o.Deadline = time.Hour },
			"4 packets transmitted, 2 received, 50% packet loss, time Nms\nrtt min/avg/max/mdev = N/N/N/N ms\n",
		},
		"deadline": {
			silent, 1, func(o *ping.Options) { o.Deadline, o.Interval = 30*time.Millisecond, time.Hour },
			"1 packets transmitted, 0 received, 100% packet loss, time Nms\n\n",
		},
		"duplicates": {
			firstTwice, 2, nil,
			"2 packets transmitted, 2 received, +1 duplicates, 0% packet loss, time Nms\nrtt min/avg/max/mdev = N/N/N/N ms\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newResponder(t, false, false, c.script)
			got, _, err := run(t, r.ns, r.target.String(), c.count, c.change)
			_, got, _ = strings.Cut(got, "statistics ---\n")
			got = underWay.ReplaceAllString(got, "")
			if err != nil || got != c.want {
				t.Errorf("%v, got:\n%s\nwant:\n%s", err, got, c.want)
			}
		})
	}
}
