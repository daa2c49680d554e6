package doctor_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumb/container/doctor"
	clab "plumb/container/lab"
	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// examine looks at a host, and logs what it finds. The lab sees that nothing is left behind.
func examine(t *testing.T, h *clab.Host) []doctor.Check {
	t.Helper()
	checks := doctor.Run(doctor.Options{NS: h.NS()})
	for _, c := range checks {
		t.Logf("%s: %s: %s: %s [%s]", c.Group, c.Status, c.Name, c.Detail, c.Mend)
	}
	return checks
}

// find is the check of a name; a name that ends in * may go on.
func find(t *testing.T, checks []doctor.Check, name string) *doctor.Check {
	t.Helper()
	prefix, open := strings.CutSuffix(name, "*")
	i := slices.IndexFunc(checks, func(c doctor.Check) bool { return c.Name == name || open && strings.HasPrefix(c.Name, prefix) })
	if i < 0 {
		t.Fatalf("there is no check %s", name)
	}
	return &checks[i]
}

// want is that a check has come out so, and says a word of why.
func want(t *testing.T, checks []doctor.Check, name string, s doctor.Status, detail string) *doctor.Check {
	t.Helper()
	c := find(t, checks, name)
	if c.Status != s || !strings.Contains(c.Detail, detail) {
		t.Errorf("%s: %s: %s, want %s: %s", name, c.Status, c.Detail, s, detail)
	}
	return c
}

// A host of the lab is as a host should be, and what the kernel can do is there: another test finds the same by using it.
func TestHealthyHost(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	checks := examine(t, l.NewHost("host"))
	for _, c := range checks {
		if c.Status != doctor.OK && !(c.Name == "seccomp" && c.Status == doctor.Warning) {
			t.Errorf("%s: %s: %s", c.Name, c.Status, c.Detail)
		}
	}
	for _, name := range []string{
		"CAP_NET_ADMIN", "network namespaces", "veth", "tbf", "sock_diag", "nft fib", "nft intervals in concatenations", "nft notifications",
		"ctnetlink", "table inet plumb", "overlayfs", "mount_setattr", "the host's network", "default route (IPv4)", "MTU of uplink0", "nftables",
	} {
		want(t, checks, name, doctor.OK, "")
	}
	if worst := doctor.Worst(checks); worst > doctor.Warning {
		t.Errorf("worst is %s", worst)
	}
}

func TestNoUplink(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	h := l.NewHostWith("host", clab.HostOptions{NoUplink: true})
	checks := examine(t, h)
	want(t, checks, "default route (IPv4)", doctor.Warning, "no way out")
	want(t, checks, "default route (IPv6)", doctor.OK, "none")
}

// A firewall that drops what is forwarded is a problem, and what is printed to mend it does.
func TestFirewall(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	h := l.NewHost("host")
	defer lab.Run(t, h, "nft", "flush", "ruleset")
	lab.Run(t, h, "iptables-nft", "-P", "FORWARD", "DROP")
	checks := examine(t, h)
	c := want(t, checks, "iptables, chain FORWARD of table ip filter", doctor.Problem, "policy drop: from the container to the internet, answers")
	if doctor.Worst(checks) != doctor.Problem {
		t.Error("that is no problem")
	}
	for command := range strings.Lines(c.Mend) {
		lab.Run(t, h, "sh", "-c", command)
	}
	want(t, examine(t, h), "nftables", doctor.OK, "")
}

// What may drop is a warning.
func TestPerhapsDropped(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	h := l.NewHost("host")
	defer lab.Run(t, h, "nft", "flush", "ruleset")
	lab.Run(t, h, "nft", "add table inet t; add chain inet t f { type filter hook forward priority 0; }; add rule inet t f limit rate over 5/second drop")
	want(t, examine(t, h), "nftables, chain f of table inet t", doctor.Warning, "may drop")
}

func TestLegacyIptables(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	h := l.NewHost("host")
	lab.NeedTool(t, "ip6tables-legacy")
	lock := "XTABLES_LOCKFILE=" + filepath.Join(t.TempDir(), "lock") // a normal user may not take the usual one
	lab.Run(t, h, "sh", "-c", lock+" ip6tables-legacy -P FORWARD ACCEPT")
	c := want(t, examine(t, h), "ip6tables-legacy", doctor.Warning, "filter")
	if !strings.Contains(c.Mend, "ip6tables-legacy-save") {
		t.Errorf("it says %s", c.Mend)
	}
}

