package container_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/container/netns"
	"plumb/test/lab"
)

func itoa(n int) string { return strconv.Itoa(n) }

// execHere executes $SCRIPT in the container of process $TARGET, with this process's streams.
func execHere() int {
	pid, err := strconv.Atoi(os.Getenv("TARGET"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	status, err := container.Exec(context.Background(), container.ExecSpec{
		PID: pid, Args: []string{"sh", "-c", os.Getenv("SCRIPT")}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Log: os.Stderr,
	})
	group, failed := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	fmt.Println("status", status, err, "back", failed == nil && group == unix.Getpgrp())
	return 0
}

// programFlags says of the program that runs here whether its file can be written.
func programFlags() int {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(exe.Fd()), &fs); err != nil {
		fmt.Println(err)
		return 1
	}
	seals, err := unix.FcntlInt(exe.Fd(), unix.F_GET_SEALS, 0)
	if fs.Flags&unix.ST_RDONLY == 0 && (err != nil || seals&unix.F_SEAL_WRITE == 0) {
		fmt.Println("writable")
		return 0
	}
	fmt.Println("read-only")
	return 0
}

// An execing is a helper program that executes a script in a container.
type execing struct {
	*exec.Cmd
	out *bufio.Scanner
}

// startExec starts one, and returns when the script has said "ready".
func startExec(t *testing.T, p *container.Process, script string) execing {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	e := execing{helperCommand("exec", "TARGET="+itoa(p.PID()), "SCRIPT="+script), bufio.NewScanner(r)}
	e.Stdout, e.Stderr = w, w
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { e.Process.Kill(); e.Wait() })
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	if !e.out.Scan() || e.out.Text() != "ready" {
		t.Fatalf("it says %q, %v, want ready", e.out.Text(), e.out.Err())
	}
	return e
}

// rest is what it says until it, and all that it has started, have ended.
func (e execing) rest(t *testing.T) (text string) {
	t.Helper()
	for e.out.Scan() {
		text += e.out.Text() + "\n"
	}
	if err := e.out.Err(); err != nil {
		t.Fatalf("after %q: %v", text, err)
	}
	return text
}

// Whoever executes a command may be killed: the command, which holds the pipe, ends too.
func TestExecEndsWithItsParent(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	e := startExec(t, p, "trap '' TERM INT HUP; echo ready; exec sleep 1000")
	e.Process.Kill()
	if text := e.rest(t); text != "" {
		t.Errorf("it says %q", text)
	}
}

// The same at any moment before the command runs.
func TestExecKilledEarly(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	for i := range 40 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := helperCommand("exec", "TARGET="+itoa(p.PID()), "SCRIPT=exec sleep 1000")
		cmd.Stdout, cmd.Stderr = w, w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		<-time.After(time.Duration(i) * 500 * time.Microsecond) // the moment is the test's point
		cmd.Process.Kill()
		cmd.Wait()
		r.SetReadDeadline(time.Now().Add(20 * time.Second))
		if text, err := io.ReadAll(r); err != nil || len(text) > 0 {
			t.Fatalf("kill %d: some process lives on: %v, %q", i, err, text)
		}
		r.Close()
	}
}

func TestExecEndsWithTheContainer(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	e := startExec(t, p, "echo ready; sleep 1000 & exec sleep 1000")
	p.Kill()
	if text := e.rest(t); !strings.Contains(text, "status 137 <nil>") {
		t.Errorf("it says %q", text)
	}
}

func TestExecEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		bufio.NewReader(r).ReadString('\n')
		cancel()
	}()
	status, err := container.Exec(ctx, container.ExecSpec{PID: p.PID(), Args: []string{"sh", "-c", "echo ready; exec sleep 1000"}, Stdout: w})
	w.Close()
	if status != 137 || err != nil {
		t.Errorf("status %d, %v, want 137", status, err)
	}
}

func TestExecForwardsSignals(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	e := startExec(t, p, "sleep 1000 & trap 'kill $!; exit 9' TERM; echo ready; wait")
	e.Process.Signal(unix.SIGTERM)
	if text := e.rest(t); !strings.Contains(text, "status 9 ") {
		t.Errorf("SIGTERM: %q", text)
	}
	e = startExec(t, p, "trap '' TERM INT; echo ready; read x </dev/zero")
	e.Process.Signal(unix.SIGTERM)
	e.Process.Signal(unix.SIGINT) // of one kind two may merge
	text := ""
	for e.out.Scan() {
		text += e.out.Text() + "\n"
		if strings.Contains(e.out.Text(), "once more kills the command") {
			e.Process.Signal(unix.SIGTERM)
		}
	}
	if !strings.Contains(text, "killing the command (it ignored the others)") || !strings.Contains(text, "status 137 ") {
		t.Errorf("SIGTERM that is ignored: %q", text)
	}
}

// onTerminalInside is onTerminal for a script that is executed in a container.
func onTerminalInside(t *testing.T, p *container.Process, script string, answer func(line string) string) string {
	t.Helper()
	return onTerminalOf(t, helperCommand("exec", "TARGET="+itoa(p.PID()), "SCRIPT="+script), answer)
}

