package container_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
)

func TestParsePublish(t *testing.T) {
	t.Parallel()
	tcp, udp, sctp := uint8(unix.IPPROTO_TCP), uint8(unix.IPPROTO_UDP), uint8(unix.IPPROTO_SCTP)
	addr := netip.MustParseAddr
	for text, want := range map[string]container.Publish{
		"80":                               {Proto: tcp, Port: 80, Count: 1},
		"0:80":                             {Proto: tcp, Port: 80, Count: 1},
		"8080:80":                          {Proto: tcp, HostPort: 8080, Port: 80, Count: 1},
		"8000-8010:80-90":                  {Proto: tcp, HostPort: 8000, Port: 80, Count: 11},
		"80-90":                            {Proto: tcp, Port: 80, Count: 11},
		"65535:65535/tcp":                  {Proto: tcp, HostPort: 65535, Port: 65535, Count: 1},
		"53:53/udp":                        {Proto: udp, HostPort: 53, Port: 53, Count: 1},
		"5000:5000/SCTP":                   {Proto: sctp, HostPort: 5000, Port: 5000, Count: 1},
		"192.0.2.1:8080:80":                {Proto: tcp, Host: addr("192.0.2.1"), HostPort: 8080, Port: 80, Count: 1},
		"192.0.2.1::80":                    {Proto: tcp, Host: addr("192.0.2.1"), Port: 80, Count: 1},
		"127.0.0.1:8080:80":                {Proto: tcp, Host: addr("127.0.0.1"), HostPort: 8080, Port: 80, Count: 1},
		"[2001:db8::1]:8080:80/udp":        {Proto: udp, Host: addr("2001:db8::1"), HostPort: 8080, Port: 80, Count: 1},
		"[::1]:80":                         {Proto: tcp, Host: addr("::1"), Port: 80, Count: 1},
		"[::ffff:192.0.2.1]:8000-8001:1-2": {Proto: tcp, Host: addr("192.0.2.1"), HostPort: 8000, Port: 1, Count: 2},
		"[fd70:6c75:6d62::1]::65534-65535": {Proto: tcp, Host: addr("fd70:6c75:6d62::1"), Port: 65534, Count: 2},
	} {
		got, err := container.ParsePublish(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                     `"" is not a port from 1 to 65535`,
		"x":                    `"x" is not a port from 1 to 65535, or a range of ports such as 8000-8010`,
		"-1":                   `"-1" is not a port`,
		"+80":                  `"+80" is not a port`,
		"65536":                `"65536" is not a port`,
		"0":                    "0 is no port of a container's",
		"8080:0":               "0 is no port of a container's",
		"8080:":                `"" is not a port`,
		"80-":                  `"80-" is not a port`,
		"1-2-3":                `"1-2-3" is not a port`,
		"90-80":                "the range 90-80 ends before it begins",
		"8010-8000:80-90":      "the range 8010-8000 ends before it begins",
		"8000-8010:80":         "11 ports of the host for 1 of the container: both sides need as many",
		"8000:80-90":           "1 ports of the host for 11 of the container: both sides need as many",
		"8000-8001:80-82":      "2 ports of the host for 3 of the container: both sides need as many",
		"0-10:80-90":           "port 0, which means a free one, cannot begin a range",
		"80/icmp":              `"icmp" is not a protocol: tcp, udp and sctp are`,
		"80/":                  `"" is not a protocol`,
		"80/tcp/udp":           `"tcp/udp" is not a protocol`,
		":80:80":               "there is no address before the first colon",
		"host:80:80":           `"host" is not an address of the host's, such as 192.0.2.1 or [2001:db8::1]`,
		"2001:db8::1:80:80":    "there are too many colons; an IPv6 address stands in brackets: [2001:db8::1]:8080:80",
		"[2001:db8::1]":        "an IPv6 address stands in brackets, with a colon behind them: [2001:db8::1]:8080:80",
		"[]:80:80":             "an IPv6 address stands in brackets, with a colon behind them",
		"[fe80::1%eth0]:80:80": "is not an address of the host's",
		"[2001:db8::1]:1:2:3":  "there are too many colons",
		"192.0.2.1.5:80:80":    "is not an address of the host's",
	} {
		if got, err := container.ParsePublish(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %+v, %v; want %s", text, got, err, want)
		}
	}
}

// What is published is told as a word, and that word is read as the same.
func FuzzParsePublish(f *testing.F) {
	for _, seed := range []string{"80", "8000-8010:80-90/udp", "192.0.2.1::80", "[2001:db8::1]:8080:80/sctp", "[::ffff:1.2.3.4]:1:1", "0-1:0-1", "65535:65535", "1-65535"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := container.ParsePublish(text)
		if err != nil {
			return
		}
		if p.Port == 0 || p.Count == 0 || int(p.Port)+int(p.Count) > 1<<16 || int(p.HostPort)+int(p.Count) > 1<<16 && p.HostPort != 0 {
			t.Fatalf("%q is %+v", text, p)
		}
		again, err := container.ParsePublish(p.String())
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%q is told as %s, which is %+v, %v; want %+v", text, p.String(), again, err, p)
		}
		if strings.ContainsAny(p.String(), " ,=") {
			t.Errorf("%q is told as %q, which is no word", text, p.String())
		}
	})
}

// An identity that was read is written as words that are read as the same, and that fit where they are to stand.
func FuzzIdentity(f *testing.F) {
	f.Add("plumb web 10.0.0.2/24 eth0")
	f.Add("plumb web - eth0 at=12.345 ns=4026531840 6=fd70::2/64 net=front host=www mtu=1400 in=1M out=2M internal isolate no-host fw=uplink0 fw6=lan0:accept_ra=1+forwarding=1 p=8000-8010:80-90/udp p=[::1]:80:80")
	f.Fuzz(func(t *testing.T, text string) {
		words, ok := container.IdentityWords(strings.Fields(text))
		if !ok {
			return
		}
		again, ok := container.IdentityWords(words)
		if !ok || !reflect.DeepEqual(again, words) {
			t.Errorf("%q is written as %q, and that as %q, %v", text, words, again, ok)
		}
	})
}
