package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// An Attachment is a container's network, as it was made.
type Attachment struct {
	Name      string
	HostLink  string // pl-NAME, or what fits of it
	HostIndex uint32
	Interface string // the container's link
	Network   string // name of the network, or ""
	MTU       uint32 // bytes
	MAC       net.HardwareAddr
	Internal  bool
	Publish   []Publish // with the host ports that were chosen

	Addr, Addr6       netip.Prefix // the container's address in its subnet; not valid where it has none of the family
	Gateway, Gateway6 netip.Addr

	leases []nat.Lease
	is     *identity // what the host end says
}

// Attach gives the namespace target its network: a pair of links, addresses, routes, and what the host's rules must
// know. Whatever fails, all that was done is undone, and what could not be undone is named in the error.
//
// IPv6 that was not asked for is left out, with a note, where the host has none.
//
// Errors: *FlagError for a Network that cannot be meant; *OverlapError and *nat.NetworkError for a subnet; *FullError (ENOSPC); *nat.LeasedError
// (EEXIST) for an address that is taken; *nat.PublishedError (EEXIST) and *ListenError (EADDRINUSE) for a port; *wire.Error for what the kernel
// refused. Where the name is taken (EEXIST), Attach first waits up to a second for its owner, who may be ending; where the
// address is, a quarter of one.
func (h *Host) Attach(ctx context.Context, n Network, target *netns.NS) (*Attachment, error) {
	n, err := n.complete()
	if err != nil {
		return nil, err
	}
	const tries = 16 // after as many flushes
	var changed []nat.Record
	a, err, left := h.attach(ctx, n, target, &changed)
	for i := 1; i < tries && errors.Is(err, errLost) && left == nil; i++ {
		if err = h.restoreOthers(); err == nil {
			a, err, left = h.attach(ctx, n, target, &changed)
		}
	}
	if errors.Is(err, errNoIPv6) && !n.wantsIPv6() && left == nil {
		h.notice(fmt.Sprintf("%s has IPv4 only: %v", n.Name, err))
		n.NoIPv6 = true
		a, err, left = h.attach(ctx, n, target, &changed)
	}
	return a, errors.Join(err, left)
}

// wantsIPv6 says whether IPv6 was asked for.
func (n *Network) wantsIPv6() bool { return n.NoIPv4 || n.Subnet6.IsValid() || n.Addr6.IsValid() }

// attach is one attempt. left is what could not be undone where it failed. In changed it leaves for the next attempt what it has changed of the host's
// forwarding: a flush takes the record of it, too.
func (h *Host) attach(ctx context.Context, n Network, target *netns.NS, changed *[]nat.Record) (done *Attachment, err, left error) {
	a := newAttacher(h, n, target)
	a.changed = *changed
	defer func() {
		*changed = a.changed
		a.close()
	}()
	whole := h.whole("attach ", n.Name)
	defer func() { whole.End(errors.Join(err, left)) }()
	a.HostLink, a.altName = hostLink(n.Name)
	if err := a.run(ctx); err != nil {
		return nil, err, a.undo.run(&a.story)
	}
	a.is = a.identity()
	return &a.Attachment, nil, nil
}

// An attacher makes one attachment.
type attacher struct {
	Attachment
	host     *Host
	net      Network
	target   *netns.NS
	altName  string
	asked    [2]netip.Prefix  // the subnets that were given, or not
	classic  bool             // for SetupVeth: the host's end has the whole subnet, the container's is left alone
	recalled *recollection    // what was chosen by, and is to be confirmed; nil: the kernel was asked
	routes   []rtnl.Route     // the host's, IPv4, where they had to be listed
	uplinks  []uplink         // what leads out
	changed  []nat.Record     // what was changed of the host's forwarding
	taken    time.Duration    // CLOCK_BOOTTIME of the leases
	seen     *nat.Sight       // what was seen of free addresses while the pair was made, or nil
	opening  chan error       // the end of openAhead, which goes on beside the rest; nil where it has not begun, or was waited for
	claimed  atomic.Bool      // somebody sees to openInside
	inside   *rtnl.Conn       // in the container
	sysctls  sysctls          // in the container
	peer     uint32           // index of the container's link
	hostMAC  net.HardwareAddr // of the host end
	first    bool             // plumb's table was made with its lease
	leased   nat.Attachment   // as it was taken
	undo     undo
	story    story
}

