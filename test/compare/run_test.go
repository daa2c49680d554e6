package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	containerlab "plumb/container/lab"
	"plumb/test/lab"
)

// A town has a host, the programs that run containers in it, and their root file system: busybox and nothing else.
type town struct {
	t      testing.TB
	host   *containerlab.Host
	plumb  string
	rootfs string
	bundle string // of runc
	state  string // of runc
	null   *os.File
}

func newTown(t testing.TB) *town {
	t.Helper()
	dir := t.TempDir()
	c := &town{
		t: t, plumb: filepath.Join(dir, "plumb"), bundle: filepath.Join(dir, "bundle"),
		rootfs: filepath.Join(dir, "bundle", "rootfs"), state: filepath.Join(dir, "runc"),
	}
	lab.NeedTool(t, "runc")
	c.build()
	c.writeRootfs(lab.NeedTool(t, "busybox"))
	c.host = lab.New(t).NewHost("host")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	check(t, err)
	c.null = null
	t.Cleanup(func() { null.Close() })
	return c
}

// build builds plumb as it is shipped.
func (c *town) build() {
	c.t.Helper()
	cmd := exec.Command(lab.NeedTool(c.t, "go"), "build", "-trimpath", "-ldflags=-s -w", "-o", c.plumb, "plumb/cmd/plumb")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("build plumb: %v\n%s", err, output)
	}
}

func (c *town) writeRootfs(busybox string) {
	c.t.Helper()
	for _, dir := range []string{"bin", "dev", "etc", "proc", "sys", "tmp"} {
		check(c.t, os.MkdirAll(filepath.Join(c.rootfs, dir), 0o755))
	}
	program, err := os.ReadFile(busybox)
	check(c.t, err)
	check(c.t, os.WriteFile(filepath.Join(c.rootfs, "bin", "busybox"), program, 0o755))
	for _, name := range []string{"true", "cat", "hostname"} {
		check(c.t, os.Symlink("busybox", filepath.Join(c.rootfs, "bin", name)))
	}
}

// writeConfig writes the least that runc runs a command by: no masked paths, no seccomp, no device rules, and a network
// namespace with nothing in it. All that it spares runc, plumb does.
func (c *town) writeConfig(args ...string) {
	c.t.Helper()
	type object = map[string]any
	var namespaces []object
	for _, kind := range []string{"pid", "network", "ipc", "uts", "mount", "cgroup"} {
		namespaces = append(namespaces, object{"type": kind})
	}
	config, err := json.Marshal(object{
		"ociVersion": "1.0.2",
		"process":    object{"args": args, "env": []string{"PATH=/bin"}, "cwd": "/", "noNewPrivileges": true},
		"root":       object{"path": "rootfs"},
		"hostname":   "by-runc",
		"mounts": []object{
			{"destination": "/proc", "type": "proc", "source": "proc"},
			{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755"}},
		},
		"linux": object{"namespaces": namespaces},
	})
	check(c.t, err)
	check(c.t, os.WriteFile(filepath.Join(c.bundle, "config.json"), config, 0o644))
}

func (c *town) runcArgs() []string {
	return []string{"--root", c.state, "run", "--bundle", c.bundle, fmt.Sprintf("plumb-compare-%d", os.Getpid())}
}

// quietRun is how long the kernel is left alone after a container has ended. It is still busy with the namespaces of that one, and
// holds what the next one needs.
const quietRun = 100 * time.Millisecond

// time runs a program in the host to its end, and returns how long that took.
func (c *town) time(program string, args ...string) time.Duration {
	c.t.Helper()
	path := lab.NeedTool(c.t, program)
	time.Sleep(quietRun)
	start := time.Now()
	var process *os.Process
	lab.MustDo(c.t, c.host, func() (err error) {
		process, err = os.StartProcess(path, append([]string{program}, args...), &os.ProcAttr{Files: []*os.File{c.null, c.null, os.Stderr}})
		return err
	})
	state, err := process.Wait()
	took := time.Since(start)
	if err != nil || !state.Success() {
		c.t.Fatalf("%s: %v %v", program, state, err)
	}
	return took
}

// TestRun has both run a command that tells where it is.
func TestRun(t *testing.T) {
	c := newTown(t)
	c.writeConfig("/bin/hostname")
	if got := lab.Run(t, c.host, "runc", c.runcArgs()...); strings.TrimSpace(got) != "by-runc" {
		t.Errorf("runc ran hostname: %q", got)
	}
	got := lab.Run(t, c.host, c.plumb, "run", "--name", "by-plumb", "--rootfs", c.rootfs, "--", "/bin/hostname")
	if strings.TrimSpace(got) != "by-plumb" {
		t.Errorf("plumb ran hostname: %q", got)
	}
	c.writeConfig("/bin/cat", "/proc/net/dev")
	if got := lab.Run(t, c.host, "runc", c.runcArgs()...); !strings.Contains(got, "lo:") || strings.Contains(got, "eth0:") {
		t.Errorf("runc's container has these links:\n%s", got)
	}
	got = lab.Run(t, c.host, c.plumb, "run", "--rootfs", c.rootfs, "--", "/bin/cat", "/proc/net/dev")
	if !strings.Contains(got, "lo:") || !strings.Contains(got, "eth0:") {
		t.Errorf("plumb's container has these links:\n%s", got)
	}
}

// BenchmarkRun runs true in a container from the start of the program to its end, in turn by runc without any network, by plumb
// with its network, and by plumb in the host's own root file system. Each plumb is the first container of its host: it
// makes the rules, and takes them away.
func BenchmarkRun(b *testing.B) {
	c := newTown(b)
	c.writeConfig("/bin/true")
	compare(b, 20,
		rival{"runc", func() time.Duration { return c.time("runc", c.runcArgs()...) }},
		rival{"plumb", func() time.Duration { return c.time(c.plumb, "run", "--rootfs", c.rootfs, "--", "/bin/true") }},
		rival{"plumb-own-root", func() time.Duration { return c.time(c.plumb, "run", "--", "/bin/true") }},
	)
}
