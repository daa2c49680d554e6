package main

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// running starts a container that runs until the test ends. It may have 77 files open, until it asks for more.
func (s *site) running(args ...string) {
	s.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", append(append([]string{"-c", `ulimit -Sn 77; exec "$0" run --dns 8.8.8.8 "$@"`, s.plumb}, args...),
		"--", "sh", "-c", "echo mine >/run/mark; echo ready; read end")...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	cmd.Stdout, cmd.Stderr = w, w
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	err = s.host.Do(cmd.Start)
	w.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		stdin.Close() // which ends the container, and plumb cleans up
		cmd.Wait()
		r.Close()
	})
	r.SetReadDeadline(time.Now().Add(waitTime))
	if line, err := bufio.NewReader(r).ReadString('\n'); line != "ready\n" {
		s.t.Fatalf("it says %q, %v, want ready", line, err)
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.running("--name", "web", "--hostname", "box")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"web", "cat", "/run/mark"}, "mine\n"},
		{[]string{"web", "--", "hostname"}, "box\n"},
		{[]string{"--", "web", "hostname"}, "box\n"},
		{[]string{"--workdir", "/usr", "web", "pwd"}, "/usr\n"},
		{[]string{"web", "--workdir=/usr", "--", "pwd"}, "/usr\n"},
		{[]string{"web", "--env", "A=1", "--env", "B=a b", "--env", "A=2", "sh", "-c", `echo "$A,$B"`}, "2,a b\n"},
		{[]string{"web", "--user", "0:0", "id", "-u"}, "0\n"},
		{[]string{"web", "echo", "--user", "x"}, "--user x\n"},
		{[]string{"web"}, ""}, // a shell, whose input is empty
	} {
		if out := s.succeeds(append([]string{"exec"}, c.args...)...); out != c.want {
			t.Errorf("exec %q: %q, want %q", c.args, out, c.want)
		}
	}
	if out := s.succeeds("exec", "web", s.plumb, "ping", "-c", "1", "8.8.8.8"); !strings.Contains(out, "1 received, 0% packet loss") {
		t.Errorf("ping from inside: %s", out)
	}
	for _, c := range []struct {
		args   string
		status int
		want   string // on stderr
	}{
		{"web false", 1, ""},
		{"web no-such-command", 127, "plumb: exec web: run the command: no-such-command: command not found in the container's PATH: no such file or directory\n"},
		{"web /usr", 126, "plumb: exec web: run the command: exec /usr: permission denied: it is a directory, or lies where no program may run\n"},
		{"web --workdir /none true", 125, "plumb: exec web: change to the working directory: chdir /none: no such file or directory\n"},
		{"none true", 125, "plumb: exec none: nothing named none is attached: plumb ls lists what is\n"},
		{"--env A web true", 125, "plumb: exec: --env \"A\": NAME=VALUE is needed\nusage: plumb exec [options] NAME [--] [CMD [ARG...]]\n"},
		{"--user root web true", 125, "plumb: exec: --user \"root\": numbers such as 1000 or 1000:100 are needed\nusage: plumb exec [options] NAME [--] [CMD [ARG...]]\n"},
		{"", 125, "plumb: exec: give the NAME of a container\nusage: plumb exec [options] NAME [--] [CMD [ARG...]]\n"},
	} {
		if r := s.run(append([]string{"exec"}, strings.Fields(c.args)...)...); r != (result{c.status, "", c.want}) {
			t.Errorf("exec %s: %+v, want status %d and\n%s", c.args, r, c.status, c.want)
		}
	}
}

// Go raises the limit of open files of plumb itself, and of PID 1 where that is plumb's. A command has what it would have without.
func TestExecOpenFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, init := range []string{"--init=false", "--init"} {
		name := "web" + init[len(init)-1:]
		s.running("--name", name, init)
		if out := s.succeeds("exec", name, "sh", "-c", "ulimit -Sn"); out != "77\n" {
			t.Errorf("%s: it may have %q files open, want 77", init, out)
		}
	}
}

// Of an attached namespace only the network is another.
func TestExecInAttached(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, pid := s.process()
	s.succeeds("attach", "web", "--pid", strconv.Itoa(pid))
	defer s.succeeds("detach", "web")
	if out := s.succeeds("exec", "web", s.plumb, "ping", "-c", "1", "8.8.8.8"); !strings.Contains(out, "1 received, 0% packet loss") {
		t.Errorf("ping from inside: %s", out)
	}
}
