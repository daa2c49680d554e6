// Package trace shows netlink messages to people. Text is what the option --trace prints: each message as a tree, by
// the kernel's own names, and the kernel's answer to it.
//
//	0.100 ms   host → RTM_NEWLINK NLM_F_REQUEST|ACK|EXCL|CREATE seq=2 len=52  create pl-db
//	               ifi_family=0 ifi_index=0
//	               IFLA_IFNAME "pl-db"
//	               IFLA_LINKINFO
//	                   IFLA_INFO_KIND "veth"
//	0.500 ms   host ← NLMSG_ERROR NLM_F_CAPPED|ACK_TLVS seq=2 len=84  create pl-db: refused after 42µs
//	               LINKINFO/INFO_KIND: veth not supported by this kernel (EOPNOTSUPP)
//	               IFLA_LINKINFO
//	                 ▸ IFLA_INFO_KIND "veth"
//
// It renders what wire.Protocol.View takes apart, and knows no family: the names come from the tables of rtnl and nat.
package trace
