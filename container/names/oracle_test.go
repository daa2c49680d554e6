package names_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumb/container/lab"
	"plumb/container/names"
	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl/wire"
	testlab "plumb/test/lab"
)

// Real clients find names at 127.0.0.11:53 as they do in a container.

// redirected is a town whose name server is found at port 53, by 127.0.0.11, with the lab's name server as upstream.
func redirected(t *testing.T) *town {
	t.Helper()
	w := start(t, someHosts(), nil, netip.AddrPortFrom(netip.MustParseAddr(lab.NameServer4), 53))
	r, err := netns.Open(w.inside.NS(), func() (*nat.Redirect, error) { return nat.DialRedirect(wire.Config{}, w.at) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestBusyboxNslookup(t *testing.T) {
	t.Parallel()
	w := redirected(t)
	for name, want := range map[string][]string{
		"web":        {"Address: 10.0.0.2", "Address: fd70::2"},
		"STORE":      {"10.0.0.3", "10.0.0.4"},
		"google.com": {"Address: 8.8.8.8", "Address: 2001:4860:4860::8888"},
		"10.0.0.4":   {"name = db2"},
		"fd70::6":    {"name = six"},
		"8.8.8.8":    {"name = google.com"},
	} {
		out := testlab.Run(t, w.inside, "busybox", "nslookup", name, names.Addr.String())
		for _, line := range want {
			if !strings.Contains(out, line) {
				t.Errorf("nslookup %s lacks %q:\n%s", name, line, out)
			}
		}
	}
}

func TestGlibc(t *testing.T) {
	t.Parallel()
	w := redirected(t)
	testlab.NeedTool(t, "getent")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	resolv := write("resolv.conf", "nameserver 127.0.0.11\nsearch example.com\noptions ndots:0\n")
	hosts := write("hosts", "")
	nsswitch := write("nsswitch.conf", "hosts: files dns\n")
	for question, want := range map[string][]string{
		"hosts web":         {"fd70::2"}, // IPv6 first
		"hosts WEB.example": {"fd70::2"},
		"hosts db":          {"10.0.0.3"},
		"hosts six":         {"fd70::6"},
		"hosts store":       {"10.0.0.3", "10.0.0.4"},
		"hosts google.com":  {"2001:4860:4860::8888"},
		"hosts www":         {"2001:db8:100::1", "example.com"}, // www.example.com, by the search domain
		"hosts 10.0.0.2":    {"web"},
		"hosts fd70::6":     {"six"},
	} {
		// In a mount namespace of its own the three files are what a container has.
		script := `mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && mount --bind "$3" /etc/nsswitch.conf && getent $4`
		out := testlab.Run(t, w.inside, "unshare", "-m", "sh", "-c", script, "sh", resolv, hosts, nsswitch, question)
		for _, word := range want {
			if !strings.Contains(out, word) {
				t.Errorf("getent %s lacks %q:\n%s", question, word, out)
			}
		}
	}
}
