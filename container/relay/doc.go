// Package relay forwards TCP connections and UDP datagrams from a listening socket to one address.
//
// A published port is a DNAT in the kernel, but for ::1: a packet to ::1 stays on the loopback link, and what its destination becomes
// is not reached from there (IPv6 has no route_localnet). So for as long as a process lives that belongs to the container, it
// listens on [::1]:PORT in the host's namespace and relays.
//
//	socket, err := relay.Listen("tcp", netip.MustParseAddrPort("[::1]:8080"))
//	...
//	r := &relay.Relay{To: netip.MustParseAddrPort("10.0.0.2:80"), Dial: dial}
//	err = r.Serve(ctx, socket)
//
// tcp.go relays connections, each direction on its own, so that one may end before the other; the kernel moves the bytes by
// splice(2). udp.go keeps a flow for each client, which ends when it has been silent for a while.
package relay
