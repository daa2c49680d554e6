// Package trace shows netlink messages to people. Text is what the option --trace prints: each message as a tree, by
// the kernel's own names, and the kernel's answer to it.
//
//	0.000 ms  host → RTM_NEWLINK NLM_F_REQUEST|ACK|EXCL|CREATE seq=1 len=60  create pl-web
//	               ifi_family=AF_UNSPEC ifi_type=0 ifi_index=77 ifi_flags=IFF_UP ifi_change=IFF_UP
//	               IFLA_IFNAME "pl-web"
//	               IFLA_LINKINFO
//	                   IFLA_INFO_KIND "veth"
//	0.412 ms  host ← NLMSG_ERROR NLM_F_CAPPED|ACK_TLVS seq=1 len=72  create pl-web: refused after 412µs
//	               veth not supported by this kernel (EOPNOTSUPP)
//	               IFLA_LINKINFO
//	                 ▸ IFLA_INFO_KIND "veth"
//
// It renders what wire.Protocol.View takes apart, and knows no family: the names come from the tables of rtnl and nat.
package trace
