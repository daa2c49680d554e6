// Package nat speaks to nftables, the kernel's packet filter and address translation, and keeps plumb's own table in it.
//
// # What goes over the socket
//
// Messages of NETLINK_NETFILTER begin with struct nfgenmsg (protocol.go), and their attributes are numbers in network byte order, names,
// and attributes again. What changes a ruleset goes in a batch (batch.go): everything between its two ends is carried
// out as a whole or not at all, and each commit adds one to the namespace's generation id (gen.go).
//
//	table   a family and a name                                  table.go
//	 ├─ set, map                                                 set.go
//	 │   └─ element: a key, and what it means                    element.go
//	 └─ chain, on a hook in the packet's way                     chain.go
//	     └─ rule                                                 rule.go
//	         └─ expression, expression, ...                      expr.go, expr_*.go
//
// A rule is a small program. Its expressions run in a row, hand values to each other in registers (data.go), and each
// may end the rule. "iifname lo accept" is: meta copies the interface's name into register 1; cmp ends the rule unless register
// 1 is "lo"; immediate puts the verdict accept into the verdict's register.
//
// Connection tracking is another subsystem on the same socket (conntrack.go): it remembers what a rule decided, and has to be
// told to forget it (conntrack_flush.go).
//
// What the kernel stores for user space without looking is in userdata.go: comments, and how nft is to print a set.
//
// # plumb's table
//
// ruleset.go has its sets and chains, rules.go its rules, match.go the parts that rules are made of, family.go what differs between
// IPv4 and IPv6. All of that is constant. What changes is elements: lease.go what an attachment is, attach.go and
// detach.go how it comes and goes, taken.go how the lowest free address is found, subnets.go what is shared, forwarding.go what is to be undone
// on the host by the last one out.
//
// redirect.go has another table, in a container's namespace, for a name server there.
package nat
