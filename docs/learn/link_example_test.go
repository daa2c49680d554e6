package learn_test

import (
	"fmt"

	"golang.org/x/sys/unix"

	"plumb/rtnl"
)

// A pair of links, and what the kernel has made of it.
func Example_veth() {
	ns, conn := sandbox()
	defer ns.Close()
	defer conn.Close()

	pair := rtnl.VethPair(
		&rtnl.Link{Name: "veth0", Index: 10, Flags: unix.IFF_UP, Change: unix.IFF_UP},
		&rtnl.Link{Name: "veth1", Index: 11})
	must(conn.Do(rtnl.NewLink(pair, "create veth0 and veth1")))

	for _, name := range []string{"veth0", "veth1"} {
		link, err := conn.LinkByName(name)
		must(err)
		fmt.Printf("%d %s, a %s; its other end is %d\n", link.Index, link.Name, link.Info.Kind, link.Link)
	}
	fmt.Println(conn.Do(rtnl.NewLink(pair, "create them again")))
	// Output:
	// 10 veth0, a veth; its other end is 11
	// 11 veth1, a veth; its other end is 10
	// create them again: file exists (EEXIST)
}
