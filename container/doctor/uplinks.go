package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"plumb/nat"
	"plumb/rtnl"
)

// An uplink is a link with a default route of a family.
type uplink struct {
	link   *rtnl.Link
	family rtnl.Family
	addr   netip.Addr // the host's address on it, if it has one
	byRA   bool       // the route was learnt from a router advertisement
}

// uplinks looks for the ways out.
func (d *doctor) uplinks() {
	d.group = "uplinks"
	var err error
	if d.links, err = d.rtnl.Links(); err != nil {
		d.unseen("links", err)
		return
	}
	for _, f := range []rtnl.Family{rtnl.IPv4, rtnl.IPv6} {
		routes, err := d.rtnl.Routes(f)
		name := "default route (" + familyName(f) + ")"
		if err != nil {
			d.unseen(name, err)
			continue
		}
		before := len(d.ups)
		d.findUplinks(f, routes)
		switch names := d.namesOf(d.ups[before:]); {
		case names != "":
			d.ok(name, "by "+names)
		case f == rtnl.IPv4:
			d.add(name, Warning, "the host has none, and so containers have no way out", "ip route add default via GATEWAY")
		default:
			d.ok(name, "the host has none: containers reach each other and the host by IPv6, and nothing else")
		}
	}
	d.mtu()
}

func familyName(f rtnl.Family) string {
	if f == rtnl.IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

// findUplinks finds the links of the default routes of a family, other than containers' own.
func (d *doctor) findUplinks(f rtnl.Family, routes []rtnl.Route) {
	for i := range routes {
		r := &routes[i]
		if r.DstLen > 1 || r.Type != unix.RTN_UNICAST {
			continue
		}
		for _, index := range r.OutLinks() {
			at := slices.IndexFunc(d.links, func(l rtnl.Link) bool { return l.Index == index })
			known := slices.ContainsFunc(d.ups, func(u uplink) bool { return u.link.Index == index && u.family == f })
			if at < 0 || known || d.links[at].Group == nat.Group {
				continue
			}
			d.ups = append(d.ups, uplink{&d.links[at], f, d.addrOf(f, index), r.Protocol == unix.RTPROT_RA})
		}
	}
}

// addrOf is the host's first address of more than link scope on a link, or the zero Addr.
func (d *doctor) addrOf(f rtnl.Family, index uint32) netip.Addr {
	addrs, err := d.rtnl.Addrs(f, index)
	if err != nil {
		return netip.Addr{}
	}
	for i := range addrs {
		a := addrs[i].Local
		if !a.IsValid() {
			a = addrs[i].Address
		}
		if a.IsValid() && !a.IsLinkLocalUnicast() {
			return a
		}
	}
	return netip.Addr{}
}

func (d *doctor) namesOf(ups []uplink) string {
	text := ""
	for _, u := range ups {
		if text != "" {
			text += ", "
		}
		text += u.link.Name
	}
	return text
}

// mtu tells what packets may have: IPv6 wants 1280 bytes of every link (RFC 8200, section 5).
func (d *doctor) mtu() {
	seen := map[uint32]bool{}
	for _, u := range d.ups {
		if seen[u.link.Index] {
			continue
		}
		seen[u.link.Index] = true
		detail := fmt.Sprintf("%d bytes, and so have containers", u.link.MTU)
		if u.link.MTU < 1280 {
			d.add("MTU of "+u.link.Name, Warning, detail+": IPv6 needs 1280", "ip link set "+u.link.Name+" mtu 1280")
			continue
		}
		d.ok("MTU of "+u.link.Name, detail)
	}
}
