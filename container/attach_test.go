package container_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/rtnl"
)

// The first container's network is as the exercise has it, and reaches the gateway, the internet and names.
func TestAttach(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, a := w.attach(container.Network{Name: "web"})
	if a.Addr.String() != "10.0.0.2/24" || a.Gateway.String() != "10.0.0.1" || a.Interface != "eth0" || a.HostLink != "pl-web" {
		t.Errorf("attached %+v", a)
	}
	for _, addr := range []string{"10.0.0.1", "8.8.8.8"} {
		check(t, ping(box, addr))
	}
	google, err := resolve(box, "google.com")
	check(t, err)
	check(t, ping(box, google))
	if who, err := whoAmI(box); err != nil || who != w.host.Addr4().String() {
		t.Errorf("the internet sees %q, %v, want the host's %s", who, err, w.host.Addr4())
	}
	w.looksRight(box, a)
	if found, err := w.h.Detach("web"); !found || err != nil {
		t.Errorf("detach: %v, %v", found, err)
	}
	if found, err := w.h.Detach("web"); found || err != nil {
		t.Errorf("detach of what is gone: %v, %v", found, err)
	}
}

// looksRight compares links, addresses and routes of both ends.
func (w *town) looksRight(box *clab.Host, a *container.Attachment) {
	w.t.Helper()
	host, inside := w.link(w.host, a.HostLink), w.link(box, a.Interface)
	if host == nil || inside == nil || host.Flags&1 == 0 || inside.Flags&1 == 0 {
		w.t.Fatalf("the ends are %+v and %+v", host, inside)
	}
	if host.MTU != a.MTU || inside.MTU != a.MTU || host.Group != container.LinkGroup || inside.Address.String() != a.MAC.String() {
		w.t.Errorf("MTUs %d, %d, group %#x, MAC %s, want those of %+v", host.MTU, inside.MTU, host.Group, inside.Address, a)
	}
	if !strings.HasPrefix(host.Alias, fmt.Sprintf("plumb %s %s %s at=", a.Name, a.Addr, a.Interface)) {
		w.t.Errorf("alias %q", host.Alias)
	}
	for _, e := range []struct {
		h     *clab.Host
		index uint32
		want  string
	}{{w.host, host.Index, "10.0.0.1/32"}, {box, inside.Index, a.Addr.String()}} {
		addrs, err := e.h.Rtnl().Addrs(rtnl.IPv4, e.index)
		must(w.t, err)
		if len(addrs) != 1 || fmt.Sprintf("%s/%d", addrs[0].Local, addrs[0].PrefixLen) != e.want {
			w.t.Errorf("%s has addresses %+v, want %s alone, and none of IPv6", e.h.Name(), addrs, e.want)
		}
	}
	lo := w.link(box, "lo")
	if lo.Flags&1 == 0 {
		w.t.Error("lo is down")
	}
	if got := routesOf(w.t, box); !slices.Equal(got, []string{"0.0.0.0/0 via 10.0.0.1", "10.0.0.1/32 direct"}) {
		w.t.Errorf("routes inside: %q", got)
	}
}

// routesOf lists the routes of the main table, sorted.
func routesOf(t testing.TB, h *clab.Host) (list []string) {
	t.Helper()
	routes, err := h.Rtnl().Routes(rtnl.IPv4)
	must(t, err)
	for _, r := range routes {
		if r.TableLow != 254 {
			continue
		}
		how := "direct"
		if r.Gateway.IsValid() {
			how = "via " + r.Gateway.String()
		}
		list = append(list, r.Destination().String()+" "+how)
	}
	slices.Sort(list)
	return list
}

