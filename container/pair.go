package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

const (
	loIndex    = 1 // of lo, in every namespace: LOOPBACK_IFINDEX, linux/net.h
	firstIndex = 2 // of the first link beside lo
)

// makePair creates the pair: both ends in place, down, in plumb's group. The kernel may refuse since a name or an index is
// taken, here or inside.
func (a *attacher) makePair(ctx context.Context) error {
	const tries = 8 // at each, somebody else has come or gone in between
	var err error
	for range tries {
		err = a.host.rtnl.Do(a.pairRequests()...)
		refused := refusedAt(err, 0)
		if refused == nil {
			a.undo.add("remove "+a.HostLink, func() error { return a.host.remove(a.HostIndex, a.HostLink) })
			return first(err)
		}
		if unanswered(refused) {
			a.undo.add("remove "+a.HostLink, a.removeIfMade)
			return refused
		}
		if !taken(refused) {
			return explainCreate(refused)
		}
		if err = a.makeRoom(ctx, refused); err != nil {
			return err
		}
	}
	return explained(unix.EEXIST, "the name %s comes and goes all the time: take another name", a.HostLink)
}

// unanswered says whether an answer of the kernel's was lost: then what was asked for may have been done all the same.
func unanswered(err error) bool {
	for _, e := range wire.Refusals(err) {
		if _, said := e.Err.(unix.Errno); !said {
			return true
		}
	}
	return false
}

// removeIfMade removes the pair of which the kernel's answer was lost, if it is there.
func (a *attacher) removeIfMade() error {
	link, err := a.host.rtnl.LinkByIndex(a.HostIndex)
	if err != nil || link.Name != a.HostLink || link.Group != LinkGroup {
		return ignore(unix.ENODEV, err)
	}
	return a.host.remove(a.HostIndex, a.HostLink)
}

// taken says whether a creation was refused for a name or an index: an index that is taken was EEXIST up to Linux 6.5 and is
// EBUSY since (dev_index_reserve, net/core/dev.c).
func taken(err error) bool { return errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY) }

func (a *attacher) pairRequests() []wire.Request {
	fd := uint32(a.target.FD())
	near := &rtnl.Link{
		Index: a.HostIndex, Name: a.HostLink, Address: a.hostMAC, MTU: a.MTU, Group: LinkGroup,
		NumTxQueues: 1, NumRxQueues: 1,
	}
	far := &rtnl.Link{
		Index: a.peer, Name: a.Interface, Address: a.MAC, MTU: a.MTU, NetNSFd: &fd,
		NumTxQueues: 1, NumRxQueues: 1,
	}
	return []wire.Request{
		rtnl.NewLink(rtnl.VethPair(near, far), "create "+a.HostLink+" and "+a.Interface+" at its other end"),
		rtnl.SetAddrGenMode(a.HostIndex, rtnl.AddrGenModeNone, "give "+a.HostLink+" no IPv6 address of its own"),
	}
}

// setUpHostEnd sets the host's end up, with all that says whose it is, and gives it the gateway's addresses.
func (a *attacher) setUpHostEnd() error {
	alias, further := a.identity().text(a.HostIndex)
	if len(further) > maxFurther {
		return &FlagError{"publish", a.Publish[0].String(), "there are more single ports than a link can tell of: publish them as ranges"}
	}
	if a.altName != "" {
		further = append(further, a.altName)
	}
	conf := append(rtnl.DevConf{{ID: rtnl.ConfForwarding, Value: 1}}, localnet(a.Publish)...)
	// In one message with IFF_UP the alias would be told as a change of a link that has no carrier yet, for which the kernel walks all of
	// IPv6's routes (rt6_sync_up, net/ipv6/route.c).
	requests := []wire.Request{rtnl.SetLink(&rtnl.Link{
		Index: a.HostIndex, Alias: alias, AF: &rtnl.LinkAF{Inet: &rtnl.LinkInet{Conf: conf}},
	}, "have "+a.HostLink+" forward, and say whose it is")}
	for _, name := range further {
		requests = append(requests, rtnl.AddAltName(a.HostIndex, name, "give "+a.HostLink+" a further name"))
	}
	requests = append(requests, limitRequests(a.HostIndex, a.net.RateIn, a.MTU, "hold what "+a.Name+" receives to "+a.net.RateIn.String())...)
	requests = append(requests, rtnl.SetUp(a.HostIndex, "set "+a.HostLink+" up"))
	gateway, route6 := a.gatewayRequests()
	if route6 >= 0 {
		route6 += len(requests)
	}
	return explainDisabled(explainLimit(a.setRoutes(append(requests, gateway...), route6)))
}

// localnet is what a host end needs for the host to reach published ports by 127.0.0.1. What the host sends there leaves by this link with that source,
// until it is masqueraded. What comes in with it is dropped in chain guard (CVE-2020-8558).
func localnet(publish []Publish) rtnl.DevConf {
	if slices.ContainsFunc(publish, func(p Publish) bool { return loopback(&p, false) }) {
		return rtnl.DevConf{{ID: rtnl.ConfRouteLocalnet, Value: 1}}
	}
	return nil
}

