package container

import (
	"fmt"
	"net/netip"

	"plumb/nat"
	"plumb/rtnl"
)

// look asks the kernel what there is, and chooses by it.
func (a *attacher) look() error {
	gen, err := a.standing()
	if err != nil {
		return err
	}
	return a.choose(gen)
}

// A recollection is what an attach has chosen by before it has asked whether it is so still.
type recollection struct {
	gen uint32  // the generation id of the ruleset
	out *uplink // the only one that led out
}

// recall is look by what the attach before this one has left behind, and says whether that is known. Whether it is so still is for confirm to see, once
// the pair is made: the first question takes the longest, as what the kernel needs for it has to come into the caches, and openAhead asks it meanwhile. (A program that is about to
// end has no openAhead.)
func (a *attacher) recall() bool {
	r := &recollection{a.host.nat.Remembered(), a.host.lastOut.Load()}
	if r.gen == 0 || r.out == nil || len(a.net.Uplinks) > 0 || a.host.ending || !a.host.asksBeside() {
		return false
	}
	a.recalled = r
	if a.choose(r.gen) == nil {
		return true
	}
	a.forget()
	return false
}

// forget is for one who chooses again.
func (a *attacher) forget() {
	a.recalled, a.routes, a.seen = nil, nil, nil
	a.net.Subnet, a.net.Subnet6 = a.asked[0], a.asked[1]
}

// confirm sees that what the attach has been made by until now is so still. If not it chooses again, before anything but the pair is there.
func (a *attacher) confirm() error {
	r := a.recalled
	if r == nil {
		return nil
	}
	if a.seen.IsAt(r.gen) {
		if _, out, err := a.host.wayOut(); err == nil && out != nil && *out == *r.out {
			return nil
		}
	}
	a.forget()
	mtu := a.MTU
	if err := a.look(); err != nil || a.MTU == mtu {
		return err
	}
	purpose := fmt.Sprintf("have packets of at most %d bytes on ", a.MTU)
	if err := a.host.rtnl.Do(rtnl.SetLink(&rtnl.Link{Index: a.HostIndex, MTU: a.MTU}, purpose+a.HostLink)); err != nil {
		return err
	}
	return a.inside.Do(rtnl.SetLink(&rtnl.Link{Index: a.peer, MTU: a.MTU}, purpose+a.Interface))
}

// standing sees that the table stands, if any link says that it should, and returns the ruleset's generation id.
func (a *attacher) standing() (gen uint32, err error) {
	gen, err = a.host.nat.GenID()
	if err == nil {
		if stands, err := a.host.nat.StandsAt(gen); err == nil && stands {
			return gen, nil
		}
	}
	if err := a.host.repairIfFlushed(); err != nil {
		return 0, err
	}
	return a.host.nat.GenID()
}

// chooseSubnets is chooseAmong those that there are now.
func (a *attacher) chooseSubnets() error {
	nets, err := a.host.nat.Nets()
	if err != nil {
		return err
	}
	return a.chooseAmong(nets)
}

// chooseAmong chooses the subnets that are not given, and sees that addresses which are given are in them.
func (a *attacher) chooseAmong(nets []nat.Net) error {
	c := chooser{host: a.host, net: &a.net, nets: nets}
	if !a.net.NoIPv4 {
		c.given, c.first, c.other = a.net.Subnet, defaultSubnet, unusual(a.asked[1], defaultSubnet6)
		c.routes = a.hostRoutes
		subnet, err := c.choose()
		if err != nil {
			return err
		}
		if err := checkAddrIn("ip", a.net.Addr, subnet); err != nil {
			return err
		}
		a.Addr, a.Gateway = netip.PrefixFrom(a.net.Addr, subnet.Bits()), gatewayOf(subnet)
		a.net.Subnet = subnet
	}
	if !a.net.NoIPv6 {
		if err := a.host.knowsIPv6(); err != nil {
			return err
		}
		c.given, c.first, c.other = a.net.Subnet6, defaultSubnet6, unusual(a.asked[0], defaultSubnet)
		c.routes = func() ([]rtnl.Route, error) { return a.host.rtnl.Routes(rtnl.IPv6) }
		subnet, err := c.choose()
		if err != nil {
			return err
		}
		if err := checkAddrIn("ip6", a.net.Addr6, subnet); err != nil {
			return err
		}
		a.Gateway6 = gatewayOf(subnet)
		a.net.Subnet6 = subnet
	}
	return nil
}

// choose chooses the subnets and finds what leads out, and how large a packet may be for it. gen is the generation id of the ruleset.
func (a *attacher) choose(gen uint32) error {
	nets, err := a.host.nat.NetsAt(gen)
	if err != nil {
		return err
	}
	if err := a.chooseAmong(nets); err != nil {
		return err
	}
	if a.recalled != nil && a.routes == nil {
		a.uplinks, err = a.host.withRecorded(gen, []uplink{*a.recalled.out})
	} else {
		a.uplinks, err = a.chooseUplinks(gen)
	}
	if err != nil {
		return err
	}
	if a.MTU = a.net.MTU; a.MTU == 0 {
		a.MTU = lowestMTU(a.uplinks)
	}
	if a.MTU < minMTU6 && !a.net.NoIPv6 {
		return fmt.Errorf("%w: an MTU of %d is too low for it, %d is the least", errNoIPv6, a.MTU, minMTU6)
	}
	return nil
}
