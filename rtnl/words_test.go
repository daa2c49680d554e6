package rtnl

import (
	"testing"

	"plumb/test/headers"
)

// The dictionary has the names and numbers of the kernel's headers.
func TestWords(t *testing.T) {
	t.Parallel()
	h := headers.Read(t, []string{
		"if.h", "if_arp.h", "if_link.h", "if_addr.h", "if_addrlabel.h", "if_bridge.h", "if_tunnel.h", "rtnetlink.h",
		"neighbour.h", "fib_rules.h", "netconf.h", "net_namespace.h", "nexthop.h", "lwtunnel.h", "mpls_iptunnel.h",
		"seg6_iptunnel.h", "seg6_local.h", "rpl_iptunnel.h", "ioam6_iptunnel.h", "ila.h", "in.h", "pkt_sched.h", "pkt_cls.h",
		"gen_stats.h", "veth.h", "can/netlink.h", "tc_act/tc_gact.h", "tc_act/tc_mirred.h", "tc_act/tc_bpf.h",
		"tc_act/tc_skbedit.h", "tc_act/tc_vlan.h", "tc_act/tc_tunnel_key.h", "tc_act/tc_pedit.h", "tc_act/tc_csum.h",
		"tc_act/tc_connmark.h", "tc_act/tc_ct.h", "tc_act/tc_nat.h", "tc_act/tc_sample.h",
	}, "if_ether.h", "in6.h", "if_vlan.h", "if_tun.h", "if_bonding.h", "icmpv6.h", "mpls.h", "batman_adv.h", "ipv6_route.h")
	headers.Compare(t, words, h, map[string]string{
		// Names that are elsewhere than in linux/.
		"AF_": "sys/socket.h", "IF_RA_": "net/if_inet6.h of the kernel", "IF_RS_": "the same", "IF_READY": "the same",
		// Newer than the headers of Linux 6.1, which this is compared with on Debian 12, and not at an enum's end.
		"NETKIT_": "Linux 6.7", "IFLA_NETKIT_": "Linux 6.7", "VXLAN_LABEL_": "Linux 6.7", "IFLA_DSA_CONDUIT": "Linux 6.7: was MASTER",
		"TCA_MQPRIO_TC_ENTRY_": "Linux 6.4", "MDBA_GET_ENTRY": "Linux 6.8", "MDBE_SRC": "Linux 6.3",
		"TCA_FLOWER_KEY_CFM_": "Linux 6.5", "TCA_FLOWER_KEY_ENC_OPT_PFCP_": "Linux 6.10", "NHA_GROUP_STATS_": "Linux 6.9",
		"RTM_NEWMULTICAST": "Linux 6.14", "RTM_DELMULTICAST": "Linux 6.14", "RTM_NEWANYCAST": "Linux 6.14",
		"RTM_DELANYCAST": "Linux 6.14", "IFLA_OVPN_": "Linux 6.16", "TCA_DUALPI2_": "Linux 6.17", "IFLA_CAN_PWM_": "Linux 6.19",
		"BR_STP_MODE_": "Linux 7", "RT_DEL_REASON_": "Linux 7", "RTPROT_OVN": "Linux 6.16", "IPPROTO_SMC": "Linux 6.11",
		"IPPROTO_AGGFRAG": "Linux 6.14", "TCA_TAPRIO_ATTR_PAD": "Linux 6.2: was TCA_TAPRIO_PAD", "TCA_TAPRIO_PAD": "the same",
		"MPLS_STATS_LINK": "linux/mpls.h has it as an enumerator without a value",
		// Older, and gone since.
		"TCA_CBQ_": "removed in Linux 6.3", "TCA_DSMARK_": "removed in Linux 6.3", "TCA_ATM_": "removed in Linux 6.3",
		"TCA_RSVP_": "removed in Linux 6.3", "TCA_TCINDEX_": "removed in Linux 6.3", "IFLA_DSA_MASTER": "now IFLA_DSA_CONDUIT",
		// Nothing that a message holds by a name.
		"RTNLGRP_": "multicast groups", "TCA_ID_": "numbers of actions in their headers, which messages call by name",
		"TCF_": "inside of ematches, which are shown as bytes", "ILA_CMD_": "of generic netlink", "FDB_NOTIFY_": "bits of NFEA_ACTIVITY_NOTIFY",
		"FLOW_KEY_": "bits of TCA_FLOW_KEYS", "FR_ACT_RES": "reserved", "BRIDGE_MODE_HAIRPIN": "of IFLA_BRPORT_MODE, 0 or 1",
		"BR_MCAST_DIR_": "indexes into br_mcast_stats", "TC_MQPRIO_HW_OFFLOAD_": "of struct tc_mqprio_qopt, 0 or 1",
	})
}

// The tables have the names and numbers of the dictionary, and it names what they have no rows for.
func TestTablesAgree(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for typ := range 1 << 16 {
		info := Protocol.Lookup(uint16(typ))
		if info == nil {
			continue
		}
		for _, d := range info.Disagreements() {
			if !seen[d] {
				t.Error(d)
			}
			seen[d] = true
		}
	}
}
