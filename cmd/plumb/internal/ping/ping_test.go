package ping_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/cmd/plumb/internal/lookup"
	"plumb/cmd/plumb/internal/ping"
	"plumb/container/netns"
)

// run pings host as often as count, 20 ms apart, and returns what was printed with N for every time.
func run(t testing.TB, ns *netns.NS, host string, count int, change func(*ping.Options)) (string, ping.Stats, error) {
	t.Helper()
	o := ping.Defaults(host)
	o.Count, o.Interval, o.Resolver = count, 20*time.Millisecond, &lookup.Resolver{}
	if change != nil {
		change(&o)
	}
	var out bytes.Buffer
	var stats ping.Stats
	err := ns.Do(func() (err error) {
		stats, err = ping.Run(t.Context(), o, &out)
		return err
	})
	return timeless(out.String()), stats, err
}

func timeless(s string) string {
	return regexp.MustCompile(`(time=|time )[0-9.]+|\d+\.\d{3}\b`).ReplaceAllString(s, "${1}N")
}

func TestKernelAnswers(t *testing.T) {
	t.Parallel()
	const v4 = `PING 127.0.0.9 (127.0.0.9) 56(84) bytes of data.
64 bytes from 127.0.0.9: icmp_seq=1 ttl=64 time=N ms
64 bytes from 127.0.0.9: icmp_seq=2 ttl=64 time=N ms

--- 127.0.0.9 ping statistics ---
2 packets transmitted, 2 received, 0% packet loss, time Nms
rtt min/avg/max/mdev = N/N/N/N ms
`
	v6 := strings.NewReplacer("127.0.0.9", "::1", "56(84) bytes of data.", "56 data bytes").Replace(v4)
	for _, raw := range []bool{false, true} {
		for host, want := range map[string]string{"127.0.0.9": v4, "::1": v6} {
			t.Run(fmt.Sprintf("%s, raw %v", host, raw), func(t *testing.T) {
				t.Parallel()
				got, stats, err := run(t, newHost(t, raw), host, 2, nil)
				if err != nil || got != want {
					t.Errorf("%v\ngot:\n%s\nwant:\n%s", err, got, want)
				}
				if stats.Min <= 0 || stats.Avg < stats.Min || stats.Max < stats.Avg || stats.Max > 10*time.Second || stats.Elapsed < 20*time.Millisecond {
					t.Errorf("times make no sense: %+v", stats)
				}
			})
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	ns := newHost(t, false)
	for name, c := range map[string]struct {
		host   string
		change func(*ping.Options)
		want   string // of the first two lines
	}{
		"no payload":  {"127.0.0.1", func(o *ping.Options) { o.Size = 0 }, "PING 127.0.0.1 (127.0.0.1) 0(28) bytes of data.\n8 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=N ms\n"},
		"largest":     {"::1", func(o *ping.Options) { o.Size = 65507 }, "PING ::1 (::1) 65507 data bytes\n65515 bytes from ::1: icmp_seq=1 ttl=64 time=N ms\n"},
		"ttl":         {"127.0.0.1", func(o *ping.Options) { o.TTL = 3 }, "PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.\n64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=N ms\n"},
		"quiet":       {"127.0.0.1", func(o *ping.Options) { o.Quiet = true }, "PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.\n\n"},
		"from a link": {"127.0.0.1", func(o *ping.Options) { o.Interface = "lo" }, "PING 127.0.0.1 (127.0.0.1) from 127.0.0.1 lo: 56(84) bytes of data.\n64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=N ms\n"},
		"from an address": {
			"127.0.0.1", func(o *ping.Options) { o.Interface = "127.0.0.4" },
			"PING 127.0.0.1 (127.0.0.1) from 127.0.0.4 : 56(84) bytes of data.\n64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=N ms\n",
		},
	} {
		got, _, err := run(t, ns, c.host, 1, c.change)
		if err != nil || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %v, got:\n%s\nwant:\n%s", name, err, got, c.want)
		}
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	ns := newHost(t, false)
	for name, c := range map[string]struct {
		host   string
		change func(*ping.Options)
		want   string
	}{
		"no route":        {"192.0.2.1", nil, "connect to 192.0.2.1: network is unreachable"},
		"no server":       {"x.example", nil, "x.example: no name server"},
		"broadcast":       {"127.255.255.255", nil, "127.255.255.255 is a broadcast address"},
		"no zone":         {"fe80::1", nil, "fe80::1%eth0"},
		"no such zone":    {"fe80::1%x", nil, `no link "x"`},
		"no such link":    {"127.0.0.1", func(o *ping.Options) { o.Interface = "x" }, `no link "x"`},
		"no such source":  {"127.0.0.1", func(o *ping.Options) { o.Interface = "192.0.2.1" }, "bind to 192.0.2.1: cannot assign"},
		"other family":    {"::1", func(o *ping.Options) { o.IPv4 = true }, "::1: an address of the other family"},
		"source of other": {"127.0.0.1", func(o *ping.Options) { o.Interface = "::1" }, "127.0.0.1: an address of the other family"},
		"too fast":        {"127.0.0.1", func(o *ping.Options) { o.Interval = ping.MinInterval - 1 }, "shorter than"},
		"too large":       {"127.0.0.1", func(o *ping.Options) { o.Size = 65508 }, "65508 bytes is outside"},
		"too far":         {"127.0.0.1", func(o *ping.Options) { o.TTL = 256 }, "256 is outside"},
		"contradiction":   {"127.0.0.1", func(o *ping.Options) { o.IPv4, o.IPv6 = true, true }, "exclude each other"},
		"negative":        {"127.0.0.1", func(o *ping.Options) { o.Count = -1 }, "negative"},
	} {
		out, stats, err := run(t, ns, c.host, 1, c.change)
		if err == nil || !strings.Contains(err.Error(), c.want) || out != "" || stats.Transmitted != 0 {
			t.Errorf("%s: got %v, %q, want %q", name, err, out, c.want)
		}
	}
}

// Without the group and without the capability there is nothing to ping with, and the error says what to change.
func TestRefusedByTheKernel(t *testing.T) {
	t.Parallel()
	err := newHost(t, true).Do(func() error {
		return without(unix.CAP_NET_RAW, func() error {
			_, err := ping.Run(t.Context(), ping.Defaults("127.0.0.1"), io.Discard)
			return err
		})
	})
	if !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "net.ipv4.ping_group_range") {
		t.Errorf("got %v", err)
	}
}

// without runs f on this thread without a capability: capabilities are a thread's own.
func without(capability int, f func() error) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		return err
	}
	less := had
	less[capability/32].Effective &^= 1 << (capability % 32)
	if err := unix.Capset(&header, &less[0]); err != nil {
		return err
	}
	return errors.Join(f(), unix.Capset(&header, &had[0]))
}

