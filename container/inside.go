package container

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// pingRange is the sysctl that says which groups may open ICMP echo sockets (icmp(7)): all of them, so that ping works
// without CAP_NET_RAW. In a user namespace only groups that are mapped can be named.
const pingRange = "/proc/sys/net/ipv4/ping_group_range"

// openInside opens in the container's namespace what is needed there later: a socket, and the ping range.
func (a *attacher) openInside() error {
	a.ping = -1
	inside, err := netns.Open(a.target, func() (_ *rtnl.Conn, err error) {
		config := a.host.config(a.net.Name, unix.NETLINK_ROUTE)
		if config.Transport == nil {
			if config.Transport, err = wire.Brief(unix.NETLINK_ROUTE); err != nil {
				return nil, err
			}
		}
		a.ping, a.pingErr = unix.Open(pingRange, unix.O_RDWR|unix.O_CLOEXEC, 0)
		return rtnl.Dial(config)
	})
	if err != nil {
		return fmt.Errorf("open a socket in the container's network namespace: %w", err)
	}
	a.inside = inside
	return nil
}

// allowPing opens the ping range, unless it is open already. It comes last, as it cannot always be undone: in a user
// namespace not even the old value can be written. Where it fails the network is as good without.
func (a *attacher) allowPing() {
	err := a.pingErr
	var b [64]byte
	n := 0
	if err == nil {
		n, err = unix.Pread(a.ping, b[:], 0)
	}
	if strings.HasPrefix(string(b[:n]), "0\t") { // closed it is "1\t0"
		return
	}
	if err == nil {
		_, err = unix.Pwrite(a.ping, []byte("0 2147483647"), 0)
	}
	if errors.Is(err, unix.EINVAL) {
		_, err = unix.Pwrite(a.ping, []byte("0 0"), 0)
	}
	if err != nil {
		a.host.notice(fmt.Sprintf("ping in %s will need CAP_NET_RAW: open %s: %v", a.Name, pingRange, err))
	}
}

// close closes what openInside opened.
func (a *attacher) close() {
	if a.ping >= 0 {
		unix.Close(a.ping)
	}
	if a.inside != nil {
		a.inside.Close() // whatever it says: the network stands, or has been taken back
	}
}

// setUpInside sets up the container's end. lo comes last, in a send of its own: with it the attachment is complete, so that
// nobody ever has to know whether it was up before.
func (a *attacher) setUpInside() error {
	gateway := netip.PrefixFrom(a.Gateway, a.Gateway.BitLen())
	out := rtnl.Default(a.Gateway)
	if a.Internal {
		out = a.Addr.Masked()
	}
	err := a.inside.Do(
		rtnl.SetAddrGenMode(a.peer, rtnl.AddrGenModeNone, "give "+a.Interface+" no IPv6 address of its own"),
		rtnl.SetUp(a.peer, "set "+a.Interface+" up"),
		rtnl.NewAddr(rtnl.AddrOf(a.peer, a.Addr, unix.IFA_F_NOPREFIXROUTE), "give "+a.Interface+" the address "+a.Addr.String()),
		rtnl.NewRoute(rtnl.OnLink(a.peer, gateway), "reach the gateway "+a.Gateway.String()+" by "+a.Interface),
		rtnl.NewRoute(rtnl.Via(a.peer, out, a.Gateway), "reach "+out.String()+" through the gateway"),
	)
	if err = first(err); err != nil {
		return explainRoute(err, out)
	}
	return a.inside.Do(rtnl.SetUp(loIndex, "set lo up"))
}

// explainRoute says what to do where the namespace has the route already.
func explainRoute(err error, out netip.Prefix) error {
	var refused *wire.Error
	if errors.As(err, &refused) && errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("%w: the namespace has a network already, with a route to %s: remove that first", err, out)
	}
	return err
}
