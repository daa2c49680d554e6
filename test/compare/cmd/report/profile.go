package main

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sort"
	"strconv"
	"strings"
	"time"

	"plumb/container"
	"plumb/container/bench"
	"plumb/container/lab"
	"plumb/container/netns"
	"plumb/test/compare"

	"golang.org/x/sys/unix"
)

// A cpuProfile says what in-process attaches take of the processors: by the kernel's count, and by runtime/pprof's samples.
type cpuProfile struct {
	N                  int
	Wall, User, System time.Duration // of each
	Switches           float64       // times that each has let go of a processor
	Allocs, Bytes      float64       // of each
	Top, Cumulative    string        // go tool pprof -top
}

const (
	cpuRounds   = 3 // each on a new host, so that there are never many containers beside
	cpuAttaches = 400
)

// profileCPU attaches, and does nothing else while the profile is taken.
func profileCPU(ctx context.Context, dir string) (c cpuProfile, err error) {
	var files []string
	for i := range cpuRounds {
		files = append(files, filepath.Join(dir, fmt.Sprint("cpu-", i)))
		err := onHost(ctx, func(h *lab.Host) error { return c.round(ctx, h, files[i]) })
		if err != nil {
			return c, fmt.Errorf("profile attaches: %w", err)
		}
	}
	c.N = cpuRounds * cpuAttaches
	for _, d := range []*time.Duration{&c.Wall, &c.User, &c.System} {
		*d /= time.Duration(c.N)
	}
	for _, n := range []*float64{&c.Switches, &c.Allocs, &c.Bytes} {
		*n /= float64(c.N)
	}
	if c.Top, err = pprofTop(files, "-top", "-nodecount=12"); err != nil {
		return c, err
	}
	c.Cumulative, err = pprofTop(files, "-top", "-cum", "-nodecount=24", "-show=^plumb/")
	return c, err
}

func (c *cpuProfile) round(ctx context.Context, h *lab.Host, file string) (err error) {
	host, spaces, done, err := openWith(h, container.HostOptions{NS: h.NS()}, cpuAttaches)
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	var before, after unix.Rusage
	var memory, memoryAfter runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	err = unix.Getrusage(unix.RUSAGE_SELF, &before)
	start := time.Now()
	for i := 0; err == nil && i < len(spaces); i++ {
		_, err = host.Attach(ctx, container.Network{Name: fmt.Sprint("c", i), Subnet: subnet}, spaces[i])
	}
	c.Wall += time.Since(start)
	err = errors.Join(err, unix.Getrusage(unix.RUSAGE_SELF, &after))
	pprof.StopCPUProfile()
	runtime.ReadMemStats(&memoryAfter)
	c.User += time.Duration(after.Utime.Nano() - before.Utime.Nano())
	c.System += time.Duration(after.Stime.Nano() - before.Stime.Nano())
	c.Switches += float64(after.Nvcsw - before.Nvcsw)
	c.Allocs += float64(memoryAfter.Mallocs - memory.Mallocs)
	c.Bytes += float64(memoryAfter.TotalAlloc - memory.TotalAlloc)
	return err
}

// openWith opens a host, and makes namespaces for it. Done, which is never nil, takes everything away.
func openWith(h *lab.Host, o container.HostOptions, n int) (host *container.Host, spaces []*netns.NS, done func() error, err error) {
	done = func() error {
		var errs []error
		if host != nil {
			_, err := host.DetachAll("")
			errs = append(errs, err, host.Close())
		}
		for _, ns := range spaces {
			errs = append(errs, ns.Close())
		}
		return errors.Join(errs...)
	}
	if host, err = container.OpenHost(o); err != nil {
		return nil, nil, done, err
	}
	for range n {
		ns, err := netns.New()
		if err != nil {
			return host, spaces, done, err
		}
		spaces = append(spaces, ns)
	}
	return host, spaces, done, nil
}

// pprofTop is what go tool pprof makes of profiles, without its heading.
func pprofTop(files []string, args ...string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", append(append([]string{"tool", "pprof"}, args...), append([]string{exe}, files...)...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go tool pprof: %w\n%s", err, said.String())
	}
	_, table, ok := strings.Cut(string(text), "\n      flat")
	if !ok {
		return "", fmt.Errorf("go tool pprof says:\n%s", text)
	}
	return "      flat" + table, nil
}

