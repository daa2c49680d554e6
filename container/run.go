package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// A Spec is a container: its network, what runs in it, and how it resolves names.
type Spec struct {
	Network Network
	Process ProcessSpec // its NetNS is made; without a Hostname it has the container's name
	DNS     DNSConfig
	Hosts   []HostEntry // further lines for /etc/hosts

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
	tell := h.story()
	tell.next(startingProcess, startingProcessWhy)
	spec.Process.Tracer = h.tracer
	p, err := StartProcess(ctx, spec.Process)
	tell.end(err)
	if err != nil {
		return 0, err
	}
	log := spec.Log
	if log == nil {
		log = io.Discard
	}
	// From here on a signal is the container's, and does not end us before we have cleaned up.
	defer ForwardSignals(p, log)()
	attachment, err := h.Attach(ctx, spec.Network, p.NetNS())
	if err != nil {
		p.Kill()
		p.Wait()
		return 0, fmt.Errorf("attach %s: %w", spec.Network.Name, err)
	}
	h.tellPublished(spec.Network.Publish, attachment)
	status, err = h.supervise(ctx, spec, p, attachment)
	if left := h.Release(attachment); left != nil {
		err = errors.Join(err, fmt.Errorf("detach %s: %w", spec.Network.Name, left))
	}
	return status, err
}

// Parts of a run, as a trace tells them.
const (
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
func (h *Host) supervise(ctx context.Context, spec Spec, p *Process, a *Attachment) (status int, err error) {
	tell := h.story()
	tell.next("watch over it, and answer names", "a flush of the ruleset and a change of the uplinks are mended while it runs; other containers are found by name")
	services, err := h.Serve(ctx, a, p.NetNS(), ServiceOptions{Network: spec.Network, DNS: spec.DNS})
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
