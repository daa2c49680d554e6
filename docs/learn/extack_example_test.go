package learn_test

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// A refusal says which byte is at fault, and the table of the message which attribute that is.
func Example_extendedAck() {
	ns, conn := sandbox()
	defer ns.Close()
	defer conn.Close()

	pair := rtnl.VethPair(&rtnl.Link{Name: "veth0"}, &rtnl.Link{Name: "a-name-that-is-too-long"})
	err := conn.Do(rtnl.NewLink(pair, "create the pair"))

	var refusal *wire.Error
	if errors.As(err, &refusal) {
		fmt.Println("errno:  ", errors.Is(refusal.Err, unix.ERANGE))
		fmt.Println("message:", refusal.Message)
		fmt.Println("offset: ", refusal.Offset, "of", len(refusal.Sent))
		fmt.Println("path:   ", refusal.Path)
	}
	fmt.Println(err)
	// Output:
	// errno:   true
	// message: Attribute failed policy validation
	// offset:  84 of 112
	// path:    LINKINFO/INFO_DATA/VETH_INFO_PEER/IFNAME
	// create the pair: LINKINFO/INFO_DATA/VETH_INFO_PEER/IFNAME: Attribute failed policy validation (ERANGE)
}

// rtnetlink goes on after a message that it refuses: what the others did is to be undone by who asked.
func Example_group() {
	ns, conn := sandbox()
	defer ns.Close()
	defer conn.Close()

	bridge := func(name string) wire.Request {
		return rtnl.NewLink(&rtnl.Link{Name: name, Info: &rtnl.LinkInfo{Kind: "bridge"}}, "create "+name)
	}
	err := conn.Do(bridge("br0"), bridge("br0"), bridge("br1"))
	fmt.Println(err)
	for _, name := range []string{"br0", "br1"} {
		_, err := conn.LinkByName(name)
		fmt.Println(name, "is there:", err == nil)
	}
	// Output:
	// create br0: file exists (EEXIST)
	// br0 is there: true
	// br1 is there: true
}
