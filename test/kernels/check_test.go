package kernels

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A check is a Step with what is to come of it.
type check struct {
	step   Step
	status int
	stdout []string // is in it
	stderr []string // is in it; with none of them it is empty
	clean  bool     // all is as it was at the last Look
}

// runChecks boots a kernel with the steps of the checks, and looks at what came of them.
func runChecks(t *testing.T, k kernel, cmdline string, checks []check) {
	t.Helper()
	m := machine{kernel: k, cmdline: cmdline}
	for _, c := range checks {
		c.step.Compare = c.clean
		m.steps = append(m.steps, c.step)
	}
	for i, r := range m.boot(t) {
		if wrong := checks[i].wrong(r); len(wrong) > 0 {
			t.Errorf("%s\n    WRONG: %s", r, strings.Join(wrong, "; "))
		} else if testing.Verbose() {
			t.Log(r)
		}
	}
}

// wrong is what is not as it should be.
func (c check) wrong(r Result) []string {
	var list []string
	if r.Status != c.status {
		list = append(list, fmt.Sprintf("the status should be %d", c.status))
	}
	for _, want := range c.stdout {
		if !strings.Contains(r.Stdout, want) {
			list = append(list, fmt.Sprintf("stdout lacks %q", want))
		}
	}
	for _, want := range c.stderr {
		if !strings.Contains(r.Stderr, want) {
			list = append(list, fmt.Sprintf("stderr lacks %q", want))
		}
	}
	if c.stderr == nil && r.Stderr != "" {
		list = append(list, "stderr should be empty")
	}
	if len(r.Left) > 0 {
		list = append(list, "all should be as it was")
	}
	return list
}

// do are steps of which nothing is to be said.
func do(steps ...Step) []check {
	checks := make([]check, len(steps))
	for i, s := range steps {
		checks[i].step = s
	}
	return checks
}

func plumb(args ...string) Step { return Run(append([]string{"plumb"}, args...)...) }

// onHost is plumb with these arguments on the lab's host.
func onHost(args ...string) Step { return plumb(args...).Inside(LabHost) }

// answered checks that one place reaches another, and unanswered that it does not.
func answered(from, addr string) check {
	return check{step: plumb("ping", "-c1", addr).Inside(from), stdout: []string{"1 received"}}
}

func unanswered(from, addr string) check {
	return check{step: plumb("ping", "-c1", "-W0.2", addr).Inside(from), status: 1, stdout: []string{"0 received"}}
}

// fetched checks that an HTTP server answers, and says whom it sees.
func fetched(from, url, as string) check {
	return check{step: plumb("fetch", url).Inside(from), stdout: []string{"you are " + as}}
}

// pings is a container that uses its network.
func pings(addr string, options ...string) Step {
	return plumb(slices.Concat([]string{"run"}, options, []string{"--", "plumb", "ping", "-c1", addr})...)
}
