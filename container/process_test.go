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
	"plumb/container/netns"
	"plumb/test/lab"
)

func TestMain(m *testing.M) {
	if helper := os.Getenv(helperEnv); helper != "" {
		container.Init()
		os.Exit(helpers[helper]())
	}
	lab.Main(m)
}

var testFiles = container.Files{ResolvConf: "nameserver 192.0.2.53\n", Hosts: "127.0.0.1 localhost\n"}

// start starts a container whose output goes to a pipe; output reads that to its end.
func start(t testing.TB, spec container.ProcessSpec) (p *container.Process, output func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	spec.Stdout, spec.Stderr = w, w
	p, err = container.StartProcess(context.Background(), spec)
	w.Close()
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { p.Kill(); p.Wait() })
	return p, func() string {
		var b bytes.Buffer
		io.Copy(&b, r)
		return b.String()
	}
}

// run runs a command in a container to its end, and returns its status and what it wrote.
func run(t testing.TB, spec container.ProcessSpec) (status int, output string) {
	t.Helper()
	p, out := start(t, spec)
	if err := p.Release(testFiles); err != nil {
		t.Fatalf("release: %v", err)
	}
	text := out()
	status, err := p.Wait()
	if err != nil {
		t.Fatalf("wait: %v", err)
	}
	return status, text
}

func sh(script string) container.ProcessSpec {
	return container.ProcessSpec{Args: []string{"sh", "-c", script}, Hostname: "box"}
}

// outputs runs scripts in one container each and compares what they write.
func outputs(t *testing.T, want map[string]string) {
	t.Helper()
	for script, text := range want {
		if _, got := run(t, sh(script)); got != text {
			t.Errorf("%s\n wrote %q,\n want  %q", script, got, text)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "sh -c 'kill -9 $$'": 137, "ulimit -c 0; kill -SEGV $$; exit 3": 3} {
		if status, out := run(t, sh(script)); status != want {
			t.Errorf("%s: status %d, want %d; it wrote %q", script, status, want, out)
		}
	}
}

func TestKilledByASignal(t *testing.T) {
	t.Parallel()
	p, _ := start(t, sh("read forever </dev/zero"))
	if err := p.Release(testFiles); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if status, err := p.Wait(); status != 128+9 || err != nil {
		t.Errorf("status %d, %v, want 137", status, err)
	}
	if err := p.Kill(); err != nil {
		t.Errorf("kill after the end: %v", err)
	}
}

func TestSurroundings(t *testing.T) {
	t.Parallel()
	outputs(t, map[string]string{
		"echo $$; uname -n; pwd; umask":                                      "1\nbox\n/\n0022\n",
		"cat /etc/resolv.conf /etc/hostname /etc/hosts":                      "nameserver 192.0.2.53\nbox\n127.0.0.1 localhost\n",
		"echo nameserver 192.0.2.54 >/etc/resolv.conf; cat /etc/resolv.conf": "nameserver 192.0.2.54\n",

		"ls /sys/class/net": "lo\n",
		"cat":               "",
		"echo /proc/[0-9]*": "/proc/1\n",

		"echo x >/dev/null && head -c2 /dev/zero | wc -c; ls /dev/pts":                                            "2\nptmx\n",
		"ls -ld /run/* 2>/dev/null | wc -l; echo hi >/run/x && cat /run/x; echo hi >/dev/shm/x && cat /dev/shm/x": "0\nhi\nhi\n",
	})
}

func TestEnvironmentAndDirectory(t *testing.T) {
	t.Parallel()
	spec := sh("echo $A; pwd; env | grep ^PATH=")
	spec.Env, spec.Dir = []string{"A=b", "PATH=/usr/bin:/bin"}, "/usr"
	if _, out := run(t, spec); out != "b\n/usr\nPATH=/usr/bin:/bin\n" {
		t.Errorf("with a PATH: %q", out)
	}
	spec.Env = nil
	if _, out := run(t, spec); !strings.HasSuffix(out, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n") {
		t.Errorf("without: %q", out)
	}
}

func TestStdin(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.WriteString("through\n")
	w.Close()
	spec := sh("cat")
	spec.Stdin = r
	if _, out := run(t, spec); out != "through\n" {
		t.Errorf("it wrote %q", out)
	}
}

// What the child finds out comes back from Release: stage, errno and the status for the shell.
func TestStartErrors(t *testing.T) {
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
	for name, c := range map[string]struct {
		spec   container.ProcessSpec
		errno  unix.Errno
		status int
		text   string
	}{
		"not in PATH":    {container.ProcessSpec{Args: []string{"no-such-command"}}, unix.ENOENT, 127, "not found"},
		"no such file":   {container.ProcessSpec{Args: []string{"/no/such"}}, unix.ENOENT, 127, "/no/such"},
		"a directory":    {container.ProcessSpec{Args: []string{"/usr"}}, unix.EACCES, 126, "directory"},
		"not executable": {container.ProcessSpec{Args: []string{write("plain", "", 0o644)}}, unix.EACCES, 126, "plain"},
		"no program":     {container.ProcessSpec{Args: []string{write("text", "hello", 0o755)}}, unix.ENOEXEC, 126, "#!"},
		"no interpreter": {container.ProcessSpec{Args: []string{write("script", "#!/no/such\n", 0o755)}}, unix.ENOENT, 127, "interpreter"},
		"no directory":   {container.ProcessSpec{Args: []string{"true"}, Dir: "/no/such"}, unix.ENOENT, 125, "working directory"},
	} {
		p, _ := start(t, c.spec)
		err := p.Release(testFiles)
		var failed *container.StartError
		if !errors.As(err, &failed) || !errors.Is(err, c.errno) || failed.Status() != c.status || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want a StartError with %v, status %d and %q", name, err, c.errno, c.status, c.text)
		}
		if status, _ := p.Wait(); status != 125 {
			t.Errorf("%s: the process ended with %d, want 125", name, status)
		}
	}
}

func TestRootfsThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for rootfs, errno := range map[string]unix.Errno{file + "-no": unix.ENOENT, file: unix.ENOTDIR} {
		_, err := container.StartProcess(context.Background(), container.ProcessSpec{Args: []string{"true"}, Rootfs: rootfs})
		if !errors.Is(err, errno) || !strings.Contains(err.Error(), rootfs) {
			t.Errorf("%s: %v, want %v", rootfs, err, errno)
		}
	}
	if _, err := container.StartProcess(context.Background(), container.ProcessSpec{}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("no command: %v, want EINVAL", err)
	}
}

func TestContextEndsTheProcess(t *testing.T) {
	t.Parallel()
	for _, release := range []bool{false, true} {
		ctx, cancel := context.WithCancel(context.Background())
		p, err := container.StartProcess(ctx, sh("read forever </dev/zero"))
		if err != nil {
			t.Fatal(err)
		}
		if release {
			if err := p.Release(testFiles); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if status, _ := p.Wait(); status != 137 {
			t.Errorf("released %v: status %d, want 137", release, status)
		}
		if err := p.Release(testFiles); err == nil {
			t.Error("a process that has ended could be released")
		}
	}
}

func TestGivenNetworkNamespace(t *testing.T) {
	t.Parallel()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	spec := sh("readlink /proc/self/ns/net")
	spec.NetNS = ns
	if _, out := run(t, spec); out != ns.String()+"\n" {
		t.Errorf("it runs in %q, want %s", out, ns)
	}
}

func TestOwnNetworkNamespace(t *testing.T) {
	t.Parallel()
	p, out := start(t, sh("readlink /proc/self/ns/net; cat /proc/sys/net/ipv4/ip_forward"))
	want := p.NetNS().String()
	if err := p.NetNS().WriteSysctl("net.ipv4.ip_forward", "1"); err != nil {
		t.Fatal(err)
	}
	if err := p.Release(testFiles); err != nil {
		t.Fatal(err)
	}
	if got := out(); got != want+"\n1\n" {
		t.Errorf("it wrote %q, want %s and 1", got, want)
	}
}

func BenchmarkRun(b *testing.B) {
	for name, rootfs := range map[string]string{"host": "", "rootfs": tinyRootfs(b)} {
		b.Run(name, func(b *testing.B) {
			spec := container.ProcessSpec{Args: []string{"/bin/true"}, Rootfs: rootfs}
			if rootfs != "" {
				spec.Args, spec.Env = []string{"/helper"}, []string{helperEnv + "=nothing"}
			}
			for b.Loop() {
				p, err := container.StartProcess(context.Background(), spec)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Release(testFiles); err != nil {
					b.Fatal(err)
				}
				p.Wait()
			}
		})
	}
}

// Not parallel: it counts the descriptors and goroutines of the whole program.
func TestNothingStaysOpen(t *testing.T) {
	count := func() (fds, goroutines int) {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries), runtime.NumGoroutine()
	}
	once := func(spec container.ProcessSpec) {
		p, err := container.StartProcess(context.Background(), spec)
		if err != nil {
			return // as it should
		}
		p.Release(testFiles)
		p.Wait()
	}
	once(sh("true")) // what the runtime opens for good
	fds, goroutines := count()
	for range 10 {
		once(sh("true"))
		once(container.ProcessSpec{Args: []string{"/no/such"}})
		once(container.ProcessSpec{Args: []string{"true"}, Rootfs: "/dev/null"})
		once(container.ProcessSpec{Args: []string{"true"}, Rootfs: "/proc/self/fd"}) // fails in the child
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); { // goroutines that have done their work may need a turn to end
		if _, n := count(); n <= goroutines {
			break
		}
		runtime.Gosched()
	}
	if fdsAfter, after := count(); fdsAfter > fds || after > goroutines {
		t.Errorf("%d descriptors and %d goroutines, were %d and %d", fdsAfter, after, fds, goroutines)
	}
}

