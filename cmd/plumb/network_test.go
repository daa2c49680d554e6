package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/test/lab"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A living process of plumb's: a run, or an attach --watch.
type living struct {
	s      *site
	cmd    *exec.Cmd
	lines  *bufio.Scanner // of stdout
	stderr *os.File
}

// start starts plumb and returns when it has printed a line that begins so.
func (s *site) start(first string, args ...string) *living {
	s.t.Helper()
	l := &living{s: s, cmd: exec.Command(s.plumb, args...)}
	l.cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	stdout, err := l.cmd.StdoutPipe()
	if err == nil {
		l.stderr, err = os.Create(filepath.Join(s.t.TempDir(), "stderr"))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	l.cmd.Stderr = l.stderr
	l.lines = bufio.NewScanner(stdout)
	if err := s.host.Do(l.cmd.Start); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if l.cmd.ProcessState == nil {
			l.end()
		}
	})
	for l.lines.Scan() {
		if strings.HasPrefix(l.lines.Text(), first) {
			return l
		}
	}
	s.t.Fatalf("plumb %s ends, without %q: %v\n%s", strings.Join(args, " "), first, l.cmd.Wait(), l.said())
	return nil
}

func (l *living) said() string {
	l.s.t.Helper()
	text, err := os.ReadFile(l.stderr.Name())
	if err != nil {
		l.s.t.Fatal(err)
	}
	return string(text)
}

// end asks the process to end, and waits until it has.
func (l *living) end() {
	l.s.t.Helper()
	l.cmd.Process.Signal(unix.SIGTERM)
	l.wait() // whatever its status: it was asked to
}

// wait waits until the process has ended.
func (l *living) wait() error {
	defer l.stderr.Close()
	for l.lines.Scan() {
	}
	return l.cmd.Wait()
}

// within is the time of a change and from there until ok says so, looked at after each event of nftables and of links.
func (s *site) within(change func(), ok func() bool) time.Duration {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), waitTime)
	defer cancel()
	rules, err := clab.Open(s.host, nat.Dial)
	if err == nil {
		defer rules.Close()
		err = rules.Subscribe()
	}
	links, linkErr := clab.Open(s.host, rtnl.Dial)
	if linkErr == nil {
		defer links.Close()
		linkErr = links.Subscribe(rtnl.GroupLink)
	}
	if err := errors.Join(err, linkErr); err != nil {
		s.t.Fatal(err)
	}
	changed := make(chan struct{}, 1)
	tell := func() error {
		select {
		case changed <- struct{}{}:
		default:
		}
		return nil
	}
	go rules.Events(ctx, func(nat.Event) error { return tell() })
	go links.Events(ctx, func(rtnl.Event) error { return tell() })
	since := time.Now()
	change()
	for !ok() {
		select {
		case <-changed:
		case <-ctx.Done():
			s.t.Errorf("not so after %s", time.Since(since))
			return time.Since(since)
		}
	}
	return time.Since(since)
}

// listed is plumb ls --json.
func (s *site) listed() map[string]map[string]any {
	s.t.Helper()
	var list []map[string]any
	if err := json.Unmarshal([]byte(s.succeeds("ls", "--json")), &list); err != nil {
		s.t.Fatal(err)
	}
	byName := map[string]map[string]any{}
	for _, c := range list {
		byName[c["name"].(string)] = c
	}
	return byName
}

// runScript is a command for a run that says when it runs, and goes on.
const runScript = "trap exit TERM; echo runs; sleep 1000 & wait"

// serveScript echoes what comes to TCP port 7, and says when it does.
const serveScript = "busybox nc -ll -p 7 -e cat & trap \"kill $!\" TERM; while ! grep -q :0007 /proc/net/tcp6; do :; done; echo serves; wait"

