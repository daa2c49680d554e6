package container

import (
	"errors"
	"fmt"
	"net/netip"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// openInside opens in the container's namespace what is needed there later: a socket, and the sysctls.
func (a *attacher) openInside() error {
	start := a.story.now()
	do := a.target.Do
	if a.host.ending {
		do = a.target.DoHere
	}
	err := do(func() (err error) {
		a.inside, err = a.dial(a.net.Name)
		a.host.proc.use(func(proc int) { a.sysctls.open(proc, !a.net.NoIPv6 && !a.classic) })
		return err
	})
	a.story.did(a.net.Name, start, err, "setns ", a.net.Name, ": socket(AF_NETLINK): NETLINK_ROUTE; open sysctls")
	if err != nil {
		return fmt.Errorf("open a socket in the container's network namespace: %w", err)
	}
	if a.sysctls.conf6Err != nil {
		return fmt.Errorf("%w inside: %w", errNoIPv6, a.sysctls.conf6Err)
	}
	return nil
}

// dial opens a socket for a few messages, on a thread that is in the namespace.
func (a *attacher) dial(namespace string) (_ *rtnl.Conn, err error) {
	config := a.host.config(namespace, unix.NETLINK_ROUTE)
	config.Buffers = &a.host.buffers
	if config.Transport == nil {
		if config.Transport, err = wire.Brief(unix.NETLINK_ROUTE); err != nil {
			return nil, err
		}
	}
	return rtnl.Dial(config)
}

// allowPing opens the ping range, unless it is open already. It comes last, as it cannot always be undone: in a user
// namespace not even the old value can be written. Where it fails the network is as good without.
func (a *attacher) allowPing() {
	start := a.story.now()
	did, err := a.sysctls.allowPing()
	a.story.did(a.net.Name, start, err, "sysctl net.ipv4.ping_group_range", did)
	if err != nil {
		a.host.notice(fmt.Sprintf("ping in %s will need CAP_NET_RAW: open /proc/%s: %v", a.Name, pingRange, err))
	}
}

// openAhead is openInside beside the making of the pair, and a look at which addresses are free.
func (a *attacher) openAhead() {
	if !a.claimed.CompareAndSwap(false, true) {
		return
	}
	err := a.openInside()
	if err == nil && a.host.asksBeside() {
		a.seen, _ = a.host.nat.Look(&nat.Attachment{IPv4: a.place4(), IPv6: a.place6()}) // if it fails, the attach will say why
	}
	a.opening <- err
}

// opened waits for openAhead. On a busy machine that may not have got its turn yet: then it need not come.
func (a *attacher) opened() (err error) {
	switch {
	case a.opening == nil:
		return nil
	case a.claimed.CompareAndSwap(false, true):
		err = a.openInside()
	default:
		err = <-a.opening
	}
	a.opening = nil
	return err
}

// close closes what openInside opened.
func (a *attacher) close() {
	if a.opening != nil && !a.claimed.CompareAndSwap(false, true) {
		<-a.opening // who needed it has asked
	}
	a.sysctls.close()
	if a.inside != nil {
		a.inside.Close() // whatever it says: the network stands, or has been taken back
	}
}

// setUpInside sets up the container's end. lo comes last, in a send of its own: with it the attachment is complete, so that
// nobody ever has to know whether it was up before. received is false where it is not known whether the container receives what is sent to its IPv6 address.
func (a *attacher) setUpInside() (received bool, err error) {
	if a.Addr6.IsValid() {
		start := a.story.now()
		err := a.sysctls.ignoreRA(a.Interface)
		if a.story.tracer != nil { // the name takes some making
			a.story.did(a.net.Name, start, err, "sysctl ", conf6Name(a.Interface, rtnl.Conf6AcceptRA), "=0")
		}
		if err != nil {
			if _, gone := a.inside.LinkByIndex(a.peer); errors.Is(gone, unix.ENODEV) { // DetachAll
				return false, gone
			}
			return false, fmt.Errorf("%w inside: have %s accept no router advertisements: %w", errNoIPv6, a.Interface, err)
		}
	}
	requests := []wire.Request{
		rtnl.SetAddrGenMode(a.peer, rtnl.AddrGenModeNone, "give "+a.Interface+" no IPv6 address of its own"),
	}
	requests = append(requests, limitRequests(a.peer, a.net.RateOut, a.MTU, "hold what "+a.Name+" sends to "+a.net.RateOut.String())...)
	requests = append(requests, rtnl.SetUp(a.peer, "set "+a.Interface+" up"))
	requests = append(requests, a.insideRequests4()...)
	requests = append(requests, a.insideRequests6()...)
	local := -1
	if a.Addr6.IsValid() {
		local = len(requests)
		requests = append(requests, a.receiveRequest())
	}
	err = a.inside.Do(requests...)
	refused := refusedAt(err, local)
	if err := first(err); err != nil && err != error(refused) {
		return false, a.explainInside(explainLimit(err))
	}
	return refused == nil, a.inside.Do(rtnl.SetUp(loIndex, "set lo up"))
}

// standIn is for how many seconds that does which receiveRequest asks for.
const standIn = 10

// receiveRequest has the container receive what is sent to its IPv6 address at once. The kernel's own route to it comes from a worker, some 100 µs later or,
// on a busy machine, tens of milliseconds: see rtnl.AwaitLocal. This one holds its place until then.
func (a *attacher) receiveRequest() wire.Request {
	addr := a.Addr6.Addr()
	return rtnl.NewRoute(rtnl.LocalFor(standIn, a.peer, addr), "receive what is sent to "+addr.String()+" until the kernel's own route has come")
}

// insideRequests4 give the container's end its IPv4 address, without a route to the subnet: its neighbours are reached through the gateway.
func (a *attacher) insideRequests4() []wire.Request {
	if !a.Addr.IsValid() {
		return nil
	}
	out := a.wayOut(a.Addr, a.Gateway)
	return []wire.Request{
		rtnl.NewAddr(rtnl.AddrOf(a.peer, a.Addr, unix.IFA_F_NOPREFIXROUTE), "give "+a.Interface+" the address "+a.Addr.String()),
		rtnl.NewRoute(rtnl.OnLink(a.peer, netip.PrefixFrom(a.Gateway, a.Gateway.BitLen())), "reach the gateway "+a.Gateway.String()+" by "+a.Interface),
		rtnl.NewRoute(rtnl.Via(a.peer, out, a.Gateway), "reach "+out.String()+" through the gateway"),
	}
}

// insideRequests6 give it its IPv6 addresses. There the gateway is a link-local address, as is usual (RFC 4861).
func (a *attacher) insideRequests6() []wire.Request {
	if !a.Addr6.IsValid() {
		return nil
	}
	out, own := a.wayOut(a.Addr6, a.Gateway6), netip.PrefixFrom(nat.LinkLocal, 64)
	return []wire.Request{
		rtnl.NewAddr(rtnl.AddrOf(a.peer, own, unix.IFA_F_NODAD), "give "+a.Interface+" the address "+own.String()),
		rtnl.NewAddr(rtnl.AddrOf(a.peer, a.Addr6, unix.IFA_F_NOPREFIXROUTE|unix.IFA_F_NODAD), "give "+a.Interface+" the address "+a.Addr6.String()),
		knownNeigh(a.peer, gateway6, a.hostMAC, a.Interface),
		rtnl.NewRoute(rtnl.Via(a.peer, out, gateway6), "reach "+out.String()+" through the gateway"),
	}
}

// wayOut is what the container reaches through its gateway.
func (a *attacher) wayOut(addr netip.Prefix, gateway netip.Addr) netip.Prefix {
	if a.Internal {
		return addr.Masked()
	}
	return rtnl.Default(gateway)
}

// explainInside says what to do where the namespace has the route already, or no IPv6.
func (a *attacher) explainInside(err error) error {
	var refused *wire.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("%w: the namespace has a network already, with such a route: remove that first", err)
	case errors.Is(err, unix.EACCES) && a.Addr6.IsValid(): // net.ipv6.conf.*.disable_ipv6
		return fmt.Errorf("%w inside: %w", errNoIPv6, err)
	}
	return err
}
