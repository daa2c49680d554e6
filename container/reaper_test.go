package container_test

import (
	"strings"
	"testing"
)

func TestReaper(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]struct {
		status int
		output string
	}{
		"echo $PPID; exit 6":           {6, "1\n"},
		"kill -9 $$":                   {137, ""},
		"kill -TERM $$; echo not this": {143, ""},
		// An orphan of an orphan: it is PID 1's, and leaves no zombie.
		"sh -c '(read x </dev/null; exec true) &'; cat /proc/1/cmdline | tr '\\0' ' ' | cut -c1-11": {0, "plumb: init\n"},
		"grep -E '^Cap(Eff|Bnd)' /proc/1/status":                                                    {0, "CapEff:\t00000000a00405fb\nCapBnd:\t00000000a00405fb\n"},
		"echo x 2>/dev/null >/proc/1/exe || echo refused":                                           {0, "refused\n"},
	} {
		spec := sh(script)
		spec.Init = true
		if status, out := run(t, spec); status != want.status || out != want.output {
			t.Errorf("%s: status %d, want %d; it wrote %q, want %q", script, status, want.status, out, want.output)
		}
	}
	spec := sh("true")
	spec.Init, spec.Args = true, []string{"no-such-command"}
	p, _ := start(t, spec)
	if err := p.Release(testFiles); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("a command that does not exist: %v", err)
	}
}

// Without a reaper ^C does nothing to a command that is PID 1 and has no handler; with one it ends it.
func TestInterruptWithReaper(t *testing.T) {
	t.Parallel()
	out := onTerminal(t, "#init\nstty -echo; echo ready; read x; echo not this", func(line string) string {
		if line == "ready" {
			return "\x03"
		}
		return ""
	})
	if !strings.Contains(out, "status 130 back true") || strings.Contains(out, "not this") {
		t.Errorf("the terminal shows\n%s", out)
	}
}
