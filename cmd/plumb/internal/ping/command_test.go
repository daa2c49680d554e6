package ping_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/test/lab"
)

// build makes the plumb binary.
func build(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/plumb"
	cmd := exec.Command(lab.NeedTool(t, "go"), "build", "-o", path, "plumb/cmd/plumb")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build plumb: %v\n%s", err, out)
	}
	return path
}

func TestCommandStatus(t *testing.T) {
	t.Parallel()
	plumb := build(t)
	ns := newHost(t, false)
	for _, c := range []struct {
		args   string
		status int
		want   string // of what is printed, on either stream
	}{
		{"-c 1 127.0.0.1", 0, "1 packets transmitted, 1 received, 0% packet loss"},
		{"127.0.0.1 -n -q -c 2 -i 0.01", 0, "2 packets transmitted, 2 received, 0% packet loss"},
		{"-nqc1 -i0.01 -W=1 127.0.0.1", 0, "1 packets transmitted, 1 received, 0% packet loss"},
		{"-x1 127.0.0.1", 2, "-x1"},
		{"-6 -c 1 localhost", 0, "PING localhost (::1) 56 data bytes"},
		{"-w 0.05 -c 100 -i 10 127.0.0.1", 1, "1 packets transmitted, 1 received"},
		{"-c 1 192.0.2.1", 2, "plumb: ping: connect to 192.0.2.1: network is unreachable"},
		{"-c 1 mün.example", 2, "xn--"},
		{"-i 0.001 127.0.0.1", 2, "usage: plumb ping"},
		{"-i NaN 127.0.0.1", 2, "usage: plumb ping"},
		{"-c x 127.0.0.1", 2, "usage: plumb ping"},
		{"127.0.0.1 ::1", 2, "usage: plumb ping"},
		{"", 2, "usage: plumb ping"},
	} {
		cmd := exec.Command(plumb, append([]string{"ping"}, strings.Fields(c.args)...)...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := ns.Do(cmd.Start); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != c.status || !strings.Contains(out.String(), c.want) {
			t.Errorf("plumb ping %s: status %d, want %d and %q\n%s", c.args, got, c.status, c.want, out.String())
		}
	}
}

func TestCommandSignals(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(build(t), "ping", "-i", "3600", "127.0.0.1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := newHost(t, false).Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(stdout)
	for range 2 { // the title, and the first reply: it is well under way
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Process.Signal(unix.SIGQUIT)
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "\r1/1 packets, 0% loss, min/avg/ewma/max = ") {
		t.Errorf("SIGQUIT: %q, %v", line, err)
	}
	cmd.Process.Signal(unix.SIGINT)
	rest, err := io.ReadAll(out)
	if err != nil || !strings.Contains(string(rest), "1 packets transmitted, 1 received, 0% packet loss") {
		t.Errorf("SIGINT: %q, %v", rest, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("SIGINT: %v", err)
	}
}
