package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"plumb/container"
	"plumb/container/lab"
	"plumb/container/netns"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

func demoCommand() command {
	c := command{
		name: "demo", args: "[options]",
		summary: "show it all in a sealed lab: a host, an internet, a container that reaches both; touches nothing else",
	}
	c.run = func(args []string) (err error) {
		var t tracing
		f := newFlags(c)
		t.registerTrace(f)
		words, err := f.parseAnywhere(args)
		switch {
		case err != nil:
			return err
		case len(words) == 1 && words[0] == demoInside:
			return visit()
		case len(words) > 0:
			return usagef("takes no argument, was given %q", words[0])
		case !capable():
			return inUserNamespace()
		}
		ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
		defer stop()
		defer t.closeTrace(&err)
		tracer, err := t.tracer()
		if err != nil {
			return err
		}
		d := demo{tracer: tracer, flush: t.flush, out: os.Stdout}
		return d.run(ctx)
	}
	return c
}

// A demo is one run of plumb demo.
type demo struct {
	tracer wire.Tracer
	flush  func() // of the tracer
	out    io.Writer

	lab        *lab.Lab
	machine    *lab.Host // the lab's host
	host       *container.Host
	process    *container.Process
	attachment *container.Attachment
}

const demoName = "demo"

// run builds, shows, takes down, and compares. It compares last of all, so that whatever went wrong, it says what is left.
func (d *demo) run(ctx context.Context) (err error) {
	own, err := netns.Current()
	if err != nil {
		return err
	}
	defer own.Close()
	outside, err := lab.Snapshot(own)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out, "A sealed lab: a host and an internet in namespaces of their own. Nothing here reaches your network.")
	fmt.Fprintln(d.out)
	err = d.build(ctx)
	var before lab.State
	if err == nil {
		before, err = lab.SnapshotNamespace(d.machine.NS())
	}
	if err == nil {
		err = errors.Join(d.tour(ctx), d.compare("the host is as it was before the container came", d.machine.NS(), before, lab.SnapshotNamespace))
	}
	err = errors.Join(err, d.step("take the lab down", "took the lab down", d.close))
	return errors.Join(err, d.compare("this machine is as it was before the demo", own, outside, lab.Snapshot))
}

// step does one thing and says how long it took. A trace has what is to be done above it.
func (d *demo) step(heading, what string, do func() error) error {
	start := time.Now()
	var part wire.Part
	if heading != "" { // or else it has one of its own
		part = wire.Begin(d.tracer, demoName, heading, "")
	}
	err := do()
	part.End(err)
	d.flush() // so that what was traced stands before what is printed
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	fmt.Fprintf(d.out, "%7.1f ms  %s\n", float64(time.Since(start))/float64(time.Millisecond), what)
	return nil
}

// build makes the internet and the host.
func (d *demo) build(ctx context.Context) error {
	err := d.step("build an internet", "built an internet: 8.8.8.8, which answers pings, knows google.com, and serves HTTP", func() (err error) {
		d.lab, err = lab.New(ctx, lab.Options{Tracer: d.tracer})
		return err
	})
	if err != nil {
		return err
	}
	err = d.step("build a host", "built a host, with an uplink to it", func() (err error) {
		d.machine, err = d.lab.AddHost(ctx, "host", lab.HostOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return d.step("open the host's netlink sockets", "opened the host's netlink sockets", func() (err error) {
		d.host, err = container.OpenHost(container.HostOptions{NS: d.machine.NS(), Tracer: d.tracer, Notice: notice})
		return err
	})
}

// tour runs a container on the host, and looks around from inside.
func (d *demo) tour(ctx context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	err = d.step("clone the container's process", "cloned the container's process, which builds its root file system meanwhile", func() (err error) {
		d.process, err = container.StartProcess(ctx, container.ProcessSpec{
			Args: []string{exe, "demo", demoInside}, Env: os.Environ(), Hostname: demoName, Stdout: os.Stdout, Stderr: os.Stderr,
			Tracer: d.tracer,
		})
		return err
	})
	if err != nil {
		return err
	}
	err = d.attachAndShow(ctx)
	d.process.Kill()
	status, waitErr := d.process.Wait()
	if err == nil && status != 0 {
		err = fmt.Errorf("in the container not everything was reached (status %d)", status)
	}
	detach := func() error {
		_, err := d.host.Detach(demoName)
		return err
	}
	fmt.Fprintln(d.out)
	return errors.Join(err, waitErr, d.step("", "ended the container and detached it", detach))
}

// attachAndShow gives the container its network, draws it, and lets the container look around.
func (d *demo) attachAndShow(ctx context.Context) error {
	err := d.step("", "attached it: a pair of links, addresses, routes, leases, the rules", func() (err error) {
		d.attachment, err = d.host.Attach(ctx, container.Network{Name: demoName}, d.process.NetNS())
		return err
	})
	if err != nil {
		return err
	}
	picture, err := d.draw()
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\n%s", picture)
	server := container.DNSConfig{Servers: []netip.Addr{netip.MustParseAddr(lab.NameServer4)}}
	resolv, _ := container.ResolvConf(container.HostResolver{}, server)
	d.flush()
	part := wire.Begin(d.tracer, demoName, "start the command", "it looks around from inside")
	err = d.process.Release(container.Files{
		ResolvConf: resolv, Hosts: container.HostsFile(demoName, []netip.Addr{d.attachment.Addr.Addr()}, nil), Hostname: demoName + "\n",
	})
	part.End(err)
	if err != nil {
		return err
	}
	<-d.process.Done()
	return ctx.Err()
}

// close takes down what build made.
func (d *demo) close() error {
	var errs []error
	if d.host != nil {
		errs = append(errs, d.host.Close())
	}
	if d.lab != nil {
		errs = append(errs, d.lab.Close())
	}
	return errors.Join(errs...)
}

// endedMeanwhile tells a line of lab.Diff of a link that was there and has gone, or of what goes with it. The demo takes none away, but the kernel
// does, some time after whose it was has ended: that of a container before the demo, or of another one.
func endedMeanwhile(line string) bool {
	kind, _, _ := strings.Cut(line, " ")
	return slices.Contains([]string{"link", "address", "route", "neighbour"}, kind) && strings.Contains(line, ": gone")
}

// compare proves that nothing is left of what was done in a namespace.
func (d *demo) compare(claim string, ns *netns.NS, before lab.State, snapshot func(*netns.NS) (lab.State, error)) error {
	after, err := snapshot(ns)
	if err != nil {
		return err
	}
	if left := slices.DeleteFunc(lab.Diff(before, after), endedMeanwhile); len(left) > 0 {
		return fmt.Errorf("%s: not so:\n  %s", claim, strings.Join(left, "\n  "))
	}
	fmt.Fprintf(d.out, "            %s\n            (links, addresses, routes, neighbours, rules, sysctls, mounts, files)\n", claim)
	return nil
}
