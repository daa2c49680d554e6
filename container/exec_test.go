package container_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
)

// inside executes a command in a container, and returns its status and what it wrote.
func inside(t testing.TB, spec container.ExecSpec) (status int, output string, err error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec.Stdout, spec.Stderr = w, w
	text := make(chan string)
	go func() {
		var b bytes.Buffer
		io.Copy(&b, r)
		text <- b.String()
	}()
	status, err = container.Exec(context.Background(), spec)
	w.Close()
	return status, <-text, err
}

// insideOutputs executes scripts in the container of process pid, and compares what they write.
func insideOutputs(t *testing.T, spec container.ExecSpec, want map[string]string) {
	t.Helper()
	for script, text := range want {
		spec.Args = []string{"sh", "-c", script}
		if status, got, err := inside(t, spec); got != text || err != nil {
			t.Errorf("%s\n wrote %q,\n want  %q; status %d, %v", script, got, text, status, err)
		}
	}
}

// namespaces are a process's, as /proc shows them, in a line each.
func namespaces(t *testing.T, pid string) (lines string) {
	t.Helper()
	for _, kind := range strings.Fields(allKinds) {
		ns, err := os.Readlink("/proc/" + pid + "/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		lines += ns + "\n"
	}
	return lines
}

const (
	allKinds       = "net mnt pid uts ipc cgroup user"
	showNamespaces = "for kind in " + allKinds + "; do readlink /proc/self/ns/$kind; done"
)

func TestExecSurroundings(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{Env: []string{"PATH=/usr/bin:/bin", "A=first", "B=b"}, Dir: "/usr"},
		"echo mine >/run/mark; echo ready; read forever </dev/zero")
	_, inode := p.NetNS().ID()
	insideOutputs(t, container.ExecSpec{PID: p.PID(), Inode: inode, Env: []string{"A=other", "A=last"}}, map[string]string{
		showNamespaces:                             namespaces(t, itoa(p.PID())),
		"cat /run/mark; uname -n; pwd; umask":      "mine\nbox\n/\n0022\n",
		"cat /etc/resolv.conf; ls /sys/class/net":  "nameserver 192.0.2.53\nlo\n",
		"echo $A $B $PATH":                         "last b /usr/bin:/bin\n",
		"cat":                                      "",
		"echo $(ps -o ppid= -p $$); echo $PPID":    "0\n0\n",
		"[ $(readlink /proc/1/root) = / ] && echo": "\n",
	})
	insideOutputs(t, container.ExecSpec{PID: p.PID(), Dir: "/usr/bin"}, map[string]string{"pwd": "/usr/bin\n"})
}

// The command has no more than the container's own has.
func TestExecPrivileges(t *testing.T) {
	t.Parallel()
	for _, withInit := range []bool{false, true} {
		p := background(t, container.ProcessSpec{Init: withInit}, "echo ready; read forever </dev/zero")
		insideOutputs(t, container.ExecSpec{PID: p.PID()}, map[string]string{
			"grep -E '^(Cap|NoNewPrivs|SigBlk|SigIgn)' /proc/self/status": "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" +
				"CapInh:\t0000000000000000\nCapPrm:\t00000000a00405fb\nCapEff:\t00000000a00405fb\nCapBnd:\t00000000a00405fb\nCapAmb:\t0000000000000000\n" +
				"NoNewPrivs:\t1\n",
			"mount -t tmpfs x /tmp 2>/dev/null || echo refused; hostname other 2>/dev/null || echo refused":          "refused\nrefused\n",
			"unshare -n true 2>/dev/null || echo refused; (echo 0 >/proc/sysrq-trigger) 2>/dev/null || echo refused": "refused\nrefused\n",
		})
	}
}

func TestExecStatus(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "kill -TERM $$": 143} {
		status, out, err := inside(t, container.ExecSpec{PID: p.PID(), Args: []string{"sh", "-c", script}})
		if status != want || err != nil {
			t.Errorf("%s: status %d, %v, want %d; it wrote %q", script, status, err, want, out)
		}
	}
}

func TestExecErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	plain, text, script := write("plain", "", 0o644), write("text", "hello", 0o755), write("script", "#!/no/such\n", 0o755)
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	gone := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	gone.Kill()
	gone.Wait()
	path := []string{"PATH=/no/such:/usr:" + dir}
	host, err := os.Open("/usr")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	for name, c := range map[string]struct {
		spec   container.ExecSpec
		errno  unix.Errno
		status int
		text   string
	}{
		"no command":      {container.ExecSpec{PID: p.PID()}, unix.ENOENT, 127, "no command"},
		"an empty one":    {container.ExecSpec{PID: p.PID(), Args: []string{""}}, unix.ENOENT, 127, "no command"},
		"a NUL in it":     {container.ExecSpec{PID: p.PID(), Args: []string{"true", "a\x00b"}}, unix.EINVAL, 125, "NUL"},
		"not in PATH":     {container.ExecSpec{PID: p.PID(), Args: []string{"no-such-command"}}, unix.ENOENT, 127, "not found"},
		"no such file":    {container.ExecSpec{PID: p.PID(), Args: []string{"/no/such"}}, unix.ENOENT, 127, "exec /no/such"},
		"below a file":    {container.ExecSpec{PID: p.PID(), Args: []string{plain + "/x"}}, unix.ENOTDIR, 127, "plain/x"},
		"a directory":     {container.ExecSpec{PID: p.PID(), Args: []string{"/usr"}}, unix.EACCES, 126, "directory"},
		"one in PATH":     {container.ExecSpec{PID: p.PID(), Args: []string{"bin"}, Env: path}, unix.EACCES, 126, "directory"},
		"not executable":  {container.ExecSpec{PID: p.PID(), Args: []string{plain}}, unix.EACCES, 126, "plain"},
		"the same, PATH":  {container.ExecSpec{PID: p.PID(), Args: []string{"plain"}, Env: path}, unix.EACCES, 126, "plain"},
		"no program":      {container.ExecSpec{PID: p.PID(), Args: []string{text}}, unix.ENOEXEC, 126, "#!"},
		"no interpreter":  {container.ExecSpec{PID: p.PID(), Args: []string{"script"}, Env: path}, unix.ENOENT, 127, "interpreter"},
		"no directory":    {container.ExecSpec{PID: p.PID(), Args: []string{"true"}, Dir: "/no/such"}, unix.ENOENT, 125, "working directory"},
		"not a directory": {container.ExecSpec{PID: p.PID(), Args: []string{"true"}, Dir: script}, unix.ENOTDIR, 125, "working directory"},
		// CVE-2024-21626: a directory of the host's that a descriptor leads to.
		"directory outside": {container.ExecSpec{PID: p.PID(), Args: []string{"true"}, Dir: "/proc/self/fd/0", Stdin: host}, unix.EINVAL, 125, "outside"},
		"descriptor inside": {container.ExecSpec{PID: p.PID(), Args: []string{"true"}, Dir: "/proc/self/fd/5"}, unix.ENOENT, 125, "working directory"},
		"the pid's is gone": {container.ExecSpec{PID: gone.PID(), Args: []string{"true"}}, unix.ESRCH, 125, itoa(gone.PID())},
		"of another":        {container.ExecSpec{PID: p.PID(), Inode: 1, Args: []string{"true"}}, unix.ESRCH, 125, "not in the container's, net:[1]"},
		"no container":      {container.ExecSpec{Args: []string{"true"}}, unix.EINVAL, 125, "no process"},
	} {
		_, out, err := inside(t, c.spec)
		var failed *container.StartError
		if !errors.As(err, &failed) || !errors.Is(err, c.errno) || failed.Status() != c.status || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want a StartError with %v, status %d and %q", name, err, c.errno, c.status, c.text)
		}
		if out != "" {
			t.Errorf("%s: it wrote %q", name, out)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := container.Exec(ctx, container.ExecSpec{PID: p.PID(), Args: []string{"true"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	// The first file in PATH that may be executed is, whatever stands before it.
	write("first", "#!/bin/sh\necho first\n", 0o644)
	os.Mkdir(filepath.Join(dir, "second"), 0o755)
	if err := os.WriteFile(filepath.Join(dir, "second", "first"), []byte("#!/bin/sh\necho second\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	found := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	spec := container.ExecSpec{PID: found.PID(), Args: []string{"first"}, Env: []string{"PATH=/usr/no:" + dir + ":" + dir + "/second:/bin"}}
	if _, out, err := inside(t, spec); out != "second\n" || err != nil {
		t.Errorf("the search in PATH finds %q, %v", out, err)
	}
}

// CVE-2019-5736: a command that leads back to the program that started it gets one that nobody can write to.
func TestExecedProgramIsNotWritable(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "printf '#!/proc/self/exe\n' >/run/again; chmod 755 /run/again; mount >/dev/null; echo ready; read forever </dev/zero")
	status, out, err := inside(t, container.ExecSpec{PID: p.PID(), Args: []string{"/run/again"}, Env: []string{helperEnv + "=exe"}})
	if status != 0 || err != nil || out != "read-only\n" {
		t.Errorf("status %d, %v; its program is %q", status, err, out)
	}
}

func TestExecUser(t *testing.T) {
	t.Parallel()
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	spec := container.ExecSpec{PID: p.PID(), User: &container.User{}}
	insideOutputs(t, spec, map[string]string{"id -u; id -g": "0\n0\n"})
	if idMapped(t, 12) {
		spec.User = &container.User{UID: 12, GID: 34}
		insideOutputs(t, spec, map[string]string{
			"id -u; id -g; id -G":                               "12\n34\n34\n",
			"grep -E '^Cap(Prm|Eff|Inh|Amb)' /proc/self/status": "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n",
		})
		return
	}
	spec.User, spec.Args = &container.User{UID: 12, GID: 12}, []string{"true"}
	if _, _, err := inside(t, spec); !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "12:12") {
		t.Errorf("with a user that is not there: %v", err)
	}
}

// A container whose own command is another user, as which of its limits only its file in /proc tells.
func TestExecBesideAnotherUser(t *testing.T) {
	t.Parallel()
	if !idMapped(t, 12) {
		t.Skip("needs a user other than 0")
	}
	p := background(t, container.ProcessSpec{}, "ulimit -Sn 77; echo ready; exec setpriv --reuid 12 --regid 12 --clear-groups sleep 1000")
	for { // until it is that user
		status, err := os.ReadFile("/proc/" + itoa(p.PID()) + "/status")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(status), "\nUid:\t12\t12") {
			break
		}
	}
	insideOutputs(t, container.ExecSpec{PID: p.PID()}, map[string]string{"id -u; ulimit -Sn": "0\n77\n"})
}

func TestParseUser(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]container.User{"0": {}, "7": {7, 7}, "7:0": {UID: 7}, "4294967294:1": {4294967294, 1}} {
		if got, err := container.ParseUser(text); got != want || err != nil {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", ":", "7:", ":7", "root", "-1", "4294967295", "7:8:9", "4294967296", "+1", " 1"} {
		if got, err := container.ParseUser(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// Not parallel: it counts the descriptors and goroutines of the whole program.
func TestExecLeavesNothingOpen(t *testing.T) {
	leaked, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leaked)
	p := background(t, container.ProcessSpec{}, "echo ready; read forever </dev/zero")
	insideOutputs(t, container.ExecSpec{PID: p.PID()}, map[string]string{"ls -m /proc/$$/fd": "0, 1, 2\n"})
	count := func() (fds, goroutines int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries), runtime.NumGoroutine()
	}
	fds, goroutines := count()
	for range 5 {
		for _, spec := range []container.ExecSpec{
			{PID: p.PID(), Args: []string{"true"}},
			{PID: p.PID(), Args: []string{"/no/such"}},
			{PID: p.PID(), Inode: 1, Args: []string{"true"}},
			{PID: p.PID(), Args: []string{"true"}, Dir: "/no/such"},
			{PID: p.PID(), Args: []string{"a\x00"}},
			{NetNS: p.NetNS(), Args: []string{"true"}},
		} {
			container.Exec(context.Background(), spec)
		}
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if _, n := count(); n <= goroutines {
			break
		}
		runtime.Gosched()
	}
	if fdsAfter, after := count(); fdsAfter > fds || after > goroutines {
		t.Errorf("%d descriptors and %d goroutines, were %d and %d", fdsAfter, after, fds, goroutines)
	}
	var status unix.WaitStatus
	if pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil); pid > 0 {
		t.Errorf("a child %d was not waited for, %v", pid, err)
	}
}

func BenchmarkExec(b *testing.B) {
	p, err := container.StartProcess(context.Background(), sh("read forever </dev/zero"))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Wait()
	defer p.Kill()
	if err := p.Release(testFiles); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if status, err := container.Exec(context.Background(), container.ExecSpec{PID: p.PID(), Args: []string{"/bin/true"}}); status != 0 || err != nil {
			b.Fatal(status, err)
		}
	}
}