// profileTake says what the taking of a network from a pool goes into.
func profileTake(ctx context.Context, n int) (r *bench.Result, err error) {
	p := bench.NewProfile("web")
	err = onHost(ctx, func(h *lab.Host) (err error) {
		host, spaces, done, err := openWith(h, container.HostOptions{NS: h.NS(), Tracer: p}, 1)
		defer func() { err = errors.Join(err, done()) }()
		if err != nil {
			return err
		}
		if _, err := host.Attach(ctx, container.Network{Name: "stays"}, spaces[0]); err != nil {
			return err
		}
		pool, err := host.NewPool(container.PoolOptions{Size: 1})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, pool.Close()) }()
		for i := range n {
			if err := pool.Filled(ctx); err != nil {
				return err
			}
			name := fmt.Sprint("web", i)
			p.Begin(name)
			start := time.Now()
			taken, err := pool.Take(ctx, container.Network{Name: name})
			p.Done("Pool.Take", start, time.Since(start))
			if err != nil {
				return err
			}
			if err := errors.Join(pool.Filled(ctx), host.Release(taken.Attachment), taken.NetNS.Close()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("profile the pool: %w", err)
	}
	return p.Result(), nil
}

// profileAll says what it goes into that so many are taken away at once.
func profileAll(ctx context.Context, containers, n int) (*bench.Result, error) {
	p := bench.NewProfile("web")
	for range n {
		if _, err := detachAll(ctx, containers, p); err != nil {
			return nil, fmt.Errorf("profile the end of %d: %w", containers, err)
		}
	}
	return p.Result(), nil
}

// profilePrograms says what whole programs' times go into, by their own traces.
func profilePrograms(ctx context.Context, p programs, n int) (map[string]*bench.Result, error) {
	traces := compare.NewTraces()
	duel, err := bench.RunRivals(ctx, bench.RivalOptions{
		N: n, Warmup: 1, Plumb: p.plumb, Bare: true, More: compare.Traced(traces), Progress: show("traces"),
	})
	if err != nil {
		return nil, err
	}
	if len(duel.Missing) > 0 {
		return nil, fmt.Errorf("traces: %v", duel.Missing)
	}
	return map[string]*bench.Result{"attach": traces.Attach.Result(), "detach": traces.Detach.Result(), "run": traces.Run.Result()}, nil
}

// usages are what whole runs of programs take, without a tracer, of which each does more than the one before.
func usages(ctx context.Context, p programs, n int) ([]compare.Usage, error) {
	rivals, usages := compare.Runs(p.nothingC, p.nothingGo, p.floor)
	duel, err := bench.RunRivals(ctx, bench.RivalOptions{N: n, Warmup: 1, Plumb: p.plumb, Bare: true, More: rivals, Progress: show("whole programs")})
	if err == nil && len(duel.Missing) > 0 {
		err = fmt.Errorf("whole programs: %v", duel.Missing)
	}
	return usages, err
}

// A packageSize is what a package, or a section, takes in the binary.
type packageSize struct {
	Name  string
	Bytes int64
}

// binarySizes says what takes most of the binary: sections, and packages.
func (f *figures) binarySizes(p programs) error {
	var err error
	if f.Packages, err = packageSizes(p.dir); err != nil {
		return err
	}
	binary, err := elf.Open(p.plumb)
	if err != nil {
		return err
	}
	defer binary.Close()
	for _, s := range binary.Sections {
		if s.Type == elf.SHT_PROGBITS {
			f.Sections = append(f.Sections, packageSize{s.Name, int64(s.FileSize)})
		}
	}
	sortSizes(f.Sections)
	return nil
}

func sortSizes(sizes []packageSize) {
	sort.SliceStable(sizes, func(i, j int) bool { return sizes[i].Bytes > sizes[j].Bytes })
}

// packageSizes are by the symbols of a build that has them.
func packageSizes(dir string) (sizes []packageSize, err error) {
	path := filepath.Join(dir, "plumb-with-symbols")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "plumb/cmd/plumb")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build plumb: %w\n%s", err, text)
	}
	text, err := exec.Command("go", "tool", "nm", "-size", path).Output()
	if err != nil {
		return nil, fmt.Errorf("go tool nm: %w", err)
	}
	byPackage := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line) // address, size, kind, name
		if len(words) < 4 || words[2] == "U" || strings.EqualFold(words[2], "B") {
			continue
		}
		n, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			continue
		}
		byPackage[packageOf(words[3])] += n
	}
	for name, n := range byPackage {
		sizes = append(sizes, packageSize{name, n})
	}
	sort.Slice(sizes, func(i, j int) bool { return sizes[i].Name < sizes[j].Name })
	sortSizes(sizes)
	return sizes[:min(len(sizes), 20)], nil
}

// packageOf is the package of a symbol.
func packageOf(symbol string) string {
	switch {
	case strings.HasPrefix(symbol, "type:"), strings.HasPrefix(symbol, "go:"):
		return "types and strings"
	}
	symbol, _, _ = strings.Cut(symbol, "[")
	slash := strings.LastIndexByte(symbol, '/')
	if dot := strings.IndexByte(symbol[slash+1:], '.'); dot >= 0 {
		return symbol[:slash+1+dot]
	}
	return "other"
}
