package container_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/test/lab"
)

// without runs fn without plumb's rules, to see that an attack is a real one, and puts them back.
func (w *town) without(fn func()) {
	w.t.Helper()
	w.flush()
	fn()
	_, err := w.h.Repair()
	must(w.t, err)
}

// needIPv6 skips a test where the kernel has none.
func (w *town) needIPv6() {
	w.t.Helper()
	if !w.host.Addr6().IsValid() {
		w.t.Skip("a kernel without IPv6")
	}
}

// A case is somebody to attack.
type target struct {
	what     string
	listener *listener
	addr     string
	after    forged // a packet that may come there
}

// A forged source reaches neither the host, nor a neighbour, nor the outside: another's address, the gateway's, one of the host's
// or of the world's, none at all, or the link-local address of another.
func TestForgedSources(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	box, a := w.attach(container.Network{Name: "attacker"})
	neighbour, _ := w.attach(container.Network{Name: "neighbour"})
	attacker := w.attacker(box, a)
	host, next, out := listen(t, w.host), listen(t, neighbour), listen(t, w.Internet())
	for _, c := range []struct {
		sources []string
		targets []target
	}{
		{
			[]string{"10.0.0.3", "10.0.0.99", "10.0.0.1", w.host.Addr4().String(), "8.8.4.4", "127.0.0.1", "0.0.0.0", "10.1.0.2", "255.255.255.255"},
			[]target{
				{"the gateway", host, "10.0.0.1", follow("10.0.0.2", "10.0.0.1")},
				{"the neighbour", next, "10.0.0.3", follow("10.0.0.2", "10.0.0.3")},
				{"the outside", out, "8.8.8.8", follow("10.0.0.2", "8.8.8.8")},
			},
		},
		{
			[]string{plumb6 + "3", plumb6 + "99", plumb6 + "1", w.host.Addr6().String(), "2001:4860:4860::8844", "::1", "::", "fe80::1", "fe80::3", "ff02::1", "::ffff:10.0.0.2", "64:ff9b::a00:2"},
			[]target{
				{"the gateway", host, plumb6 + "1", follow(plumb6+"2", plumb6+"1")},
				{"the host's end", host, "fe80::1", follow(plumb6+"2", plumb6+"1")},
				{"all nodes", host, "ff02::1", follow(plumb6+"2", plumb6+"1")},
				{"the neighbour", next, plumb6 + "3", follow(plumb6+"2", plumb6+"3")},
				{"the outside", out, clab.NameServer6, follow(plumb6+"2", clab.NameServer6)},
			},
		},
	} {
		for _, to := range c.targets {
			for _, source := range c.sources {
				for name, p := range attacks(netip.MustParseAddr(source), netip.MustParseAddr(to.addr), 7000) {
					if err := to.listener.keptOut(attacker, p, to.after); err != nil {
						t.Errorf("%s to %s: %v", name, to.what, err)
					}
				}
			}
		}
	}
	w.without(func() {
		for _, c := range []struct {
			to     *listener
			source string
			target string
		}{
			{host, "10.0.0.99", "10.0.0.1"},
			{next, "10.0.0.99", "10.0.0.3"},
			{out, "10.0.0.99", "8.8.8.8"},
			{host, plumb6 + "99", plumb6 + "1"},
			{host, "fe80::3", "ff02::1"},
			{next, plumb6 + "99", plumb6 + "3"},
			{out, plumb6 + "99", clab.NameServer6},
		} {
			for name, p := range attacks(netip.MustParseAddr(c.source), netip.MustParseAddr(c.target), 7000) {
				if err := c.to.comes(attacker, p); err != nil {
					t.Errorf("%s without rules: %v", name, err)
				}
			}
		}
	})
}

// plumb6 is the default subnet of IPv6, without its last part.
const plumb6 = "fd70:6c75:6d62::"