// Each sysctl that decides about packets, both ways.
func TestSysctls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set    map[string]string
		name   string
		bad    doctor.Status
		detail string
	}{
		{map[string]string{"net/ipv6/conf/default/disable_ipv6": "1"}, "net.ipv6.conf.default.disable_ipv6", doctor.Warning, "no IPv6"},
		{map[string]string{"net/ipv6/conf/all/forwarding": "1", "net/ipv6/conf/uplink0/accept_ra": "1"}, "net.ipv6.conf.uplink0.accept_ra", doctor.Problem, "loses its default route"},
		{map[string]string{"net/ipv4/conf/uplink0/rp_filter": "1"}, "net.ipv4.conf.uplink0.rp_filter", doctor.Warning, "strict"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			host, other := l.NewHost("host"), l.NewHost("other")
			lan := l.NewLAN(host, other)
			lab.Run(t, host, "ip", "route", "add", "default", "via", lan.Addr4[1].String(), "metric", "50")
			lab.Run(t, host, "ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "uplink0", "proto", "ra", "metric", "50")
			for name, value := range c.set {
				if err := host.NS().WriteSysctl(name, value); err != nil {
					t.Fatal(err)
				}
			}
			l.Expect(host)
			check := want(t, examine(t, host), c.name, c.bad, c.detail)
			lab.Run(t, host, "sh", "-c", check.Mend)
			l.Expect(host)
			for _, after := range examine(t, host) {
				if after.Name == c.name && after.Status != doctor.OK {
					t.Errorf("after %s: %s: %s", check.Mend, after.Status, after.Detail)
				}
			}
		})
	}
}

func TestSmallMTU(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	h := l.NewHost("host")
	lab.Run(t, h, "ip", "link", "set", "uplink0", "mtu", "1200")
	l.Expect(h)
	c := want(t, examine(t, h), "MTU of uplink0", doctor.Warning, "1280")
	lab.Run(t, h, "sh", "-c", c.Mend)
	l.Expect(h)
	want(t, examine(t, h), "MTU of uplink0", doctor.OK, "1280")
}

func TestLeftovers(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	h := l.NewHostWith("host", clab.HostOptions{NoUplink: true})
	found := doctor.Check{Group: "leftovers", Name: "leases", Status: doctor.Warning, Detail: "2 are stale", Mend: "plumb gc"}
	checks := doctor.Run(doctor.Options{NS: h.NS(), Leftovers: func() []doctor.Check { return []doctor.Check{found} }})
	if last := checks[len(checks)-1]; last != found {
		t.Errorf("the last is %+v", last)
	}
}

func ExampleStatus() {
	fmt.Println(doctor.OK, doctor.Unknown, doctor.Warning, doctor.Problem)
	// Output: ok unknown warning problem
}

// Who has switched the host's forwarding on and off again has switched it off for the containers' links.
func TestForwardingSwitchedOff(t *testing.T) {
	t.Parallel()
	h := lab.New(t).NewHost("host")
	lab.Run(t, h, "ip", "link", "add", "pl-web", "group", "28780", "type", "veth", "peer", "name", "other")
	defer lab.Run(t, h, "ip", "link", "del", "pl-web")
	for _, name := range []string{"conf/pl-web/forwarding", "ip_forward"} {
		if err := h.NS().WriteSysctl("net/ipv4/"+name, "1"); err != nil {
			t.Fatal(err)
		}
	}
	if checks := examine(t, h); slices.ContainsFunc(checks, func(c doctor.Check) bool { return c.Name == "forwarding of containers' links" }) {
		t.Error("a link that forwards is told of")
	}
	if err := h.NS().WriteSysctl("net/ipv4/ip_forward", "0"); err != nil {
		t.Fatal(err)
	}
	if c := want(t, examine(t, h), "forwarding of containers' links", doctor.Problem, "off for pl-web"); c.Mend != "plumb gc --repair" {
		t.Errorf("it is mended by %q", c.Mend)
	}
}
