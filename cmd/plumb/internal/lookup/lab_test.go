package lookup_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"plumb/cmd/plumb/internal/lookup"
	"plumb/container/lab"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	testlab "plumb/test/lab"
)

// labServer serves the zone of the lab's internet at ip.
func labServer(t *testing.T, ip string) netip.AddrPort {
	t.Helper()
	services := new(lab.Services)
	t.Cleanup(func() { services.Close() })
	pc, err := net.ListenPacket("udp", net.JoinHostPort(ip, "53"))
	if err != nil {
		t.Fatal(err)
	}
	services.ServeDNS(pc, lab.Internet())
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "53"))
	if err != nil {
		t.Fatal(err)
	}
	services.ServeDNSTCP(l, lab.Internet())
	return netip.AddrPortFrom(netip.MustParseAddr(ip), 53)
}

func TestServerWithAZone(t *testing.T) {
	t.Parallel()
	needLoopback(t)
	c, err := rtnl.Dial(wire.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const lo = 1                                     // in every namespace: LOOPBACK_IFINDEX, net/flow.h
	ip := fmt.Sprintf("fe80::%x", lastServer.Add(1)) // another one under -count
	addr := rtnl.AddrOf(lo, netip.MustParsePrefix(ip+"/64"), unix.IFA_F_NODAD)
	if err := c.Do(rtnl.NewAddr(addr, "give lo a link-local address")); err != nil {
		t.Fatal(err)
	}
	here, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	testlab.AwaitLocal(t, here, ip) // else the first question can be dropped
	r := resolver(labServer(t, ip+"%lo"))
	for _, r.TCP = range []bool{false, true} {
		got, err := lines(t, r, "google.com", lookup.TypeA)
		if want := []string{"google.com. 300 IN A 8.8.8.8"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("tcp %v: got %q, %v, want %q", r.TCP, got, err, want)
		}
	}
}

func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	r := resolver(labServer(t, freshIP(t).String()))
	got, err := lines(t, r, "large.example.com", dnsmessage.TypeTXT)
	if err != nil || len(got) != 20 {
		t.Errorf("got %d records, %v, want 20", len(got), err)
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	server := labServer(t, freshIP(t).String())
	silent := serve(t, silent)
	closed := freshIP(t).String()
	plumb := t.TempDir() + "/plumb"
	if out, err := exec.Command(testlab.NeedTool(t, "go"), "build", "-o", plumb, "plumb/cmd/plumb").CombinedOutput(); err != nil {
		t.Fatalf("build plumb: %v\n%s", err, out)
	}
	at := "--server " + server.Addr().String() + " "
	for _, c := range []struct {
		args           string
		status         int
		stdout, stderr string
	}{
		{at + "google.com", 0, "google.com. 300 IN A 8.8.8.8\ngoogle.com. 300 IN AAAA 2001:4860:4860::8888\n", ""},
		{"google.com --short -t a " + at, 0, "8.8.8.8\n", ""},
		{at + "--tcp 8.8.8.8", 0, "8.8.8.8.in-addr.arpa. 300 IN PTR google.com.\n", ""},
		{at + "-t MX,NS example.com", 0, "example.com. 300 IN MX 10 mail.example.com.\nexample.com. 300 IN NS google.com.\n", ""},
		{at + "-t A --json www.example.com", 0, `{"name": "www.example.com", "answers": [{"server": "SERVER", "records": [{"name": "www.example.com.", "ttl": 300, "class": "IN", "type": "CNAME", "data": "example.com."}, {"name": "example.com.", "ttl": 300, "class": "IN", "type": "A", "data": "198.51.100.1"}]}]}
`, ""},
		{at + "nosuch.example", 1, "", "plumb: lookup: nosuch.example: no such name (NXDOMAIN), asked SERVER\n"},
		{at + "-t SRV google.com", 1, "", "plumb: lookup: google.com: the name exists, but not with such a record, asked SERVER\n"},
		{at + "192.0.2.7", 1, "", "plumb: lookup: 192.0.2.7: no such name (NXDOMAIN), asked SERVER\n"},
		{"--server " + closed + " google.com", 1, "", "plumb: lookup: google.com: connection refused, asked " + closed + ":53\n"},
		{
			"--server " + silent.String() + " --timeout 0.05 --tries 2 google.com", 1, "",
			"plumb: lookup: google.com: no answer in time (50ms, 2 tries), asked " + silent.String() + "\n",
		},
		{at + "bücher.example", 1, "", "plumb: lookup: bücher.example: a name outside ASCII: give its xn-- form (RFC 5890)\n"},
		{"--server x google.com", 2, "", "not an address"},
		{at + "-t A 8.8.8.8", 2, "", "PTR record only"},
		{"-t NOPE google.com", 2, "", "not a type"},
		{"a b", 2, "", "usage: plumb lookup"},
	} {
		cmd := exec.Command(plumb, append([]string{"lookup"}, strings.Fields(c.args)...)...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		out := strings.ReplaceAll(stdout.String(), server.String(), "SERVER")
		errs := strings.ReplaceAll(stderr.String(), server.String(), "SERVER")
		if cmd.ProcessState.ExitCode() != c.status || out != c.stdout || !strings.Contains(errs, c.stderr) || (errs == "") != (c.stderr == "") {
			t.Errorf("plumb lookup %s: status %d, want %d\nstdout:\n%s\nstderr:\n%s", c.args, cmd.ProcessState.ExitCode(), c.status, out, errs)
		}
	}
}