// Two runs and an attached namespace, from their beginning to their end: they are listed and told of, found by name, commanded into, reached by
// their ports, and put back where somebody flushes the ruleset.
func TestTown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	lab.NeedTool(t, "nft")
	web := s.start("runs", "run", "--name", "web", "--hostname", "www.example", "--dns", "8.8.8.8", "-p", "8080:7", "-p", "7/udp", "--", "sh", "-c", runScript)
	db := s.start("runs", "run", "--name", "db", "--dns", "8.8.8.8", "--", "sh", "-c", runScript)
	_, pid := s.process()
	attached := s.start("cache publishes 9090:90/tcp", "attach", "cache", "--pid", strconv.Itoa(pid), "--watch", "-p", "9090:90")

	if !regexp.MustCompile(`^plumb: note: web publishes \d+:7/udp\n$`).MatchString(web.said()) {
		t.Errorf("the run says %q", web.said())
	}
	list := s.listed()
	if len(list) != 3 || list["cache"]["pid"] != float64(pid) || list["web"]["hostname"] != "www.example" || list["web"]["address"] != "10.0.0.2/24" ||
		list["db"]["address6"] != "fd70:6c75:6d62::3/64" || len(list["web"]["ports"].([]any)) != 2 || list["web"]["state"] != "up" {
		t.Errorf("listed %v", list)
	}
	if out := s.succeeds("ls"); !regexp.MustCompile(`(?m)^web   +\d+ +10\.0\.0\.2/24 +fd70:6c75:6d62::2/64 +- +8080:7/tcp,\d+:7/udp +\d+s +.*B +.*B$`).MatchString(out) {
		t.Errorf("listed\n%s", out)
	}
	if out := s.succeeds("inspect", "db"); !strings.Contains(out, "\naddress    10.0.0.3/24 via 10.0.0.1\n") || !strings.Contains(out, "\nstate      up\n") {
		t.Errorf("told\n%s", out)
	}
	for _, c := range [][2]string{{"web", "10.0.0.2"}, {"www.example", "10.0.0.2"}, {"cache", "fd70:6c75:6d62::4"}, {"10.0.0.2", "web"}, {"google.com", "8.8.8.8"}} {
		if out := s.succeeds("exec", "db", s.plumb, "lookup", "--short", c[0]); !strings.Contains(out, c[1]) {
			t.Errorf("db finds %s to be %q", c[0], out)
		}
	}
	// A service, started by exec, is reached from everywhere by the published port, and by ::1.
	service := s.start("serves", "exec", "web", "sh", "-c", serveScript)
	for _, to := range []string{s.host.Addr4().String(), "127.0.0.1", "::1", s.host.Addr6().String()} {
		from := s.host
		if to == s.host.Addr4().String() || to == s.host.Addr6().String() {
			from = s.Internet()
		}
		if out := lab.Run(t, from, "busybox", "sh", "-c", "echo hello | busybox nc -w 3 "+to+" 8080"); out != "hello\n" {
			t.Errorf("%s from %s says %q", to, from.Name(), out)
		}
	}
	service.end()

	// A flush is mended by all three, and with it what they publish.
	rules, err := clab.Open(s.host, nat.Dial)
	if err != nil {
		t.Fatal(err)
	}
	defer rules.Close()
	took := s.within(func() { lab.Run(t, s.host, "nft", "flush", "ruleset") }, func() bool {
		holdings, err := rules.Holdings()
		ports, portErr := rules.Ports()
		return err == nil && portErr == nil && len(holdings) == 3 && len(ports) == 6
	})
	t.Logf("three containers restored %s after the flush", took)
	// An uplink's MTU is followed.
	took = s.within(func() { lab.Run(t, s.host, "ip", "link", "set", clab.UplinkName, "mtu", "1400") }, func() bool {
		for _, name := range []string{"web", "db", "cache"} {
			if l, err := s.host.Rtnl().LinkByName("pl-" + name); err != nil || l.MTU != 1400 {
				return false
			}
		}
		return true
	})
	t.Logf("the MTU is followed after %s", took)
	lab.Run(t, s.host, "ip", "link", "set", clab.UplinkName, "mtu", "1500")
	s.within(func() {
		for _, l := range []*living{attached, db, web} {
			l.end()
		}
	}, func() bool { return len(s.listed()) == 0 }) // the kernel removes the links a moment after the last process
}

