package lookup_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plumb/cmd/plumb/internal/lookup"
)

func TestParseConfig(t *testing.T) {
	t.Parallel()
	plain := lookup.Config{Ndots: 1, Timeout: 5 * time.Second, Attempts: 2}
	with := func(change func(*lookup.Config)) lookup.Config {
		c := plain
		change(&c)
		return c
	}
	ports := func(s ...string) (list []netip.AddrPort) {
		for _, a := range s {
			list = append(list, netip.AddrPortFrom(netip.MustParseAddr(a), 53))
		}
		return list
	}
	for name, c := range map[string]struct {
		text string
		want lookup.Config
	}{
		"empty":    {"", plain},
		"comments": {"# nameserver 1.1.1.1\n; nameserver 1.1.1.1\n\n", plain},
		"servers":  {"nameserver 8.8.8.8\nnameserver\t2001:db8::1 # trailing\n", with(func(c *lookup.Config) { c.Servers = ports("8.8.8.8", "2001:db8::1") })},
		"zone":     {"nameserver fe80::1%eth0", with(func(c *lookup.Config) { c.Servers = ports("fe80::1%eth0") })},
		"no more than three": {
			"nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4\n",
			with(func(c *lookup.Config) { c.Servers = ports("1.0.0.1", "1.0.0.2", "1.0.0.3") }),
		},
		"no address":         {"nameserver dns.example\nnameserver\n", plain},
		"search":             {"search a.example b.example.\n", with(func(c *lookup.Config) { c.Search = []string{"a.example", "b.example"} })},
		"last of both":       {"search a.example\ndomain b.example c.example\n", with(func(c *lookup.Config) { c.Search = []string{"b.example"} })},
		"root as a domain":   {"search .\n", plain},
		"options":            {"options ndots:2 timeout:3 attempts:4 rotate use-vc edns0\n", lookup.Config{Ndots: 2, Timeout: 3 * time.Second, Attempts: 4, Rotate: true, TCP: true}},
		"options too large":  {"options ndots:99 timeout:99 attempts:99\n", lookup.Config{Ndots: 15, Timeout: 30 * time.Second, Attempts: 5}},
		"options of zero":    {"options ndots:0 timeout:0 attempts:0\n", lookup.Config{Timeout: time.Second, Attempts: 1}},
		"options of nothing": {"options ndots: timeout:x attempts:-1\n", plain},
	} {
		got, err := lookup.ParseConfig(strings.NewReader(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLoadConfigWithoutAFile(t *testing.T) {
	t.Parallel()
	c, err := lookup.LoadConfig(t.TempDir() + "/none")
	if err != nil || len(c.Servers) != 0 || c.Attempts != 2 {
		t.Errorf("got %+v, %v, want the defaults", c, err)
	}
}

const hosts = `
127.0.0.1	localhost  # names
::1 localhost ip6-localhost
10.0.0.2	Web.Example web
10.0.0.2	web again
bad.address	web
10.0.0.9
fe80::1%eth0 router
`

func TestHosts(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"localhost": {"127.0.0.1", "::1"}, "WEB": {"10.0.0.2"}, "web.example.": {"10.0.0.2"},
		"router": {"fe80::1%eth0"}, "names": nil, "10.0.0.9": nil,
	} {
		addrs, err := lookup.HostAddrs(strings.NewReader(hosts), name)
		var got []string
		for _, a := range addrs {
			got = append(got, a.String())
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
	names, err := lookup.HostNames(strings.NewReader(hosts), netip.MustParseAddr("10.0.0.2"))
	if want := []string{"Web.Example", "web", "web", "again"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("names of 10.0.0.2: got %v, %v, want %v", names, err, want)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add("nameserver 8.8.8.8\nsearch a b\noptions ndots:3 timeout:9 rotate\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := lookup.ParseConfig(strings.NewReader(text))
		if err != nil {
			return
		}
		if len(c.Servers) > 3 || c.Ndots < 0 || c.Ndots > 15 || c.Timeout < time.Second || c.Timeout > 30*time.Second || c.Attempts < 1 || c.Attempts > 5 {
			t.Errorf("%q yields %+v", text, c)
		}
		for _, d := range c.Search {
			if err := lookup.CheckName(d); err != nil {
				t.Errorf("%q yields the search domain %q: %v", text, d, err)
			}
		}
	})
}

func FuzzHosts(f *testing.F) {
	f.Add(hosts, "web")
	f.Fuzz(func(t *testing.T, text, name string) {
		addrs, err := lookup.HostAddrs(strings.NewReader(text), name)
		if err != nil {
			return
		}
		for _, a := range addrs {
			names, err := lookup.HostNames(strings.NewReader(text), a)
			if err != nil || !slices.ContainsFunc(names, func(n string) bool {
				return strings.EqualFold(strings.TrimSuffix(n, "."), strings.TrimSuffix(name, "."))
			}) {
				t.Errorf("%q has the address %v, which has the names %q", name, a, names)
			}
		}
	})
}
