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
	"plumb/rtnl/wire"

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
// Errors: *FlagError for a Network that cannot be meant; *OverlapError; *nat.LeasedError (EEXIST) for an address that is
// taken; *wire.Error for what the kernel refused.
func (h *Host) Attach(ctx context.Context, n Network, target *netns.NS) (*Attachment, error) {
	given := n.Subnet.IsValid()
	n, err := n.complete()
	if err != nil {
		return nil, err
	}
	a := &attacher{host: h, net: n, target: target}
	a.HostLink, a.altName = hostLink(n.Name)
	if err := a.run(ctx, given); err != nil {
		return nil, errors.Join(err, a.undo.run())
	}
	return &a.Attachment, a.inside.Close()
}

// An attacher makes one attachment.
type attacher struct {
	Attachment
	host    *Host
	net     Network
	target  *netns.NS
	altName string
	classic bool       // for SetupVeth: the host's end has the whole subnet
	inside  *rtnl.Conn // in the container
	peer    uint32     // index of the container's link
	undo    undo
}

// run is the attachment from beginning to end. The order matters: the lease is taken before the uplinks are looked at
// (see Host.leave), and before the link is made, so that no two containers ever have one address.
func (a *attacher) run(ctx context.Context, subnetGiven bool) error {
	routes, err := a.host.rtnl.Routes(rtnl.IPv4)
	if err != nil {
		return fmt.Errorf("read the host's routes: %w", err)
	}
	if a.net.Subnet, err = a.host.chooseSubnet(a.net, subnetGiven, routes); err != nil {
		return err
	}
	if err := a.prepareInside(); err != nil {
		return err
	}
	a.choose()
	if err := a.takeAddress(ctx); err != nil {
		return err
	}
	indexes, err := a.host.uplinks(a.net, routes)
	if err != nil {
		return err
	}
	ups, err := a.host.lookAt(indexes)
	if err != nil {
		return err
	}
	if a.MTU == 0 {
		a.MTU = lowestMTU(ups)
	}
	if !a.net.Internal {
		if err := a.host.forward(ups); err != nil {
			return err
		}
	}
	if err := a.makePair(); err != nil {
		return err
	}
	return a.configureInside()
}

// choose fills in what need not be asked of anyone.
func (a *attacher) choose() {
	a.Name, a.Interface, a.Internal = a.net.Name, a.net.Interface, a.net.Internal
	a.Gateway, a.MTU, a.MAC = gatewayOf(a.net.Subnet), a.net.MTU, a.net.MAC
	a.HostIndex = randomIndex()
	if a.MAC == nil {
		a.MAC = randomMAC()
	}
}

// pingRange is the sysctl that says which groups may open ICMP echo sockets (icmp(7)): all of them, so that ping works
// without CAP_NET_RAW. In a user namespace only groups that are mapped can be named.
const pingRange = "net.ipv4.ping_group_range"

// prepareInside opens a socket in the container's namespace, lets its processes ping, and looks at what is there.
func (a *attacher) prepareInside() error {
	if a.target.Equal(a.host.ns) {
		return fmt.Errorf("attach %s: the process is in the host's own network namespace: start it in one of its own (CLONE_NEWNET)", a.net.Name)
	}
	err := a.target.Do(func() (err error) {
		a.inside, err = rtnl.Dial(wire.Config{Namespace: a.net.Name, Tracer: a.host.tracer})
		return err
	})
	if err != nil {
		return fmt.Errorf("open a socket in the container's network namespace: %w", err)
	}
	a.undo.add("", a.inside.Close)

	links, err := a.inside.Links()
	if err != nil {
		return fmt.Errorf("look into the container's network namespace: %w", err)
	}
	a.peer = 2
	for i := range links {
		if links[i].Name == a.net.Interface {
			return fmt.Errorf("the namespace already has a link %s: give another name with --ifname, or detach what it belongs to: %w", a.net.Interface, unix.EEXIST)
		}
		if links[i].Index == a.peer {
			a.peer = randomIndex()
		}
		if links[i].Index == loIndex && links[i].Flags&unix.IFF_UP == 0 {
			a.undo.add("set lo down again", func() error { return a.inside.Do(rtnl.SetDown(loIndex, "set lo down again")) })
		}
	}
	return a.allowPing()
}

// allowPing opens the ping range, unless it is open already.
func (a *attacher) allowPing() error {
	old, err := a.target.ReadSysctl(pingRange)
	if err != nil {
		return fmt.Errorf("read %s in the container: %w", pingRange, err)
	}
	var first, last int64
	if n, _ := fmt.Sscan(old, &first, &last); n == 2 && first == 0 && last >= 0 {
		return nil
	}
	err = a.target.WriteSysctl(pingRange, "0 2147483647")
	if errors.Is(err, unix.EINVAL) {
		err = a.target.WriteSysctl(pingRange, "0 0")
	}
	if err != nil {
		return fmt.Errorf("open %s in the container, so that it can ping: %w", pingRange, err)
	}
	a.undo.add("put "+pingRange+" back", func() error { return a.target.WriteSysctl(pingRange, old) })
	return nil
}

const loIndex = 1 // of lo, in every namespace: LOOPBACK_IFINDEX, linux/net.h

// makePair creates the pair and gives the host end its address. There are two ways to find that a link's name is taken:
// a dying pair, whose namespace has gone and which the kernel is about to remove, and one that is there to stay.
func (a *attacher) makePair() error {
	err := a.host.rtnl.Do(a.hostRequests()...)
	if errors.Is(first(err), unix.EEXIST) {
		if err := a.clearName(); err != nil {
			return err
		}
		err = a.host.rtnl.Do(a.hostRequests()...)
	}
	var refused *wire.Error
	if errors.As(err, &refused) && refused.Index == 0 {
		return explainCreate(refused)
	}
	a.undo.add("remove "+a.HostLink, func() error {
		err := a.host.rtnl.Do(rtnl.DelLink(&rtnl.Link{Index: a.HostIndex}, "remove "+a.HostLink+" again"))
		if errors.Is(err, unix.ENODEV) {
			return nil
		}
		return err
	})
	return first(err)
}

