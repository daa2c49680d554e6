package container_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/test/lab"
)

// A party is a container that was attached, with an echo service and an ear.
type party struct {
	box *clab.Host
	a   *container.Attachment
	in  *injector
	ear *listener
}

func (w *town) party(n container.Network) party {
	w.t.Helper()
	box, a := w.attach(n)
	serve(w.t, box)
	return party{box, a, w.attacker(box, a), listen(w.t, box)}
}

// addrs are a container's addresses.
func (p party) addrs() []netip.Addr {
	var all []netip.Addr
	for _, addr := range []netip.Prefix{p.a.Addr, p.a.Addr6} {
		if addr.IsValid() {
			all = append(all, addr.Addr())
		}
	}
	return all
}

// reaches sees that one reaches the other by ICMP, UDP and TCP of each family that both have, and is seen as what it is.
func (p party) reaches(t testing.TB, other party) {
	t.Helper()
	for _, from := range p.addrs() {
		for _, to := range other.addrs() {
			if from.Is4() != to.Is4() {
				continue
			}
			check(t, ping(p.box, to.String()))
			for _, network := range []string{"udp", "tcp"} {
				if who, err := echo(p.box, network, netip.AddrPortFrom(to, clab.EchoPort).String()); err != nil || who != from.String() {
					t.Errorf("%s from %s to %s: it sees %q, %v", network, from, to, who, err)
				}
			}
		}
	}
}

// cannotReach sees that nothing of one comes to the other, of any protocol, though the host may send to it.
func (w *town) cannotReach(p, other party) {
	w.t.Helper()
	for _, from := range p.addrs() {
		for _, to := range other.addrs() {
			if from.Is4() != to.Is4() {
				continue
			}
			for name, attack := range attacks(from, to, 7000) {
				must(w.t, p.in.send(attack))
				w.passed(p, from)
				must(w.t, w.follow(to))
				if attacked, came := other.ear.until(follower); attacked || !came {
					w.t.Errorf("%s from %s to %s comes through: %v; what the host sends comes: %v", name, from, to, attacked, came)
				}
			}
		}
	}
}

// passed returns when all that a container has sent so far has passed the host: the gateway has answered what came after.
func (w *town) passed(p party, from netip.Addr) {
	w.t.Helper()
	gateway := p.a.Gateway
	if from.Is6() {
		gateway = p.a.Gateway6
	}
	check(w.t, ping(p.box, gateway.String()))
}

// goesOut sees that a container reaches the internet by both families, with the host's addresses, and names there.
func (w *town) goesOut(p party) {
	w.t.Helper()
	for _, addr := range p.addrs() {
		server, seen := clab.NameServer4, w.host.Addr4()
		if addr.Is6() {
			server, seen = clab.NameServer6, w.host.Addr6()
		}
		check(w.t, ping(p.box, server))
		for _, network := range []string{"udp", "tcp"} {
			to := netip.AddrPortFrom(netip.MustParseAddr(server), clab.EchoPort).String()
			if who, err := echo(p.box, network, to); err != nil || who != seen.String() {
				w.t.Errorf("%s from %s to %s: it sees %q, want %s, %v", network, addr, to, who, seen, err)
			}
		}
		name, err := resolveBy(p.box, server, "google.com")
		if err != nil || name == "" {
			w.t.Errorf("resolve by %s: %q, %v", server, name, err)
		}
	}
}

