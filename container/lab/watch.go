package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// The kernel answers before it has done all that was asked. Two things it leaves to a worker, and until that has run,
// packets are lost:
//
//   - A link whose other end comes up after it gets its carrier at once, but its queue later (linkwatch_do_dev,
//     net/core/link_watch.c): what it sends before is dropped.
//   - An IPv6 address, nodad or not, gets its route in table local, and its multicast group for neighbour solicitations,
//     later (addrconf_dad_work, net/ipv6/addrconf.c): what is sent to it before is not for this host, and who asks for
//     its link-layer address asks again after a second.
//
// Of both rtnetlink tells when they are done: by the link, and by the address's local route.

// readyTime is how long the kernel's workers may take.
const readyTime = 10 * time.Second

// A watch is a socket that hears the events of a host from before something is asked for.
type watch struct {
	host *Host
	conn *rtnl.Conn
}

// watch begins. It is not traced: the requests are, and their answers.
func (h *Host) watch() (*watch, error) {
	w := &watch{host: h}
	err := h.Do(func() (err error) {
		w.conn, err = rtnl.Dial(wire.Config{})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := w.conn.Subscribe(rtnl.GroupLink, rtnl.GroupIPv6Route); err != nil {
		return nil, errors.Join(err, w.conn.Close())
	}
	return w, nil
}

func (w *watch) close() error { return w.conn.Close() }

// wait returns once the link with this index is up and has the addresses, which are of IPv6. Index 0 stands for no link.
func (w *watch) wait(ctx context.Context, index uint32, addrs ...netip.Addr) error {
	if index == 0 && len(addrs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	addrs = slices.Clone(addrs)
	err := w.conn.Events(ctx, func(e rtnl.Event) error {
		switch {
		case e.Deleted:
		case e.Link != nil && e.Link.Index == index && e.Link.OperState == rtnl.OperUp:
			index = 0
		case e.Route != nil && e.Route.Type == unix.RTN_LOCAL:
			addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool { return a == e.Route.Dst })
		}
		if index == 0 && len(addrs) == 0 {
			return errReady
		}
		return nil
	})
	if errors.Is(err, errReady) {
		return nil
	}
	var missing []string
	if index != 0 {
		missing = append(missing, "link "+strconv.Itoa(int(index)))
	}
	for _, a := range addrs {
		missing = append(missing, a.String())
	}
	return fmt.Errorf("wait until %s is ready in %s: %w", strings.Join(missing, ", "), w.host.name, err)
}

var errReady = errors.New("ready")
