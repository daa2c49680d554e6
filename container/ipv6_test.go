package container_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/test/lab"
)

// With nothing said a container has both families, and reaches its gateway, its neighbours, the outside and a name server by both, at once:
// no address waits for duplicates of it.
func TestBothFamilies(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	for _, c := range []struct {
		n          container.Network
		own4, own6 string
	}{
		{container.Network{Name: "usual"}, "10.0.0.2/24", plumb6 + "2/64"},
		{container.Network{Name: "only4", NoIPv6: true}, "10.0.0.3/24", ""},
		{container.Network{Name: "only6", NoIPv4: true}, "", plumb6 + "3/64"},
		{container.Network{Name: "given", Subnet: netip.MustParsePrefix("10.7.0.0/16"), Subnet6: netip.MustParsePrefix("fd07::/48"), Addr6: netip.MustParseAddr("fd07::5:6")}, "10.7.0.2/16", "fd07::5:6/48"},
		{container.Network{Name: "small", Network: "small", NoIPv4: true, Subnet6: netip.MustParsePrefix("fd08::4/126")}, "", "fd08::6/126"},
	} {
		p := w.party(c.n)
		if got := orNone(p.a.Addr); got != c.own4 {
			t.Errorf("%s has %q, want %q", c.n.Name, got, c.own4)
		}
		if got := orNone(p.a.Addr6); got != c.own6 {
			t.Errorf("%s has %q, want %q", c.n.Name, got, c.own6)
		}
		w.goesOut(p)
		for _, gateway := range []netip.Addr{p.a.Gateway, p.a.Gateway6} {
			if gateway.IsValid() {
				check(t, ping(p.box, gateway.String()))
			}
		}
		var inside, outside []string
		if c.own6 != "" {
			inside = []string{"fe80::2/64", c.own6}
		}
		if c.own4 == "" {
			outside = []string{"fe80::1/128"} // see gatewayRequests
		}
		w.has6(p.box, p.a.Interface, inside)
		w.has6(w.host, p.a.HostLink, outside)
	}
}

// Each end has been told the other's Ethernet address, and keeps it: also when all is forgotten that neighbours have answered.
func TestNeighboursAreKnown(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	for _, p := range []party{w.party(container.Network{Name: "both"}), w.party(container.Network{Name: "six", NoIPv4: true})} {
		known := func() {
			w.knows(w.host, p.a.HostLink, p.a.Addr6.Addr(), w.link(p.box, p.a.Interface).Address)
			w.knows(p.box, p.a.Interface, netip.MustParseAddr("fe80::1"), w.link(w.host, p.a.HostLink).Address)
		}
		known()
		for _, h := range []*clab.Host{w.host, p.box} {
			lab.Run(t, h, "ip", "neigh", "flush", "all")
		}
		w.goesOut(p)
		check(t, ping(w.host, p.a.Addr6.Addr().String()))
		known()
	}
}

// knows says whether a link knows one neighbour of IPv6 for good, which is at this Ethernet address.
func (w *town) knows(h *clab.Host, link string, addr netip.Addr, mac net.HardwareAddr) {
	w.t.Helper()
	all, err := h.Rtnl().Neighs(rtnl.IPv6)
	must(w.t, err)
	index := w.link(h, link).Index
	for i := range all {
		n := &all[i]
		if n.Index != index || n.Address != addr {
			continue
		}
		if n.State != unix.NUD_PERMANENT || !bytes.Equal(n.LLAddress, mac) {
			w.t.Errorf("%s: %s is at %s (%s), want %s for good", link, addr, n.LLAddress, n.State, mac)
		}
		return
	}
	w.t.Errorf("%s does not know %s", link, addr)
}

