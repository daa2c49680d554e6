package nat

import (
	"testing"

	"plumb/test/headers"
)

// The dictionary has the names and numbers of the kernel's headers.
func TestWords(t *testing.T) {
	t.Parallel()
	h := headers.Read(t, []string{
		"netfilter/nf_tables.h", "netfilter/nf_tables_compat.h", "netfilter/nfnetlink.h",
		"netfilter/nfnetlink_conntrack.h", "netfilter/nfnetlink_log.h", "netfilter/nfnetlink_queue.h",
		"netfilter/nfnetlink_acct.h", "netfilter/nfnetlink_cttimeout.h", "netfilter/nfnetlink_cthelper.h",
		"netfilter/nfnetlink_compat.h", "netfilter/nfnetlink_osf.h", "netfilter/nfnetlink_hook.h",
		"netfilter/nf_conntrack_tcp.h", "netfilter/nf_conntrack_sctp.h", "netfilter/ipset/ip_set.h",
	}, "in.h", "in6.h", "if_ether.h", "netfilter.h", "netfilter/nf_conntrack_common.h", "netfilter/nf_nat.h",
		"netfilter/nf_log.h", "netfilter/nf_conntrack_tuple_common.h")
	headers.Compare(t, words, h, map[string]string{
		"NFNL_MSG_BATCH_": "macros made of NLMSG_MIN_TYPE, linux/netlink.h",
		// Newer than the headers of Linux 6.1, which this is compared with on Debian 12.
		"NFT_INNER_": "Linux 6.2", "NFTA_INNER_": "Linux 6.2", "NFNLA_HOOK_BPF_": "Linux 6.5", "IPSET_ATTR_BITMASK": "Linux 6.3",
		"IPPROTO_SMC": "Linux 6.11", "IPPROTO_AGGFRAG": "Linux 6.14",
		// Nothing that a message holds by a name.
		"NFNLGRP_": "multicast groups", "NFT_DATA_V": "of the kernel itself, and nft's", "NFT_REJECT_ICMPX_": "of NFTA_REJECT_ICMP_CODE, which is an ICMP code with another NFTA_REJECT_TYPE",
		"CTA_NAT_SEQ_": "an older name of CTA_SEQADJ_", "OSFOPT_": "inside of OSF_ATTR_FINGER", "OSF_WSS_": "inside of OSF_ATTR_FINGER",
		"TCP_CONNTRACK_IGNORE": "no state but a verdict", "TCP_CONNTRACK_RETRANS": "a timeout", "TCP_CONNTRACK_UNACK": "a timeout",
		"IPSET_ERR_": "errors", "IPSET_FLAG_BIT_": "the flags are there", "IPSET_CREATE_FLAG_": "of the kernel's modules", "IPSET_BIT_": "the same",
		"IPSET_DIM_": "of the iptables extension", "IPSET_INV_MATCH": "the same", "IPSET_RETURN_NOMATCH": "the same", "IPSET_COUNTER_": "the same",
		"IPSET_ADD": "the same", "IPSET_DEL": "the same", "IPSET_TEST": "the same", "IPSET_CREATE": "the same",
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
