// Package names is a name server for one container: it knows the containers of a network, and asks the host's name
// servers for everything else.
//
// Its sockets are in the container's network namespace, on a random port of 127.0.0.11 ([Listen]). The container's resolv.conf
// says 127.0.0.11, and a rule in the container's namespace (nat.DialRedirect) sends what goes to port 53 there to that
// port. So port 53 stays free for whatever the container serves itself, on 0.0.0.0 too. The sockets to the host's name servers
// are the caller's to open ([Server.Dial]), in the host's namespace: a resolver on 127.0.0.53 is reached from there alone.
//
//	sockets, err := netns.Open(container, names.Listen)
//	...
//	server := &names.Server{Zone: zone, Upstreams: upstreams, Dial: dial}
//	err = server.Serve(ctx, sockets)
//
// # What is answered here
//
// A name of the [Zone] is answered from it alone, whatever the type: a container without an IPv6 address has no AAAA
// record, and nobody else is asked for one. The addresses have PTR records. Both are asked for at each query, and have a TTL of 0,
// since a container that comes again may come with another address.
//
// # What is forwarded
//
// Every other question of class IN. Of the client's message only the question, the flags RD, AD and CD, and the EDNS record go
// on, packed anew: nothing malformed reaches the host's servers. Each try has a socket and an id of its own (RFC 5452). An answer
// has to be from the server that was asked, with the id and the question; it is passed on as it came, but for the id.
// UDP is asked by UDP and TCP by TCP; a client that is told "truncated" asks again by TCP, as with every server.
//
// Without upstreams, as on an internal network, such a question is refused: the resolver must not be a way out for whoever has
// no other (CVE-2024-29018).
//
// # Where to read
//
// server.go has the limits and the life of a [Server], udp.go and tcp.go its clients, query.go what a client may say, zone.go and
// answer.go what is known here, forward.go and upstream.go how others are asked, reply.go what they may say.
package names
