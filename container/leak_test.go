package container_test

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/test/lab"
)

// What a container sends to an address of its subnet that nobody has goes nowhere: by the host's default route it would leave, with the
// container's own address as its source, and from an --internal one, too.
func TestNobodysAddress(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	box, a := w.attach(container.Network{Name: "web"})
	inner, i := w.attach(container.Network{Name: "inner", Internal: true})
	w.attach(container.Network{Name: "other", Network: "other"})
	out, web, internal := listen(t, w.Internet()), w.attacker(box, a), w.attacker(inner, i)
	for _, addr := range []string{"10.0.0.77", "10.0.1.77", plumb6 + "77", "fd70:6c75:6d62:1::77"} {
		w.addAddr(w.Internet(), netip.PrefixFrom(netip.MustParseAddr(addr), netip.MustParseAddr(addr).BitLen()).String())
	}
	for _, c := range []struct {
		from     *injector
		src, dst string
		after    forged
	}{
		{web, "10.0.0.2", "10.0.0.77", follow("10.0.0.2", "8.8.8.8")},
		{web, "10.0.0.2", "10.0.1.77", follow("10.0.0.2", "8.8.8.8")},
		{web, plumb6 + "2", plumb6 + "77", follow(plumb6+"2", "2001:4860:4860::8888")},
		{web, plumb6 + "2", "fd70:6c75:6d62:1::77", follow(plumb6+"2", "2001:4860:4860::8888")},
		{internal, "10.0.0.3", "10.0.0.77", forged{}},
		{internal, plumb6 + "3", plumb6 + "77", forged{}},
	} {
		for name, p := range attacks(netip.MustParseAddr(c.src), netip.MustParseAddr(c.dst), 7000) {
			from, after := c.from, c.after
			if !after.src.IsValid() { // who has no way out cannot show that the way is open: another does
				must(t, from.send(p))
				from, after = web, follow("10.0.0.2", "8.8.8.8")
				p = after
			}
			if err := out.keptOut(from, p, after); err != nil {
				t.Errorf("%s from %s: %v", name, c.src, err)
			}
		}
	}
	w.without(func() {
		for _, c := range [][2]string{{"10.0.0.2", "10.0.0.77"}, {plumb6 + "2", plumb6 + "77"}} {
			for name, p := range attacks(netip.MustParseAddr(c[0]), netip.MustParseAddr(c[1]), 7000) {
				if err := out.comes(web, p); err != nil {
					t.Errorf("%s without rules: %v", name, err)
				}
			}
		}
	})
}

// A neighbour in the LAN plays both sides of a connection with an address that nobody has yet. To connection tracking it is then
// established, and would let him in to the container that gets the address.
func TestConnectionBeforeContainer(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, other := l.NewHost("host"), l.NewHost("other")
	lan := l.NewLAN(host, other)
	w := townOn(t, l, host)
	w.needIPv6()
	w.attach(container.Network{Name: "first", Uplinks: []string{"uplink0", lan.Name}})
	attacker := newInjector(t, other, lan.Name, w.link(host, lan.Name).Address)
	var own, back, there, masked []forged
	for i, next := range []string{"10.0.0.3", plumb6 + "3"} {
		me, gateway := []netip.Addr{lan.Addr4[1], lan.Addr6[1]}[i], []netip.Addr{lan.Addr4[0], lan.Addr6[0]}[i]
		datagram := func(src, dst netip.Addr, from, to uint16) forged {
			return forged{src: src, dst: dst, proto: unix.IPPROTO_UDP, payload: ports(unix.IPPROTO_UDP, from, to)}
		}
		victim := netip.MustParseAddr(next)
		there = append(there, datagram(me, victim, 4321, 7000))
		back = append(back, datagram(victim, me, 7000, 4321))
		masked = append(masked, datagram(me, gateway, 4321, 7000)) // what came from the victim's port had the host's address and this port
		own = append(own, follow(me.String(), gateway.String()))
	}
	home, ear := listen(t, host), listen(t, other)
	for i := range there {
		for _, p := range []forged{there[i], back[i], masked[i], there[i], own[i]} {
			must(t, attacker.send(p))
		}
		home.until(follower) // all of that has passed
	}
	box, _ := w.attach(container.Network{Name: "second"})
	inside := listen(t, box)
	for i := range there {
		for _, p := range []forged{there[i], masked[i], own[i]} {
			must(t, attacker.send(p))
		}
		home.until(follower)
		must(t, w.follow(there[i].dst))
		if attacked, came := inside.until(follower); attacked || !came {
			t.Errorf("to %s: a connection from before the container comes through: %v; what the host sends comes: %v", there[i].dst, attacked, came)
		}
	}
	w.without(func() {
		for _, p := range back {
			check(t, ear.comes(attacker, p)) // a host that forwards has no reason not to
		}
	})
}

// follow sends a follower from the host itself.
func (w *town) follow(to netip.Addr) error {
	network := "udp4"
	if to.Is6() {
		network = "udp6"
	}
	c, err := w.host.ListenPacket(network, ":0")
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.WriteTo([]byte(follower), net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 7000)))
	return err
}

// What connection tracking makes nothing of is not masqueraded, and so may not leave.
func TestUntracked(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	web := w.party(container.Network{Name: "web"})
	out := listen(t, w.Internet())
	servers := []string{"8.8.8.8", "2001:4860:4860::8888"}
	try := func(each func(p forged, server string) error) {
		for i, from := range web.addrs() {
			all := attacks(from, netip.MustParseAddr(servers[i]), 7000)
			tcp := all["TCP"]
			tcp.payload[13] = 0x03 // SYN and FIN
			for name, p := range map[string]forged{"SYN and FIN": tcp, "SCTP with a wrong checksum": all["SCTP"]} {
				if err := each(p, servers[i]); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	try(func(p forged, server string) error { return out.keptOut(web.in, p, follow(p.src.String(), server)) })
	w.without(func() { try(func(p forged, _ string) error { return out.comes(web.in, p) }) })
}
