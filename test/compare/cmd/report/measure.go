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
	"plumb/test/compare"
)

// profiled is how often something is done whose time is told in detail.
const profiled = 40

func (m *figures) measure(ctx context.Context, p programs) (err error) {
	usual := bench.Case{Concurrency: 1, Family: "46"}
	with := func(change func(*bench.Case)) bench.Case {
		c := usual
		change(&c)
		return c
	}
	run := func(what string, n int, command []string, cases ...bench.Case) (*bench.Report, error) {
		return bench.Run(ctx, bench.Options{N: n, Warmup: 5, Cases: cases, Command: command, Progress: show(what)})
	}
	if m.Whole, err = run("containers", m.N, []string{p.plumb, "bench", "wait-inside"}, usual); err != nil {
		return err
	}
	if m.Networks, err = run("families", m.N, nil, usual, with(func(c *bench.Case) { c.Family = "4" }), with(func(c *bench.Case) { c.Family = "6" }),
		with(func(c *bench.Case) { c.Cold = true })); err != nil {
		return err
	}
	ports := with(func(c *bench.Case) { c.Publish = 2 })
	beside := func(n int) bench.Case {
		c := ports
		c.Containers = n
		return c
	}
	if m.Many, err = run("beside others", m.N, nil, beside(0), beside(99), beside(998)); err != nil {
		return err
	}
	var atOnce []bench.Case
	for _, n := range []int{1, 4, 16, 64} {
		atOnce = append(atOnce, with(func(c *bench.Case) { c.Concurrency = n }))
	}
	if m.AtOnce, err = run("at once", max(m.N, 64), nil, atOnce...); err != nil {
		return err
	}
	if m.InProcess, err = bench.RunRivals(ctx, bench.RivalOptions{
		N: m.N, Warmup: 3, Plumb: p.plumb, Bare: true, More: compare.InProcess(p.floor, p.small, &m.Floor), Progress: show("in-process"),
	}); err != nil {
		return err
	}
	if m.Programs, err = bench.RunRivals(ctx, bench.RivalOptions{
		N: m.N, Warmup: 1, Plumb: p.plumb, Names: []string{"all"}, More: []bench.Rival{compare.FloorProcess(p.floor)}, Progress: show("programs"),
	}); err != nil {
		return err
	}
	m.All = map[int][]time.Duration{}
	for _, c := range []struct{ containers, times int }{{100, 9}, {1000, 3}} {
		for range c.times {
			took, err := detachAll(ctx, c.containers, nil)
			if err != nil {
				return fmt.Errorf("take %d away: %w", c.containers, err)
			}
			m.All[c.containers] = append(m.All[c.containers], took)
		}
	}
	if m.Resident, err = residentOf(ctx, p.plumb); err != nil {
		return err
	}
	info, err := os.Stat(p.plumb)
	if err != nil {
		return err
	}
	m.Size = info.Size()
	if err := m.profile(ctx, p); err != nil {
		return err
	}
	m.Took = time.Since(m.Started)
	return nil
}

// profile says what the time goes into, for those targets that are missed.
func (m *figures) profile(ctx context.Context, p programs) (err error) {
	n := min(m.N, profiled)
	if m.Profiles, err = profilePrograms(ctx, p, n); err != nil {
		return err
	}
	if m.Usages, err = usages(ctx, p, m.N); err != nil {
		return err
	}
	if m.Profiles["take"], err = profileTake(ctx, n); err != nil {
		return err
	}
	if m.CPU, err = profileCPU(ctx, p.dir); err != nil {
		return err
	}
	if m.Profiles["all"], err = profileAll(ctx, 100, 5); err != nil {
		return err
	}
	return m.binarySizes(p)
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

// detachAll attaches so many and returns how long it takes to take them away at once. Where there is a profile it is told of it.
func detachAll(ctx context.Context, containers int, p *bench.Profile) (took time.Duration, err error) {
	err = onHost(ctx, func(h *lab.Host) (err error) {
		o := container.HostOptions{NS: h.NS()}
		if p != nil {
			o.Tracer = p
		}
		host, spaces, done, err := openWith(h, o, containers)
		defer func() { err = errors.Join(err, done()) }()
		if err != nil {
			return err
		}
		for i, ns := range spaces {
			if _, err := host.Attach(ctx, container.Network{Name: fmt.Sprint("c", i), Subnet: subnet}, ns); err != nil {
				return err
			}
		}
		if p != nil {
			p.Begin("web")
		}
		start := time.Now()
		names, err := host.DetachAll("")
		took = time.Since(start)
		if p != nil {
			p.Done(fmt.Sprintf("Host.DetachAll of %d", containers), start, took)
		}
		if err == nil && len(names) != containers {
			err = fmt.Errorf("%d went", len(names))
		}
		return err
	})
	return took, err
}

// residentOf is the memory of a plumb run while its container waits.
func residentOf(ctx context.Context, plumb string) (m memory, err error) {
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
		for name, kib := range map[string]*int{"VmRSS:": &m.All, "RssAnon:": &m.Anonymous, "RssFile:": &m.File} {
			_, after, _ := strings.Cut(string(status), name)
			_, scanErr := fmt.Sscan(after, kib)
			err = errors.Join(err, scanErr)
		}
		return errors.Join(err, p.Kill())
	})
	return m, err
}