// gateway6 is the container's gateway of IPv6, on each host end the same. Where there is IPv4 too no host end has it as an address: the kernel would
// keep a list of a thousand equal ones, and a route to each, and go through them at each attach. Nobody need ask whose it is: see knownNeigh.
var gateway6 = netip.MustParseAddr("fe80::1")

// gatewayRequests give the host's end the gateway's addresses, and with each the route to the container. That at route6 makes the one of IPv6; -1: none does.
func (a *attacher) gatewayRequests() (requests []wire.Request, route6 int) {
	route6 = -1
	purpose := "give " + a.HostLink + " the gateway's address and the route to "
	if a.Addr.IsValid() {
		addr := rtnl.PeerAddrOf(a.HostIndex, a.Gateway, a.Addr.Addr(), 0)
		if a.classic {
			addr = rtnl.AddrOf(a.HostIndex, netip.PrefixFrom(a.Gateway, a.Addr.Bits()), 0)
		}
		requests = append(requests, rtnl.NewAddr(addr, purpose+a.Addr.Addr().String()))
	}
	if a.Addr6.IsValid() {
		// The gateway's other address is on lo: see shareGateway6.
		if !a.Addr.IsValid() { // by an address a host end shows that it is in use: see standing
			requests = append(requests, rtnl.NewAddr(hostAddr6(a.HostIndex), "give "+a.HostLink+" the address "+gateway6.String()))
		}
		route6 = len(requests)
		requests = append(requests,
			rtnl.NewRoute(hostRoute6(a.HostIndex, a.Addr6.Addr()), "reach "+a.Addr6.Addr().String()+" by "+a.HostLink),
			knownNeigh(a.HostIndex, a.Addr6.Addr(), a.MAC, a.HostLink),
		)
	}
	return requests, route6
}

// knownNeigh tells a link the Ethernet address of its other end, for good. Neighbour discovery would need a link-local address on the host's end
// as the source of its solicitations, and a route to ff00::/8 for what comes in: see dropMulticast. It does not count
// such an entry among those that it limits in number, for all namespaces together (neigh_alloc, net/core/neighbour.c; gc_thresh3).
func knownNeigh(index uint32, addr netip.Addr, mac net.HardwareAddr, link string) wire.Request {
	return rtnl.NewNeigh(&rtnl.Neigh{Family: rtnl.IPv6, Index: index, State: unix.NUD_PERMANENT, Address: addr, LLAddress: mac},
		"tell "+link+" the Ethernet address of "+addr.String())
}

// hostAddr6 is gateway6 as an address of the host's end. With neither a prefix nor a peer the link has no route to fe80::/64 or to the other
// end's fe80::2, which nobody sends to but in answer to neighbour discovery, and no anycast address: the kernel would list them by the thousand.
func hostAddr6(index uint32) *rtnl.Addr {
	return rtnl.AddrOf(index, netip.PrefixFrom(gateway6, gateway6.BitLen()), unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE)
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

// refusedAt is the refusal of the message with this index of a group, or nil.
func refusedAt(err error, index int) *wire.Error {
	for _, e := range wire.Refusals(err) {
		if e.Index == index {
			return e
		}
	}
	return nil
}

// explainCreate says what to do when a kernel does not make a pair of links.
func explainCreate(e *wire.Error) error {
	if errors.Is(e, unix.EOPNOTSUPP) {
		return fmt.Errorf("%w: veth is not supported by this kernel: load the module veth, or rebuild with CONFIG_VETH", e)
	}
	return needAdmin(e)
}

// makeRoom finds out what of a pair is taken, and by whom. It returns nil where another try may succeed.
func (a *attacher) makeRoom(ctx context.Context, refused *wire.Error) error {
	link, err := a.host.rtnl.LinkByName(a.HostLink)
	switch {
	case errors.Is(err, unix.ENODEV):
		return a.makeRoomInside()
	case err != nil:
		return fmt.Errorf("%w: look who has the name: %w", refused, err)
	}
	return a.host.clearName(ctx, a.Name, a.HostLink, link)
}

// clearName returns nil where the link that has a name goes, or has gone, and else says whose it is.
func (h *Host) clearName(ctx context.Context, name, hostLink string, link *rtnl.Link) error {
	switch {
	case !isHostEnd(link):
		return explained(unix.EEXIST, "the host has a link %s, which is not plumb's: take another name, or remove it", hostLink)
	case dying(link), going(link):
		return h.remove(link.Index, link.Name)
	}
	if gone, err := h.waitGone(ctx, link.Index, nameWait); err != nil || gone {
		return err
	}
	left, err := h.leftover(link)
	if err != nil {
		return err
	}
	if left {
		return h.removeLeftover(link)
	}
	id, _ := identityOf(link)
	if id.name != name {
		return explained(unix.EEXIST, "the link %s, as it would be called, is of container %s: take another name", hostLink, id.name)
	}
	return explained(unix.EEXIST, "a container %s is attached already, with %s: detach it first, or take another name", id.name, id.address())
}

// makeRoomInside chooses other indexes, where those were taken, or says that the container's link is there already.
func (a *attacher) makeRoomInside() error {
	if err := a.opened(); err != nil {
		return err
	}
	_, err := a.inside.LinkByName(a.Interface)
	if err == nil {
		return explained(unix.EEXIST, "the namespace already has a link %s: give another name with --ifname, or detach what it belongs to", a.Interface)
	}
	if !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("look into the container's network namespace: %w", err)
	}
	a.HostIndex, a.peer = a.host.randomIndex(), a.host.randomIndex()
	return nil
}

