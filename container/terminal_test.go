package container_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/test/lab"
)

// runOnTerminal runs $SCRIPT (under a reaper if it begins with #init) on the terminal and says afterwards whether the terminal is ours again.
func runOnTerminal() int {
	spec := sh(os.Getenv("SCRIPT"))
	spec.Init = strings.HasPrefix(spec.Args[2], "#init")
	status := runHere(spec)
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	fmt.Println("status", status, "back", err == nil && group == unix.Getpgrp())
	return 0
}

// onTerminal runs a script in a container on a new terminal, types what answer returns for each line, and returns all lines.
func onTerminal(t *testing.T, script string, answer func(line string) string) string {
	t.Helper()
	return onTerminalOf(t, helperCommand("tty", "SCRIPT="+script), answer)
}

// onTerminalOf runs a helper on a new terminal, which is its controlling one.
func onTerminalOf(t *testing.T, cmd *exec.Cmd, answer func(line string) string) string {
	t.Helper()
	master, slave := lab.OpenPTY(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer kill.Stop()
	var all strings.Builder
	for lines := bufio.NewScanner(master); lines.Scan(); { // EIO at the end: the last one has closed the terminal
		line := strings.TrimRight(lines.Text(), "\r")
		all.WriteString(line + "\n")
		master.WriteString(answer(line))
	}
	cmd.Wait()
	return all.String()
}

func TestInterruptReachesTheCommandOnce(t *testing.T) {
	t.Parallel()
	out := onTerminal(t, `stty -echo; trap 'n=$((n+1)); echo caught $n' INT; echo ready; read x; echo "read $x after $n"; exit 5`, func(line string) string {
		switch line {
		case "ready":
			return "\x03"
		case "caught 1":
			return "word\n"
		}
		return ""
	})
	if !strings.Contains(out, "status 5 back true") || strings.Contains(out, "caught 2") {
		t.Errorf("the terminal shows\n%s", out)
	}
}

func TestNobodyTypesOnTheTerminal(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := onTerminal(t, helperEnv+"=type "+exe, func(string) string { return "" })
	if !strings.Contains(out, "typed: operation not permitted") {
		t.Errorf("the terminal shows\n%s", out)
	}
}

func TestJobControlInside(t *testing.T) {
	t.Parallel()
	out := onTerminal(t, `set -m; sh -c 'exit 3'; echo job $?; test -c /dev/console && echo console; tty >/dev/null; exit 4`, func(string) string { return "" })
	if !strings.Contains(out, "job 3\n") || !strings.Contains(out, "status 4 back true") || strings.Contains(out, "job control") {
		t.Errorf("the terminal shows\n%s", out)
	}
}

func TestForwardSignals(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		send   []unix.Signal
		status int
	}{
		"a handler":        {"trap 'exit 9' TERM; echo ready; while :; do read x </dev/zero & wait; done", []unix.Signal{unix.SIGTERM}, 9},
		"user signal":      {"trap 'exit 8' USR1; echo ready; while :; do read x </dev/zero & wait; done", []unix.Signal{unix.SIGUSR1}, 8},
		"nobody listening": {"trap '' INT TERM; trap 'echo goes on' CONT; echo ready; while :; do read x </dev/zero & wait; done", []unix.Signal{unix.SIGTERM, unix.SIGINT}, 137},
	} {
		t.Run(name, func(t *testing.T) {
			out, cmd := forwarding(t, c.script)
			for _, sig := range c.send {
				cmd.Process.Signal(sig)
			}
			rest := ""
			for out.Scan() {
				rest += out.Text() + "\n"
				switch {
				case strings.Contains(out.Text(), "once more kills"):
					cmd.Process.Signal(unix.SIGCONT) // it is none of those that are counted
				case out.Text() == "goes on":
					cmd.Process.Signal(unix.SIGTERM)
				}
			}
			cmd.Wait()
			if strings.Count(rest, "once more kills") > 1 {
				t.Errorf("it says so more than once: %q", rest)
			}
			if !strings.Contains(rest, "status "+strconv.Itoa(c.status)+" ") {
				t.Errorf("want status %d, got %q", c.status, rest)
			}
			if killed := strings.Contains(rest, "a third time"); killed != (len(c.send) == 2) {
				t.Errorf("says that it kills: %v; %q", killed, rest)
			}
		})
	}
}

// forwarding starts a helper that runs script and forwards signals, and returns when the script is ready.
func forwarding(t *testing.T, script string) (*bufio.Scanner, *exec.Cmd) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	cmd := helperCommand("tty", "SCRIPT="+script)
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	out := bufio.NewScanner(r)
	if !out.Scan() || out.Text() != "ready" {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("it says %q, want ready", out.Text())
	}
	return out, cmd
}
