package learn_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumb/rtnl"
)

var errGone = errors.New("gone")

// When the last reference to a namespace goes, its links go, and the other ends of its veth pairs with them.
func Example_cleanup() {
	hostNS, host := sandbox()
	defer hostNS.Close()
	defer host.Close()
	containerNS, container := sandbox()

	fd := uint32(containerNS.FD())
	must(host.Do(rtnl.NewLink(rtnl.VethPair(
		&rtnl.Link{Name: "veth0", Index: 10},
		&rtnl.Link{Name: "eth0", Index: 2, NetNSFd: &fd}), "create the pair")))

	must(host.Subscribe(rtnl.GroupLink))
	must(container.Close()) // a socket holds its namespace, too
	must(containerNS.Close())

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := host.Events(ctx, func(e rtnl.Event) error {
		if e.Deleted && e.Link != nil && e.Link.Name == "veth0" {
			return errGone
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// gone
}
