package container

import (
	"context"

	"plumb/container/netns"
	"plumb/rtnl/wire"
)

// OpenHostOver is OpenHost with other transports in the place of netlink sockets. transport runs on a thread that is in the
// namespace that the socket is for.
func OpenHostOver(o HostOptions, transport func(family int) wire.Transport) (*Host, error) {
	return (&Host{transport: transport}).open(o)
}

// HostLink is the name of a container's host end.
func HostLink(name string) (link, altName string) { return hostLink(name) }

// SetupVeth is SetupVeth on this host.
func (h *Host) SetupVeth(name string, target *netns.NS) error { return h.setupVeth(name, target) }

// LimitRequests hold what a link sends to a rate.
var LimitRequests = limitRequests

// Bucket is how many bytes a limited link sends at once, and how many may wait.
var Bucket = bucket

// ExplainLimit says what to do where the kernel cannot limit.
var ExplainLimit = explainLimit

// CheckRate says why a limit cannot be meant.
var CheckRate = checkRate

// A Watch is what a living process does for one container.
type Watch struct{ w *watch }

// StartWatch begins to watch.
func (h *Host) StartWatch(ctx context.Context, n *Network, a *Attachment, target *netns.NS) (*Watch, error) {
	w, err := h.startWatch(ctx, n, a, target)
	return &Watch{w}, err
}

// Close ends it.
func (w *Watch) Close() error { return w.w.close() }
