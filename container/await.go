package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// The kernel acknowledges some of what an attach asks for before it has done it: a worker does the rest, on a busy machine tens of milliseconds later.
// Until then packets are lost, and nobody sends them again before a second has passed. So an attach ends when the workers are done, or have had their
// time: the network stands without that, too.

// workerTime is how long a worker of the kernel may take.
const workerTime = time.Second

// awaitInside waits until the container receives what is sent to its IPv6 address, where the kernel has refused what receiveRequest asks for. Who does not, and asks
// for the gateway's Ethernet address, asks again after a second. The network stands without it, too.
func (a *attacher) awaitInside(ctx context.Context) error {
	addr := a.Addr6.Addr()
	return a.awaitLocal(ctx, a.target, a.net.Name, a.inside, addr, fmt.Sprintf("what is sent to %s in %s", addr, a.Name))
}

// awaitGateway6 waits until the host receives for the gateway's IPv6 address.
func (a *attacher) awaitGateway6(ctx context.Context) error {
	return a.awaitLocal(ctx, a.host.ns, hostName, a.host.rtnl, a.Gateway6, fmt.Sprintf("what %s sends to its gateway %s", a.Name, a.Gateway6))
}

// awaitLocal waits until a namespace receives for an IPv6 address. Where that takes too long a note says that what may be lost.
func (a *attacher) awaitLocal(ctx context.Context, ns *netns.NS, name string, c *rtnl.Conn, addr netip.Addr, what string) error {
	within, cancel := context.WithTimeout(ctx, workerTime)
	defer cancel()
	events, err := openThere(&a.story, ns, name, "socket(AF_NETLINK): NETLINK_ROUTE, to hear of a route", func() (*rtnl.Conn, error) { return a.dial(name) })
	if err == nil {
		defer events.Close()
		err = rtnl.AwaitLocal(within, c, events, addr)
	}
	if err != nil && ctx.Err() == nil {
		a.host.notice(fmt.Sprintf("%s at first may be lost: %v", what, err))
	}
	return ctx.Err()
}

// awaitHost waits until the host's end sends what it is given, and the host receives for the gateway's IPv6 address.
//
// The end was up before the container's: it has its carrier as soon as that is up too, but its queue from a worker (linkwatch_do_dev,
// net/core/link_watch.c). Until then it drops all, ARP replies too. Since Linux 6.8 the question has the kernel do at once what the worker would
// (rtnl_getlink, net/core/rtnetlink.c). The address is older than this attachment, but for the first one of its subnet.
func (a *attacher) awaitHost(ctx context.Context) error {
	var link rtnl.Link
	var way rtnl.Route
	requests := []wire.Request{rtnl.AskLinkGist(a.HostIndex, &link), a.dropMulticast()}
	if a.Addr6.IsValid() {
		requests = append(requests, rtnl.AskRouteTo(a.Gateway6, &way))
	}
	err := a.host.rtnl.Do(requests...)
	if refused := refusedAt(err, 0); refused != nil && errors.Is(refused, unix.ENODEV) { // DetachAll
		return refused
	}
	if link.OperState != rtnl.OperUp {
		if err := a.awaitQueue(ctx); err != nil {
			return err
		}
		a.host.rtnl.Do(a.dropMulticast()) // whatever it says: the network stands with the route, too
	}
	if !a.Addr6.IsValid() || way.Type == unix.RTN_LOCAL {
		return nil
	}
	return a.awaitGateway6(ctx)
}

// dropMulticast removes the route to ff00::/8 that the kernel gives every host end as that gets its carrier (addrconf_add_mroute,
// net/ipv6/addrconf.c). They would all be in one list, through which it goes for each further one, and it walks them whenever a link gets its carrier.
// Nothing comes that way: each end knows the other's Ethernet address, see knownNeigh. A host that has no IPv6 has none to remove.
func (a *attacher) dropMulticast() wire.Request {
	return rtnl.DelRoute(rtnl.Multicast(a.HostIndex), "remove the route of "+a.HostLink+" to all multicast addresses").Expecting(unix.ESRCH)
}

// awaitQueue waits until the host's end has its queue.
func (a *attacher) awaitQueue(ctx context.Context) error {
	up, err := a.host.waitLink(ctx, a.HostIndex, workerTime, func(l *rtnl.Link) bool { return l == nil || l.OperState == rtnl.OperUp })
	if !up && ctx.Err() == nil {
		a.host.notice(fmt.Sprintf("what is sent to %s at first may be lost: %s has no queue yet: %v", a.Name, a.HostLink, cmp.Or(err, context.DeadlineExceeded)))
	}
	return ctx.Err()
}
