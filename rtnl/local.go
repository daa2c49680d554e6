package rtnl

import (
	"context"
	"errors"
	"net/netip"

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
	if local, err := c.isLocal(addr); local || err != nil {
		return err
	}
	come := errors.New("the address's local route has come")
	err := events.Events(ctx, func(e Event) error {
		if e.Route != nil && !e.Deleted && e.Route.isLocal(addr) {
			return come
		}
		return nil
	})
	if errors.Is(err, come) {
		return nil
	}
	return err
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
