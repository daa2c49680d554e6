package kernels

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "plumb-kernels-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// build builds plumb, as it is shipped, and the machines' first process.
var build = sync.OnceValue(func() error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", programs+"/", "plumb/cmd/plumb", "plumb/test/kernels/init")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, output)
	}
	return nil
})

// A kernel is one that the script fetch fetches.
type kernel struct {
	suite   string
	dir     string
	version string
	old     bool // Linux before 5.12 has no mount_setattr, which containers need
}

func (k kernel) file(name string) string { return filepath.Join(k.dir, name) }

// eachKernel runs a test on every kernel. Those that are missing are skipped, or, under CI=true, missed.
func eachKernel(t *testing.T, test func(t *testing.T, k kernel)) {
	for _, k := range []kernel{{suite: "bullseye", old: true}, {suite: "bookworm"}, {suite: "trixie"}, {suite: "trixie-backports"}} {
		t.Run(k.suite, func(t *testing.T) {
			t.Parallel()
			test(t, need(t, k))
		})
	}
}

// need finds a kernel, and builds what is to run on it.
func need(t *testing.T, k kernel) kernel {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("CI") == "true" {
		missing = t.Fatalf
	}
	if testing.Short() {
		t.Skip("a boot takes seconds")
	}
	if race {
		t.Skip("the race detector would only see this test, not the programs that the kernel runs")
	}
	kernels := os.Getenv("PLUMB_KERNELS")
	if kernels == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			missing("no directory for kernels: %v: set PLUMB_KERNELS", err)
		}
		kernels = filepath.Join(cache, "plumb", "kernels")
	}
	k.dir = filepath.Join(kernels, k.suite)
	version, err := os.ReadFile(k.file("version"))
	if err != nil {
		missing("no kernel of Debian %s here: test/kernels/fetch gets it: %v", k.suite, err)
	}
	k.version = strings.TrimSpace(string(version))
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return k
}