// Three containers get three addresses, and reach each other through the gateway, where the rules are.
func TestThreeContainers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	var boxes []*clab.Host
	for i := range 3 {
		box, a := w.attach(container.Network{Name: fmt.Sprint("c", i)})
		if want := fmt.Sprintf("10.0.0.%d/24", i+2); a.Addr.String() != want {
			t.Errorf("container %d has %s, want %s", i, a.Addr, want)
		}
		serve(t, box)
		boxes = append(boxes, box)
	}
	for i, from := range boxes {
		for _, addr := range []string{"10.0.0.1", "8.8.8.8"} {
			check(t, ping(from, addr))
		}
		if who, err := whoAmI(from); err != nil || who != w.host.Addr4().String() {
			t.Errorf("container %d: the internet sees %q, %v", i, who, err)
		}
		for j := range boxes {
			to := fmt.Sprintf("10.0.0.%d", j+2)
			check(t, ping(from, to))
			for _, network := range []string{"tcp", "udp"} {
				if who, err := echo(from, network, to+":7"); err != nil || who != fmt.Sprintf("10.0.0.%d", i+2) {
					t.Errorf("%s from container %d to %d: it sees %q, %v", network, i, j, who, err)
				}
			}
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	w := newTownWith(t, clab.HostOptions{MTU: 1400})
	_, a := w.attach(container.Network{Name: "uplinks-mtu"})
	if a.MTU != 1400 {
		t.Errorf("MTU %d, want the uplink's 1400", a.MTU)
	}
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 7}
	box, a := w.attach(container.Network{
		Name: "all", MTU: 1300, MAC: mac, Interface: "net0",
		Addr: netip.MustParseAddr("10.0.0.77"),
	})
	w.looksRight(box, a)
	if a.Interface != "net0" || a.MTU != 1300 || a.MAC.String() != mac.String() || a.Addr.String() != "10.0.0.77/24" {
		t.Errorf("attached %+v", a)
	}
	if w.link(box, "net0") == nil || w.link(box, "eth0") != nil {
		t.Error("the link is not called net0")
	}
	other, a := w.attach(container.Network{Name: "other", Subnet: netip.MustParsePrefix("172.20.4.0/22")})
	if a.Addr.String() != "172.20.4.2/22" || a.Gateway.String() != "172.20.4.1" {
		t.Errorf("attached %+v", a)
	}
	check(t, ping(other, "172.20.4.1"))
	check(t, ping(other, "8.8.8.8"))
	if err := pingFor(other, "10.0.0.77", 100*time.Millisecond); err == nil {
		t.Error("a container of another network answers")
	}
}

// An internal container reaches its gateway and its neighbours, and nothing else.
func TestInternal(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	before := w.forwards(clab.UplinkName)
	a, _ := w.attach(container.Network{Name: "a", Internal: true})
	b, _ := w.attach(container.Network{Name: "b", Internal: true})
	if w.forwards(clab.UplinkName) != before {
		t.Error("the uplink forwards for containers that have no way out")
	}
	serve(t, b)
	check(t, ping(a, "10.0.0.1"))
	check(t, ping(a, "10.0.0.3"))
	if who, err := echo(a, "tcp", "10.0.0.3:7"); err != nil || who != "10.0.0.2" {
		t.Errorf("the neighbour sees %q, %v", who, err)
	}
	for _, addr := range []string{"8.8.8.8", w.host.Addr4().String()} {
		if err := ping(a, addr); err == nil || !strings.Contains(err.Error(), "unreachable") {
			t.Errorf("ping %s: %v, want that it is unreachable", addr, err)
		}
	}
	// A route out, which root inside could add, changes nothing.
	must(t, a.Rtnl().Do(rtnl.NewRoute(rtnl.Via(2, rtnl.Default(netip.MustParseAddr("10.0.0.1")), netip.MustParseAddr("10.0.0.1")), "")))
	defer a.Rtnl().Do(rtnl.DelRoute(rtnl.Via(2, rtnl.Default(netip.MustParseAddr("10.0.0.1")), netip.MustParseAddr("10.0.0.1")), ""))
	c, _ := w.attach(container.Network{Name: "c"})
	check(t, ping(c, "8.8.8.8")) // it forwards now
	if err := w.dropped(a, netip.AddrPort{}, netip.MustParseAddrPort(w.host.Addr4().String()+":7000"), w.host, netip.MustParseAddrPort("10.0.0.1:7000")); err != nil {
		t.Error(err)
	}
}