// An attached network without a living process is repaired by gc, and goes with detach --all.
func TestRepairAndDetachAll(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, name := range []string{"a", "b", "c"} {
		_, pid := s.process()
		network := map[string]string{"c": "else"}[name]
		var a struct {
			Name, Network, Address string
			Ports                  []struct{ HostPort, Port int }
		}
		out := s.succeeds("attach", name, "--pid", strconv.Itoa(pid), "--network", network, "-p", "80", "--json")
		if err := json.Unmarshal([]byte(out), &a); err != nil || a.Name != name || a.Network != network || len(a.Ports) != 1 || a.Ports[0].HostPort < 49152 || a.Ports[0].Port != 80 {
			t.Errorf("attached %s: %v", out, err)
		}
	}
	if out := s.succeeds("ls", "-q", "--network", "else"); out != "c\n" {
		t.Errorf("in the network: %q", out)
	}
	before := lab.Ruleset(t, s.host)
	lab.Run(t, s.host, "nft", "flush", "ruleset")
	if out := s.succeeds("ls"); strings.Count(out, "(bare)") != 3 {
		t.Errorf("after a flush:\n%s", out)
	}
	if out := s.succeeds("gc", "--repair"); len(strings.Fields(out)) != 6 {
		t.Errorf("gc says %q", out)
	}
	if diff := cmp.Diff(before, lab.Ruleset(t, s.host)); diff != "" {
		t.Errorf("the ruleset before the flush, and after the repair:\n%s", diff)
	}
	if out := s.succeeds("gc", "--repair", "--json"); out != `{"repaired": [], "leases": [], "links": []}`+"\n" {
		t.Errorf("gc where nothing is to do says %q", out)
	}
	if out := s.succeeds("detach", "--all", "--network", "else", "--json"); out != `{"detached": ["c"], "missing": []}`+"\n" {
		t.Errorf("detach says %q", out)
	}
	if out := s.succeeds("detach", "a", "c", "--json"); out != `{"detached": ["a"], "missing": ["c"]}`+"\n" {
		t.Errorf("detach says %q", out)
	}
	if out := s.succeeds("ls", "-q"); out != "b\n" {
		t.Errorf("left is %q", out)
	}
	if out := s.succeeds("detach", "--all"); out != "" {
		t.Errorf("detach says %q", out)
	}
	if out := lab.Run(t, s.host, "nft", "list", "ruleset"); out != "" {
		t.Errorf("left:\n%s", out)
	}
}

// A namespace that is watched goes with its process.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	box := s.NewHostWith("box", clab.HostOptions{NoUplink: true})
	sleep := exec.Command("sleep", "1000")
	if err := box.Do(sleep.Start); err != nil {
		t.Fatal(err)
	}
	l := s.start("web eth0 fd70", "attach", "web", "--pid", strconv.Itoa(sleep.Process.Pid), "--watch")
	sleep.Process.Kill()
	sleep.Wait()
	if err := l.wait(); err != nil || l.said() != "" {
		t.Errorf("it ends with %v, %q", err, l.said())
	}
	if out := s.succeeds("ls"); strings.Contains(out, "web") {
		t.Errorf("left:\n%s", out)
	}
}

