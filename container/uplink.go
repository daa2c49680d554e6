package container

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// An uplink is a link of the host that leads out: one with a default route, or one that the user named.
type uplink struct {
	index uint32
	name  string
	mtu   uint32 // bytes
}

// outside is an address that nobody has (TEST-NET-1, RFC 5737): the way to it is the way out.
var outside = netip.AddrFrom4([4]byte{192, 0, 2, 1})

// hostRoutes lists the host's IPv4 routes, once. With many containers that is most of what an attach would take, as each has some.
func (a *attacher) hostRoutes() (_ []rtnl.Route, err error) {
	if a.routes == nil {
		if a.routes, err = a.host.rtnl.Routes(rtnl.IPv4); err != nil {
			return nil, fmt.Errorf("read the host's routes: %w", err)
		}
	}
	return a.routes, nil
}

// chooseUplinks finds the links that lead out. Where the routes have been listed, for the first container of a network, those are all that a
// default route leaves by. A later one asks for the default route that is in force, which costs the same with any number of containers, and
// adds the links that plumb has made forward for the earlier ones: so both forward to a standby uplink, and have an MTU that fits it. A standby
// that forwarded by itself has no say in the MTU of a later container; what is too long for it is told by ICMP, as on any host.
// Where the answer is not a plain default route all are listed after all: a VPN has two halves in its place, and the default route
// behind them is an uplink, too.
//
// gen is the generation id of the ruleset, as it has just been read.
func (a *attacher) chooseUplinks(gen uint32) ([]uplink, error) {
	if a.routes == nil && len(a.net.Uplinks) == 0 {
		r, same, err := a.host.wayOut()
		switch {
		case errors.Is(err, unix.ENETUNREACH):
			return a.host.withRecorded(gen, nil)
		case err == nil && same != nil:
			a.host.lastOut.Store(same)
			return a.host.withRecorded(gen, []uplink{*same})
		case err == nil && isDefault(r) && len(r.OutLinks()) > 0:
			ups, err := a.host.findUplinks(a.net, []rtnl.Route{*r})
			if err != nil {
				return nil, err
			}
			if len(ups) == 1 {
				a.host.lastOut.Store(&ups[0])
			}
			return a.host.withRecorded(gen, ups)
		}
		if _, err := a.hostRoutes(); err != nil {
			return nil, err
		}
	}
	return a.host.findUplinks(a.net, a.routes)
}

// wayOut finds the route out that is in force, and the link, if it is a plain default route by the one that an attach has been told of before; else none.
func (h *Host) wayOut() (*rtnl.Route, *uplink, error) {
	r := new(rtnl.Route)
	if err := h.rtnl.Do(rtnl.AskRouteTo(outside, r).Expecting(unix.ENETUNREACH)); err != nil {
		return nil, nil, err
	}
	links := r.OutLinks()
	if len(links) != 1 || !isDefault(r) {
		return r, nil, nil
	}
	return r, h.sameOut(links[0]), nil
}

// isDefault says whether a route is a plain default route.
func isDefault(r *rtnl.Route) bool { return r.DstLen == 0 && r.Type == unix.RTN_UNICAST }

// sameOut is the link with this index, if an attach has been told before that it leads out and is no host end, and its name is still the same; else nil.
func (h *Host) sameOut(index uint32) *uplink {
	last := h.lastOut.Load()
	if last == nil || last.index != index {
		return nil
	}
	start := time.Now()
	name, mtu, err := h.rtnl.NameAndMTU(index)
	if h.tracer != nil {
		s := h.story()
		s.did(hostName, start, err, "ioctl SIOCGIFNAME, SIOCGIFMTU: link ", strconv.Itoa(int(index)), " is ", name, ", with an MTU of ", strconv.Itoa(int(mtu)))
	}
	if err != nil || name != last.name {
		return nil
	}
	return &uplink{index, name, mtu}
}

// withRecorded adds the links that plumb has made forward already.
func (h *Host) withRecorded(gen uint32, ups []uplink) ([]uplink, error) {
	records, err := h.nat.RecordsAt(gen, false)
	if err != nil {
		return nil, fmt.Errorf("read which links plumb has made forward: %w", err)
	}
	for _, r := range records {
		if r.Link == globalForwarding || slices.ContainsFunc(ups, func(u uplink) bool { return u.name == r.Link }) {
			continue
		}
		more, err := h.findUplinks(Network{Uplinks: []string{r.Link}}, nil)
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ups = append(ups, more...)
	}
	return ups, nil
}

