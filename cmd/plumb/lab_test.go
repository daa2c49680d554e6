package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"plumb/test/lab"
)

// What runs in plumb lab has the lab's internet, names, links and plumb itself, and all plumb commands work there.
func TestLab(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.run("lab", "--", "sh", "-e", "-c", `
		cat /etc/resolv.conf
		echo $(ls /sys/class/net)
		plumb ping -q -c 1 google.com
		plumb fetch http://google.com/ >/dev/null
		plumb run --name web -- plumb ping -q -c 1 8.8.8.8
		plumb ls
		[ "$(readlink /proc/self/ns/net)" = "$PLUMB_LAB" ]
		"$PLUMB" version`)
	for _, want := range []string{"nameserver 8.8.8.8\n", "lo uplink0\n", "google.com", "1 packets transmitted, 1 received", "plumb "} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%q is not in what it says", want)
		}
	}
	if r.status != 0 || r.stderr != "" {
		t.Errorf("status %d, it says\n%s\n%s", r.status, r.stdout, r.stderr)
	}
}

func TestLabStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct {
		args   []string
		status int
	}{
		{[]string{"true"}, 0},
		{[]string{"sh", "-c", "exit 7"}, 7},
		{[]string{"sh", "-c", "kill -9 $$"}, 128 + 9},
		{[]string{"/nowhere/at/all"}, 127},
		{[]string{"/etc/passwd"}, 126},
	} {
		if r := s.run(append([]string{"lab", "--"}, c.args...)...); r.status != c.status {
			t.Errorf("plumb lab -- %q: status %d, want %d\n%s", c.args, r.status, c.status, r.stderr)
		}
	}
	if r := s.run("lab", "--nothing"); r.status != exitPlumb || !strings.Contains(r.stderr, "usage: plumb lab") {
		t.Errorf("a wrong option: status %d\n%s", r.status, r.stderr)
	}
}

// What a command leaves running ends with the lab, however far it has gone from it.
func TestLabLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.run("lab", "--", "sh", "-c", `
		sleep 1000 & echo $!
		setsid sh -c 'trap "" TERM HUP; (sleep 1000 & echo $!)'`)
	if r.status != 0 || r.stderr != "" {
		t.Errorf("status %d, it says %s", r.status, r.stderr)
	}
	pids := strings.Fields(r.stdout)
	if len(pids) != 2 {
		t.Errorf("it says %q, two pids are wanted", r.stdout)
	}
	for _, pid := range pids {
		if name, err := os.ReadFile("/proc/" + pid + "/comm"); err == nil && string(name) == "sleep\n" {
			t.Errorf("process %s is still there", pid)
		}
	}
}

// On a terminal a shell greets, has a prompt that says where it is, gets what is typed, and gives the terminal back.
func TestLabTerminal(t *testing.T) {
	t.Parallel()
	lab.NeedTool(t, "bash")
	s := newSite(t)
	master, slave := lab.OpenPTY(t)
	cmd := exec.Command(s.plumb, "lab")
	cmd.Env = append(os.Environ(), "SHELL=/bin/bash", "HOME="+t.TempDir(), "TERM=dumb")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.host.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	kill := time.AfterFunc(waitTime, func() { cmd.Process.Kill() })
	defer kill.Stop()
	var all strings.Builder
	for b := bufio.NewReader(master); ; {
		// A prompt has no newline, so bytes are read until it is there.
		c, err := b.ReadByte()
		if err != nil { // EIO: the last one has closed the terminal
			break
		}
		all.WriteByte(c)
		text, prompt := all.String(), "(plumb lab) "
		switch {
		case strings.HasSuffix(text, prompt) && strings.Count(text, prompt) == 1:
			// What says that it is ready has the terminal's foreground already.
			master.WriteString("tty; sh -c 'echo rea\"\"dy; exec cat'\n")
		case strings.HasSuffix(text, "ready\r\n"):
			master.WriteString("\x03") // it ends cat, and neither the shell nor plumb
		case strings.HasSuffix(text, prompt) && strings.Count(text, prompt) == 2:
			master.WriteString("exit 5\n")
		}
	}
	err := cmd.Wait()
	for _, want := range []string{"nothing", "plumb send", "(plumb lab) ", "/dev/pts/"} {
		if !strings.Contains(strings.ToLower(all.String()), want) {
			t.Errorf("%q is not in what it says", want)
		}
	}
	if cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("it ends with %v, want 5; it says\n%s", err, &all)
	}
}
