package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"

	"golang.org/x/sys/unix"
)

// An Attachment is a container's network, as it was made.
type Attachment struct {
	Name      string
	HostLink  string // pl-NAME, or what fits of it
	HostIndex uint32
	Interface string       // the container's link
	Addr      netip.Prefix // the container's address in its subnet
	Gateway   netip.Addr
	MTU       uint32 // bytes
	MAC       net.HardwareAddr
	Internal  bool

	lease nat.Lease
}

// Attach gives the namespace target its network: a pair of links, addresses, routes, and what the host's rules must
// know. Whatever fails, all that was done is undone, and what could not be undone is named in the error.
//
// Errors: *FlagError for a Network that cannot be meant; *OverlapError; *FullError (ENOSPC); *nat.LeasedError (EEXIST) for
// an address that is taken; *wire.Error for what the kernel refused. Where the name is taken (EEXIST), Attach first
// waits up to a second for its owner, who may be ending; where the address is, a quarter of one.
func (h *Host) Attach(ctx context.Context, n Network, target *netns.NS) (*Attachment, error) {
	given := n.Subnet.IsValid()
	n, err := n.complete()
	if err != nil {
		return nil, err
	}
	a := &attacher{host: h, net: n, target: target, ping: -1}
	defer a.close()
	a.HostLink, a.altName = hostLink(n.Name)
	if err := a.run(ctx, given); err != nil {
		return nil, errors.Join(err, a.undo.run())
	}
	return &a.Attachment, nil
}

// An attacher makes one attachment.
type attacher struct {
	Attachment
	host    *Host
	net     Network
	target  *netns.NS
	altName string
	classic bool       // for SetupVeth: the host's end has the whole subnet, the container's is left alone
	uplinks []uplink   // what leads out
	inside  *rtnl.Conn // in the container
	ping    int        // descriptor of the container's ping range, or -1: pingErr
	pingErr error
	peer    uint32 // index of the container's link
	undo    undo
}

// run is the attachment from beginning to end. The order matters, so that whoever is killed in between leaves nothing that
// hinders others:
//
//   - First the pair, down and without an address. The kernel decides who has the name.
//   - Then the lease, for the link's index. The kernel decides who has the address. A lease without a link is therefore of
//     no use to anybody, and whoever meets one may remove it at once.
//   - Then, and not before, the uplinks' forwarding: see nat.Conn.Leave for what a lease promises about it.
//   - Last the link's address and the route, which no two containers ever have at the same time.
func (a *attacher) run(ctx context.Context, subnetGiven bool) error {
	if err := a.prepare(subnetGiven); err != nil {
		return err
	}
	a.undo.add("release the address of "+a.Name, a.releaseLease)
	if err := a.makePair(ctx); err != nil {
		return err
	}
	if err := a.takeAddress(ctx); err != nil {
		return err
	}
	if err := a.switchOn(); err != nil {
		return err
	}
	if err := a.setUpHostEnd(); err != nil {
		return err
	}
	if !a.classic {
		if err := a.setUpInside(); err != nil {
			return err
		}
	}
	a.allowPing()
	return nil
}

// prepare looks at the host and chooses what is free to choose. It changes nothing on the host.
func (a *attacher) prepare(subnetGiven bool) error {
	if a.target.Equal(a.host.ns) {
		return errors.New("the process is in the host's own network namespace: start it in one of its own (CLONE_NEWNET, unshare -n)")
	}
	routes, err := a.host.rtnl.Routes(rtnl.IPv4)
	if err != nil {
		return fmt.Errorf("read the host's routes: %w", err)
	}
	if a.net.Subnet, err = a.host.chooseSubnet(a.net, subnetGiven, routes); err != nil {
		return err
	}
	if a.uplinks, err = a.host.findUplinks(a.net, routes); err != nil {
		return err
	}
	a.Name, a.Interface, a.Internal = a.net.Name, a.net.Interface, a.net.Internal
	a.Gateway, a.MTU, a.MAC = gatewayOf(a.net.Subnet), a.net.MTU, a.net.MAC
	if a.MTU == 0 {
		a.MTU = lowestMTU(a.uplinks)
	}
	if a.MAC == nil {
		a.MAC = randomMAC()
	}
	a.HostIndex, a.peer = randomIndex(), firstIndex
	return a.openInside()
}

// switchOn makes the host forward for the container.
func (a *attacher) switchOn() error {
	switch {
	case a.classic:
		return a.host.forwardAll()
	case a.Internal:
		return nil
	}
	return a.host.forward(a.uplinks)
}

// releaseLease gives back the address, if one was taken.
func (a *attacher) releaseLease() error {
	if !a.lease.Addr.IsValid() {
		return nil
	}
	return a.host.release(&a.lease)
}

// An undo is what takes back what was done, last things first.
type undo []undoStep

type undoStep struct {
	what string
	do   func() error
}

func (u *undo) add(what string, do func() error) { *u = append(*u, undoStep{what, do}) }

// run takes everything back. Its error names what could not be.
func (u *undo) run() error {
	var errs []error
	for i := len(*u) - 1; i >= 0; i-- {
		if err := (*u)[i].do(); err != nil {
			errs = append(errs, fmt.Errorf("left behind: could not %s: %w", (*u)[i].what, err))
		}
	}
	*u = nil
	return errors.Join(errs...)
}

// ignore is err, or nil where it is what was to be reached anyway.
func ignore(reached unix.Errno, err error) error {
	if errors.Is(err, reached) {
		return nil
	}
	return err
}

// explained is an error that says all there is to say, of which errors.Is(err, errno) is true.
func explained(errno unix.Errno, format string, args ...any) error {
	return &explainedError{fmt.Sprintf(format, args...), errno}
}

type explainedError struct {
	text  string
	errno unix.Errno
}

func (e *explainedError) Error() string { return e.text }
func (e *explainedError) Unwrap() error { return e.errno }
