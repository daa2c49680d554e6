package container_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/nat"
	"plumb/rtnl"
)

// raced says that the race detector is on.
var raced bool

// crowdSize is how many containers a crowd attaches in how many processes. -short makes it fewer.
func crowdSize() (containers, processes int) {
	if testing.Short() {
		return 128, 16
	}
	return 1000, 64
}

// TestThousandAtOnce has 64 processes attach 1,000 containers of both families, each with two published ports, to one host at once: no
// address and no port is held twice, the addresses are the lowest, no element, no link and no route is missing and none is there beside them. When
// the processes have taken all of it back at once, nothing is left.
func TestThousandAtOnce(t *testing.T) {
	containers, processes := crowdSize()
	w := newTown(t)
	w.needIPv6()
	crowd := w.crowd(processes, containers)
	took := crowd.all("attach")
	members, retries := crowd.members()
	t.Logf("%d attached by %d processes in %s, with %d retries of a batch", containers, processes, took, retries)
	w.checkCrowd(members, containers)
	w.checkReached(members)
	took = crowd.all("detach")
	t.Logf("%d detached by %d processes in %s", containers, processes, took)
	w.nothingLeft()
}

// nothingLeft sees that host ends and tables are gone, now.
func (w *town) nothingLeft() {
	w.t.Helper()
	if ends := w.ends(); len(ends) > 0 {
		w.t.Errorf("%d host ends are left, such as %s", len(ends), ends[0].Name)
	}
	if tables, err := w.nat.Tables(nat.NFPROTO_UNSPEC); err != nil || len(tables) != 0 {
		w.t.Errorf("tables are left: %+v, %v", tables, err)
	}
	for _, family := range []rtnl.Family{rtnl.IPv4, rtnl.IPv6} {
		routes, err := w.host.Rtnl().Routes(family)
		must(w.t, err)
		for i := range routes {
			if d := routes[i].Destination(); crowdSubnets[0].Overlaps(d) && d.Bits() > 0 || crowdSubnets[1].Overlaps(d) && d.Bits() > 0 {
				w.t.Errorf("a route to %s is left", d)
			}
		}
	}
}

// ends are the host ends that there are, and links that DetachAll is about to remove.
func (w *town) ends() (all []rtnl.Link) {
	w.t.Helper()
	links, err := w.host.Rtnl().Links()
	must(w.t, err)
	for _, l := range links {
		if l.Group == container.LinkGroup || strings.HasPrefix(l.Name, "pl-") {
			all = append(all, l)
		}
	}
	return all
}

// checkCrowd compares what the host has with what the containers say that they have.
func (w *town) checkCrowd(members []member, containers int) {
	w.t.Helper()
	if len(members) != containers {
		w.t.Fatalf("%d are attached, want %d", len(members), containers)
	}
	for family, first := range []string{"10.0.0.2", plumb6 + "2"} {
		held := map[netip.Addr]string{}
		for _, m := range members {
			if other, twice := held[m.addrs[family]]; twice {
				w.t.Errorf("%s is held by %s and %s", m.addrs[family], other, m.name)
			}
			held[m.addrs[family]] = m.name
		}
		// Lowest first: none is left out below the highest.
		for n, a := 0, netip.MustParseAddr(first); n < containers; n, a = n+1, a.Next() {
			if held[a] == "" {
				w.t.Errorf("nobody has %s", a)
			}
		}
	}
	w.checkHeld(members)
	w.checkMembers(members)
	w.checkPorts(members)
	w.checkLinks(members)
	w.checkRoutes(members)
}

// checkHeld looks at the leases, at map link, and at the marks of runs of addresses that are all leased.
func (w *town) checkHeld(members []member) {
	w.t.Helper()
	leases, err := w.nat.Leases()
	must(w.t, err)
	holdings, err := w.nat.Holdings()
	must(w.t, err)
	if len(leases) != 2*len(members) || len(holdings) != len(members) {
		w.t.Errorf("there are %d leases and %d elements of map link of %d containers", len(leases), len(holdings), len(members))
	}
	leased := map[netip.Addr]nat.Lease{}
	for _, l := range leases {
		leased[l.Addr] = l
	}
	of := map[string]nat.Holding{}
	for _, h := range holdings {
		of[h.Link] = h
	}
	for _, m := range members {
		h := of[m.link]
		if h.Comment.Name != m.name || h.Comment.IfIndex != m.index || h.IPv4 != m.addrs[0] || h.IPv6 != m.addrs[1] || !strings.Contains(h.Comment.String(), " with ports") {
			w.t.Errorf("map link has %+v, held by %+v", h, m)
		}
		for _, a := range m.addrs {
			if l := leased[a]; l.Link != m.link || l.Comment.Name != m.name || l.Comment.IfIndex != m.index {
				w.t.Errorf("the lease of %s is %+v, held by %+v", a, l, m)
			}
		}
	}
	for _, set := range []string{"full4", "full6"} {
		for _, run := range w.elements(set) {
			a, _ := netip.AddrFromSlice(run.Key.Value)
			for range 16 {
				if _, is := leased[a]; !is {
					w.t.Errorf("%s is marked as taken, in %s", a, set)
				}
				a = a.Next()
			}
		}
	}
}

