package container

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Detach takes a container's network away: its address, what the rules know of it, the pair of links, and with the last
// container all that was switched on for them. found is false where there was nothing of that name.
func (h *Host) Detach(name string) (found bool, err error) {
	link, altName := hostLink(name)
	if altName != "" {
		return h.detach(name, link, altName)
	}
	return h.detach(name, link, link)
}

// detach removes the host end of a container, found by any of its names, and the leases that were taken for it, which may
// have outlived it. What a lease was taken for goes by whatever name it has by now.
func (h *Host) detach(name, link, anyName string) (found bool, err error) {
	whole, tell := h.whole("detach ", name), h.story()
	defer func() {
		tell.end(err)
		whole.End(err)
	}()
	tell.next("find what it has", "a link that says it is the container's, and leases that were taken for it, which may have outlived it")
	var ends []*rtnl.Link
	host, foreign := h.findLink(name, link, anyName)
	if host != nil {
		ends = append(ends, host)
	}
	leases, err := h.leasesOf(name, link, host)
	if err == nil && host != nil && len(leases) == 0 {
		// With the table somebody has flushed what is to be put back of the host's forwarding. The links may know it.
		if err = h.repairIfFlushed(); err == nil {
			leases, err = h.leasesOf(name, link, host)
		}
	}
	errs := []error{foreign, err}
	for i := range leases {
		if host != nil && host.Index == leases[i].Comment.IfIndex {
			continue
		}
		renamed, _, err := h.holder(&leases[i])
		errs = append(errs, err)
		if renamed != nil {
			ends = append(ends, renamed)
		}
	}
	// The route to the address goes first: while it stood, the old link would win over a new container's.
	tell.next("withdraw the addresses", "with them goes the route to the container, which would else win over a new container's")
	for _, end := range ends {
		if err := h.withdraw(end); err != nil {
			return true, err
		}
	}
	var publish []Publish
	var places []netip.Prefix
	for _, end := range ends {
		id, _ := identityOf(end)
		publish, places = append(publish, id.publish...), append(places, id.addr, id.addr6)
	}
	tell.next("give back the leases", "with all that the rules know of the container, in one transaction; connections over its addresses are forgotten")
	h.flush(addrsOf(leases), publish)
	for i := range leases {
		_, err := h.nat.Reclaim(&leases[i])
		errs = append(errs, err)
	}
	tell.next("remove the pair of links", "the other end goes with the one")
	for _, end := range ends {
		errs = append(errs, h.removeSoon(end.Index, end.Name))
	}
	found = len(leases)+len(ends) > 0
	if err := errors.Join(errs...); err != nil && !found {
		return false, err
	}
	tell.end(errors.Join(errs...))
	// Also where there was nothing: a detach that was killed may have come as far as this.
	return found, errors.Join(append(errs, h.leave(places...))...)
}

// leasesOf are the leases that were taken for a container's link, and those of the link that it has, which may have come from a pool and have
// another's name still. Where the link has those that it says, no others are looked for.
func (h *Host) leasesOf(name, link string, host *rtnl.Link) ([]nat.Lease, error) {
	if own := h.saidLeases(host); len(own) > 0 {
		return own, nil
	}
	leases, err := h.nat.Leases()
	if err != nil {
		err = needAdmin(fmt.Errorf("read the leases: %w", err))
	}
	return slices.DeleteFunc(leases, func(l nat.Lease) bool {
		if host != nil && host.Index == l.Comment.IfIndex {
			return false
		}
		return l.Comment.Name != name || l.Link != link && !isPoolLink(l.Link)
	}), err
}

// saidLeases are the leases of the addresses that a link says, if they were taken for it; else none.
func (h *Host) saidLeases(link *rtnl.Link) (leases []nat.Lease) {
	id, _ := identityOf(link)
	for _, addr := range id.addrs() {
		l, err := h.nat.Lease(addr)
		if err != nil || l.Comment.IfIndex != link.Index {
			return nil
		}
		leases = append(leases, *l)
	}
	return leases
}

