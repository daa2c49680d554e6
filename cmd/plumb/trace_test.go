package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An event is a line of --trace=json, as far as the tests read it.
type event struct {
	Kind, Namespace, Step, Purpose, Why, Name, Protocol, Unreadable string

	MS     float64
	TookNs int64
	Sent   bool
	Fields []eventField
	Error  *struct{ Text, Errno string }
}

type eventField struct {
	Name, Value string
	Fields      []eventField
}

// events reads a trace. Other lines are the command's own.
func events(t *testing.T, stderr string) []event {
	t.Helper()
	var all []event
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// hexBytes are more bytes in hexadecimal than a number has.
var hexBytes = regexp.MustCompile(`0x[0-9a-f]{17,}|… \(`)

// unnamed lists what a trace has no name or no shape for.
func unnamed(path string, fields []eventField) (list []string) {
	for _, f := range fields {
		at := path + "/" + f.Name
		switch {
		case strings.HasPrefix(f.Name, "attribute "), f.Name == "malformed", f.Name == "rest", f.Name == "body":
			list = append(list, at+" "+f.Value)
		case f.Name != "pad" && hexBytes.MatchString(f.Value):
			list = append(list, at+" "+f.Value)
		}
		list = append(list, unnamed(at, f.Fields)...)
	}
	return list
}

// Whatever plumb demo says to the kernel, and hears of it, has a name and a shape; and it is told in order.
func TestTraceOfDemo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path := filepath.Join(t.TempDir(), "plumb")
	build(t, path) // the demo runs its own file once more
	r := s.runProgram(path, "demo", "--trace=json")
	if r.status != 0 {
		t.Fatalf("status %d\n%s", r.status, r.stdout)
	}
	all := events(t, r.stderr)
	families := map[string]int{}
	for i := range all {
		e := &all[i]
		families[e.Namespace+" "+e.Protocol]++
		if e.Unreadable != "" || strings.HasPrefix(e.Name, "message ") {
			t.Errorf("%+v", e)
		}
		for _, what := range unnamed(e.Name, e.Fields) {
			t.Error(what)
		}
	}
	for _, family := range []string{"internet NETLINK_ROUTE", "host NETLINK_ROUTE", "host NETLINK_NETFILTER", "demo NETLINK_ROUTE"} {
		if families[family] < 10 {
			t.Errorf("%d messages of %s", families[family], family)
		}
	}
	checkStory(t, all)
}