func orNone(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// has6 compares the IPv6 addresses of a link, none of which may wait or have waited for duplicates.
func (w *town) has6(h *clab.Host, link string, want []string) {
	w.t.Helper()
	addrs, err := h.Rtnl().Addrs(rtnl.IPv6, w.link(h, link).Index)
	must(w.t, err)
	got := map[string]bool{}
	for _, a := range addrs {
		got[netip.PrefixFrom(a.Address, int(a.PrefixLen)).String()] = true
		if flags := uint32(a.Flags); flags&unix.IFA_F_NODAD == 0 || flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED|unix.IFA_F_OPTIMISTIC) != 0 {
			w.t.Errorf("%s: %s has the flags %#x", link, a.Address, flags)
		}
	}
	for _, addr := range want {
		if !got[addr] {
			w.t.Errorf("%s has no %s, but %v", link, addr, got)
		}
	}
	if len(got) != len(want) {
		w.t.Errorf("%s has %v, want %v", link, got, want)
	}
}

// Neighbours speak both families with each other.
func TestNeighboursOfBothFamilies(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	a, b := w.party(container.Network{Name: "a"}), w.party(container.Network{Name: "b", Internal: true})
	a.reaches(t, b)
	b.reaches(t, a)
}

// advert is a router advertisement (RFC 4861, section 4.2), for a default route of so many seconds and addresses of a prefix.
func advert(from string, lifetime uint16) forged {
	prefix := netip.MustParseAddr("2001:db8:bad::").As16()
	body := []byte{ndRouterAdvert, 0, 0, 0, 0, 0, byte(lifetime >> 8), byte(lifetime), 0, 0, 0, 0, 0, 0, 0, 0}
	if lifetime > 0 {
		body = append(body, 3, 4, 64, 0xc0, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0, 0)
		body = append(body, prefix[:]...)
	}
	return forged{src: netip.MustParseAddr(from), dst: netip.MustParseAddr("ff02::1"), proto: unix.IPPROTO_ICMPV6, payload: body}
}

const ndRouterAdvert = 134

// No router advertisement is believed at either end, also where the sysctls of the host or of the namespace would have it so. Nor one
// that stands behind extension headers.
func TestAdvertisementsAreIgnored(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host := l.NewHost("host")
	must(t, host.NS().WriteSysctl("net/ipv6/conf/default/accept_ra", "2"))
	l.Expect(host)
	w := townOn(t, l, host)
	w.needIPv6()
	box := w.box("box")
	w.set(box, "net/ipv6/conf/default/accept_ra", "2")
	w.Expect(box)
	a, err := w.h.Attach(t.Context(), container.Network{Name: "web"}, box.NS())
	must(t, err)
	defer w.detach("web")
	inside, outside := w.attacker(box, a), newInjector(t, host, a.HostLink, a.MAC)
	var tries []forged
	for _, from := range []string{"fe80::2", "fe80::1", "fe80::bad"} {
		p := advert(from, 1800)
		tries = append(tries, p)
		p.first, p.headers = unix.IPPROTO_DSTOPTS, []byte{unix.IPPROTO_ICMPV6, 0, 1, 4, 0, 0, 0, 0} // PadN, RFC 8200, section 4.2
		tries = append(tries, p)
		p.first, p.headers = unix.IPPROTO_HOPOPTS, append([]byte{unix.IPPROTO_DSTOPTS, 0, 1, 4, 0, 0, 0, 0}, p.headers...)
		tries = append(tries, p)
		p.first, p.headers = unix.IPPROTO_FRAGMENT, []byte{unix.IPPROTO_ICMPV6, 0, 0, 0, 0, 0, 0, 7} // whole, in one fragment (RFC 6946)
		tries = append(tries, p)
	}
	check(t, ping(box, a.Gateway6.String())) // the kernel is done with the addresses
	ear := listen(t, host)
	for _, p := range tries {
		must(t, inside.send(p))
		must(t, outside.send(p))
	}
	must(t, inside.send(follow(a.Addr6.Addr().String(), a.Gateway6.String())))
	if _, came := ear.until(follower); !came {
		t.Error("what may pass did not come after the advertisements")
	}
	check(t, ping(host, a.Addr6.Addr().String()))
	if got := strings.Join(w.believed(a.HostIndex), " "); strings.Contains(got, "2001:db8:bad") || strings.Contains(got, "::/0") {
		t.Errorf("the host has %s", got)
	}
	routes := lab.Run(t, box, "ip", "-6", "route")
	if strings.Contains(routes, "proto ra") || strings.Contains(routes, "2001:db8:bad") {
		t.Errorf("the container has\n%s", routes)
	}
	w.without(func() {
		w.awaitRoute(host, a.HostIndex, func() { must(t, inside.send(advert("fe80::2", 1800))) })
		must(t, inside.send(advert("fe80::2", 0)))
		lab.Run(t, host, "ip", "-6", "addr", "del", strings.Fields(lab.Run(t, host, "ip", "-6", "-br", "addr", "show", "dev", a.HostLink, "to", "2001:db8:bad::/64"))[2], "dev", a.HostLink)
	})
}

