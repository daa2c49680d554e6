package container_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/rtnl"
	"plumb/test/lab"
)

// A Network that cannot be meant is refused before anything is done, with the option's name and what is wrong.
func TestFlagErrors(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	for want, n := range map[string]container.Network{
		`name "": a container needs a name`:                                                                                 {},
		`name "` + strings.Repeat("x", 64) + `": 64 bytes long, 63 is the most`:                                             {Name: strings.Repeat("x", 64)},
		`name "a b": ' ' cannot stand there`:                                                                                {Name: "a b"},
		`name "-a": '-' cannot stand there`:                                                                                 {Name: "-a"},
		`ifname "sixteen-bytes-xx": 16 bytes long, 15 is the most`:                                                          {Name: "a", Interface: "sixteen-bytes-xx"},
		`ifname "lo": it is the loopback link's name`:                                                                       {Name: "a", Interface: "lo"},
		`ifname "a/b": it may hold no space, slash, colon or percent sign`:                                                  {Name: "a", Interface: "a/b"},
		`subnet "2001:db8::/64": an IPv4 prefix such as 10.0.0.0/24 is needed`:                                              {Name: "a", Subnet: prefix("2001:db8::/64")},
		`subnet "10.0.0.1/24": it has bits set beyond its length: 10.0.0.0/24`:                                              {Name: "a", Subnet: prefix("10.0.0.1/24")},
		`subnet "10.0.0.0/31": it has no room for a gateway and a container`:                                                {Name: "a", Subnet: prefix("10.0.0.0/31")},
		`subnet "127.0.0.0/24": its addresses cannot be given to hosts`:                                                     {Name: "a", Subnet: prefix("127.0.0.0/24")},
		`subnet "224.0.0.0/24": its addresses cannot be given to hosts`:                                                     {Name: "a", Subnet: prefix("224.0.0.0/24")},
		`ip "10.1.0.2": it is not in the subnet 10.0.0.0/24`:                                                                {Name: "a", Addr: addr("10.1.0.2")},
		`ip "10.0.0.1": it is the gateway's`:                                                                                {Name: "a", Addr: addr("10.0.0.1")},
		`ip "10.0.0.0": it is the subnet's own address`:                                                                     {Name: "a", Addr: addr("10.0.0.0")},
		`ip "10.0.0.255": it is the subnet's own address, or its broadcast address`:                                         {Name: "a", Addr: addr("10.0.0.255")},
		`mtu "67": it must be from 68 to 65535 bytes`:                                                                       {Name: "a", MTU: 67},
		`mac "01:00:00:00:00:00": it is a multicast address`:                                                                {Name: "a", MAC: net.HardwareAddr{1, 0, 0, 0, 0, 0}},
		`mac "00:00:00:00:00:00": it is no address`:                                                                         {Name: "a", MAC: make(net.HardwareAddr, 6)},
		`mac "02:00:00:00:00:00:00:01": an Ethernet address has 6 bytes`:                                                    {Name: "a", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 0, 0, 1}},
		`uplink nothing0: the host has no such link: name another one with --uplink`:                                        {Name: "a", Uplinks: []string{"nothing0"}},
		`network "sixteen-bytes-xx": 16 bytes long, 15 is the most`:                                                         {Name: "a", Network: "sixteen-bytes-xx"},
		`network "a/b": '/' cannot stand there`:                                                                             {Name: "a", Network: "a/b"},
		`subnet6 "off": with --subnet off as well there is no network left`:                                                 {Name: "a", NoIPv4: true, NoIPv6: true},
		`subnet6 "10.0.0.0/24": an IPv6 prefix such as fd00:1::/64 is needed`:                                               {Name: "a", Subnet6: prefix("10.0.0.0/24")},
		`subnet6 "fd00::1/64": it has bits set beyond its length: fd00::/64`:                                                {Name: "a", Subnet6: prefix("fd00::1/64")},
		`subnet6 "fd00::/127": it has no room for a gateway and a container`:                                                {Name: "a", Subnet6: prefix("fd00::/127")},
		`subnet6 "fc00::/8": /16 is the largest`:                                                                            {Name: "a", Subnet6: prefix("fc00::/8")},
		`subnet6 "fe80::/64": its addresses cannot be given to hosts`:                                                       {Name: "a", Subnet6: prefix("fe80::/64")},
		`subnet6 "ff02::/64": its addresses cannot be given to hosts`:                                                       {Name: "a", Subnet6: prefix("ff02::/64")},
		`subnet6 "::/64": its addresses cannot be given to hosts`:                                                           {Name: "a", Subnet6: prefix("::/64")},
		`ip "fd70:6c75:6d62::2": an IPv4 address is needed; IPv6 is for --ip6`:                                              {Name: "a", Addr: addr("fd70:6c75:6d62::2")},
		`ip6 "10.0.0.2": an IPv6 address without a zone is needed; IPv4 is for --ip`:                                        {Name: "a", Addr6: addr("10.0.0.2")},
		`ip6 "fe80::2%eth0": an IPv6 address without a zone is needed`:                                                      {Name: "a", Addr6: addr("fe80::2%eth0")},
		`ip6 "::ffff:10.0.0.2": an IPv6 address without a zone is needed`:                                                   {Name: "a", Addr6: addr("::ffff:10.0.0.2")},
		`ip6 "fd71::2": it is not in the subnet fd70:6c75:6d62::/64`:                                                        {Name: "a", Addr6: addr("fd71::2")},
		`ip6 "fd70:6c75:6d62::1": it is the gateway's`:                                                                      {Name: "a", Addr6: addr("fd70:6c75:6d62::1")},
		`ip6 "fd70:6c75:6d62::": it is the subnet's own address`:                                                            {Name: "a", Addr6: addr("fd70:6c75:6d62::")},
		`ip "10.0.0.2": the container has no IPv4: --subnet is off`:                                                         {Name: "a", Addr: addr("10.0.0.2"), NoIPv4: true},
		`ip6 "fd70:6c75:6d62::2": the container has no IPv6: --subnet6 is off`:                                              {Name: "a", Addr6: addr("fd70:6c75:6d62::2"), NoIPv6: true},
		`mtu "1279": IPv6 needs 1280 bytes at least`:                                                                        {Name: "a", MTU: 1279, NoIPv4: true},
		`publish "0:80/tcp": an --internal container has no way out`:                                                        {Name: "a", Internal: true, Publish: []container.Publish{mustPublish(t, "80")}},
		`publish "192.0.2.1:80:80/tcp": the container has no IPv4: --subnet is off`:                                         {Name: "a", NoIPv4: true, Publish: []container.Publish{mustPublish(t, "192.0.2.1:80:80")}},
		`publish "[::1]:80:80/tcp": the container has no IPv6: --subnet6 is off`:                                            {Name: "a", NoIPv6: true, Publish: []container.Publish{mustPublish(t, "[::1]:80:80")}},
		`publish "[ff02::1]:80:80/tcp": a host has no multicast address of its own`:                                         {Name: "a", Publish: []container.Publish{mustPublish(t, "[ff02::1]:80:80")}},
		`publish "8005:80/tcp": it claims a port of 8000-8010:80-90/tcp once more`:                                          {Name: "a", Publish: []container.Publish{mustPublish(t, "8000-8010:80-90"), mustPublish(t, "8005:80")}},
		`publish "1-20000:1-20000/tcp": 20000 ports in all, 16384 is the most`:                                              {Name: "a", Publish: []container.Publish{mustPublish(t, "1-20000:1-20000")}},
		`subnet 2001:db8::/64 overlaps 2001:db8::2/128, which the host reaches by uplink0: give another one with --subnet6`: {Name: "a", Subnet6: prefix("2001:db8::/64")},
		`subnet 203.0.113.0/24 overlaps 203.0.113.1/32, which the host reaches by uplink0`:                                  {Name: "a", Subnet: prefix("203.0.113.0/24")},
	} {
		if err := w.refused(n); !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// The default subnet gives way to what the host uses already, and says so; a given one does not.
func TestOverlap(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	lan := w.foreign(w.host, "lan0")
	must(t, w.host.Rtnl().Do(
		rtnl.NewAddr(rtnl.AddrOf(lan, netip.MustParsePrefix("10.0.0.77/24"), 0), ""),
		rtnl.NewRoute(rtnl.OnLink(lan, netip.MustParsePrefix("10.0.1.128/25")), ""),
	))
	var overlap *container.OverlapError
	err := w.refused(container.Network{Name: "given", Subnet: netip.MustParsePrefix("10.0.0.0/24")})
	if !errors.As(err, &overlap) || overlap.Link != "lan0" {
		t.Errorf("a given subnet: %v", err)
	}
	for i, want := range []string{"10.0.2.2/24", "10.0.2.3/24"} {
		w.notices = nil
		box, a := w.attach(container.Network{Name: []string{"a", "b"}[i]})
		if a.Addr.String() != want {
			t.Errorf("container %d has %s, want %s", i, a.Addr, want)
		}
		if len(w.notices) != 1 || !strings.Contains(w.notices[0], "subnet 10.0.0.0/24 is in use by lan0") || !strings.Contains(w.notices[0], "taking 10.0.2.0/24") {
			t.Errorf("it says %q", w.notices)
		}
		check(t, ping(box, "8.8.8.8"))
	}
}

// A VPN's halves of a default route are in nobody's way; a route to all of 10.0.0.0/8 is.
func TestWideRoutes(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	lan := w.foreign(w.host, "lan0")
	for _, p := range []string{"0.0.0.0/1", "128.0.0.0/1"} {
		must(t, w.host.Rtnl().Do(rtnl.NewRoute(rtnl.OnLink(lan, netip.MustParsePrefix(p)), "")))
	}
	_, a := w.attach(container.Network{Name: "vpn"})
	if a.Addr.String() != "10.0.0.2/24" || len(w.notices) != 0 || !w.forwards("lan0") {
		t.Errorf("with a VPN: %s, %q, lan0 forwards: %v", a.Addr, w.notices, w.forwards("lan0"))
	}
	w.detach("vpn")
	must(t, w.host.Rtnl().Do(rtnl.NewRoute(rtnl.OnLink(lan, netip.MustParsePrefix("10.0.0.0/8")), "")))
	_, a = w.attach(container.Network{Name: "wide"})
	if a.Addr.String() != "172.31.0.2/24" || len(w.notices) != 1 {
		t.Errorf("with 10.0.0.0/8: %s, %q", a.Addr, w.notices)
	}
}

// Only the uplinks and the host ends forward; the host is no router. With the last container all is as before.
func TestForwarding(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.foreign(w.host, "other0")
	_, a := w.attach(container.Network{Name: "web"})
	for link, want := range map[string]bool{clab.UplinkName: true, a.HostLink: true, "other0": false, "all": false, "default": false, "lo": false} {
		if got := w.forwards(link); got != want {
			t.Errorf("forwarding of %s is %v, want %v", link, got, want)
		}
	}
	w.detach("web")
	if w.forwards(clab.UplinkName) {
		t.Error("the uplink forwards after the last container")
	}
	// --uplink names others.
	box, _ := w.attach(container.Network{Name: "web", Uplinks: []string{"other0"}})
	if !w.forwards("other0") || w.forwards(clab.UplinkName) {
		t.Error("the link that was named is not the one that forwards")
	}
	if err := ping(box, "10.0.0.1"); err != nil {
		t.Error(err)
	}
	w.detach("web")
}

// What somebody else has changed meanwhile stays as he wants it.
func TestForwardingChangedByOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		before, while func(w *town)
		uplink, host  bool // whether they forward in the end
	}{
		{name: "forwarded before", before: func(w *town) { w.set(w.host, "net/ipv4/conf/uplink0/forwarding", "1") }, uplink: true},
		{name: "router before", before: func(w *town) { w.set(w.host, "net/ipv4/ip_forward", "1") }, uplink: true, host: true},
		{name: "router meanwhile", while: func(w *town) { w.set(w.host, "net/ipv4/ip_forward", "1") }, uplink: true, host: true},
		{name: "off meanwhile", while: func(w *town) { w.set(w.host, "net/ipv4/conf/uplink0/forwarding", "0") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t, lab.Except("sysctl net/ipv4/"), lab.Except("link lo: "), lab.Except("link uplink0: ")) // the test's own changes
			if c.before != nil {
				c.before(w)
			}
			w.attach(container.Network{Name: "web"})
			if c.while != nil {
				c.while(w)
			}
			w.detach("web")
			if w.forwards(clab.UplinkName) != c.uplink || w.forwards("all") != c.host {
				t.Errorf("forwarding of the uplink %v, of all %v; want %v, %v", w.forwards(clab.UplinkName), w.forwards("all"), c.uplink, c.host)
			}
		})
	}
}