// dying says whether the namespace of a pair's other end has gone: the kernel is about to remove both.
func dying(l *rtnl.Link) bool { return l.LinkNetNSID != nil && *l.LinkNetNSID == -1 }

// remove removes a host end. One that is gone is no error.
func (h *Host) remove(index uint32, name string) error {
	return ignore(unix.ENODEV, h.rtnl.Do(delLink(index, name)))
}

func delLink(index uint32, name string) wire.Request {
	return rtnl.DelLink(&rtnl.Link{Index: index}, "remove "+name+" and its other end")
}

// How long a link may take to go whose container is ending. After a kill -9 of plumb its container goes on ending for some
// milliseconds, and until then its link looks like any other. Who asks for a name that is taken mostly means that one
// and waits longer than who asks for an address.
const (
	nameWait = time.Second
	addrWait = 250 * time.Millisecond
)

var errGone = errors.New("gone")

// waitGone waits until a link is gone, or dying, but not longer than most.
func (h *Host) waitGone(ctx context.Context, index uint32, most time.Duration) (gone bool, err error) {
	return h.waitLink(ctx, index, most, func(l *rtnl.Link) bool { return l == nil || dying(l) })
}

// waitNamed waits whether whoever made a link goes on to give it an alias, or it goes.
func (h *Host) waitNamed(index uint32, most time.Duration) (done bool, err error) {
	return h.waitLink(context.Background(), index, most, func(l *rtnl.Link) bool { return l == nil || l.Alias != "" })
}

// waitLink waits until a link is as it should be, but not longer than most. One that has gone is nil.
func (h *Host) waitLink(ctx context.Context, index uint32, most time.Duration, done func(*rtnl.Link) bool) (is bool, err error) {
	s := h.story()
	events, err := openThere(&s, h.ns, hostName, "socket(AF_NETLINK): NETLINK_ROUTE, to hear of a link's end", func() (*rtnl.Conn, error) {
		return rtnl.Dial(h.config(hostName, unix.NETLINK_ROUTE))
	})
	if err != nil {
		return false, err
	}
	defer events.Close()
	if err := events.Subscribe(rtnl.GroupLink); err != nil {
		return false, err
	}
	// What has happened before the subscription makes no event.
	link, err := h.rtnl.LinkByIndex(index)
	if err := ignore(unix.ENODEV, err); err != nil {
		return false, err
	}
	if err != nil {
		link = nil
	}
	if done(link) {
		return true, nil
	}
	wait, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err = events.Events(wait, func(e rtnl.Event) error {
		if e.Link == nil || e.Link.Index != index {
			return nil
		}
		if e.Deleted {
			e.Link = nil
		}
		if done(e.Link) {
			return errGone
		}
		return nil
	})
	switch {
	case errors.Is(err, errGone), errors.Is(err, unix.ENOBUFS): // lost events: the next try will tell
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case wait.Err() != nil:
		return false, nil
	}
	return false, err
}

// leftover says whether a link of plumb's group is of no use to anybody: an attach or a detach was killed in the middle.
// The former leaves a link that does not say whose it is, the latter one without lease and address. A container whose
// lease went with a flush of the ruleset has its address still.
func (h *Host) leftover(link *rtnl.Link) (bool, error) {
	id, ok := identityOf(link)
	if !ok {
		return true, nil
	}
	lease, err := h.nat.Lease(id.address())
	if err == nil && lease.Comment.IfIndex == link.Index {
		return false, nil
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return false, fmt.Errorf("read the lease of %s: %w", id.address(), err)
	}
	addrs, err := h.gatewayAddrs(link)
	return len(addrs) == 0, err
}

// removeLeftover removes such a link, and the lease that it may have.
func (h *Host) removeLeftover(link *rtnl.Link) error {
	if err := h.remove(link.Index, link.Name); err != nil {
		return err
	}
	leases, err := h.nat.Leases()
	if err != nil {
		return fmt.Errorf("read the leases: %w", err)
	}
	for i := range leases {
		if leases[i].Comment.IfIndex != link.Index {
			continue
		}
		if _, err := h.nat.Reclaim(&leases[i]); err != nil {
			return err
		}
	}
	return nil
}