func newAttacher(h *Host, n Network, target *netns.NS) *attacher {
	return &attacher{host: h, net: n, target: target, asked: [2]netip.Prefix{n.Subnet, n.Subnet6}, sysctls: noSysctls(h.plans), story: h.story()}
}

// run is the attachment from beginning to end. The order matters, so that whoever is killed in between leaves nothing that
// hinders others:
//
//   - First the pair, down and without an address. The kernel decides who has the name.
//   - Then the lease, for the link's index. The kernel decides who has the address. A lease without a link is therefore of
//     no use to anybody, and whoever meets one may remove it at once.
//   - Then, and not before, the uplinks' forwarding: see nat.Conn.Leave for what a lease promises about it.
//   - Last the link's address and the route, which no two containers ever have at the same time.
func (a *attacher) run(ctx context.Context) (err error) {
	tell := &a.story
	defer func() { tell.end(err) }()
	tell.next("look at the host", "which subnets are in use, what leads out and how large a packet may be, so that what is free to choose is chosen; nothing is changed")
	if err := a.prepare(); err != nil {
		return err
	}
	a.undo.add("release the address of "+a.Name, a.releaseLease)
	tell.next("make the pair of links", "both ends in place, down and without an address: the kernel decides who has the name")
	if err := a.makePair(ctx); err != nil {
		return err
	}
	if err := a.opened(); err != nil {
		return err
	}
	if err := a.confirm(); err != nil {
		return err
	}
	tell.next("take an address", "a lease is an element of a set, which the kernel lets only one add; what the rules must know comes in the same transaction")
	if err := a.takeLease(ctx); err != nil {
		return err
	}
	a.flushBefore()
	tell.next("switch forwarding on", "on the links that lead out alone, and only once the lease keeps the record of what was changed")
	if err := a.switchOn(); err != nil {
		return err
	}
	tell.next("set up the host's end", "up, with the gateway's address, and with it the route to the container; its alias says whose it is")
	if err := a.setUpHostEnd(); err != nil {
		return err
	}
	if err := a.stillHeld(); err != nil {
		return err
	}
	received := true
	if !a.classic {
		tell.next("set up the container's end", "its address, the way to its gateway and through it to all else; lo comes last, and with it the network is complete")
		var err error
		if received, err = a.setUpInside(); err != nil {
			return err
		}
	}
	tell.next("see that it works", "ping without a privilege, a host end that sends, and IPv6 addresses that the kernel takes for its own: it does both some time after it was asked")
	a.allowPing()
	if !a.classic {
		if err := a.awaitHost(ctx); err != nil {
			return err
		}
	}
	if received {
		return nil
	}
	return a.awaitInside(ctx)
}

// prepare looks at the host and chooses what is free to choose. It changes nothing on the host, unless somebody has flushed
// the ruleset: then what the links say of others is put back first, or this one would take an address that is in use.
func (a *attacher) prepare() error {
	if a.target.Equal(a.host.ns) {
		return errors.New("the process is in the host's own network namespace: start it in one of its own (CLONE_NEWNET, unshare -n)")
	}
	if !a.recall() {
		if err := a.look(); err != nil {
			return err
		}
	}
	a.Name, a.Interface, a.Internal, a.Network, a.MAC = a.net.Name, a.net.Interface, a.net.Internal, a.net.Network, a.net.MAC
	if a.MAC == nil {
		a.MAC = a.host.randomMAC()
	}
	a.HostIndex, a.peer, a.hostMAC = a.host.randomIndex(), firstIndex, a.host.randomMAC()
	a.story.holds(a.net.Name, a.target)
	if a.host.ending || a.host.plans { // a thread of its own would take longer to start than this does; a plan looks there before it says that the pair can be made
		return a.openInside()
	}
	a.opening = make(chan error, 1)
	go a.openAhead()
	return nil
}