// findUplinks finds the links that lead out. One that has gone meanwhile is left out, and so is a container's host end: a
// VPN's process may live in a container and give the host its default route, and those forward already.
func (h *Host) findUplinks(n Network, routes []rtnl.Route) ([]uplink, error) {
	var ups []uplink
	for _, name := range n.Uplinks {
		if name == "" {
			return nil, &FlagError{"uplink", name, "the name of a link of the host is needed"}
		}
		link, err := h.rtnl.LinkByName(name)
		if errors.Is(err, unix.ENODEV) {
			return nil, explained(unix.ENODEV, "uplink %s: the host has no such link: name another one with --uplink", name)
		}
		if err != nil {
			return nil, fmt.Errorf("uplink %s: %w", name, err)
		}
		ups = append(ups, uplink{link.Index, link.Name, link.MTU})
	}
	if len(ups) > 0 {
		return ups, nil
	}
	for _, index := range defaultLinks(routes) {
		link, err := h.rtnl.LinkGist(index)
		if errors.Is(err, unix.ENODEV) || err == nil && isHostEnd(link) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look at an uplink: %w", err)
		}
		ups = append(ups, uplink{index, link.Name, link.MTU})
	}
	return ups, nil
}

// defaultLinks are the indexes of the links that a default route leaves by, or the halves of one that VPNs set in its place
// (0.0.0.0/1 and 128.0.0.0/1).
func defaultLinks(routes []rtnl.Route) []uint32 {
	var indexes []uint32
	for i := range routes {
		r := &routes[i]
		if r.DstLen > 1 || r.Type != unix.RTN_UNICAST {
			continue
		}
		for _, index := range r.OutLinks() {
			if !slices.Contains(indexes, index) {
				indexes = append(indexes, index)
			}
		}
	}
	return indexes
}

// lowestMTU is what a packet may have to pass through any of the uplinks, or Ethernet's where there is none.
func lowestMTU(ups []uplink) uint32 {
	var mtu uint32
	for _, u := range ups {
		if mtu == 0 || u.mtu < mtu {
			mtu = u.mtu
		}
	}
	if mtu == 0 {
		return 1500
	}
	return min(mtu, maxMTU)
}

// forward switches forwarding on where it is off, and records that in the table first, so that the last one out puts it
// back whatever becomes of us. The global switch would turn the whole host into a router, and a switch back would
// reset what an administrator set on single links. It returns what it has changed.
func (h *Host) forward(ups []uplink) (changed []nat.Record, err error) {
	for _, u := range ups {
		on, err := h.rtnl.LinkForwards(rtnl.IPv4, u.index)
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) || err == nil && on {
			continue // a link that has gone is EINVAL up to Linux 6.13
		}
		if err != nil {
			return changed, err
		}
		record := nat.Record{Link: u.name}
		if err := h.nat.Record(record); err != nil {
			return changed, fmt.Errorf("record that %s is to forward: %w", u.name, err)
		}
		if err := h.rtnl.Do(setForwarding(u.index, u.name, true)); err != nil {
			return changed, err
		}
		changed = append(changed, record)
	}
	return changed, nil
}

func setForwarding(index uint32, name string, on bool) wire.Request {
	purpose, value := "switch forwarding off again for "+name, uint32(0)
	if on {
		purpose, value = "switch forwarding on for "+name, 1
	}
	return rtnl.SetConf(index, purpose, rtnl.Conf{ID: rtnl.ConfForwarding, Value: value})
}

// globalForwarding stands among the recorded links for net.ipv4.ip_forward, which SetupVeth switches on. No link can
// have such a name.
const globalForwarding = "/ip_forward"

// switchForwarding is what the last one out puts back (nat.Switch), or switches on again where a newcomer kept the
// table. What someone else has changed since is left alone: a link that does not forward any more, and all links
// where the host was made a router, for that switched them on, too.
func (h *Host) switchForwarding(records []nat.Record, on bool) error {
	var links []string
	var v6, gateways []nat.Record
	for _, r := range records {
		switch {
		case isGateway(r):
			gateways = append(gateways, r)
		case r.IPv6:
			v6 = append(v6, r)
		case r.Link == globalForwarding:
			if err := h.setGlobalForwarding(on); err != nil {
				return err
			}
		default:
			links = append(links, r.Link)
		}
	}
	return errors.Join(h.switchLinks(links, on), h.switchForwarding6(v6, on), h.switchGateways(gateways, on))
}

func (h *Host) switchLinks(links []string, on bool) error {
	if len(links) == 0 {
		return nil
	}
	if router, err := h.rtnl.Forwards(rtnl.IPv4); err != nil || router {
		return err
	}
	for _, name := range links {
		link, err := h.rtnl.LinkByName(name)
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return fmt.Errorf("switch the forwarding of %s: %w", name, err)
		}
		if now, _ := link.Conf().Value(rtnl.ConfForwarding); (now != 0) == on {
			continue
		}
		if err := h.rtnl.Do(setForwarding(link.Index, name, on)); err != nil {
			return err
		}
	}
	return nil
}

func (h *Host) setGlobalForwarding(on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	if err := h.writeSysctl("net.ipv4.ip_forward", value); err != nil {
		return fmt.Errorf("set net.ipv4.ip_forward to %s: %w", value, err)
	}
	return nil
}