// From outside, a neighbour in the LAN who gives himself a route to the containers reaches none of their ports by any protocol, also by
// packets that connection tracking makes nothing of.
func TestUnpublished(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, other := l.NewHost("host"), l.NewHost("other")
	lan := l.NewLAN(host, other)
	w := townOn(t, l, host)
	w.needIPv6()
	web := w.party(container.Network{
		Name: "web", Uplinks: []string{clab.UplinkName, lan.Name}, Publish: []container.Publish{mustPublish(t, "8007:7"), mustPublish(t, "8007:7/udp")},
	})
	attacker := newInjector(t, other, lan.Name, w.link(host, lan.Name).Address)
	gateway := []netip.Addr{lan.Addr4[0], lan.Addr6[0]}
	sources := []netip.Addr{lan.Addr4[1], lan.Addr6[1]}
	try := func(each func(name string, p forged)) {
		for i, to := range web.addrs() {
			all := attacks(sources[i], to, 7)
			for flags, name := range map[byte]string{0x10: "ACK", 0x12: "SYN and ACK", 0x04: "RST", 0x03: "SYN and FIN", 0: "no flags", 0x29: "FIN, PSH and URG"} {
				p := all["TCP"]
				p.payload = append([]byte(nil), p.payload...)
				p.payload[13] = flags
				all["TCP with "+name] = p
			}
			answer := all["ICMP"]
			answer.payload = append([]byte(nil), answer.payload...)
			answer.payload[0] = map[bool]byte{true: 0, false: 129}[to.Is4()]
			all["an answer to no ping"] = answer
			for name, p := range all {
				each(name, p)
			}
		}
	}
	try(func(name string, p forged) {
		must(t, attacker.send(p))
		for i, a := range gateway {
			if a.Is4() == p.src.Is4() { // who is answered has been heard, and all before it
				check(t, ping(other, gateway[i].String()))
			}
		}
		must(t, w.follow(p.dst))
		if attacked, came := web.ear.until(follower); attacked || !came {
			t.Errorf("%s to %s comes through: %v; what the host sends comes: %v", name, p.dst, attacked, came)
		}
	})
	for i, a := range gateway {
		for _, network := range []string{"udp", "tcp"} {
			who, err := echo(other, network, netip.AddrPortFrom(a, 8007).String())
			if err != nil || who != sources[i].String() {
				t.Errorf("%s to the published port: it sees %q, %v", network, who, err)
			}
		}
	}
	w.without(func() {
		try(func(name string, p forged) {
			if err := web.ear.comes(attacker, p); err != nil {
				t.Errorf("%s without rules: %v", name, err)
			}
		})
	})
}

// A published port is for everybody, but not for who sends in the name of a container: its neighbour would answer that one, isolated or not.
func TestForgedSourceToPublished(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, other := l.NewHost("host"), l.NewHost("other")
	lan := l.NewLAN(host, other)
	w := townOn(t, l, host)
	w.needIPv6()
	box, _ := w.attach(container.Network{
		Name: "web", Uplinks: []string{clab.UplinkName, lan.Name}, Publish: []container.Publish{mustPublish(t, "7000:7000/udp")},
	})
	w.attach(container.Network{Name: "isolated", Isolate: true})
	attacker := newInjector(t, other, lan.Name, w.link(host, lan.Name).Address)
	web := listen(t, box)
	for i, sources := range [][]string{{"10.0.0.2", "10.0.0.3", "10.0.0.99"}, {plumb6 + "2", plumb6 + "3", plumb6 + "99"}} {
		me, gateway := []netip.Addr{lan.Addr4[1], lan.Addr6[1]}[i], []netip.Addr{lan.Addr4[0], lan.Addr6[0]}[i]
		honest := attacks(me, gateway, 7000)["UDP"]
		honest.payload = append(honest.payload[:8:8], follower...)
		binary.BigEndian.PutUint16(honest.payload[4:], uint16(len(honest.payload)))
		for _, source := range sources {
			p := attacks(netip.MustParseAddr(source), gateway, 7000)["UDP"]
			if err := web.keptOut(attacker, p, honest); err != nil {
				t.Errorf("from %s: %v", source, err)
			}
		}
	}
}