// hostRequests are the messages that make the pair and set up the host's end.
func (a *attacher) hostRequests() []wire.Request {
	fd := uint32(a.target.FD())
	one := &rtnl.Link{
		Index: a.HostIndex, Name: a.HostLink, Address: randomMAC(), MTU: a.MTU, Group: LinkGroup,
		NumTxQueues: 1, NumRxQueues: 1,
	}
	peer := &rtnl.Link{
		Index: a.peer, Name: a.Interface, Address: a.MAC, MTU: a.MTU, NetNSFd: &fd,
		NumTxQueues: 1, NumRxQueues: 1,
	}
	up := &rtnl.Link{
		Index: a.HostIndex, Flags: unix.IFF_UP, Change: unix.IFF_UP,
		Alias: identity{a.Name, a.Addr, a.Interface}.String(),
		AF:    &rtnl.LinkAF{Inet: &rtnl.LinkInet{Conf: rtnl.DevConf{{ID: rtnl.ConfForwarding, Value: 1}}}},
	}
	addr := rtnl.PeerAddrOf(a.HostIndex, a.Gateway, a.Addr.Addr(), 0)
	if a.classic {
		addr = rtnl.AddrOf(a.HostIndex, netip.PrefixFrom(a.Gateway, a.Addr.Bits()), 0)
	}
	requests := []wire.Request{
		rtnl.NewLink(rtnl.VethPair(one, peer), "create "+a.HostLink+" and "+a.Interface+" at its other end"),
		rtnl.SetAddrGenMode(a.HostIndex, rtnl.AddrGenModeNone, "give "+a.HostLink+" no IPv6 address of its own"),
		rtnl.SetLink(up, "set "+a.HostLink+" up, to forward, with its alias"),
		rtnl.NewAddr(addr, "give "+a.HostLink+" the gateway's address and the route to "+a.Addr.Addr().String()),
	}
	if a.altName != "" {
		requests = append(requests, rtnl.AddAltName(a.HostIndex, a.altName, "give "+a.HostLink+" its whole name"))
	}
	return requests
}

// first is the refusal that the others follow from: of the first message that was refused. A kernel without IPv6 refuses
// to be told that there shall be none, which is no failure.
func first(err error) error {
	refusals := wire.Refusals(err)
	if refusals == nil {
		return err
	}
	for _, e := range refusals {
		if !errors.Is(e, unix.EAFNOSUPPORT) {
			return e
		}
	}
	return nil
}

// explainCreate says what to do when a kernel cannot make a pair of links.
func explainCreate(e *wire.Error) error {
	switch {
	case errors.Is(e, unix.EOPNOTSUPP):
		return fmt.Errorf("%w: veth is not supported by this kernel: load the module veth, or rebuild with CONFIG_VETH", e)
	case errors.Is(e, unix.EPERM):
		return fmt.Errorf("%w: CAP_NET_ADMIN is needed in the user namespace that owns the host's network namespace: run plumb as root", e)
	}
	return e
}

// clearName makes room for our link where a dying one has its name, or says who has it.
func (a *attacher) clearName() error {
	link, err := a.host.rtnl.LinkByName(a.HostLink)
	if errors.Is(err, unix.ENODEV) {
		a.HostIndex = randomIndex() // it was the index, then
		return a.renewLease()
	}
	if err != nil {
		return err
	}
	if dying(link) {
		err := a.host.rtnl.Do(rtnl.DelLink(&rtnl.Link{Index: link.Index}, "remove "+a.HostLink+", whose container has gone"))
		if err != nil && !errors.Is(err, unix.ENODEV) {
			return err
		}
		return nil
	}
	if id, ok := identityOf(link); ok {
		return fmt.Errorf("a container %s is attached already, with %s: detach it first, or take another name: %w", id.name, id.addr.Addr(), unix.EEXIST)
	}
	return fmt.Errorf("the host has a link %s, which is not plumb's: take another name: %w", a.HostLink, unix.EEXIST)
}

// dying says whether the namespace of a pair's other end has gone: the kernel is about to remove both.
func dying(l *rtnl.Link) bool { return l.LinkNetNSID != nil && *l.LinkNetNSID == -1 }

// configureInside sets up the container's end.
func (a *attacher) configureInside() error {
	gateway := netip.PrefixFrom(a.Gateway, a.Gateway.BitLen())
	out := rtnl.Default(a.Gateway)
	if a.Internal {
		out = a.Addr.Masked()
	}
	err := a.inside.Do(
		rtnl.SetUp(loIndex, "set lo up"),
		rtnl.SetAddrGenMode(a.peer, rtnl.AddrGenModeNone, "give "+a.Interface+" no IPv6 address of its own"),
		rtnl.SetUp(a.peer, "set "+a.Interface+" up"),
		rtnl.NewAddr(rtnl.AddrOf(a.peer, a.Addr, unix.IFA_F_NOPREFIXROUTE), "give "+a.Interface+" the address "+a.Addr.String()),
		rtnl.NewRoute(rtnl.OnLink(a.peer, gateway), "reach the gateway "+a.Gateway.String()+" by "+a.Interface),
		rtnl.NewRoute(rtnl.Via(a.peer, out, a.Gateway), "reach "+out.String()+" through the gateway"),
	)
	return first(err)
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
