package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"plumb/container"
	"plumb/container/bench"
	"plumb/container/lab"
	"plumb/container/netns"
	"plumb/test/compare"
)

// A measurement is all that the report tells of.
type measurement struct {
	n       int
	started time.Time
	took    time.Duration

	whole     *bench.Report // containers, from clone to end
	networks  *bench.Report // by family, and cold
	many      *bench.Report // beside containers that are there
	atOnce    *bench.Report // that come at once
	inProcess *bench.Duel
	programs  *bench.Duel
	all       map[int][]time.Duration // to take away so many at once
	size      int64                   // of the binary
	resident  int                     // KiB of a plumb run that waits
}

func (m *measurement) measure(ctx context.Context, p programs) (err error) {
	usual := bench.Case{Concurrency: 1, Family: "46"}
	with := func(change func(*bench.Case)) bench.Case {
		c := usual
		change(&c)
		return c
	}
	run := func(what string, n int, command []string, cases ...bench.Case) (*bench.Report, error) {
		return bench.Run(ctx, bench.Options{N: n, Warmup: 5, Cases: cases, Command: command, Progress: show(what)})
	}
	if m.whole, err = run("containers", m.n, []string{p.plumb, "bench", "wait-inside"}, usual); err != nil {
		return err
	}
	if m.networks, err = run("families", m.n, nil, usual, with(func(c *bench.Case) { c.Family = "4" }), with(func(c *bench.Case) { c.Family = "6" }),
		with(func(c *bench.Case) { c.Cold = true })); err != nil {
		return err
	}
	ports := with(func(c *bench.Case) { c.Publish = 2 })
	beside := func(n int) bench.Case {
		c := ports
		c.Containers = n
		return c
	}
	if m.many, err = run("beside others", m.n, nil, beside(0), beside(99), beside(998)); err != nil {
		return err
	}
	var atOnce []bench.Case
	for _, n := range []int{1, 4, 16, 64} {
		atOnce = append(atOnce, with(func(c *bench.Case) { c.Concurrency = n }))
	}
	if m.atOnce, err = run("at once", max(m.n, 64), nil, atOnce...); err != nil {
		return err
	}
	if m.inProcess, err = bench.RunRivals(ctx, bench.RivalOptions{
		N: m.n, Warmup: 3, Plumb: p.plumb, Bare: true, More: compare.InProcess(p.floor, p.small), Progress: show("in-process"),
	}); err != nil {
		return err
	}
	if m.programs, err = bench.RunRivals(ctx, bench.RivalOptions{
		N: m.n, Warmup: 1, Plumb: p.plumb, Names: []string{"all"}, More: []bench.Rival{compare.FloorProcess(p.floor)}, Progress: show("programs"),
	}); err != nil {
		return err
	}
	m.all = map[int][]time.Duration{}
	for _, c := range []struct{ containers, times int }{{100, 9}, {1000, 3}} {
		for range c.times {
			took, err := detachAll(ctx, c.containers)
			if err != nil {
				return fmt.Errorf("take %d away: %w", c.containers, err)
			}
			m.all[c.containers] = append(m.all[c.containers], took)
		}
	}
	if m.resident, err = residentOf(ctx, p.plumb); err != nil {
		return err
	}
	info, err := os.Stat(p.plumb)
	if err != nil {
		return err
	}
	m.size, m.took = info.Size(), time.Since(m.started)
	return nil
}

// onHost runs something on a host of a lab of its own.
func onHost(ctx context.Context, do func(*lab.Host) error) (err error) {
	l, err := lab.New(ctx, lab.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	h, err := l.AddHost(ctx, "host", lab.HostOptions{})
	if err != nil {
		return err
	}
	return do(h)
}

// detachAll attaches so many and returns how long it takes to take them away at once.
func detachAll(ctx context.Context, containers int) (took time.Duration, err error) {
	err = onHost(ctx, func(h *lab.Host) (err error) {
		host, err := container.OpenHost(container.HostOptions{NS: h.NS()})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, host.Close()) }()
		var spaces []*netns.NS
		defer func() {
			for _, ns := range spaces {
				err = errors.Join(err, ns.Close())
			}
		}()
		for i := range containers {
			ns, err := netns.New()
			if err != nil {
				return err
			}
			spaces = append(spaces, ns)
			if _, err := host.Attach(ctx, container.Network{Name: fmt.Sprint("c", i), Subnet: subnet}, ns); err != nil {
				return err
			}
		}
		start := time.Now()
		names, err := host.DetachAll("")
		took = time.Since(start)
		if err == nil && len(names) != containers {
			err = fmt.Errorf("%d went", len(names))
		}
		return err
	})
	return took, err
}

// residentOf is the memory of a plumb run while its container waits, in KiB.
func residentOf(ctx context.Context, plumb string) (kib int, err error) {
	err = onHost(ctx, func(h *lab.Host) error {
		ready, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer ready.Close()
		var p *os.Process
		err = h.Do(func() (err error) {
			p, err = os.StartProcess(plumb, []string{"plumb", "run", "--", "/bin/sh", "-c", "echo ready; exec sleep 60"}, &os.ProcAttr{
				Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Files: []*os.File{nil, w, os.Stderr},
			})
			return err
		})
		w.Close()
		if err != nil {
			return err
		}
		defer p.Wait()
		defer p.Signal(os.Interrupt)
		if _, err := ready.Read(make([]byte, 16)); err != nil {
			return fmt.Errorf("plumb run: %w", err)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
		if err != nil {
			return err
		}
		_, after, _ := strings.Cut(string(status), "VmRSS:")
		_, err = fmt.Sscan(after, &kib)
		return errors.Join(err, p.Kill())
	})
	return kib, err
}
