package learn_test

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl"
)

// A gateway must be on a link before a route can go through it.
func Example_route() {
	ns, conn := sandbox()
	defer ns.Close()
	defer conn.Close()
	pair := rtnl.VethPair(
		&rtnl.Link{Name: "veth0", Index: 10, Flags: unix.IFF_UP, Change: unix.IFF_UP},
		&rtnl.Link{Name: "veth1", Index: 11})
	must(conn.Do(rtnl.NewLink(pair, "create veth0 and veth1")))

	gateway := netip.MustParseAddr("10.0.0.1")
	everywhere := rtnl.NewRoute(rtnl.Via(10, rtnl.Default(gateway), gateway), "add the default route")

	err := conn.Do(everywhere)
	fmt.Println(err)
	fmt.Println(errors.Is(err, unix.ENETUNREACH))

	must(conn.Do(
		rtnl.NewAddr(rtnl.AddrOf(10, netip.MustParsePrefix("10.0.0.2/24"), 0), "give veth0 an address"),
		everywhere))
	route, err := conn.RouteTo(netip.MustParseAddr("8.8.8.8"))
	must(err)
	fmt.Println(route.Destination(), "via", route.Gateway)
	// Output:
	// add the default route: Nexthop has invalid gateway (ENETUNREACH)
	// true
	// 0.0.0.0/0 via 10.0.0.1
}
