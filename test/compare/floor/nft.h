/* The masquerading half: a table of nftables, in the family ip, in two shapes. */
#include "message.h"
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

#define NFT(m) (NFNL_SUBSYS_NFTABLES << 8 | (m))

static const struct nfgenmsg ip_header = {.nfgen_family = NFPROTO_IPV4};
static const struct nfgenmsg batch_header = {.nfgen_family = 0, .res_id = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8)};

static void batch(struct datagram *d, uint16_t bound) { begin(d, bound, 0, &batch_header, sizeof batch_header); }

static void nft(struct datagram *d, int message, uint16_t flags) {
	begin(d, NFT(message), flags, &ip_header, sizeof ip_header);
}

static void table(struct datagram *d) {
	nft(d, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	str(d, NFTA_TABLE_NAME, "floor");
}

static void set(struct datagram *d) {
	nft(d, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	str(d, NFTA_SET_TABLE, "floor");
	str(d, NFTA_SET_NAME, "masq");
	be32(d, NFTA_SET_FLAGS, 0);
	be32(d, NFTA_SET_KEY_TYPE, 7); /* ipv4_addr, as nft numbers its types */
	be32(d, NFTA_SET_KEY_LEN, 4);
	be32(d, NFTA_SET_ID, 1);
}

static void chain(struct datagram *d) {
	nft(d, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	str(d, NFTA_CHAIN_TABLE, "floor");
	str(d, NFTA_CHAIN_NAME, "postrouting");
	uint32_t hook = nest(d, NFTA_CHAIN_HOOK | NLA_F_NESTED);
	be32(d, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
	be32(d, NFTA_HOOK_PRIORITY, NF_IP_PRI_NAT_SRC);
	end(d, hook);
	str(d, NFTA_CHAIN_TYPE, "nat");
}

struct expr {
	uint32_t elem, data;
};

static struct expr expr(struct datagram *d, const char *name) {
	struct expr e;
	e.elem = nest(d, NFTA_LIST_ELEM | NLA_F_NESTED);
	str(d, NFTA_EXPR_NAME, name);
	e.data = nest(d, NFTA_EXPR_DATA | NLA_F_NESTED);
	return e;
}

static void expr_end(struct datagram *d, struct expr e) {
	end(d, e.data);
	end(d, e.elem);
}

static void value(struct datagram *d, uint16_t type, const void *data, int len) {
	uint32_t n = nest(d, type | NLA_F_NESTED);
	attr(d, NFTA_DATA_VALUE, data, len);
	end(d, n);
}

/* rule is "ip saddr @masq masquerade", or "ip saddr 10.0.0.0/24 masquerade" (three bytes of the address). */
static void rule(struct datagram *d, int by_set) {
	nft(d, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	str(d, NFTA_RULE_TABLE, "floor");
	str(d, NFTA_RULE_CHAIN, "postrouting");
	uint32_t list = nest(d, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED);
	struct expr e = expr(d, "payload");
	be32(d, NFTA_PAYLOAD_DREG, NFT_REG_1);
	be32(d, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	be32(d, NFTA_PAYLOAD_OFFSET, 12);
	be32(d, NFTA_PAYLOAD_LEN, by_set ? 4 : 3);
	expr_end(d, e);
	if (by_set) {
		e = expr(d, "lookup");
		str(d, NFTA_LOOKUP_SET, "masq");
		be32(d, NFTA_LOOKUP_SREG, NFT_REG_1);
		be32(d, NFTA_LOOKUP_SET_ID, 1);
	} else {
		e = expr(d, "cmp");
		be32(d, NFTA_CMP_SREG, NFT_REG_1);
		be32(d, NFTA_CMP_OP, NFT_CMP_EQ);
		value(d, NFTA_CMP_DATA, "\x0a\0\0", 3);
	}
	expr_end(d, e);
	expr_end(d, expr(d, "masq"));
	end(d, list);
}

/* element is 10.0.0.2 in the set: to add, to delete or to get. */
static void element(struct datagram *d, int message, uint16_t flags) {
	nft(d, message, flags);
	str(d, NFTA_SET_ELEM_LIST_TABLE, "floor");
	str(d, NFTA_SET_ELEM_LIST_SET, "masq");
	uint32_t list = nest(d, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
	uint32_t elem = nest(d, NFTA_LIST_ELEM | NLA_F_NESTED);
	value(d, NFTA_SET_ELEM_KEY, "\x0a\0\0\x02", 4);
	end(d, elem);
	end(d, list);
}

static void whole_table(struct datagram *d, int by_set) {
	batch(d, NFNL_MSG_BATCH_BEGIN);
	table(d);
	if (by_set)
		set(d);
	chain(d);
	rule(d, by_set);
	acknowledged(d);
	batch(d, NFNL_MSG_BATCH_END);
}

static void one_element(struct datagram *d, int message) {
	batch(d, NFNL_MSG_BATCH_BEGIN);
	element(d, message, message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0);
	acknowledged(d);
	batch(d, NFNL_MSG_BATCH_END);
}

static void no_table(struct datagram *d) {
	batch(d, NFNL_MSG_BATCH_BEGIN);
	nft(d, NFT_MSG_DELTABLE, 0);
	str(d, NFTA_TABLE_NAME, "floor");
	acknowledged(d);
	batch(d, NFNL_MSG_BATCH_END);
}
