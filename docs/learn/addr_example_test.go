package learn_test

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl"
)

// An address is one message, and three routes come with it.
func Example_address() {
	ns, conn := sandbox()
	defer ns.Close()
	defer conn.Close()
	pair := rtnl.VethPair(
		&rtnl.Link{Name: "veth0", Index: 10, Flags: unix.IFF_UP, Change: unix.IFF_UP},
		&rtnl.Link{Name: "veth1", Index: 11})
	must(conn.Do(rtnl.NewLink(pair, "create veth0 and veth1")))

	prefix := netip.MustParsePrefix("10.0.0.1/24")
	must(conn.Do(rtnl.NewAddr(rtnl.AddrOf(10, prefix, 0), "give veth0 an address")))

	routes, err := conn.Routes(rtnl.IPv4)
	must(err)
	for _, r := range routes {
		fmt.Println(r.Destination(), r.Type, r.Scope, "table", r.Table, r.Protocol)
	}
	// Output:
	// 10.0.0.0/24 RTN_UNICAST RT_SCOPE_LINK table 254 RTPROT_KERNEL
	// 10.0.0.1/32 RTN_LOCAL RT_SCOPE_HOST table 255 RTPROT_KERNEL
	// 10.0.0.255/32 RTN_BROADCAST RT_SCOPE_LINK table 255 RTPROT_KERNEL
}