func TestExecOnTerminal(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	out := onTerminalInside(t, p, `stty -echo; trap 'n=$((n+1)); echo caught $n' INT; echo ready; read x; echo "read $x after $n"; exit 5`, func(line string) string {
		switch line {
		case "ready":
			return "\x03"
		case "caught 1":
			return "word\n"
		}
		return ""
	})
	if !strings.Contains(out, "status 5 <nil> back true") || strings.Contains(out, "caught 2") {
		t.Errorf("the terminal shows\n%s", out)
	}
	// ^C ends a command that does not care, since it is not PID 1; ^Z does not leave it stopped.
	out = onTerminalInside(t, p, `stty -echo; echo ready; read x; echo "read $x"; echo more; exec sleep 1000`, func(line string) string {
		switch line {
		case "ready":
			return "\x1aword\n"
		case "more":
			return "\x03"
		}
		return ""
	})
	if !strings.Contains(out, "status 130 <nil> back true") {
		t.Errorf("after ^Z the terminal shows\n%s", out)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out = onTerminalInside(t, p, helperEnv+"=type "+exe, func(string) string { return "" }); !strings.Contains(out, "typed: operation not permitted") {
		t.Errorf("TIOCSTI: the terminal shows\n%s", out)
	}
}

// strange starts a process as another program would, in new namespaces.
func strange(t *testing.T, attr *syscall.SysProcAttr, args ...string) int {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	attr.Pdeathsig = unix.SIGKILL
	cmd.SysProcAttr = attr
	cmd.Env = []string{"PATH=/usr/bin:/bin", "STRANGE=yes", helperEnv + "=" + os.Getenv(helperEnv)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

// Of another program's process only those namespaces are entered that it has for itself, and nothing is taken away that it has.
func TestExecInAnotherProgramsNamespace(t *testing.T) {
	t.Parallel()
	pid := strange(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}, "sleep", "1000")
	spec := container.ExecSpec{PID: pid}
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	caps, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, caps2, _ := strings.Cut(string(caps), "CapPrm:")
	insideOutputs(t, spec, map[string]string{
		showNamespaces:       namespaces(t, itoa(pid)),
		"echo $STRANGE; pwd": "yes\n" + cwd + "\n",
		"ls -m /proc/self/fd >/dev/null; sed -n 's/^CapPrm:/CapPrm:/p; s/^NoNewPrivs:/NoNewPrivs:/p' /proc/self/status": "CapPrm:" + caps2[:strings.Index(caps2, "\n")+1] + "NoNewPrivs:\t0\n",
	})
}

// The namespace alone, as a bind mount may be all that is left of it.
func TestExecInNamespaceWithoutProcess(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	want := strings.Replace(namespaces(t, "thread-self"), netOf(t), ns.String(), 1)
	insideOutputs(t, container.ExecSpec{NetNS: ns, Env: []string{"A=b"}}, map[string]string{showNamespaces: want, "echo $A": "b\n"})
}

func netOf(t *testing.T) string {
	t.Helper()
	ns, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	return ns.String()
}

// A user namespace below this one: its root has all capabilities there, and none here.
func TestExecInUserNamespace(t *testing.T) {
	t.Parallel()
	pid := strange(t, &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}, "sleep", "1000")
	insideOutputs(t, container.ExecSpec{PID: pid}, map[string]string{
		// /proc there is the outer pid namespace's still, and knows no "self" of the inner.
		"mount -t proc proc /proc && " + showNamespaces:                                         namespaces(t, itoa(pid)),
		"id -u; id -g; echo $STRANGE; hostname inner && uname -n; kill -0 1 && echo one":        "0\n0\nyes\ninner\none\n",
		"mount -t tmpfs x /mnt && echo mounted":                                                 "mounted\n",
		"[ -r /proc/sysrq-trigger ] && echo 0 2>/dev/null >/proc/sysrq-trigger || echo refused": "refused\n",
	})
}

// The root directory of a process is not always that of its mount namespace.
func TestExecInChroot(t *testing.T) {
	t.Parallel()
	dir := tinyRootfs(t)
	for _, flags := range []uintptr{unix.CLONE_NEWNET, unix.CLONE_NEWNET | unix.CLONE_NEWNS} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/helper")
		cmd.Env, cmd.Stdin = []string{helperEnv + "=wait"}, r
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Chroot: dir, Pdeathsig: unix.SIGKILL}
		cmd.Dir = "/"
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r.Close()
		status, out, err := inside(t, container.ExecSpec{PID: cmd.Process.Pid, Args: []string{"/helper"}, Env: []string{helperEnv + "=hello"}})
		if status != 0 || !strings.HasSuffix(out, "hello\n") || err != nil { // the race detector warns that it misses /proc
			t.Errorf("flags %#x: status %d, %v, it wrote %q", flags, status, err, out)
		}
		w.Close()
		cmd.Wait()
	}
}

// idMapped says whether a user or group id exists in this user namespace.
func idMapped(t *testing.T, id uint64) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		first, err1 := strconv.ParseUint(f[0], 10, 64)
		size, err2 := strconv.ParseUint(f[2], 10, 64)
		if err1 == nil && err2 == nil && first <= id && id < first+size {
			return true
		}
	}
	return false
}
