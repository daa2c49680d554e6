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
	p, err := StartProcess(ctx, spec.Process)
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
	status, err = h.supervise(spec, p, attachment)
	if left := h.Release(attachment); left != nil {
		err = errors.Join(err, fmt.Errorf("detach %s: %w", spec.Network.Name, left))
	}
	return status, err
}

// supervise starts the command of a container that has its network, and returns when the process has ended.
func (h *Host) supervise(spec Spec, p *Process, a *Attachment) (status int, err error) {
	files, err := h.etcFiles(spec, a)
	if err == nil {
		err = p.Release(files)
	}
	if err != nil {
		p.Kill()
		p.Wait()
		return 0, err
	}
	return p.Wait()
}

// etcFiles writes what the container's /etc says of its network.
func (h *Host) etcFiles(spec Spec, a *Attachment) (files Files, err error) {
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
	if unreachable && !spec.Network.Internal {
		h.notice("the host names no resolver that a container can reach, so names will not resolve in " + a.Name + ": name one with --dns")
	}
	return Files{
		ResolvConf: text,
		Hosts:      HostsFile(spec.Process.Hostname, a.addrs(), spec.Hosts),
		Hostname:   spec.Process.Hostname + "\n",
	}, nil
}
