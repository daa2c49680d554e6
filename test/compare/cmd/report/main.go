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
	kept := flag.String("figures", "cmd/report/testdata/figures.json.gz", "file to keep what was measured in")
	again := flag.Bool("again", false, "do not measure: write the page anew of what was measured last")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := report(ctx, *out, *kept, *n, *again); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// programs are what is measured that has to be built first.
type programs struct{ dir, plumb, floor, small, nothingC, nothingGo string }

func build(dir string) (p programs, err error) {
	p.dir = dir
	for _, program := range []struct {
		path *string
		name string
	}{{&p.plumb, "plumb/cmd/plumb"}, {&p.nothingGo, "plumb/test/compare/cmd/nothing"}} {
		*program.path = filepath.Join(dir, filepath.Base(program.name))
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", *program.path, program.name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("build %s: %w\n%s", program.name, err, output)
		}
	}
	for _, program := range []struct {
		path   *string
		source string
	}{{&p.floor, "floor/replay.c"}, {&p.small, "floor/floor.c"}, {&p.nothingC, "floor/nothing-c.c"}} {
		if *program.path, err = compare.Compile(program.source, dir); err != nil {
			return p, err
		}
	}
	return p, buildPlugins(filepath.Join(dir, "cni"))
}

// cniVersion is that of the CNI plugins: it has both ways of masquerading, where those of distributions are often older.
const cniVersion = "v1.9.1"

// buildPlugins builds CNI plugins, and has them found. Where they cannot be had, those that are installed are measured.
func buildPlugins(dir string) error {
	const module = "github.com/containernetworking/plugins/plugins/"
	cmd := exec.Command("go", "install", "-trimpath", "-ldflags=-s -w",
		module+"main/ptp@"+cniVersion, module+"main/bridge@"+cniVersion, module+"ipam/host-local@"+cniVersion)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOBIN="+dir)
	if output, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the CNI plugins %s cannot be built, and those that are installed are measured: %v\n%s", cniVersion, err, output)
		return nil
	}
	return os.Setenv("CNI_PATH", dir)
}

func report(ctx context.Context, out, kept string, n int, again bool) error {
	if !again {
		if err := measure(ctx, kept, n); err != nil {
			return err
		}
	}
	f, err := load(kept)
	if err != nil {
		return err
	}
	return f.write(out)
}

// measure measures everything, and keeps it.
func measure(ctx context.Context, kept string, n int) error {
	dir, err := os.MkdirTemp("", "plumb-report-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := build(dir)
	if err != nil {
		return err
	}
	f := &figures{N: n, Started: time.Now()}
	if err := f.measure(ctx, p); err != nil {
		return err
	}
	return f.save(kept)
}

// show tells on stderr when a stretch of something is done.
func show(what string) func(bench.Progress) {
	return func(p bench.Progress) {
		if p.Done == p.Total {
			fmt.Fprintf(os.Stderr, "%s: %s: %d done\n", what, p.What, p.Total)
		}
	}
}
