// Package lab builds a sealed internet: network namespaces, joined by cables of our own, that no packet leaves. plumb demo,
// plumb lab and plumb bench run in one, and so do the tests (package test/lab).
//
//	┌─ internet ──────────────────────────┐
//	│ lo       8.8.8.8  1.1.1.1  …        │   DNS on 53 (google.com), HTTP on 80, echo on 7, each in IPv4 and IPv6;
//	│ to-a     203.0.113.1, fe80::1       ├─┐ the kernel answers pings
//	│ to-b     203.0.113.1, fe80::1       ├─│─┐
//	└─────────────────────────────────────┘ │ │
//	┌─ a ─────────────────────────────────┐ │ │
//	│ uplink0  203.0.113.2, 2001:db8::2   ├─┘ │
//	│ default via 203.0.113.1 and fe80::1 │   │
//	└─────────────────────────────────────┘   │
//	┌─ b ─────────────────────────────────┐   │
//	│ uplink0  203.0.113.3, 2001:db8::3   ├───┘
//
// The addresses that are not a public server's are of the ranges kept for documentation (RFC 5737, RFC 3849). The
// internet forwards between the hosts, and has no way out: nothing but cables to hosts is in its namespace.
//
// Namespaces have no names. They, and everything in them, end with the Lab's Close, or with the process.
//
// lab.go builds the internet, host.go the hosts, cable.go what joins them (watch.go waits until it carries packets), socket.go opens sockets in them; services.go
// and the files beside it are the servers. state.go takes a picture of all that a namespace holds, and
// Diff says what has changed between two: that is how plumb demo shows, and the tests make sure, that nothing is left behind.
// drawing.go draws what was built.
package lab
