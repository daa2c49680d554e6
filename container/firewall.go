package container

import (
	"net/netip"

	"plumb/nat/verdict"
	"plumb/rtnl"
)

// FirewallWarning says in one line what of other firewalls' would drop a container's packets, or "" where nothing is known to. With
// no other firewall it is one question to the kernel. The error is about what could not be read.
func (h *Host) FirewallWarning(a *Attachment) (string, error) {
	some, err := verdict.Quick(h.nat)
	if err != nil || !some {
		return "", err
	}
	who := verdict.Container{Link: verdict.Link{Name: a.HostLink, Index: a.HostIndex, Group: LinkGroup}}
	routes, err := h.rtnl.Routes(rtnl.IPv4)
	if err != nil {
		return "", err
	}
	uplinks, err := h.findUplinks(Network{}, routes)
	if err != nil {
		return "", err
	}
	for _, end := range []struct{ addr, gateway netip.Addr }{{a.Addr.Addr(), a.Gateway}, {a.Addr6.Addr(), a.Gateway6}} {
		if !end.addr.IsValid() {
			continue
		}
		way := verdict.Way{Addr: end.addr, Gateway: end.gateway}
		if a.Internal || len(uplinks) == 0 {
			who.Ways = append(who.Ways, way)
		}
		for _, u := range uplinks {
			if !a.Internal {
				way.Uplink = verdict.Link{Name: u.name, Index: u.index}
				who.Ways = append(who.Ways, way)
			}
		}
	}
	return verdict.Warn(h.nat, who)
}
