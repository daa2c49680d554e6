package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"plumb/test/lab"
)

// The container of the exercise, from the command line: it pings its gateway, the internet, and a name.
func TestRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, host := range []string{"10.0.0.1", "8.8.8.8", "google.com"} {
		out := s.succeeds("run", "--name", "web", "--dns", "8.8.8.8", "--", s.plumb, "ping", "-c", "1", host)
		if !strings.Contains(out, "1 packets transmitted, 1 received, 0% packet loss") {
			t.Errorf("ping %s: %s", host, out)
		}
	}
	out := s.succeeds("run", "--", s.plumb, "fetch", "http://8.8.8.8/")
	if !strings.HasPrefix(out, "you are "+s.host.Addr4().String()+":") {
		t.Errorf("the internet says %q", out)
	}
}

// Each option does what it says.
func TestRunOptions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	lab.NeedTool(t, "ip")
	for _, c := range []struct{ options, script, want string }{
		{"--name web", "hostname; cat /etc/hostname", `^web\nweb\n$`},
		{"--name web --hostname box", "hostname", `^box\n$`},
		{"", "hostname", `^c-[0-9a-f]{8}\n$`},
		{"--dns 8.8.8.8 --dns 1.1.1.1 --dns-search corp.example", "cat /etc/resolv.conf", `^nameserver 127\.0\.0\.11\nsearch corp\.example\noptions ndots:0\n$`},
		{"--dns 8.8.8.8 --dns-search corp.example", "cat /etc/resolv.conf", `search corp\.example\n`},
		{"--add-host db:10.0.0.7 --add-host cache:10.0.0.8", "cat /etc/hosts", `10\.0\.0\.7\s+db\n10\.0\.0\.8\s+cache\n`},
		{"--name web", "cat /etc/hosts", `10\.0\.0\.2\s+web\n`},
		{"", "ip -o addr show dev eth0", `^\d+: eth0 +inet 10\.0\.0\.2/24 scope global noprefixroute eth0\\ +valid_lft forever preferred_lft forever\n\d+: eth0 +inet6 fd70:6c75:6d62::2/64 scope global nodad noprefixroute \\ [^\n]*\n\d+: eth0 +inet6 fe80::2/64 scope link nodad \\ [^\n]*\n$`},
		{"", "ip -6 route", `default via fe80::1 dev eth0 proto static `},
		{"--subnet6 off", "ip -6 addr show dev eth0", `^$`},
		{"--subnet off --ip6 fd70:6c75:6d62::77", "ip -4 addr show dev eth0; ip -o -6 addr show dev eth0", `^2: eth0 +inet6 fd70:6c75:6d62::77/64 `},
		{"", "ip -4 route", `^default via 10\.0\.0\.1 dev eth0 proto static \n10\.0\.0\.1 dev eth0 proto static scope link \n$`},
		{"", "ip -o link show dev lo", `<LOOPBACK,UP,LOWER_UP>`},
		{"--ip 10.0.0.77", "ip -o -4 addr show dev eth0", `inet 10\.0\.0\.77/24 `},
		{"--subnet 172.20.4.0/22", "ip -o -4 addr show dev eth0; ip -4 route", `inet 172\.20\.4\.2/22 [^\n]*\ndefault via 172\.20\.4\.1 `},
		{"--ifname net0", "ip -o link show dev net0", `net0@`},
		{"--mtu 1300", "ip -o link show dev eth0", ` mtu 1300 `},
		{"--mac 02:00:00:00:00:07", "ip -o link show dev eth0", `link/ether 02:00:00:00:00:07 `},
		{"--internal", "ip -4 route", `^10\.0\.0\.0/24 via 10\.0\.0\.1 dev eth0 [^\n]*\n10\.0\.0\.1 dev eth0 [^\n]*\n$`},
		{"--internal", s.plumb + " ping -c 1 10.0.0.1 && ! " + s.plumb + " ping -c 1 -W 1 8.8.8.8 2>/dev/null", `1 received, 0% packet loss`},
		{"--uplink uplink0", s.plumb + " ping -c 1 8.8.8.8", `1 received, 0% packet loss`},
	} {
		args := append([]string{"run"}, strings.Fields(c.options)...)
		if !strings.Contains(c.options, "--dns") {
			args = append(args, "--dns", "8.8.8.8")
		}
		out := s.succeeds(append(args, "--", "sh", "-c", c.script)...)
		if !regexp.MustCompile(c.want).MatchString(out) {
			t.Errorf("run %s -- %s:\n%s\nwant %s", c.options, c.script, out, c.want)
		}
	}
}

func TestRunStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for command, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$; exit 3": 3, "sh -c 'kill -TERM $$'": 143} {
		if r := s.run("run", "--", "sh", "-c", command); r.status != want {
			t.Errorf("%s: status %d, want %d\n%s", command, r.status, want, r.stderr)
		}
	}
}

func TestAttachAndDetach(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	box, pid := s.process()
	for _, target := range [][]string{{"--pid", strconv.Itoa(pid)}, {"--netns", fmt.Sprintf("/proc/%d/ns/net", pid)}} {
		out := s.succeeds(append([]string{"attach", "web"}, target...)...)
		if out != "web eth0 10.0.0.2/24 via 10.0.0.1 (pl-web)\nweb eth0 fd70:6c75:6d62::2/64 via fd70:6c75:6d62::1 (pl-web)\n" {
			t.Errorf("attach %s says %q", target, out)
		}
		lab.Run(t, box, s.plumb, "ping", "-c", "1", "8.8.8.8")
		if out := s.succeeds("detach", "web"); out != "" {
			t.Errorf("detach says %q", out)
		}
		if r := s.run("detach", "web"); r != (result{0, "", "plumb: note: nothing named web is attached\n"}) {
			t.Errorf("detach of what is gone: %+v", r)
		}
	}
}
