package container_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"

	"plumb/container"
	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// run runs a command in a container to its end, and returns its status and what it wrote.
func run(t testing.TB, spec container.ProcessSpec) (status int, output string) {
	t.Helper()
	p, out := start(t, spec)
	if err := p.Release(testFiles); err != nil {
		p.Wait()
		t.Fatalf("release: %v", err)
	}
	text := out()
	status, err := p.Wait()
	if err != nil {
		t.Fatalf("wait: %v", err)
	}
	return status, text
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

func sh(script string) container.ProcessSpec {
	return container.ProcessSpec{Args: []string{"sh", "-c", script}, Hostname: "box"}
}

func TestRun(t *testing.T) {
	status, out := run(t, sh(os.Getenv("SCRIPT")))
	t.Logf("status %d\n%s", status, out)
}

func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		p, err := container.StartProcess(context.Background(), container.ProcessSpec{Args: []string{"/bin/true"}})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Release(testFiles); err != nil {
			b.Fatal(err)
		}
		p.Wait()
	}
}