// unusual is a subnet that was given and is not the default, or none.
func unusual(given, usual netip.Prefix) netip.Prefix {
	if given == usual {
		return netip.Prefix{}
	}
	return given
}

// switchOn makes the host forward for the container.
func (a *attacher) switchOn() (err error) {
	if a.classic {
		return a.host.forwardAll()
	}
	off, off6, err := a.notForwarding()
	if err != nil {
		return err
	}
	if len(a.changed) > 0 { // by an attempt that had lost its lease
		if err := a.host.nat.Record(a.changed...); err != nil {
			return lost(err)
		}
	}
	changed, err := a.host.forward(off)
	a.changed = append(a.changed, changed...)
	if err != nil || !off6 {
		return lost(err)
	}
	changed, err = a.host.forward6() // for the way to the neighbours, too
	a.changed = append(a.changed, changed...)
	return lost(err)
}

// notForwarding finds out, in one send, which uplinks do not forward IPv4 and whether the host does not IPv6, as far as the container
// needs them, and puts the gateway's address on lo with the same: it is there already, but for the first container of a subnet.
func (a *attacher) notForwarding() (off []uplink, off6 bool, err error) {
	var ups []uplink
	if !a.Internal && !a.net.NoIPv4 {
		ups = a.uplinks
	}
	said := make([]rtnl.Netconf, len(ups)+1)
	var requests []wire.Request
	for i, u := range ups {
		requests = append(requests, rtnl.AskLinkForwards(rtnl.IPv4, u.index, &said[i]))
	}
	if !a.net.NoIPv6 {
		requests = append(requests, rtnl.AskForwards(rtnl.IPv6, &said[len(ups)]), shareRequest(a.Gateway6).Expecting(unix.EEXIST))
	}
	err = a.host.rtnl.Do(requests...)
	for i, u := range ups {
		switch refused := refusedAt(err, i); {
		case refused == nil && !said[i].Forwards():
			off = append(off, u)
		case refused != nil && !errors.Is(refused, unix.ENODEV) && !errors.Is(refused, unix.EINVAL): // it has gone, which was EINVAL up to Linux 6.13
			return nil, false, refused
		}
	}
	if a.net.NoIPv6 {
		return off, false, nil
	}
	if refused := refusedAt(err, len(ups)); refused != nil {
		return nil, false, noIPv6(refused)
	}
	if refused := refusedAt(err, len(ups)+1); refused != nil && !errors.Is(refused, unix.EEXIST) {
		return nil, false, explainDisabled(refused)
	}
	return off, !said[len(ups)].Forwards(), nil
}

// releaseLease gives back the addresses, if they were taken.
func (a *attacher) releaseLease() error { return a.host.release(a.leases, a.Publish, a.Addr, a.Addr6) }

// identity is what the host end is to say of itself.
func (a *attacher) identity() *identity {
	_, inode := a.target.ID()
	return &identity{
		name: a.Name, addr: a.Addr, addr6: a.Addr6, iface: a.Interface, taken: a.taken, netns: inode, network: a.Network,
		host: a.net.Hostname, mtu: a.net.MTU, options: a.net.options(), changed: a.changed, publish: a.Publish,
		in: a.net.RateIn, out: a.net.RateOut, pool: a.net.pool,
	}
}

// addrs are the container's addresses.
func (a *Attachment) addrs() []netip.Addr { return valid(a.Addr, a.Addr6) }

func (id *identity) addrs() []netip.Addr { return valid(id.addr, id.addr6) }

// valid are the addresses of prefixes that are valid.
func valid(prefixes ...netip.Prefix) []netip.Addr {
	var all []netip.Addr
	for _, p := range prefixes {
		if p.IsValid() {
			all = append(all, p.Addr())
		}
	}
	return all
}
