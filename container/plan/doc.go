// Package plan is what stands between a Conn and the kernel when it is only to be told what would be done. Questions are asked of the
// kernel, so that what follows from the answers is this host's. What would change something is not sent: it is acknowledged here, or refused,
// where it is seen beforehand that the kernel would (a name, an index or an address that is taken, a table that is there).
//
// Who has taken an address looks whether it has it. So what was acknowledged is remembered, as it was sent, and told to who asks: tables,
// chains, rules, sets and elements, the generation id that a commit leaves behind, the links that were made, as they were then, and IPv6 addresses that
// have become local. What no attach asks for afterwards is not: what became of the links, their addresses and routes.
//
// A message of a type that is not known to ask is taken for one that changes something.
package plan
