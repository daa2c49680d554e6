// Command report measures plumb beside the floor, beside others, and against the targets that it has, and writes docs/benchmarks.md and its pictures
// anew. It runs as root, for some minutes, in sealed namespaces of its own:
//
//	cd test/compare && go run ./cmd/report
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"plumb/container"
	"plumb/container/bench"
	"plumb/test/compare"
)

func main() {
	container.Init() // it starts containers
	out := flag.String("out", "../../docs", "directory to write benchmarks.md and its pictures to")
	n := flag.Int("n", 100, "pairs of each comparison")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := report(ctx, *out, *n); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// programs are what is measured that has to be built first.
type programs struct{ plumb, floor, small string }

func build(dir string) (p programs, err error) {
	p.plumb = filepath.Join(dir, "plumb")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", p.plumb, "plumb/cmd/plumb")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return p, fmt.Errorf("build plumb: %w\n%s", err, output)
	}
	if p.floor, err = compare.Compile("floor/replay.c", dir); err != nil {
		return p, err
	}
	p.small, err = compare.Compile("floor/floor.c", dir)
	return p, err
}

func report(ctx context.Context, out string, n int) error {
	dir, err := os.MkdirTemp("", "plumb-report-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := build(dir)
	if err != nil {
		return err
	}
	m := measurement{n: n, started: time.Now()}
	if err := m.measure(ctx, p); err != nil {
		return err
	}
	return m.write(out)
}

// show tells on stderr when a stretch of something is done.
func show(what string) func(bench.Progress) {
	return func(p bench.Progress) {
		if p.Done == p.Total {
			fmt.Fprintf(os.Stderr, "%s: %s: %d done\n", what, p.What, p.Total)
		}
	}
}