// A signal ends the wait of an attach, which leaves nothing.
func TestAttachInterrupted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, first := s.process()
	box, second := s.process()
	s.succeeds("attach", "web", "--pid", strconv.Itoa(first))
	var said bytes.Buffer
	cmd := exec.Command("/bin/sh", "-c", `trap "" HUP; exec "$0" attach web --pid "$1"`, s.plumb, strconv.Itoa(second)) // a name that is taken is waited for
	cmd.Stderr = &said
	if err := s.host.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	for { // SIGHUP, which it has been started to ignore, is caught once it waits
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		_, ignored, ok := strings.Cut(string(status), "\nSigIgn:\t")
		if err != nil || !ok {
			t.Fatalf("its status: %v", err)
		}
		if mask, err := strconv.ParseUint(ignored[:16], 16, 64); err != nil || mask&(1<<(unix.SIGHUP-1)) == 0 && strings.Contains(string(status), "Name:\tplumb") {
			break
		}
	}
	cmd.Process.Signal(unix.SIGTERM)
	cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 1 || said.String() != "plumb: attach web: terminated signal received\n" {
		t.Errorf("status %d, %q", status, said.String())
	}
	if _, err := box.Rtnl().LinkByName("eth0"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("the second one's link: %v, want ENODEV", err)
	}
	s.succeeds("detach", "web")
}