// checkStory wants parts to begin and end in order, within each other, and times to go on.
func checkStory(t *testing.T, all []event) {
	t.Helper()
	var open []string
	const slack = 50.0 // ms between what happens on two goroutines at once, and is told by one after the other
	latest := 0.0
	for i := range all {
		e := &all[i]
		if e.MS < latest-slack || e.Namespace == "" || e.Kind != "message" && e.Purpose == "" {
			t.Errorf("after %.3f ms: %+v", latest, e)
		}
		latest = max(latest, e.MS)
		switch e.Kind {
		case "begin":
			open = append(open, e.Step)
		case "end":
			if len(open) == 0 || open[len(open)-1] != e.Step {
				t.Errorf("step %s ends where %q are under way", e.Step, open)
				return
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 || len(all) == 0 {
		t.Errorf("of %d events, %q have not ended", len(all), open)
	}
}

// A run's trace tells the whole story: the system calls of plumb, those of the container's process, and why.
func TestTraceOfRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.run("run", "--trace=json", "--name", "web", "--dns", "8.8.8.8", "--", "true")
	if r.status != 0 {
		t.Fatalf("status %d\n%s", r.status, r.stderr)
	}
	all := events(t, r.stderr)
	checkStory(t, all)
	told := map[string]string{}
	for i := range all {
		if e := &all[i]; e.Kind != "message" {
			told[e.Kind] += e.Namespace + ": " + e.Purpose + "\n"
			if e.Kind == "begin" && e.Why == "" && strings.Contains(e.Step, ".") {
				t.Errorf("nobody says why step %s, %q, is done", e.Step, e.Purpose)
			}
		}
	}
	for kind, want := range map[string][]string{
		"step": {
			"host: clone(CLONE_NEWNS|", "host: socket(AF_NETLINK): ", "web: setns web: socket(AF_NETLINK): ",
			"web: sysctl net.ipv4.ping_group_range=0 ", "web: sysctl net/ipv6/conf/eth0/accept_ra=0",
			`web: sethostname("web")`, "web: mount the root file system", "web: pivot_root(", "web: write /etc/resolv.conf",
			"web: drop privileges", "web: execve /", "web: setns web: socket(AF_INET): ",
		},
		"begin": {
			"host: start the container's process", "host: attach web", "host: make the pair of links", "host: take an address",
			"host: start the command", "host: detach web", "host: give back the leases", "host: see whether it was the last",
		},
	} {
		for _, w := range want {
			if !strings.Contains(told[kind], w) {
				t.Errorf("no %s begins %q in\n%s", kind, w, told[kind])
			}
		}
	}
}

// What fails is undone, and the trace shows that.
func TestTraceOfFailure(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, pid := s.process()
	s.succeeds("attach", "web", "--pid", fmt.Sprint(pid))
	r := s.run("attach", "db", "--pid", fmt.Sprint(pid), "--trace=json") // there is an eth0 already
	if r.status != exitFailed {
		t.Fatalf("status %d\n%s", r.status, r.stderr)
	}
	all := events(t, r.stderr)
	checkStory(t, all)
	failed, undone, refused := "", "", 0
	for i := range all {
		e := &all[i]
		if e.Kind == "end" && e.Error != nil {
			failed += e.Purpose + "\n"
		}
		if e.Kind == "begin" && strings.HasPrefix(e.Purpose, "undo: ") {
			undone += e.Purpose + "\n"
		}
		if e.Kind == "message" && e.Error != nil && e.Error.Errno == "EEXIST" {
			refused++
		}
	}
	if refused == 0 || !strings.Contains(failed, "make the pair of links\n") || !strings.Contains(failed, "attach db\n") || undone == "" {
		t.Errorf("%d refusals; what failed: %q; what was undone: %q\n%s", refused, failed, undone, r.stderr)
	}
	s.succeeds("detach", "web")
}

// Each command that speaks netlink can be traced, in each form, and says the same on stdout as without.
func TestTraceForms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, pid := s.process()
	commands := [][]string{
		{"attach", "web", "--pid", fmt.Sprint(pid)},
		{"ls", "-q"},
		{"inspect", "web", "--json"},
		{"exec", "web", "--", "true"},
		{"gc"},
		{"detach", "web"},
	}
	for form, begins := range map[string]string{"=json": `{"kind":`, "=short": "", "": ""} {
		for _, args := range commands {
			r := s.run(append([]string{args[0], "--trace" + form}, args[1:]...)...)
			if r.status != 0 || !strings.Contains(r.stderr, "RTM_") || !strings.HasPrefix(r.stderr, begins) {
				t.Errorf("%q --trace%s: status %d\n%s", args, form, r.status, r.stderr)
			}
			tree := strings.Contains(r.stderr, "\n                    ifi_family=")
			if tree != (form == "") {
				t.Errorf("%q --trace%s: trees: %t\n%s", args, form, tree, r.stderr)
			}
		}
	}
	if r := s.run("ls", "--trace=xml"); r.status != exitUsage {
		t.Errorf("--trace=xml: %+v", r)
	}
	// A trace that cannot be written is an error, but what was asked for is done.
	if out, err := s.full("ls", "--trace=short"); err == nil || !strings.HasPrefix(out, "NAME ") {
		t.Errorf("a trace to a full disk: %v, %q", err, out)
	}
}

// full runs plumb with a stderr that takes nothing.
func (s *site) full(args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `exec "$0" "$@" 2>/dev/full`, s.plumb}, args...)...)
	var out strings.Builder
	cmd.Stdout = &out
	if err := s.host.Do(cmd.Start); err != nil {
		s.t.Fatal(err)
	}
	err := cmd.Wait()
	return out.String(), err
}
