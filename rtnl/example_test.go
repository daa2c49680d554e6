package rtnl_test

import (
	"errors"
	"fmt"
	"log"
	"net/netip"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// in opens a socket in a fresh network namespace, so that the examples touch nothing.
func in() (*rtnl.Conn, *netns.NS) {
	ns, err := netns.New()
	if err != nil {
		log.Fatal(err)
	}
	var c *rtnl.Conn
	err = ns.Do(func() (err error) {
		c, err = rtnl.Dial(wire.Config{})
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	return c, ns
}

// A pair of links, of which the peer is created where it belongs, and the host's address with the route to the container:
// two messages, one datagram.
func ExampleNewLink() {
	host, hostNS := in()
	defer hostNS.Close()
	defer host.Close()
	container, containerNS := in()
	defer containerNS.Close()
	defer container.Close()

	fd := uint32(containerNS.FD())
	pair := rtnl.VethPair(
		&rtnl.Link{Name: "pl-web", Index: 5, Flags: unix.IFF_UP, Change: unix.IFF_UP},
		&rtnl.Link{Name: "eth0", Index: 2, NetNSFd: &fd})
	address := rtnl.PeerAddrOf(5, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), 0)
	if err := host.Do(
		rtnl.NewLink(pair, "create pl-web"),
		rtnl.NewAddr(address, "give pl-web its address"),
	); err != nil {
		log.Fatal(err)
	}

	one, err := host.LinkByName("pl-web")
	if err != nil {
		log.Fatal(err)
	}
	other, err := container.LinkByName("eth0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d %s, a %s, its peer is %d\n", one.Index, one.Name, one.Info.Kind, one.Link)
	fmt.Printf("%d %s, a %s, its peer is %d\n", other.Index, other.Name, other.Info.Kind, other.Link)
	// Output:
	// 5 pl-web, a veth, its peer is 2
	// 2 eth0, a veth, its peer is 5
}

// An error says what was attempted, which attribute is at fault, and why.
func ExampleConn_LinkByName() {
	c, ns := in()
	defer ns.Close()
	defer c.Close()

	_, err := c.LinkByName("web")
	fmt.Println(err)
	fmt.Println(errors.Is(err, unix.ENODEV))
	fmt.Println(c.Do(rtnl.SetLink(&rtnl.Link{Index: 1, Name: "a-name-that-is-too-long"}, "rename lo")))
	// Output:
	// get link web: no such device (ENODEV)
	// true
	// rename lo: IFNAME: Attribute failed policy validation (ERANGE)
}

// What a container has of its own routes: the default one goes through a gateway that is reached by a route on the link.
func ExampleNewRoute() {
	c, ns := in()
	defer ns.Close()
	defer c.Close()

	gateway := netip.MustParseAddr("10.0.0.1")
	if err := c.Do(
		rtnl.NewLink(&rtnl.Link{
			Name: "eth0", Index: 2, Flags: unix.IFF_UP, Change: unix.IFF_UP,
			Info: &rtnl.LinkInfo{Kind: "bridge"},
		}, "create eth0"),
		rtnl.NewAddr(rtnl.AddrOf(2, netip.MustParsePrefix("10.0.0.2/24"), unix.IFA_F_NOPREFIXROUTE), "give eth0 its address"),
		rtnl.NewRoute(rtnl.OnLink(2, netip.PrefixFrom(gateway, 32)), "reach the gateway"),
		rtnl.NewRoute(rtnl.Via(2, rtnl.Default(gateway), gateway), "reach everything else"),
	); err != nil {
		log.Fatal(err)
	}
	routes, err := c.Routes(rtnl.IPv4)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range routes {
		if r.Table == unix.RT_TABLE_MAIN {
			fmt.Println(r.Destination(), r.Scope, r.Gateway.IsValid())
		}
	}
	// Output:
	// 0.0.0.0/0 RT_SCOPE_UNIVERSE true
	// 10.0.0.1/32 RT_SCOPE_LINK false
}