// Another firewall's drop is told of in a line.
func TestFirewallWarning(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	lab.NeedTool(t, "nft")
	script := filepath.Join(t.TempDir(), "drop.nft")
	if err := os.WriteFile(script, []byte("table ip filter {\n chain FORWARD {\n  type filter hook forward priority filter; policy drop;\n }\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lab.Run(t, s.host, "nft", "-f", script)
	defer lab.Run(t, s.host, "nft", "delete", "table", "ip", "filter")
	_, pid := s.process()
	r := s.run("attach", "web", "--pid", strconv.Itoa(pid))
	if r.status != 0 || !regexp.MustCompile(`^plumb: note: \S+: chain FORWARD of table ip filter drops packets: .* by its policy; plumb doctor says how to mend it\n$`).MatchString(r.stderr) {
		t.Errorf("attach: %+v", r)
	}
	s.succeeds("detach", "web")
	if r = s.run("run", "--dns", "8.8.8.8", "--", "true"); r.status != 0 || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "plumb doctor says how to mend it") {
		t.Errorf("run: %+v", r)
	}
}

// Options that cannot be meant, and what plumb says of them.
func TestNetworkRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, pid := s.process()
	const usage = "\nusage: plumb attach NAME --pid PID | --netns PATH [options]\n"
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"--subnet x", 2, `plumb: attach: --subnet "x": an IPv4 prefix such as 10.0.0.0/24, or off, is needed` + usage},
		{"--subnet6 10.0.0.0/24", 1, `plumb: attach web: subnet6 "10.0.0.0/24": an IPv6 prefix such as fd00:1::/64 is needed; IPv4 is for --subnet` + "\n"},
		{"--subnet fd00::/64", 1, `plumb: attach web: subnet "fd00::/64": an IPv4 prefix such as 10.0.0.0/24 is needed; IPv6 is for --subnet6` + "\n"},
		{"--subnet off --subnet6 off", 1, `plumb: attach web: subnet6 "off": with --subnet off as well there is no network left` + "\n"},
		{"--subnet off --ip 10.0.0.7", 1, `plumb: attach web: ip "10.0.0.7": the container has no IPv4: --subnet is off` + "\n"},
		{"--ip6 10.0.0.7", 1, `plumb: attach web: ip6 "10.0.0.7": an IPv6 address without a zone is needed; IPv4 is for --ip` + "\n"},
		{"--ip6 fd70:6c75:6d62::1", 1, `plumb: attach web: ip6 "fd70:6c75:6d62::1": it is the gateway's` + "\n"},
		{"--uplink=", 1, `plumb: attach web: uplink "": the name of a link of the host is needed` + "\n"},
		{"--network sixteen-bytes-xx", 1, `plumb: attach web: network "sixteen-bytes-xx": 16 bytes long, 15 is the most` + "\n"},
		{"-p 80:90:100:110", 2, `plumb: attach: -p "80:90:100:110": there are too many colons; an IPv6 address stands in brackets: [2001:db8::1]:8080:80` + usage},
		{"-p 0", 2, `plumb: attach: -p "0": 0 is no port of a container's` + usage},
		{"-p 70000:80", 2, `plumb: attach: -p "70000:80": "70000" is not a port from 1 to 65535, or a range of ports such as 8000-8010` + usage},
		{"-p 8000-8001:80", 2, `plumb: attach: -p "8000-8001:80": 2 ports of the host for 1 of the container: both sides need as many` + usage},
		{"-p 8001-8000:80-81", 2, `plumb: attach: -p "8001-8000:80-81": the range 8001-8000 ends before it begins` + usage},
		{"-p 80/icmp", 2, `plumb: attach: -p "80/icmp": "icmp" is not a protocol: tcp, udp and sctp are` + usage},
		{"-p x:80:80", 2, `plumb: attach: -p "x:80:80": "x" is not an address of the host's, such as 192.0.2.1 or [2001:db8::1]` + usage},
		{"-p 8080:80 --publish 8080:81", 1, `plumb: attach web: publish "8080:81/tcp": it claims a port of 8080:80/tcp once more` + "\n"},
		{"-p 8080:80 --internal", 1, `plumb: attach web: publish "8080:80/tcp": an --internal container has no way out, not for an answer either` + "\n"},
		{"-p [::1]:8080:80 --subnet6 off", 1, `plumb: attach web: publish "[::1]:8080:80/tcp": the container has no IPv6: --subnet6 is off` + "\n"},
		{"--rate-in fast", 2, `plumb: attach: --rate-in "fast": a number and a unit are needed, such as 10mbit: bit, kbit, mbit, gbit, tbit; with bps in the place of bit for bytes; with ki, mi, gi, ti for powers of 1024` + usage},
		{"--rate-out 1kbit", 2, `plumb: attach: --rate-out "1kbit": 1kbit is too slow, 64kbit is the least: TCP would take what is on its way for lost` + usage},
		{"--mtu 1000 --subnet6 fd00::/64", 1, `plumb: attach web: mtu "1000": IPv6 needs 1280 bytes at least` + "\n"},
	} {
		args := append([]string{"attach", "web", "--pid", strconv.Itoa(pid)}, strings.Fields(c.args)...)
		if r := s.run(args...); r.status != c.status || r.stdout+r.stderr != c.want {
			t.Errorf("attach %s: status %d, want %d\n got %q\nwant %q", c.args, r.status, c.status, r.stdout+r.stderr, c.want)
		}
	}
	if out := s.succeeds("ls", "-q"); out != "" {
		t.Errorf("attached %q", out)
	}
	for _, c := range []struct{ args, want string }{
		{"detach --all web", "plumb: detach: --all and \"web\": give names, or --all\nusage: plumb detach NAME... | --all [--network NAME] [options]\n"},
		{"detach web --network db", "plumb: detach: --network db: it says which --all are meant\nusage: plumb detach NAME... | --all [--network NAME] [options]\n"},
		{"inspect none", "plumb: inspect none: nothing of that name is attached: plumb ls lists what is\n"},
		{"inspect", "plumb: inspect: give the NAME of a container: plumb ls lists them\nusage: plumb inspect NAME... [options]\n"},
		{"gc web", fmt.Sprintf("plumb: gc: %q is not expected: gc looks at all that there is\nusage: plumb gc [options]\n", "web")},
		{"ls web", fmt.Sprintf("plumb: ls: %q is not expected: plumb inspect NAME tells of one\nusage: plumb ls [options]\n", "web")},
	} {
		if r := s.run(strings.Fields(c.args)...); r.status == 0 || r.stderr != c.want {
			t.Errorf("%s: %+v, want %s", c.args, r, c.want)
		}
	}
}
