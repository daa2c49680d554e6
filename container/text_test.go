package container_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb/container"
)

func TestResolvConf(t *testing.T) {
	t.Parallel()
	const stub = "# made by a stub\nnameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n"
	for name, c := range map[string]struct {
		host        container.HostResolver
		config      container.DNSConfig
		want        string
		unreachable bool
	}{
		"the host's": {
			host: container.HostResolver{ResolvConf: "nameserver 192.0.2.1 # first\n; x\nnameserver 2001:db8::1\nsearch a b\noptions ndots:2\nsortlist x\n"},
			want: "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch a b\noptions ndots:2\n",
		},
		"behind a stub": {
			host: container.HostResolver{ResolvConf: stub, BehindStub: "nameserver 192.0.2.9\nsearch other\n"},
			want: "nameserver 192.0.2.9\nsearch lan\noptions edns0 trust-ad\n",
		},
		"loopback alone": {
			host: container.HostResolver{ResolvConf: stub}, want: "search lan\noptions edns0 trust-ad\n", unreachable: true,
		},
		"every kind of loopback": {
			host: container.HostResolver{ResolvConf: "nameserver ::1\nnameserver 127.1.2.3\nnameserver ::ffff:127.0.0.1\nnameserver fe80::1%eth0\nnameserver 0.0.0.0\n"},
			want: "", unreachable: true,
		},
		"loopback beside another": {
			host: container.HostResolver{ResolvConf: "nameserver 127.0.0.1\nnameserver 192.0.2.1\n"}, want: "nameserver 192.0.2.1\n",
		},
		"given": {
			host:   container.HostResolver{ResolvConf: stub},
			config: container.DNSConfig{Servers: []netip.Addr{netip.MustParseAddr("192.0.2.5")}, Search: []string{"."}, Options: []string{"rotate"}},
			want:   "nameserver 192.0.2.5\noptions rotate\n",
		},
		"nothing":       {want: "", unreachable: true},
		"last line won": {host: container.HostResolver{ResolvConf: "search a\ndomain b\nnameserver 192.0.2.1"}, want: "nameserver 192.0.2.1\nsearch b\n"},
	} {
		text, unreachable := container.ResolvConf(c.host, c.config)
		if diff := cmp.Diff(c.want, text); diff != "" || unreachable != c.unreachable {
			t.Errorf("%s: unreachable %v, want %v; text (-want +got):\n%s", name, unreachable, c.unreachable, diff)
		}
	}
}

func TestHostsFile(t *testing.T) {
	t.Parallel()
	entry, err := container.ParseHostEntry("db_1.lan:[2001:db8::7]")
	if err != nil {
		t.Fatal(err)
	}
	got := container.HostsFile("web.example", []netip.Addr{netip.MustParseAddr("10.0.0.2")}, []container.HostEntry{entry})
	for _, want := range []string{"127.0.0.1\tlocalhost\n", "10.0.0.2\tweb.example web\n", "2001:db8::7\tdb_1.lan\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q in:\n%s", want, got)
		}
	}
}

func TestParseHostEntryRefuses(t *testing.T) {
	t.Parallel()
	for in, why := range map[string]string{
		"db": "want NAME:IP", "db:nowhere": "not an IP address", ":192.0.2.1": "1 to 253", "a b:192.0.2.1": "may hold letters",
		"x\n127.0.0.1 y:192.0.2.1": "may hold letters", "-a:192.0.2.1": "hyphen", "a..b:192.0.2.1": "each part", "db:[::1": "not closed",
	} {
		if _, err := container.ParseHostEntry(in); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want an error with %q", in, err, why)
		}
	}
}

// A host name is a line's word in /etc/hosts, and the kernel takes 64 characters.
func TestHostNamesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a\n6.6.6.6 example.com", "x y", "-", strings.Repeat("x", 65)} {
		_, err := container.StartProcess(t.Context(), container.ProcessSpec{Args: []string{"true"}, Hostname: name})
		if err == nil || !strings.Contains(err.Error(), "host name") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