// Containers of one network reach each other, those of two do not, whatever routes they give themselves; all reach out. A published port
// is for everybody.
func TestNetworks(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	a := w.party(container.Network{Name: "a", Network: "front"})
	b := w.party(container.Network{Name: "b", Network: "front"})
	c := w.party(container.Network{Name: "c", Network: "back", Publish: []container.Publish{mustPublish(t, "8007:7"), mustPublish(t, "8007:7/udp")}})
	d := w.party(container.Network{Name: "d"})
	if a.a.Addr.Masked() != b.a.Addr.Masked() || a.a.Addr6.Masked() != b.a.Addr6.Masked() {
		t.Errorf("one network: %s %s and %s %s", a.a.Addr, a.a.Addr6, b.a.Addr, b.a.Addr6)
	}
	for _, x := range [][2]party{{a, c}, {c, d}, {a, d}} {
		if x[0].a.Addr.Overlaps(x[1].a.Addr) || x[0].a.Addr6.Overlaps(x[1].a.Addr6) {
			t.Errorf("two networks: %s %s and %s %s", x[0].a.Addr, x[0].a.Addr6, x[1].a.Addr, x[1].a.Addr6)
		}
		w.cannotReach(x[0], x[1])
		w.cannotReach(x[1], x[0])
	}
	a.reaches(t, b)
	b.reaches(t, a)
	for _, p := range []party{a, b, c, d} {
		w.goesOut(p)
	}
	for _, p := range []party{a, d} {
		for _, host := range []netip.Addr{w.host.Addr4(), w.host.Addr6(), p.a.Gateway, p.a.Gateway6} {
			for _, network := range []string{"udp", "tcp"} {
				if _, err := echo(p.box, network, netip.AddrPortFrom(host, 8007).String()); err != nil {
					t.Errorf("%s to the published port by %s: %v", network, host, err)
				}
			}
		}
	}
	w.without(func() {
		for _, x := range [][2]netip.Addr{{a.a.Addr.Addr(), c.a.Addr.Addr()}, {a.a.Addr6.Addr(), c.a.Addr6.Addr()}} {
			for name, attack := range attacks(x[0], x[1], 7000) {
				if err := c.ear.comes(a.in, attack); err != nil {
					t.Errorf("%s without rules: %v", name, err)
				}
			}
		}
	})
}

func mustPublish(t testing.TB, text string) container.Publish {
	t.Helper()
	p, err := container.ParsePublish(text)
	must(t, err)
	return p
}

// Who isolates himself reaches no other container of his network, nor is reached, but by published ports. Out, and to and from the host, all is
// as with others.
func TestIsolate(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	publish := []container.Publish{mustPublish(t, "8007:7"), mustPublish(t, "8007:7/udp")}
	alone := w.party(container.Network{Name: "alone", Isolate: true, Publish: publish})
	other := w.party(container.Network{Name: "other"})
	w.cannotReach(alone, other)
	w.cannotReach(other, alone)
	w.goesOut(alone)
	w.goesOut(other)
	serve(t, w.host)
	for _, to := range []netip.Addr{alone.a.Gateway, alone.a.Gateway6} {
		for _, network := range []string{"udp", "tcp"} {
			_, err := echo(alone.box, network, netip.AddrPortFrom(to, 7).String())
			check(t, err)
			_, err = echo(other.box, network, netip.AddrPortFrom(to, 8007).String())
			check(t, err)
			_, err = echo(alone.box, network, netip.AddrPortFrom(to, 8007).String()) // its own
			check(t, err)
		}
	}
	for _, to := range alone.addrs() {
		check(t, ping(w.host, to.String()))
		_, err := echo(w.host, "tcp", netip.AddrPortFrom(to, 7).String())
		check(t, err)
	}
	w.without(func() {
		for i, from := range alone.addrs() {
			for name, attack := range attacks(from, other.addrs()[i], 7000) {
				if err := other.ear.comes(alone.in, attack); err != nil {
					t.Errorf("%s without rules: %v", name, err)
				}
			}
		}
	})
}