func (w *town) elements(set string) []nat.Element {
	w.t.Helper()
	elements, err := w.nat.Elements(nat.NFPROTO_INET, nat.TableName, set)
	must(w.t, err)
	return elements
}

// checkMembers looks at what the containers may send from.
func (w *town) checkMembers(members []member) {
	w.t.Helper()
	for family, set := range []string{"member4", "member6"} {
		there := map[string]bool{}
		for _, e := range w.elements(set) {
			there[string(e.Key.Value)] = true
		}
		want := 0
		for _, m := range members {
			may := []netip.Addr{m.addrs[family]}
			if family == 1 {
				may = append(may, nat.LinkLocal)
			}
			for _, a := range may {
				want++
				if !there[string(append(nat.IfName(m.link), a.AsSlice()...))] {
					w.t.Errorf("%s may not send from %s", m.name, a)
				}
			}
		}
		if len(there) != want {
			w.t.Errorf("there are %d elements of %s, want %d", len(there), set, want)
		}
	}
}

// checkPorts looks at what is published.
func (w *town) checkPorts(members []member) {
	w.t.Helper()
	published, err := w.nat.Ports()
	must(w.t, err)
	type service struct {
		proto uint8
		port  uint16
		v6    bool
	}
	leads := map[service]string{}
	for _, p := range published {
		leads[service{p.Proto, p.HostPort, p.Target.Addr().Is6()}] = fmt.Sprint(p.Name, " ", p.Target)
	}
	claimed := map[service]string{}
	for _, m := range members {
		for family, a := range m.addrs {
			for i, to := range []service{{unix.IPPROTO_TCP, 80, false}, {unix.IPPROTO_UDP, 53, false}} {
				s := service{to.proto, m.ports[i], family == 1}
				if other := claimed[s]; other != "" {
					w.t.Errorf("%+v is of %s and of %s", s, other, m.name)
				}
				claimed[s] = m.name
				if want := fmt.Sprint(m.name, " ", netip.AddrPortFrom(a, to.port)); leads[s] != want {
					w.t.Errorf("%+v leads to %q, want %s", s, leads[s], want)
				}
			}
		}
	}
	if len(published) != 4*len(members) {
		w.t.Errorf("%d ports are published, want %d", len(published), 4*len(members))
	}
}

// checkLinks looks at the host ends.
func (w *town) checkLinks(members []member) {
	w.t.Helper()
	byIndex := map[uint32]rtnl.Link{}
	for _, l := range w.ends() {
		byIndex[l.Index] = l
		if l.Flags&unix.IFF_UP == 0 {
			w.t.Errorf("%s is down", l.Name)
		}
	}
	for _, m := range members {
		l := byIndex[m.index]
		head, tail := fmt.Sprintf("plumb %s %s/16 eth0 ", m.name, m.addrs[0]), fmt.Sprintf(" 6=%s/64 p=%d:80/tcp p=%d:53/udp", m.addrs[1], m.ports[0], m.ports[1])
		// The first one says what it has switched on, too.
		if !strings.HasPrefix(l.Alias, head) || !strings.HasSuffix(strings.ReplaceAll(strings.ReplaceAll(l.Alias, " fw=uplink0", ""), " fw6=/all", ""), tail) {
			w.t.Errorf("link %d says %q, want %q and %q", m.index, l.Alias, head, tail)
		}
	}
	if len(byIndex) != len(members) {
		w.t.Errorf("there are %d host ends, want %d", len(byIndex), len(members))
	}
}

// checkRoutes looks at the routes to the containers.
func (w *town) checkRoutes(members []member) {
	w.t.Helper()
	for family, f := range []rtnl.Family{rtnl.IPv4, rtnl.IPv6} {
		routes, err := w.host.Rtnl().Routes(f)
		must(w.t, err)
		out := map[netip.Addr]uint32{}
		for i := range routes {
			r := &routes[i]
			if d := r.Destination(); r.Type == unix.RTN_UNICAST && d.IsSingleIP() && crowdSubnets[family].Contains(d.Addr()) {
				if out[d.Addr()] != 0 {
					w.t.Errorf("there are two routes to %s", d)
				}
				out[d.Addr()] = r.Out
			}
		}
		for _, m := range members {
			if out[m.addrs[family]] != m.index {
				w.t.Errorf("the route to %s leads to link %d, want %d", m.addrs[family], out[m.addrs[family]], m.index)
			}
		}
		if len(out) != len(members) {
			w.t.Errorf("there are %d routes to containers, want %d", len(out), len(members))
		}
	}
}

// checkReached pings some of the containers, of which the kernel answers.
func (w *town) checkReached(members []member) {
	w.t.Helper()
	for _, i := range rand.Perm(len(members))[:16] {
		for _, a := range members[i].addrs {
			check(w.t, ping(w.host, a.String()))
		}
	}
}
