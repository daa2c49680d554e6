// Package rtnl speaks rtnetlink, the kernel's language for links, addresses, routes, routing rules,
// neighbours and queueing disciplines (rtnetlink(7)).
//
// Each object has a file, which reads in one order: where the kernel declares the message, the C struct, the Go struct,
// the table that encodes, decodes and shows it, and what can be done with it. link.go is the place to begin;
// veth.go, beside it, is what makes a pair of links, and package wire below is how a table becomes bytes.
//
// Requests are values: NewLink, NewAddr and so on only describe what is wanted, and Conn.Do sends any number of
// them in one datagram:
//
//	err := conn.Do(
//		rtnl.NewLink(pair, "create pl-web"),
//		rtnl.NewAddr(gateway, "give pl-web its address"),
//	)
//
// What the kernel tells beyond what anyone here asks for still has a name in a trace (told.go, linktold.go), and an
// attribute that a newer kernel adds is kept as it is.
//
// testdata holds the bytes of every message that this package can send, each beside the ip, tc or sysctl command that
// does the same.
//
// rtnetlink goes on after a message that it refuses, so a caller who gets an error undoes what the others did.
package rtnl
