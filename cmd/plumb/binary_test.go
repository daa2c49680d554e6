package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/test/lab"
)

// maxBinary is what the program may take of a minimal host, in bytes.
const maxBinary = 27 << 18 // 6.75 MiB

// build makes the program as it is released.
func build(t testing.TB, to string) {
	t.Helper()
	cmd := exec.Command(lab.NeedTool(t, "go"), "build", "-trimpath", "-ldflags=-s -w", "-o", to, "plumb/cmd/plumb")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build plumb: %v\n%s", err, out)
	}
}

func TestBinary(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plumb")
	build(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBinary {
		t.Errorf("the stripped binary has %d bytes, %d are the most", info.Size(), maxBinary)
	}
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	libraries, err := program.ImportedLibraries()
	if err != nil || len(libraries) > 0 || program.Section(".interp") != nil {
		t.Errorf("it is not static: it wants %q, %v", libraries, err)
	}
}

// The program, a directory and /proc are all it takes: an initramfs has no more.
func TestEmptyChroot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "root")
	proc := filepath.Join(dir, "proc")
	if err := os.MkdirAll(proc, 0o755); err != nil {
		t.Fatal(err)
	}
	build(t, filepath.Join(dir, "plumb"))
	if err := unix.Mount("proc", proc, "proc", 0, ""); err != nil {
		t.Skip("mount /proc in the chroot: ", err) // not the owner of the pid namespace: a user namespace
	}
	defer unix.Unmount(proc, unix.MNT_DETACH)
	s := newSite(t)
	r := s.launched("chroot="+dir, "run", "--", "/plumb", "ping", "-c", "1", "10.0.0.1")
	if r.status != 0 || !strings.Contains(r.stdout, "1 packets transmitted, 1 received, 0% packet loss") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

// No other program is run: not ip, not nft, not modprobe.
func TestNoOtherProgram(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	strace := lab.NeedTool(t, "strace")
	_, pid := s.process()
	for _, c := range []struct{ args, command string }{
		{"run --name web --dns 8.8.8.8 -- /bin/echo hello", "/bin/echo"},
		{"attach web --pid " + strconv.Itoa(pid), ""},
		{"detach web", ""},
	} {
		args, command := c.args, c.command
		log := filepath.Join(t.TempDir(), "log")
		r := s.runProgram(strace, append([]string{"-f", "-qq", "-e", "trace=execve,execveat", "-o", log, s.plumb}, strings.Fields(args)...)...)
		if r.status != 0 {
			t.Fatalf("plumb %s: status %d\n%s%s", args, r.status, r.stdout, r.stderr)
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`execve(?:at)?\((?:\d+, )?"([^"]*)", \["([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
			own := m[1] == s.plumb || strings.HasPrefix(m[1], "/proc/self/fd/") && m[2] == "plumb: container init"
			if !own && m[1] != command {
				t.Errorf("plumb %s executes %s as %s", args, m[1], m[2])
			}
		}
		if n := strings.Count(string(text), "execve"); n == 0 || command != "" && !strings.Contains(string(text), fmt.Sprintf("%q", command)) {
			t.Errorf("plumb %s: strace saw\n%s", args, text)
		}
	}
}
