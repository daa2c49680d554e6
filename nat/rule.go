package nat

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A rule is a list of expressions, of which each may end it: enum nft_rule_attributes, linux/netfilter/nf_tables.h.

// A Rule is one rule of a chain.
type Rule struct {
	Header
	Table       string
	Chain       string
	Handle      uint64 // the kernel's
	Expressions []Expr
	Position    uint64 // handle of the rule that this one comes after, or before without NLM_F_APPEND
	UserData    UserData
	ID          uint32 // names the rule within a batch
	PositionID  uint32 // as Position, by ID
	Unknown     []wire.Attr
}

// What x/sys/unix does not have of enum nft_rule_attributes.
const nftaRulePositionID = 10

var ruleTable = wire.Table[*Rule]{Rows: func(r *Rule) wire.Rows {
	return wire.Of(r,
		headerRows(&r.Header),
		wire.String(unix.NFTA_RULE_TABLE, "NFTA_RULE_TABLE", &r.Table),
		wire.String(unix.NFTA_RULE_CHAIN, "NFTA_RULE_CHAIN", &r.Chain),
		wire.BE64(unix.NFTA_RULE_HANDLE, "NFTA_RULE_HANDLE", &r.Handle),
		wire.List(unix.NFTA_RULE_EXPRESSIONS, "NFTA_RULE_EXPRESSIONS", unix.NFTA_LIST_ELEM, "NFTA_LIST_ELEM",
			&r.Expressions, &exprTable),
		wire.BE64(unix.NFTA_RULE_POSITION, "NFTA_RULE_POSITION", &r.Position),
		wire.Bytes(unix.NFTA_RULE_USERDATA, "NFTA_RULE_USERDATA", &r.UserData),
		wire.BE32(unix.NFTA_RULE_ID, "NFTA_RULE_ID", &r.ID),
		wire.BE32(nftaRulePositionID, "NFTA_RULE_POSITION_ID", &r.PositionID),
		wire.Unknown(&r.Unknown, words.Group("rule")),
	)
}}

var (
	newRule = wire.Message[Rule]{Type: subsystem | unix.NFT_MSG_NEWRULE, Name: "NFT_MSG_NEWRULE", Body: &ruleTable}
	getRule = wire.Message[Rule]{Type: subsystem | unix.NFT_MSG_GETRULE, Name: "NFT_MSG_GETRULE", Body: &ruleTable}
	delRule = wire.Message[Rule]{Type: subsystem | unix.NFT_MSG_DELRULE, Name: "NFT_MSG_DELRULE", Body: &ruleTable}
)

// NewRule adds a rule at the end of its chain (netlink.Append in flags), or at its beginning.
func NewRule(r *Rule, flags netlink.HeaderFlags) wire.Request {
	return newRule.New(netlink.Create|flags, r, "add a rule to chain "+r.Chain)
}

// Rules returns the rules of a table, or of one of its chains where chain is not "".
func (c *Conn) Rules(family Family, table, chain string) ([]Rule, error) {
	r := &Rule{Header: Header{Family: family}, Table: table, Chain: chain}
	return dump(c, getRule.New(0, r, "list the rules of table "+table), &newRule)
}
