package container

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"plumb/container/netns"
)

// planRun is Run up to the command's start, as a Host that plans does it. The network is planned in a namespace that is thrown away,
// with nothing in it, as the container's is at first. What the living process does afterwards is not planned: it listens for names and on
// ::1, watches, and in the end detaches.
func (h *Host) planRun(ctx context.Context, spec Spec) (err error) {
	if err := spec.Process.complete(); err != nil {
		return err
	}
	tell := h.story()
	defer func() { tell.end(err) }()
	tell.next(startingProcess, startingProcessWhy)
	ns, err := netns.New()
	if err != nil {
		return fmt.Errorf("make a namespace to plan in: %w", err)
	}
	defer func() { err = errors.Join(err, ns.Close()) }()
	tell.did(hostName, tell.now(), nil, madeNetNS)
	spec.Process.NetNS = ns
	tell.cloned(tell.now(), 0, spec.Process, nil)
	tell.end(nil)
	a, err := h.Attach(ctx, spec.Network, ns)
	if err != nil {
		return fmt.Errorf("attach %s: %w", spec.Network.Name, err)
	}
	h.tellPublished(spec.Network.Publish, a)
	tell.next(startingCommand, startingCommandWhy)
	tell.did(spec.Process.Hostname, tell.now(), nil, "execve ", strings.Join(spec.Process.Args, " "))
	return nil
}
