package learn_test

import (
	"log"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// sandbox makes a network namespace and opens an rtnetlink socket in it.
func sandbox() (*netns.NS, *rtnl.Conn) {
	ns, err := netns.New()
	if err != nil {
		log.Fatal(err)
	}
	c, err := netns.Open(ns, func() (*rtnl.Conn, error) { return rtnl.Dial(wire.Config{}) })
	if err != nil {
		log.Fatal(err)
	}
	return ns, c
}

// must ends an example that does not go as it should.
func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
