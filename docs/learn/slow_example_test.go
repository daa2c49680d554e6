package learn_test

import (
	"fmt"
	"slices"
	"time"

	"plumb/rtnl"
)

// To move a link into another namespace takes many times what it takes to create it there.
func Example_move() {
	var inPlace, moved []time.Duration
	for range 10 {
		inPlace = append(inPlace, pairWith(func(host *rtnl.Conn, fd uint32) {
			must(host.Do(rtnl.NewLink(rtnl.VethPair(
				&rtnl.Link{Name: "veth0", Index: 10},
				&rtnl.Link{Name: "eth0", Index: 2, NetNSFd: &fd}), "create the pair")))
		}))
		moved = append(moved, pairWith(func(host *rtnl.Conn, fd uint32) {
			must(host.Do(rtnl.NewLink(rtnl.VethPair(
				&rtnl.Link{Name: "veth0", Index: 10},
				&rtnl.Link{Name: "eth0", Index: 11}), "create the pair")))
			must(host.Do(rtnl.SetLink(&rtnl.Link{Index: 11, NetNSFd: &fd}, "move eth0")))
		}))
	}
	// The fastest of each: the others have waited for somebody else's RCU, too.
	fmt.Println("moving takes more than twice the time:", slices.Min(moved) > 2*slices.Min(inPlace))
	// Output:
	// moving takes more than twice the time: true
}

// pairWith measures what makes a pair between two fresh namespaces.
func pairWith(create func(host *rtnl.Conn, fd uint32)) time.Duration {
	hostNS, host := sandbox()
	defer hostNS.Close()
	defer host.Close()
	containerNS, container := sandbox()
	defer containerNS.Close()
	defer container.Close()
	start := time.Now()
	create(host, uint32(containerNS.FD()))
	return time.Since(start)
}
