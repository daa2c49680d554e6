package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
)

// A Spec is a container: its network, what runs in it, and how it resolves names.
type Spec struct {
	Network Network
	Process ProcessSpec // its NetNS is made; without a Hostname it has the container's name
	DNS     DNSConfig
	Hosts   []HostEntry // further lines for /etc/hosts
	Pool    bool        // take a network from the host's pool, if one is ready: see FillPool

	// NetNS makes the network namespace, which is Run's then; nil is netns.New. A program that has begun to before it calls Run returns what has come of it.
	NetNS func() (*netns.NS, error)

	// Log is told what a user who waits should know; nil for nobody.
	Log io.Writer
}

// Run runs a container from its beginning to its end, and returns the exit status of its command. The process builds its
// root file system while the host builds the network; the command starts when both are there. When it has ended,
// nothing is left of either.
//
// The error is a *StartError where the command could not be run, and any of Attach's.
func (h *Host) Run(ctx context.Context, spec Spec) (status int, err error) {
	if spec.Process.Hostname == "" {
		spec.Process.Hostname = spec.Network.Name
	}
	if _, err := spec.Network.complete(); err != nil {
		return 0, err
	}
	if h.plans {
		return 0, h.planRun(ctx, spec)
	}
	r := &runner{host: h, spec: spec}
	defer func() { err = errors.Join(err, r.closePool()) }()
	if err := r.takeReady(ctx); err != nil {
		return 0, err
	}
	return r.run(ctx)
}

// A runner is one call of Run.
type runner struct {
	host       *Host
	spec       Spec
	attachment *Attachment
	pool       *SharedPool // that the network was taken from, or nil
}

func (r *runner) run(ctx context.Context) (status int, err error) {
	signals := catchSignals() // from here on they are the container's, and do not end us before we have cleaned up
	defer signals.stop()
	var p *Process
	if err = r.prepare(); err == nil {
		p, err = r.begin(ctx)
	}
	if ns := r.spec.Process.NetNS; ns != nil {
		err = errors.Join(err, ns.Close()) // the process has it, or else it goes
	}
	if err != nil {
		if p != nil {
			p.Kill()
			p.Wait()
		}
		return 0, r.giveBack(err)
	}
	log := r.spec.Log
	if log == nil {
		log = io.Discard
	}
	defer signals.forwardTo(p, log)()
	r.host.tellPublished(r.spec.Network.Publish, r.attachment)
	status, err = r.supervise(ctx, p)
	return status, r.giveBack(err)
}

// prepare sees that the process can be started, as far as that can be seen, and makes its network namespace, unless it has one from a pool.
func (r *runner) prepare() (err error) {
	spec := &r.spec.Process
	spec.Tracer = r.host.tracer
	if err := spec.complete(); err != nil || spec.NetNS != nil {
		return err
	}
	tell := r.host.story()
	start := tell.now()
	newNS := r.spec.NetNS
	if newNS == nil {
		newNS = netns.New
	}
	spec.NetNS, err = newNS()
	tell.did(hostName, start, err, madeNetNS)
	if err == nil {
		return nil
	}
	if errno := unix.Errno(0); errors.As(err, &errno) {
		err = fmt.Errorf("make a network namespace: %w", explainClone(errno))
	}
	return &StartError{Stage: stageStart, Err: err}
}

// begin starts the process, and attaches its namespace meanwhile, unless that has its network already. The process is not nil where it was started,
// whatever the error.
func (r *runner) begin(ctx context.Context) (p *Process, err error) {
	h := r.host
	started := make(chan error, 1)
	go func() {
		tell := h.story()
		tell.next(startingProcess, startingProcessWhy)
		var err error
		p, err = StartProcess(ctx, r.spec.Process)
		tell.end(err)
		started <- err
	}()
	if h.tracer != nil { // to whom one thing is told after the other
		if err := <-started; err != nil {
			return p, err
		}
		started <- nil
	}
	if r.attachment == nil {
		if r.attachment, err = h.Attach(ctx, r.spec.Network, r.spec.Process.NetNS); err != nil {
			err = fmt.Errorf("attach %s: %w", r.spec.Network.Name, err)
		}
	}
	return p, errors.Join(<-started, err)
}

// giveBack ends what the container has of the host's. err is how it went with it.
func (r *runner) giveBack(err error) error {
	if r.attachment == nil {
		return err
	}
	if left := r.host.Release(r.attachment); left != nil {
		err = errors.Join(err, fmt.Errorf("detach %s: %w", r.spec.Network.Name, left))
	}
	return err
}

// Parts of a run, as a trace tells them.
const (
	madeNetNS          = "unshare(CLONE_NEWNET): the container's network namespace"
	startingProcess    = "start the container's process"
	startingProcessWhy = "in namespaces of its own, where it builds its root file system while the host builds its network"
	startingCommand    = "start the command"
	startingCommandWhy = "the process has waited for its network: it gets its files in /etc, drops its privileges, and becomes the command"
)

// tellPublished tells of host ports that were chosen, and what other firewalls do.
func (h *Host) tellPublished(asked []Publish, a *Attachment) {
	for i := range a.Publish {
		if asked[i].HostPort == 0 {
			h.notice(fmt.Sprintf("%s publishes %s", a.Name, &a.Publish[i]))
		}
	}
	warning, err := h.FirewallWarning(a)
	if err != nil {
		warning = "other firewalls could not be looked at: " + err.Error()
	}
	if warning != "" {
		h.notice(warning)
	}
}

// supervise starts the command of a container that has its network, and serves it until the process has ended.
func (r *runner) supervise(ctx context.Context, p *Process) (status int, err error) {
	h, spec, a := r.host, r.spec, r.attachment
	tell := h.story()
	tell.next("watch over it, and answer names", "a flush of the ruleset and a change of the uplinks are mended while it runs; other containers are found by name")
	services, err := h.Serve(ctx, a, p.NetNS(), ServiceOptions{Network: spec.Network, DNS: spec.DNS, Passing: true})
	if err == nil {
		defer func() { err = errors.Join(err, services.Close()) }()
		tell.next(startingCommand, startingCommandWhy)
		var files Files
		if files, err = h.etcFiles(spec, a, services.answersNames()); err == nil {
			err = p.Release(files)
		}
	}
	tell.end(err)
	if err != nil {
		p.Kill()
		p.Wait()
		return 0, err
	}
	defer r.refill(ctx)()
	return p.Wait()
}

// etcFiles writes what the container's /etc says of its network; served is whether plumb answers names in it.
func (h *Host) etcFiles(spec Spec, a *Attachment, served bool) (files Files, err error) {
	host := HostResolver{}
	for file, text := range map[string]*string{"/etc/resolv.conf": &host.ResolvConf, StubResolverFile: &host.BehindStub} {
		if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
			continue // a FIFO would make us wait for a writer
		}
		b, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return files, fmt.Errorf("read the host's resolvers: %w", err)
		}
		*text = string(b)
	}
	text, unreachable := ResolvConf(host, spec.DNS)
	if served {
		text, unreachable = ownResolvConf(host, spec.DNS), false
	}
	if unreachable && !spec.Network.Internal {
		h.notice("the host names no resolver that a container can reach, so names will not resolve in " + a.Name + ": name one with --dns")
	}
	return Files{
		ResolvConf: text,
		Hosts:      HostsFile(spec.Process.Hostname, a.addrs(), spec.Hosts),
		Hostname:   spec.Process.Hostname + "\n",
	}, nil
}