// A firstLine calls f once, at the first line that is written to it after the title.
type firstLine struct {
	bytes.Buffer
	f func()
}

func (w *firstLine) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("icmp_seq=1 ")) {
		w.f()
	}
	return w.Buffer.Write(b)
}

func TestCancelPrintsTheSummary(t *testing.T) {
	t.Parallel()
	ns := newHost(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	out := &firstLine{f: cancel}
	o := ping.Defaults("127.0.0.1")
	o.Interval = time.Hour
	err := ns.Do(func() error {
		_, err := ping.Run(ctx, o, out)
		return err
	})
	if err != nil || !strings.Contains(out.String(), "1 packets transmitted, 1 received, 0% packet loss, time ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	ns := newHost(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	report := make(chan os.Signal, 1)
	o := ping.Defaults("127.0.0.1")
	o.Interval, o.Report = time.Hour, report
	var line strings.Builder
	o.ReportTo = writerFunc(func(b []byte) (int, error) {
		if bytes.HasSuffix(b, []byte("\n")) {
			defer cancel()
		}
		return line.Write(b)
	})
	err := ns.Do(func() error {
		_, err := ping.Run(ctx, o, &firstLine{f: func() { report <- os.Interrupt }})
		return err
	})
	if want := "\r1/1 packets, 0% loss, min/avg/ewma/max = N/N/N/N ms\n"; err != nil || timeless(line.String()) != want {
		t.Errorf("got %q, %v, want %q", line.String(), err, want)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
