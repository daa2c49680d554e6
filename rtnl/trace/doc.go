// Package trace shows netlink messages to people. Text is what the option --trace prints: each message as a tree, by
// the kernel's own names, and the kernel's answer to it.
//
//	0.313 ms   host → RTM_NEWLINK NLM_F_REQUEST|ACK|EXCL|CREATE seq=2 len=72  create pl-database-logs
//	               ifi_family=AF_UNSPEC ifi_type=0 ifi_index=0 ifi_flags=0x0 ifi_change=0x0
//	               IFLA_IFNAME "pl-database-logs"
//	               IFLA_LINKINFO
//	                   IFLA_INFO_KIND "veth"
//	0.369 ms   host ← NLMSG_ERROR NLM_F_CAPPED|ACK_TLVS seq=2 len=104  create pl-database-logs: refused after 32.3µs
//	               IFNAME: Attribute failed policy validation (ERANGE)
//	               NLMSGERR_ATTR_POLICY
//	                   NL_POLICY_TYPE_ATTR_MAX_LENGTH 15
//	                   NL_POLICY_TYPE_ATTR_TYPE NL_ATTR_TYPE_STRING
//	             ▸ IFLA_IFNAME "pl-database-logs"
//
// It renders what wire.Protocol.View takes apart, and knows no family: the names come from the tables of rtnl and nat.
package trace
