package rtnl

import (
	"net/netip"

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A rule says in which routing table a packet is looked up (ip-rule(8)). RTM_NEWRULE, RTM_DELRULE and RTM_GETRULE carry
// this struct and the attributes FRA_* (linux/fib_rules.h):
//
//	struct fib_rule_hdr {
//		__u8  family;
//		__u8  dst_len;
//		__u8  src_len;
//		__u8  tos;
//		__u8  table;  // RT_TABLE_*; FRA_TABLE has all 32 bits
//		__u8  res1;
//		__u8  res2;
//		__u8  action; // FR_ACT_*
//		__u32 flags;  // FIB_RULE_*
//	};

// A Rule says what is done with the packets that match all of it: mostly, in which table their route is looked up.
// The rules are tried from the lowest Priority on.
type Rule struct {
	Family   Family
	DstLen   uint8 // bits of Dst; 0 matches all
	SrcLen   uint8 // bits of Src; 0 matches all
	TOS      uint8
	TableLow Table8
	Action   RuleAction
	Flags    RuleFlags

	Dst               netip.Addr
	Src               netip.Addr
	In                string // name of the link that the packet came in by
	Out               string // name of the link that its socket is bound to
	Priority          uint32
	Goto              uint32 // of RuleGoto: the priority to go on at
	Mark              uint32
	MarkMask          uint32
	Table             uint32
	SuppressGroup     *uint32 // the route found is not taken if its link is in this group; 0xffffffff: off
	SuppressPrefixLen *uint32 // nor if it has at most so many bits; 0xffffffff: off
	L3MDev            uint8   // 1: the table is that of the packet's VRF
	UIDs              *UIDRange
	Protocol          RouteProtocol // who set it
	IPProtocol        uint8         // IPPROTO_*
	SrcPorts          *PortRange
	DstPorts          *PortRange
	Rest              []wire.Attr
}

var ruleTable = wire.Table[*Rule]{Rows: func(r *Rule) wire.Rows {
	return wire.Of(r,
		wire.Field("family", &r.Family),
		wire.Field("dst_len", &r.DstLen),
		wire.Field("src_len", &r.SrcLen),
		wire.Field("tos", &r.TOS),
		wire.Field("table", &r.TableLow),
		wire.Pad(2),
		wire.Field("action", &r.Action),
		wire.Field("flags", &r.Flags),

		wire.IP(unix.FRA_DST, "FRA_DST", &r.Dst),
		wire.IP(unix.FRA_SRC, "FRA_SRC", &r.Src),
		wire.String(unix.FRA_IIFNAME, "FRA_IIFNAME", &r.In),
		wire.String(unix.FRA_OIFNAME, "FRA_OIFNAME", &r.Out),
		wire.U32(unix.FRA_PRIORITY, "FRA_PRIORITY", &r.Priority),
		wire.U32(unix.FRA_GOTO, "FRA_GOTO", &r.Goto),
		wire.U32(unix.FRA_FWMARK, "FRA_FWMARK", &r.Mark),
		wire.U32(unix.FRA_FWMASK, "FRA_FWMASK", &r.MarkMask),
		wire.U32(unix.FRA_TABLE, "FRA_TABLE", &r.Table),
		wire.Opt(unix.FRA_SUPPRESS_IFGROUP, "FRA_SUPPRESS_IFGROUP", &r.SuppressGroup),
		wire.Opt(unix.FRA_SUPPRESS_PREFIXLEN, "FRA_SUPPRESS_PREFIXLEN", &r.SuppressPrefixLen),
		wire.U8(unix.FRA_L3MDEV, "FRA_L3MDEV", &r.L3MDev),
		wire.Struct(unix.FRA_UID_RANGE, "FRA_UID_RANGE", &r.UIDs, &uidRangeTable),
		wire.U8(unix.FRA_PROTOCOL, "FRA_PROTOCOL", &r.Protocol),
		wire.U8(unix.FRA_IP_PROTO, "FRA_IP_PROTO", &r.IPProtocol),
		wire.Struct(unix.FRA_SPORT_RANGE, "FRA_SPORT_RANGE", &r.SrcPorts, &portRangeTable),
		wire.Struct(unix.FRA_DPORT_RANGE, "FRA_DPORT_RANGE", &r.DstPorts, &portRangeTable),
		wire.Unknown(&r.Rest, words.Group("rule")),
	)
}}

// UIDRange is struct fib_rule_uid_range, linux/fib_rules.h: the users whose sockets a rule is for, both ends included.
type UIDRange struct {
	First, Last uint32
}

var uidRangeTable = wire.Table[*UIDRange]{Rows: func(r *UIDRange) wire.Rows {
	return wire.Of(r,
		wire.Field("start", &r.First),
		wire.Field("end", &r.Last),
	)
}}

// PortRange is struct fib_rule_port_range, linux/fib_rules.h, both ends included. It is in the host's byte order.
type PortRange struct {
	First, Last uint16
}

var portRangeTable = wire.Table[*PortRange]{Rows: func(r *PortRange) wire.Rows {
	return wire.Of(r,
		wire.Field("start", &r.First),
		wire.Field("end", &r.Last),
	)
}}

// A RuleAction is what is done with a packet that a rule matches: FR_ACT_*, linux/fib_rules.h.
type RuleAction uint8

// The actions.
const (
	RuleTable       RuleAction = unix.FR_ACT_TO_TBL // look its route up in Table, and go on where there is none
	RuleGoto        RuleAction = unix.FR_ACT_GOTO
	RuleBlackhole   RuleAction = unix.FR_ACT_BLACKHOLE   // drop it
	RuleUnreachable RuleAction = unix.FR_ACT_UNREACHABLE // drop it with ENETUNREACH
	RuleProhibit    RuleAction = unix.FR_ACT_PROHIBIT    // drop it with EACCES
)

func (a RuleAction) String() string {
	return wire.Names{
		{Value: unix.FR_ACT_UNSPEC, Name: "FR_ACT_UNSPEC"},
		{Value: unix.FR_ACT_TO_TBL, Name: "FR_ACT_TO_TBL"},
		{Value: unix.FR_ACT_GOTO, Name: "FR_ACT_GOTO"},
		{Value: unix.FR_ACT_NOP, Name: "FR_ACT_NOP"},
		{Value: unix.FR_ACT_BLACKHOLE, Name: "FR_ACT_BLACKHOLE"},
		{Value: unix.FR_ACT_UNREACHABLE, Name: "FR_ACT_UNREACHABLE"},
		{Value: unix.FR_ACT_PROHIBIT, Name: "FR_ACT_PROHIBIT"},
	}.Enum(uint64(a))
}

// RuleFlags are FIB_RULE_*, linux/fib_rules.h.
type RuleFlags uint32

// RuleInvert makes a rule match what it otherwise does not: ip rule add not.
const RuleInvert RuleFlags = unix.FIB_RULE_INVERT

func (f RuleFlags) String() string {
	return wire.Names{
		{Value: unix.FIB_RULE_PERMANENT, Name: "FIB_RULE_PERMANENT"},
		{Value: unix.FIB_RULE_INVERT, Name: "FIB_RULE_INVERT"},
		{Value: unix.FIB_RULE_UNRESOLVED, Name: "FIB_RULE_UNRESOLVED"},
		{Value: unix.FIB_RULE_IIF_DETACHED, Name: "FIB_RULE_IIF_DETACHED"},
		{Value: unix.FIB_RULE_OIF_DETACHED, Name: "FIB_RULE_OIF_DETACHED"},
		{Value: unix.FIB_RULE_FIND_SADDR, Name: "FIB_RULE_FIND_SADDR"},
	}.Flags(uint64(f))
}

var (
	newRule = wire.Message[Rule]{Type: unix.RTM_NEWRULE, Name: "RTM_NEWRULE", Body: &ruleTable}
	delRule = wire.Message[Rule]{Type: unix.RTM_DELRULE, Name: "RTM_DELRULE", Body: &ruleTable}
	getRule = wire.Message[Rule]{Type: unix.RTM_GETRULE, Name: "RTM_GETRULE", Body: &ruleTable}
)

// RuleFrom describes a rule that looks the packets of a source up in a table, as in
// ip rule add from 10.0.0.0/24 table 100 priority 1000.
func RuleFrom(src netip.Prefix, table, priority uint32) *Rule {
	r := &Rule{
		Family: FamilyOf(src.Addr()), SrcLen: uint8(src.Bits()), Action: RuleTable, Table: table,
		Priority: priority, Protocol: unix.RTPROT_STATIC,
	}
	if table < 256 {
		r.TableLow = Table8(table)
	}
	if src.Bits() > 0 {
		r.Src = src.Addr()
	}
	return r
}

// NewRule adds a rule. EEXIST means that there is one like it.
func NewRule(r *Rule, purpose string) wire.Request {
	return newRule.New(netlink.Acknowledge|netlink.Create|netlink.Excl, r, purpose)
}

// DelRule removes the first rule that has everything that r says. ENOENT means that there is none such.
func DelRule(r *Rule, purpose string) wire.Request {
	return delRule.New(netlink.Acknowledge, r, purpose)
}

// Rules lists the rules of a family. (Where family is 0 the kernel lists those of every family that has some, routing
// of multicast included.)
func (c *Conn) Rules(family Family) ([]Rule, error) {
	return wire.Dump(c.Conn, getRule.New(0, &Rule{Family: family}, "list "+family.kind()+"rules"), &newRule)
}