// awaitRoute does something, and waits until it has made a default route by a link, or set it anew.
func (w *town) awaitRoute(h *clab.Host, index uint32, do func()) {
	w.t.Helper()
	events, err := clab.Open(h, rtnl.Dial)
	must(w.t, err)
	defer events.Close()
	must(w.t, events.Subscribe(rtnl.GroupIPv6Route))
	do()
	ctx, cancel := context.WithTimeout(w.t.Context(), waitTime)
	defer cancel()
	err = events.Events(ctx, func(e rtnl.Event) error {
		if e.Route != nil && !e.Deleted && e.Route.DstLen == 0 && e.Route.Out == index {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		w.t.Errorf("no default route by a router advertisement: %v: this test tests nothing", err)
	}
}

// A host that has its default route from a router's advertisements keeps it while it forwards for containers, and goes on hearing
// them. With the last container all is as before, what an administrator has set on single links too.
func TestAdvertisedRouteStays(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, router := l.NewHost("host"), l.NewHost("router")
	lan := l.NewLAN(host, router)
	set := func(link, name, value string) {
		must(t, host.NS().WriteSysctl("net/ipv6/conf/"+link+"/"+name, value))
	}
	set(clab.UplinkName, "forwarding", "1") // an administrator's
	l.Expect(host)
	w := townOn(t, l, host)
	w.needIPv6()
	index := w.link(host, lan.Name).Index
	in := newInjector(t, router, lan.Name, w.link(host, lan.Name).Address)
	ra := advert("fe80::2", 600)
	ra.payload = ra.payload[:16] // no prefix
	w.awaitRoute(host, index, func() { must(t, in.send(ra)) })
	state := func() map[string]string {
		got := map[string]string{}
		for _, name := range []string{"all/forwarding", "default/forwarding", clab.UplinkName + "/forwarding", lan.Name + "/forwarding", lan.Name + "/accept_ra", clab.UplinkName + "/accept_ra"} {
			var err error
			got[name], err = host.NS().ReadSysctl("net/ipv6/conf/" + name)
			must(t, err)
		}
		return got
	}
	advertised := func() string { return lab.Run(t, host, "ip", "-6", "route", "show", "proto", "ra", "dev", lan.Name) }
	before := state()
	for round := range 2 {
		w.attach(container.Network{Name: "web"})
		if now := state(); now["all/forwarding"] != "1" || now[lan.Name+"/accept_ra"] != "2" {
			t.Errorf("with a container: %v", now)
		}
		if !strings.Contains(advertised(), "default via fe80::2") {
			t.Errorf("with a container the advertised route has gone: %s", advertised())
		}
		ra.payload[6], ra.payload[7] = byte(1200>>8), byte(1200+round&0xff)
		ra.payload[5] = byte(1-round) << 3 // another preference (RFC 4191), which is told as a new route
		w.awaitRoute(host, index, func() { must(t, in.send(ra)) })
		w.detach("web")
		w.waitGone()
		for name, value := range state() {
			if before[name] != value {
				t.Errorf("%s is %s after the last container, %s before", name, value, before[name])
			}
		}
		if !strings.Contains(advertised(), "default via fe80::2") {
			t.Errorf("after the last container the advertised route has gone: %s", advertised())
		}
	}
	// Somebody who makes the host a router meanwhile, or has it hear nothing, keeps his will.
	w.attach(container.Network{Name: "web"})
	set(lan.Name, "accept_ra", "0")
	w.detach("web")
	if now := state(); now[lan.Name+"/accept_ra"] != "0" || now["all/forwarding"] != "0" {
		t.Errorf("after somebody's change: %v", now)
	}
	set(lan.Name, "accept_ra", "1")
	lab.Run(t, host, "ip", "-6", "route", "flush", "proto", "ra")
}

// The default subnet of IPv6 gives way to what the host uses already, and says so; a given one does not.
func TestOverlap6(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	lan := w.foreign(w.host, "lan0")
	must(t, w.host.Rtnl().Do(
		rtnl.NewAddr(rtnl.AddrOf(lan, netip.MustParsePrefix(plumb6+"77/64"), unix.IFA_F_NODAD), ""),
		rtnl.NewRoute(rtnl.OnLink(lan, netip.MustParsePrefix("fd70:6c75:6d62:1::/80")), ""),
	))
	lab.AwaitLocal(t, w.host.NS(), plumb6+"77") // its local route is in the picture
	var overlap *container.OverlapError
	err := w.refused(container.Network{Name: "given", Subnet6: netip.MustParsePrefix(plumb6 + "/64")})
	if !errors.As(err, &overlap) || overlap.Link != "lan0" || !strings.Contains(err.Error(), "give another one with --subnet6") {
		t.Errorf("a given subnet: %v", err)
	}
	w.notices = nil
	p := w.party(container.Network{Name: "a"})
	if p.a.Addr6.String() != "fd70:6c75:6d62:2::2/64" {
		t.Errorf("the container has %s", p.a.Addr6)
	}
	if len(w.notices) != 1 || !strings.Contains(w.notices[0], "is in use by lan0") || !strings.Contains(w.notices[0], "taking fd70:6c75:6d62:2::/64") {
		t.Errorf("it says %q", w.notices)
	}
	w.goesOut(p)
}

// Where the host or the namespace has IPv6 switched off a container has IPv4, with one note, unless IPv6 was asked for.
func TestIPv6SwitchedOff(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"host", "new links", "namespace"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			host, box := l.NewHost("host"), l.NewHostWith("box", clab.HostOptions{NoUplink: true})
			off := map[string]*clab.Host{"host": host, "new links": host, "namespace": box}[where]
			must(t, off.NS().WriteSysctl("net/ipv6/conf/default/disable_ipv6", "1"))
			if where == "host" {
				must(t, off.NS().WriteSysctl("net/ipv6/conf/all/disable_ipv6", "1"))
			}
			l.Expect(off)
			w := townOn(t, l, host)
			before := w.picture(host, box)
			for _, n := range []container.Network{{Name: "web", NoIPv4: true}, {Name: "web", Subnet6: netip.MustParsePrefix("fd01::/64")}, {Name: "web", Addr6: netip.MustParseAddr(plumb6 + "9")}} {
				_, err := w.h.Attach(t.Context(), n, box.NS())
				if err == nil || !strings.Contains(err.Error(), "there is no IPv6 to be had") {
					t.Errorf("IPv6 that was asked for: %v", err)
				}
				w.same(before, host, box)
			}
			w.notices = nil
			a, err := w.h.Attach(t.Context(), container.Network{Name: "web"}, box.NS())
			must(t, err)
			defer w.detach("web")
			if a.Addr6.IsValid() || !a.Addr.IsValid() {
				t.Errorf("the container has %s and %s", a.Addr, a.Addr6)
			}
			if len(w.notices) != 1 || !strings.Contains(w.notices[0], "web has IPv4 only: there is no IPv6 to be had") {
				t.Errorf("it says %q", w.notices)
			}
			check(t, ping(box, "8.8.8.8"))
		})
	}
}

// Two who switch IPv6 forwarding on at once: what the second sees of the links is half of what the first has made of them, and is not put back.
func TestForwarding6HalfSwitched(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	w.attach(container.Network{Name: "web", NoIPv6: true})
	must(t, w.nat.Record(nat.Record{Link: "/all", IPv6: true}))
	for _, name := range []string{"default", clab.UplinkName} {
		w.set(w.host, "net/ipv6/conf/"+name+"/forwarding", "1")
	}
	box, _ := w.attach(container.Network{Name: "next"})
	check(t, ping(box, clab.NameServer6))
}
