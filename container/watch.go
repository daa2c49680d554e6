package container

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A living process stays with a container, and sees to what changes around it: somebody flushes the ruleset, an uplink gets another MTU, the
// default route moves to another link.

// A watch is what such a process does for one container.
type watch struct {
	host     *Host
	a        *Attachment
	ownMTU   bool       // it was given, and follows no uplink
	internal bool       // it has no uplink
	named    []string   // uplinks that were named
	in, out  Rate       // its limits
	inside   *rtnl.Conn // in the container
	links    *rtnl.Conn // events of links and routes
	rulesets *nat.Conn  // events of nftables
	wg       sync.WaitGroup
	stop     context.CancelFunc
	zone     *zoneCache    // what the container's name server knows
	gone     chan struct{} // closed when the container's links have gone
	once     sync.Once
}

// startWatch begins to watch. What changes after it returns is seen.
func (h *Host) startWatch(ctx context.Context, n *Network, a *Attachment, target *netns.NS) (*watch, error) {
	w := &watch{host: h, a: a, ownMTU: n.MTU != 0, internal: n.Internal, named: n.Uplinks, gone: make(chan struct{}), zone: &zoneCache{host: h, a: a}, in: n.RateIn, out: n.RateOut}
	ctx, w.stop = context.WithCancel(ctx)
	if err := w.open(target); err != nil {
		return nil, errors.Join(fmt.Errorf("watch over %s: %w", a.Name, err), w.close())
	}
	w.wg.Go(func() { w.watchLinks(ctx) })
	w.wg.Go(func() { w.watchRulesets(ctx) })
	return w, nil
}

func (w *watch) open(target *netns.NS) error {
	h := w.host
	err := func() (err error) {
		s := h.story()
		w.inside, err = openThere(&s, target, w.a.Name, "socket(AF_NETLINK): NETLINK_ROUTE", func() (*rtnl.Conn, error) { return rtnl.Dial(h.config(w.a.Name, unix.NETLINK_ROUTE)) })
		if err != nil {
			return err
		}
		w.links, err = openThere(&s, h.ns, hostName, "socket(AF_NETLINK): NETLINK_ROUTE, to hear of links and routes", func() (*rtnl.Conn, error) {
			return rtnl.Dial(h.config(hostName, unix.NETLINK_ROUTE))
		})
		if err != nil {
			return err
		}
		w.rulesets, err = openThere(&s, h.ns, hostName, "socket(AF_NETLINK): NETLINK_NETFILTER, to hear of rulesets", func() (*nat.Conn, error) {
			return nat.Dial(h.config(hostName, unix.NETLINK_NETFILTER))
		})
		return err
	}()
	if err == nil {
		err = w.links.Subscribe(rtnl.GroupLink, rtnl.GroupIPv4Route)
	}
	if err == nil {
		err = w.rulesets.Subscribe()
	}
	return err
}

