package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"

	"plumb/container"
	"plumb/container/netns"
)

// exitPlumb is the status of a run of which plumb, and not the command, failed, as with docker run.
const exitPlumb = 125

func runCommand() command {
	c := command{
		name: "run", args: "[options] [--] [CMD [ARG...]]",
		summary:     "run a command in a container with a network of its own (default: /bin/sh)",
		usageStatus: exitPlumb,
	}
	c.run = func(args []string) error {
		var r runOptions
		if err := r.parse(c, args); err != nil {
			return err
		}
		return r.run()
	}
	return c
}

// parse reads the arguments of a command that runs a container.
func (r *runOptions) parse(c command, args []string) error {
	f := newFlags(c)
	r.register(f)
	rest, err := f.parse(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		r.spec.Process.Args = rest
	}
	return nil
}

// runOptions are the options of plumb run.
type runOptions struct {
	networkFlags
	spec container.Spec
}

func (r *runOptions) register(f *flags) {
	r.spec.Process = container.ProcessSpec{
		Args: []string{"/bin/sh"}, Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	r.spec.Log = os.Stderr
	f.BoolVar(&r.spec.Process.Init, "init", isTerminal(os.Stdin), "put a small init before the command, which reaps orphans and passes signals on (default: on a terminal, so that ^C ends a command that does not expect to be PID 1)")
	f.StringVar(&r.network.Name, "name", "", "the container's `NAME` (default: one at random)")
	f.StringVar(&r.spec.Process.Hostname, "hostname", "", "the host `NAME` inside (default: the container's name)")
	f.StringVar(&r.spec.Process.Rootfs, "rootfs", "", "`DIR` of the root file system (default: the host's own, through a layer that is thrown away)")
	f.Func("dns", "`ADDRESS` of a name server, repeatable (default: the host's)", func(s string) error {
		server, err := netip.ParseAddr(s)
		r.spec.DNS.Servers = append(r.spec.DNS.Servers, server)
		return explainParse(err, "an IP address such as 192.0.2.53 is needed")
	})
	f.Func("dns-search", "`DOMAIN` to look short names up in, repeatable; . for none (default: the host's)", func(s string) error {
		r.spec.DNS.Search = append(r.spec.DNS.Search, s)
		return container.CheckSearchDomain(s)
	})
	f.Func("add-host", "`NAME:ADDRESS` for /etc/hosts, repeatable", func(s string) error {
		entry, err := container.ParseHostEntry(s)
		r.spec.Hosts = append(r.spec.Hosts, entry)
		return err
	})
	f.BoolVar(&r.spec.Pool, "pool", false, "take a network from the pool, if one is ready there, and put another into it: see plumb pool")
	r.networkFlags.register(f)
}

// run runs the container, and returns its exit status in an exitError.
func (r *runOptions) run() error {
	r.complete()
	status, err := r.openAndRun()
	var start *container.StartError
	switch {
	case errors.As(err, &start):
		return &exitError{start.Status(), err}
	case err != nil:
		return &exitError{exitPlumb, err}
	case status != 0:
		return &exitError{status, nil}
	}
	return nil
}

// complete says what follows from the options.
func (r *runOptions) complete() {
	if r.network.Name == "" {
		r.network.Name = fmt.Sprintf("c-%08x", rand.Uint32())
	}
	r.network.Hostname = r.spec.Process.Hostname
	r.spec.Network = r.network
}

func (r *runOptions) openAndRun() (status int, err error) {
	defer r.closeTrace(&err)
	defer r.makeNetNS()()
	host, err := r.openHost()
	if err != nil {
		return 0, err
	}
	defer host.Close()
	return host.Run(context.Background(), r.spec)
}

// makeNetNS begins to make the container's network namespace, beside the opening of the host. What it returns closes one that was not used.
func (r *runOptions) makeNetNS() (closeUnused func()) {
	if r.plan != nil || r.spec.Pool { // of which none is, or may be, needed
		return func() {}
	}
	type result struct {
		ns  *netns.NS
		err error
	}
	made, taken := make(chan result, 1), false
	go func() {
		ns, err := netns.New()
		made <- result{ns, err}
	}()
	r.spec.NetNS = func() (*netns.NS, error) {
		taken = true
		m := <-made
		return m.ns, m.err
	}
	return func() {
		if taken {
			return
		}
		if m := <-made; m.err == nil {
			m.ns.Close()
		}
	}
}