// A second procfs of the host's, as chroots have, would lead out by /proc/PID/root; a socket mounted as a file, to its daemon.
func TestNothingOfTheHostsOwnIsMounted(t *testing.T) {
	dir := t.TempDir()
	proc, sock, plain := filepath.Join(dir, "proc"), filepath.Join(dir, "sock"), filepath.Join(dir, "plain")
	if err := os.Mkdir(proc, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{sock, plain} {
		if err := os.WriteFile(file, []byte("under\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range [][3]string{{"proc", proc, "proc"}, {filepath.Join(dir, "fifo"), sock, ""}} {
		flags := uintptr(0)
		if m[2] == "" {
			flags = unix.MS_BIND
		}
		if err := unix.Mount(m[0], m[1], m[2], flags, ""); err != nil {
			t.Skip("mounts cannot be made here: ", err)
		}
		t.Cleanup(func() { unix.Unmount(m[1], unix.MNT_DETACH) })
	}
	if _, out := run(t, sh("ls "+proc+"; test -p "+sock+" || echo no fifo; cat "+plain)); out != "no fifo\nunder\n" {
		t.Errorf("inside there is %q", out)
	}
}

func TestNamesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b", "a\n192.0.2.1 b", strings.Repeat("a", 65)} {
		if _, err := container.StartProcess(context.Background(), container.ProcessSpec{Args: []string{"true"}, Hostname: name}); err == nil {
			t.Errorf("host name %q is accepted", name)
		}
	}
	p, _ := start(t, container.ProcessSpec{Args: []string{""}})
	err := p.Release(testFiles)
	var failed *container.StartError
	if !errors.As(err, &failed) || failed.Status() != 127 {
		t.Errorf("an empty command: %v", err)
	}
}

// A process that dies early leaves its namespace to who is still giving it a network.
func TestNamespaceOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	p, _ := start(t, sh("true"))
	p.Kill()
	<-p.Done()
	if err := p.NetNS().WriteSysctl("net.ipv4.ip_forward", "1"); err != nil {
		t.Error(err)
	}
	p.Wait()
	if err := p.NetNS().WriteSysctl("net.ipv4.ip_forward", "1"); err == nil {
		t.Error("after Wait it is still open")
	}
}