// close ends the watch.
func (w *watch) close() error {
	w.stop()
	w.wg.Wait()
	var errs []error
	if w.rulesets != nil {
		errs = append(errs, w.rulesets.Close())
	}
	for _, c := range []*rtnl.Conn{w.links, w.inside} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// report tells what could not be done, if anything.
func (w *watch) report(what string, err error) {
	if err != nil {
		w.host.notice(fmt.Sprintf("%s for %s: %v", what, w.a.Name, err))
	}
}

// watchRulesets puts back what belongs to the container whenever somebody has taken something out of plumb's table. Of most commits, which are other
// containers' comings and goings, it learns no more than that.
func (w *watch) watchRulesets(ctx context.Context) {
	var gone, cut bool // since the last commit: elements or the table; rules, chains or sets
	for {
		err := w.rulesets.Events(ctx, func(e nat.Event) error {
			switch {
			case e.Kind == nat.KindGeneration:
				if gone || cut {
					w.restore(cut)
				}
				gone, cut = false, false
			case !e.Deleted || e.Family != nat.NFPROTO_INET || e.Table != nat.TableName:
			case e.Kind == nat.KindElements || e.Kind == nat.KindTable:
				gone = true
			default:
				cut = true
			}
			return nil
		})
		if !errors.Is(err, unix.ENOBUFS) {
			if ctx.Err() == nil {
				w.report("the ruleset is not watched any more", err)
			}
			return
		}
		w.restore(true) // events were lost
	}
}

// restore puts back what the table should hold.
func (w *watch) restore(cut bool) {
	link, err := w.host.rtnl.LinkByIndex(w.a.HostIndex)
	if errors.Is(err, unix.ENODEV) || err == nil && dying(link) {
		return // the end of the container
	}
	id, ok := identityOf(link)
	if err != nil || !ok {
		w.report("the ruleset was changed, and is not restored", err)
		return
	}
	missing, err := w.host.repair(link, &id, cut)
	w.report("somebody has changed table inet plumb, and what belongs there could not be restored", err)
	if missing || cut { // or else somebody was faster
		w.host.flushUntranslated([]identity{id})
	}
	if missing {
		w.host.notice("somebody has changed table inet plumb: what belongs to " + w.a.Name + " is restored")
	}
}

// watchLinks follows the uplinks: their MTU, and which they are.
func (w *watch) watchLinks(ctx context.Context) {
	var ups []uplink
	if !w.internal {
		ups = w.follow(nil) // what has changed since the attach
	}
	w.lookWhetherGone()
	for {
		err := w.links.Events(ctx, func(e rtnl.Event) error {
			if e.Link != nil && isHostEnd(e.Link) {
				w.zone.changes.Add(1)
			}
			switch {
			case e.Link != nil && e.Link.Index == w.a.HostIndex && (e.Deleted || dying(e.Link)):
				w.once.Do(func() { close(w.gone) })
			case !w.internal && w.concerns(e, ups):
				ups = w.follow(ups)
			}
			return nil
		})
		if !errors.Is(err, unix.ENOBUFS) {
			if ctx.Err() == nil {
				w.report("the uplinks are not watched any more", err)
			}
			return
		}
		if !w.internal {
			ups = w.follow(ups)
		}
		w.zone.changes.Add(1) // events were lost
		w.lookWhetherGone()
	}
}

// lookWhetherGone looks for the container's link, of which an event may have been missed.
func (w *watch) lookWhetherGone() {
	link, err := w.host.rtnl.LinkByIndex(w.a.HostIndex)
	if errors.Is(err, unix.ENODEV) || err == nil && dying(link) {
		w.once.Do(func() { close(w.gone) })
	}
}

// concerns says whether an event may be about an uplink. Each other container's coming and going makes some that are not.
func (w *watch) concerns(e rtnl.Event, ups []uplink) bool {
	switch {
	case e.Route != nil:
		return e.Route.DstLen <= 1 && len(w.named) == 0
	case e.Link == nil || e.Link.Group == LinkGroup:
		return false
	}
	for _, u := range ups {
		if u.index == e.Link.Index {
			return e.Deleted || u.mtu != e.Link.MTU
		}
	}
	return false
}

// uplinks finds out which there are now.
func (w *watch) uplinks() []uplink {
	routes, err := w.host.rtnl.Routes(rtnl.IPv4)
	if err != nil {
		w.report("read the routes", err)
		return nil
	}
	ups, err := w.host.findUplinks(Network{Uplinks: w.named}, routes)
	if !errors.Is(err, unix.ENODEV) {
		w.report("look for the uplinks", err)
	}
	return ups
}

// follow makes new uplinks forward, and gives the container's link the MTU that passes all of them.
func (w *watch) follow(before []uplink) []uplink {
	ups := w.uplinks()
	if len(ups) == 0 {
		return before // the default route is gone, and may come again
	}
	if w.a.Addr.IsValid() {
		_, err := w.host.forward(ups)
		w.report("have the uplinks forward", err)
	}
	mtu := lowestMTU(ups)
	if w.ownMTU || mtu == w.a.MTU || mtu < minMTU6 && w.a.Addr6.IsValid() {
		return ups
	}
	if err := w.setMTU(mtu); err != nil {
		w.report(fmt.Sprintf("follow the uplink's MTU of %d", mtu), err)
		return ups
	}
	w.host.notice(fmt.Sprintf("the uplink's MTU is %d now, and so is that of %s", mtu, w.a.Name))
	w.a.MTU = mtu
	return ups
}

// setMTU sets both ends. In between a packet may be too large for the other end, as on any cable. Where there are limits, their buckets are
// first made large enough for the frames to come.
func (w *watch) setMTU(mtu uint32) error {
	set := func(index uint32, name string, rate Rate) []wire.Request {
		purpose := fmt.Sprintf("set the MTU of %s to %d", name, mtu)
		return append(limitRequests(index, rate, mtu, purpose), rtnl.SetLink(&rtnl.Link{Index: index, MTU: mtu}, purpose))
	}
	link, err := w.inside.LinkByName(w.a.Interface)
	if err == nil {
		err = w.inside.Do(set(link.Index, w.a.Interface, w.out)...)
	}
	return errors.Join(err, w.host.rtnl.Do(set(w.a.HostIndex, w.a.HostLink, w.in)...))
}