// findLink finds the host end of a container by one of its names, or nil. A link that is not plumb's is an error; one of
// plumb's that does not say whose it is was left by an attach that was killed.
func (h *Host) findLink(name, link, anyName string) (*rtnl.Link, error) {
	found, err := h.rtnl.LinkByName(anyName)
	if errors.Is(err, unix.ENODEV) && anyName != link {
		found, err = h.rtnl.LinkByName(link)
		if id, ok := identityOf(found); err == nil && ok && id.name != name {
			return nil, nil // another long name that begins alike
		}
	}
	if errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if id, ok := identityOf(found); !isHostEnd(found) || ok && id.name != name {
		return nil, fmt.Errorf("link %s is not the host end of a container %s: it is left alone", found.Name, name)
	}
	return found, nil
}

// withdraw takes the gateway's addresses off a host end, and with them the routes to the container.
func (h *Host) withdraw(link *rtnl.Link) error {
	addrs, err := h.gatewayAddrs(link)
	if err != nil {
		return err
	}
	for i := range addrs {
		err := h.rtnl.Do(rtnl.DelAddr(&addrs[i], "take "+addrs[i].Own().String()+" off "+link.Name))
		if err := ignore(unix.EADDRNOTAVAIL, ignore(unix.ENODEV, err)); err != nil {
			return err
		}
	}
	if id, ok := identityOf(link); ok && id.addr6.IsValid() {
		err := h.rtnl.Do(delRoute6(link.Index, link.Name, id.addr6.Addr()))
		return ignoreGone6(ignore(unix.ENODEV, err))
	}
	return nil
}

// ignoreGone6 ignores that a route of IPv6 was not there to be removed: ESRCH, or ENOENT where somebody else has removed it between the kernel's look for it and
// its removal (fib6_del, net/ipv6/ip6_fib.c).
func ignoreGone6(err error) error { return ignore(unix.ESRCH, ignore(unix.ENOENT, err)) }

// delRoute6 removes the route to a container. That of IPv4 goes with the gateway's address, which is the link's own.
func delRoute6(index uint32, link string, addr netip.Addr) wire.Request {
	return rtnl.DelRoute(hostRoute6(index, addr), "remove the route to "+addr.String()+" by "+link)
}

// gatewayAddrs are the addresses of a host end.
func (h *Host) gatewayAddrs(link *rtnl.Link) ([]rtnl.Addr, error) {
	var all []rtnl.Addr
	for _, family := range []rtnl.Family{rtnl.IPv4, rtnl.IPv6} {
		addrs, err := h.rtnl.Addrs(family, link.Index)
		if err := ignore(unix.EOPNOTSUPP, ignore(unix.ENODEV, err)); err != nil {
			return nil, fmt.Errorf("read the addresses of %s: %w", link.Name, err)
		}
		all = append(all, addrs...)
	}
	return all, nil
}

// Release is Detach for a container whose namespace is about to go, and which we attached: the kernel removes the pair
// by itself, in some 20 ms that nobody need wait for.
func (h *Host) Release(a *Attachment) (err error) {
	whole, tell := h.whole("detach ", a.Name), h.story()
	defer func() { whole.End(err) }()
	tell.next("withdraw the addresses", "the route to the container goes at once; the kernel removes the links with the namespace, for which nobody waits")
	var requests []wire.Request
	if a.Addr.IsValid() {
		addr := rtnl.PeerAddrOf(a.HostIndex, a.Gateway, a.Addr.Addr(), 0)
		requests = append(requests, rtnl.DelAddr(addr, "take "+a.Gateway.String()+" off "+a.HostLink))
	}
	if a.Addr6.IsValid() {
		requests = append(requests, delRoute6(a.HostIndex, a.HostLink, a.Addr6.Addr()))
		if !a.Addr.IsValid() {
			requests = append(requests, rtnl.DelAddr(hostAddr6(a.HostIndex), "take "+gateway6.String()+" off "+a.HostLink))
		}
	}
	var errs []error
	for _, e := range wire.Refusals(h.rtnl.Do(requests...)) {
		errs = append(errs, ignoreGone6(ignore(unix.EADDRNOTAVAIL, ignore(unix.ENODEV, e))))
	}
	tell.end(errors.Join(errs...))
	return errors.Join(append(errs, h.release(a.leases, a.Publish, a.Addr, a.Addr6))...)
}
