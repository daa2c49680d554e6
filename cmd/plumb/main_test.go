package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	clab "plumb/container/lab"
	"plumb/test/lab"
)

// The test binary is plumb, too, where it is called so: see site.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "plumb" {
		main()
	}
	if words, ok := os.LookupEnv(launchEnv); ok && strings.HasSuffix(os.Args[0], "-launcher") {
		fmt.Fprintln(os.Stderr, launch(words))
		os.Exit(120)
	}
	lab.Main(m)
}

// A site is a sealed host with an internet, on which plumb is run.
type site struct {
	*lab.Lab
	t     testing.TB
	host  *clab.Host
	plumb string // path of the program
}

func newSite(t testing.TB, options ...lab.Option) *site {
	t.Helper()
	l := lab.New(t, options...)
	s := &site{Lab: l, t: t, host: l.NewHost("host"), plumb: filepath.Join(t.TempDir(), "plumb")}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, s.plumb); err != nil {
		t.Fatal(err)
	}
	return s
}

// A result is what a program that was run has come to.
type result struct {
	status         int
	stdout, stderr string
}

// run runs plumb on the host to its end.
func (s *site) run(args ...string) result {
	s.t.Helper()
	return s.runProgram(s.plumb, args...)
}

// runProgram runs another program there, such as one that runs plumb.
func (s *site) runProgram(path string, args ...string) result {
	s.t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := s.host.Do(cmd.Start); err != nil {
		s.t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// succeeds is run, of what must succeed and say nothing on stderr. It returns what is on stdout.
func (s *site) succeeds(args ...string) string {
	s.t.Helper()
	r := s.run(args...)
	if r.status != 0 || r.stderr != "" {
		s.t.Errorf("plumb %s: status %d\n%s%s", strings.Join(args, " "), r.status, r.stdout, r.stderr)
	}
	return r.stdout
}

// process starts a process in a box: a namespace with nothing but lo.
func (s *site) process() (box *clab.Host, pid int) {
	s.t.Helper()
	box = s.NewHostWith("box-"+string(rune('a'+len(s.Hosts()))), clab.HostOptions{NoUplink: true})
	cmd := exec.Command("sleep", "1000")
	if err := box.Do(cmd.Start); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return box, cmd.Process.Pid
}
