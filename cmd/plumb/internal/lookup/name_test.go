package lookup_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"plumb/cmd/plumb/internal/lookup"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"google.com": "", "google.com.": "", "_http._tcp.x": "", ".": "", "a": "",
		"":                              "empty",
		"..":                            "two dots",
		".a":                            "two dots",
		"a..b":                          "two dots",
		"münchen.example":               "xn--",
		"a b":                           "character ' '",
		"a\x1b[2J":                      "character '\\x1b'",
		strings.Repeat("a", 64):         "63 of a label",
		strings.Repeat("a.", 127) + "a": "more than 253",
	} {
		err := lookup.CheckName(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	r := lookup.Resolver{Config: lookup.Config{Ndots: 2, Search: []string{"a.example", "b.example"}}}
	for _, c := range []struct {
		name   string
		search bool
		want   []string
	}{
		{"web", true, []string{"web.a.example.", "web.b.example.", "web."}},
		{"web.x", true, []string{"web.x.a.example.", "web.x.b.example.", "web.x."}},
		{"web.x.y", true, []string{"web.x.y.", "web.x.y.a.example.", "web.x.y.b.example."}},
		{"web.", true, []string{"web."}},
		{"web", false, []string{"web."}},
	} {
		if got := r.Candidates(c.name, c.search); !slices.Equal(got, c.want) {
			t.Errorf("%s, search %v: got %v, want %v", c.name, c.search, got, c.want)
		}
	}
}

func TestReverseName(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"8.8.4.1":     "1.4.8.8.in-addr.arpa.",
		"2001:db8::f": "f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
	} {
		if got := lookup.ReverseName(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

func TestParseServer(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"8.8.8.8": "8.8.8.8:53", "8.8.8.8:5353": "8.8.8.8:5353", "::1": "[::1]:53", "[::1]:5353": "[::1]:5353",
		"fe80::1%eth0": "[fe80::1%eth0]:53", "[fe80::1%eth0]:54": "[fe80::1%eth0]:54",
		"dns.example": "", "8.8.8.8:": "", "8.8.8.8:0": "", "": "",
	} {
		got, err := lookup.ParseServer(s)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%q: got %v, %v, want %q", s, got, err, want)
		}
	}
}

// Each case is sorted from both orders.
func TestOrder(t *testing.T) {
	t.Parallel()
	const v4, v6 = "8.8.8.8", "2001:4860:4860::8888"
	for name, c := range map[string]struct {
		sources map[string]string // of the addresses that have a route
		want    []string
	}{
		"both families":         {map[string]string{v4: "10.0.0.2", v6: "2001:db8::2"}, []string{v6, v4}},
		"no route by IPv6":      {map[string]string{v4: "10.0.0.2"}, []string{v4, v6}},
		"no route by IPv4":      {map[string]string{v6: "2001:db8::2"}, []string{v6, v4}},
		"a unique local source": {map[string]string{v4: "10.0.0.2", v6: "fd00::2"}, []string{v4, v6}},
		"unique local both":     {map[string]string{"10.0.0.3": "10.0.0.2", "fd00::3": "fd00::2"}, []string{"10.0.0.3", "fd00::3"}},
		"loopback":              {map[string]string{"127.0.0.1": "127.0.0.1", "::1": "::1"}, []string{"::1", "127.0.0.1"}},
		"link-local source":     {map[string]string{v4: "10.0.0.2", v6: "fe80::2"}, []string{v4, v6}},
	} {
		source := func(a netip.Addr) netip.Addr {
			s, _ := netip.ParseAddr(c.sources[a.String()])
			return s
		}
		want := []netip.Addr{netip.MustParseAddr(c.want[0]), netip.MustParseAddr(c.want[1])}
		for _, got := range [][]netip.Addr{{want[0], want[1]}, {want[1], want[0]}} {
			lookup.Order(got, source)
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
	}
}