// The host's services are reached by the gateway's address and by no other of the host's; with NoHost not by that either. Neighbour
// discovery works on, the host reaches the container, and both are heard outside.
func TestHostServices(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	own := l.NewHost("host")
	for _, further := range []string{"192.0.2.77/32", "2001:db8:77::1/128"} {
		must(t, own.Rtnl().Do(rtnl.NewAddr(rtnl.AddrOf(1, netip.MustParsePrefix(further), 0), "")))
	}
	lab.AwaitLocal(t, own.NS(), "2001:db8:77::1")
	l.Expect(own)
	w := townOn(t, l, own)
	w.needIPv6()
	open := w.party(container.Network{Name: "open"})
	closed := w.party(container.Network{Name: "closed", NoHost: true})
	w.attach(container.Network{Name: "far", Network: "far"})
	serve(t, w.host)
	host := listen(t, w.host)
	hostAddrs := []string{
		w.host.Addr4().String(), "192.0.2.77", "10.0.1.1", "127.0.0.1", "127.0.0.53", "255.255.255.255", "224.0.0.1", "224.0.0.251",
		w.host.Addr6().String(), "2001:db8:77::1", "fd70:6c75:6d62:1::1", "fe80::1", "fe80::2", "ff02::1", "ff02::2", "ff05::1", "ff02::fb",
	}
	for _, p := range []party{open, closed} {
		refused := append([]string(nil), hostAddrs...)
		if p.a == closed.a {
			refused = append(refused, p.a.Gateway.String(), p.a.Gateway6.String())
		}
		for _, text := range refused {
			to := netip.MustParseAddr(text)
			sources := p.addrs()[:1]
			if to.Is6() {
				sources = []netip.Addr{p.a.Addr6.Addr(), nat.LinkLocal}
			}
			for _, from := range sources {
				for name, attack := range attacks(from, to, 7) {
					must(t, p.in.send(attack))
					after := follow(open.addrs()[0].String(), open.a.Gateway.String())
					if p.a == open.a {
						must(t, p.in.send(after))
					} else {
						check(t, ping(p.box, open.addrs()[0].String())) // comes after it, by the same link
						must(t, open.in.send(after))
					}
					if attacked, came := host.until(follower); attacked || !came {
						t.Errorf("%s: %s from %s to %s comes through: %v; what may comes: %v", p.a.Name, name, from, to, attacked, came)
					}
				}
			}
		}
		for _, to := range p.addrs() {
			check(t, ping(w.host, to.String()))
			for _, network := range []string{"udp", "tcp"} {
				_, err := echo(w.host, network, netip.AddrPortFrom(to, 7).String())
				check(t, err)
			}
		}
		lab.Run(t, p.box, "ip", "neigh", "flush", "all")
		w.goesOut(p)
	}
	open.reaches(t, closed)
	closed.reaches(t, open)
	for _, to := range []netip.Addr{open.a.Gateway, open.a.Gateway6} {
		check(t, ping(open.box, to.String()))
		for _, network := range []string{"udp", "tcp"} {
			_, err := echo(open.box, network, netip.AddrPortFrom(to, 7).String())
			check(t, err)
		}
	}
	w.without(func() {
		for _, text := range []string{w.host.Addr4().String(), "10.0.1.1", "224.0.0.1", w.host.Addr6().String(), "fd70:6c75:6d62:1::1", "ff02::1"} {
			to := netip.MustParseAddr(text)
			from := closed.addrs()[0]
			if to.Is6() {
				from = closed.addrs()[1]
			}
			for name, attack := range attacks(from, to, 7) {
				if err := host.comes(closed.in, attack); err != nil {
					t.Errorf("%s without rules: %v", name, err)
				}
			}
		}
	})
}

// A network has one subnet of each family, and keeps it: who joins it with another one is refused. One with a single family stays so.
func TestJoinRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	prefix := netip.MustParsePrefix
	w.attach(container.Network{Name: "a", Network: "front", Subnet: prefix("10.9.0.0/24"), Subnet6: prefix("fd09::/64")})
	w.attach(container.Network{Name: "b", Network: "front", Subnet: prefix("10.9.0.0/24")})
	for want, n := range map[string]container.Network{
		"network front has the subnet 10.9.0.0/24, not 10.8.0.0/24":                        {Name: "x", Network: "front", Subnet: prefix("10.8.0.0/24")},
		"network front has the subnet fd09::/64, not fd08::/64":                            {Name: "x", Network: "front", Subnet6: prefix("fd08::/64")},
		`subnet 10.9.0.0/24 is of network "front": take another one, or join that network`: {Name: "x", Network: "back", Subnet: prefix("10.9.0.0/24")},
		`subnet fd09::/64 is of network "front": take another one, or join that network`:   {Name: "x", Subnet6: prefix("fd09::/64")},
	} {
		err := w.refused(n)
		var refused *nat.NetworkError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// Many who create one network at once all come to be in one subnet.
func TestNetworkRace(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	const many = 8
	hosts, boxes := make([]*container.Host, many), make([]*clab.Host, many)
	for i := range many {
		hosts[i], boxes[i] = w.open(), w.box("race-"+string(rune('a'+i)))
	}
	for round := range 4 {
		network := "net" + string(rune('a'+round))
		made := make([]*container.Attachment, many)
		errs := make([]error, many)
		var wg sync.WaitGroup
		for i := range many {
			wg.Go(func() {
				made[i], errs[i] = hosts[i].Attach(context.Background(), container.Network{Name: network + string(rune('a'+i)), Network: network}, boxes[i].NS())
			})
		}
		wg.Wait()
		for i, a := range made {
			if errs[i] != nil {
				t.Errorf("round %d: %v", round, errs[i])
				continue
			}
			if a.Addr.Masked() != made[0].Addr.Masked() || a.Addr6.Masked() != made[0].Addr6.Masked() {
				t.Errorf("round %d: %s and %s in one network", round, a.Addr, made[0].Addr)
			}
			w.detach(a.Name)
		}
	}
}
