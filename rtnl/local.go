package rtnl

import (
	"context"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// AwaitLocal waits until the kernel takes what is sent to an IPv6 address for its own, asking c. The acknowledgement of RTM_NEWADDR does not say so
// where the address has IFA_F_NODAD: its local route comes from a worker, which needs the lock of rtnetlink (addrconf_dad_work,
// net/ipv6/addrconf.c). Mostly it has come by the next message, but on a busy machine tens of milliseconds later, and
// what is sent to the address until then is dropped, answers to neighbour solicitations too.
//
// Where it has not come yet, listen opens a Conn in the same namespace to hear of it, and AwaitLocal closes that. The error of a ctx that ends
// first is its own.
func AwaitLocal(ctx context.Context, c *Conn, addr netip.Addr, listen func() (*Conn, error)) error {
	if local, err := c.isLocal(addr); local || err != nil {
		return err
	}
	events, err := listen()
	if err != nil {
		return err
	}
	defer events.Close()
	if err := events.Subscribe(GroupIPv6Route); err != nil {
		return err
	}
	if local, err := c.isLocal(addr); local || err != nil {
		return err
	}
	come := errors.New("the address's local route has come")
	err = events.Events(ctx, func(Event) error {
		local, err := c.isLocal(addr)
		if local {
			return come
		}
		return err
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
	return err == nil && r.Type == unix.RTN_LOCAL, err
}
