package rtnl

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// AwaitLocal waits until the kernel takes what is sent to an IPv6 address for its own, in the namespace of c. The acknowledgement of RTM_NEWADDR does
// not say so where the address has IFA_F_NODAD: its local route comes from a worker, which needs the lock of rtnetlink (addrconf_dad_work,
// net/ipv6/addrconf.c). On an idle machine it has come some 100 µs later, on a busy one tens of milliseconds, and what is sent to the address until
// then is dropped, answers to neighbour solicitations too. Who does not want to wait adds such a route himself, LocalFor: the kernel's, once it is there, has the
// better metric.
//
// The other Conn, in the same namespace, is for the event alone: c's own answers could not be told from it. The error of a ctx that ends first is its own.
func AwaitLocal(ctx context.Context, c, events *Conn, addr netip.Addr) error {
	if local, err := c.isLocal(addr); local || err != nil {
		return err
	}
	if err := events.Subscribe(GroupIPv6Route); err != nil {
		return err
	}
	for {
		if local, err := c.isLocal(addr); local || err != nil {
			return err
		}
		come, err := events.comesLocal(ctx, addr)
		if come || err != nil {
			return err
		}
	}
}

// relook is after what time without an event AwaitLocal asks again. The kernel tells of a route an instant before it lets anybody find it (fib6_add_rt2node sets
// RTN_RTINFO last, net/ipv6/ip6_fib.c). Who subscribes between the two, and asks between the two, has missed the one and does not see the other.
const relook = 10 * time.Millisecond

// comesLocal waits for the event of an address's local route, as long as relook.
func (c *Conn) comesLocal(ctx context.Context, addr netip.Addr) (come bool, err error) {
	within, cancel := context.WithTimeout(ctx, relook)
	defer cancel()
	has := errors.New("the address's local route has come")
	err = c.Events(within, func(e Event) error {
		if e.Route != nil && !e.Deleted && e.Route.isLocal(addr) {
			return has
		}
		return nil
	})
	switch {
	case errors.Is(err, has):
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case within.Err() != nil:
		return false, nil
	}
	return false, err
}

func (c *Conn) isLocal(addr netip.Addr) (bool, error) {
	r, err := c.RouteTo(addr)
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return false, nil
	}
	return err == nil && r.isLocal(addr), err
}

func (r *Route) isLocal(addr netip.Addr) bool {
	return r.Type == unix.RTN_LOCAL && int(r.DstLen) == addr.BitLen() && r.Dst == addr
}
