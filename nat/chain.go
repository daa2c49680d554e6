package nat

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A chain is a list of rules: enum nft_chain_attributes, linux/netfilter/nf_tables.h. A base chain hangs on a hook; others are
// jumped to.

// A Chain is one chain.
type Chain struct {
	Header
	Table    string
	Handle   uint64 // the kernel's
	Name     string
	Hook     *Hook        // of a base chain
	Policy   *VerdictCode // of a base chain: NF_ACCEPT or NF_DROP; nil is NF_ACCEPT
	Use      uint32       // rules in it and jumps to it; the kernel's
	Type     string       // of a base chain: filter, nat or route
	Flags    ChainFlags
	ID       uint32 // names the chain within a batch
	UserData UserData
	Unknown  []wire.Attr
}

// A Hook is where a base chain sees packets: enum nft_hook_attributes.
type Hook struct {
	Num      HookNum
	Priority int32  // lower is earlier; nat at dstnat is -100, conntrack -200, raw -300: enum nf_ip_hook_priorities, linux/netfilter_ipv4.h
	Device   string // in family netdev
	Unknown  []wire.Attr
}

// HookNum is enum nf_inet_hooks, linux/netfilter.h.
type HookNum uint32

// The hooks of the families ip, ip6 and inet.
const (
	NF_INET_PRE_ROUTING HookNum = iota
	NF_INET_LOCAL_IN
	NF_INET_FORWARD
	NF_INET_LOCAL_OUT
	NF_INET_POST_ROUTING
	NF_INET_INGRESS
)

// String is the name that nft has for the hook.
func (h HookNum) String() string {
	return nameOf(int64(h), []string{
		NF_INET_PRE_ROUTING: "prerouting", NF_INET_LOCAL_IN: "input", NF_INET_FORWARD: "forward",
		NF_INET_LOCAL_OUT: "output", NF_INET_POST_ROUTING: "postrouting", NF_INET_INGRESS: "ingress",
	})
}

// The priorities that have a name in nft: enum nf_ip_hook_priorities, linux/netfilter_ipv4.h.
const (
	priorityRaw    = -300
	priorityDstNAT = -100
	priorityFilter = 0
	prioritySrcNAT = 100
)

// ChainFlags is enum nft_chain_flags.
type ChainFlags uint32

// The flags of a chain.
const (
	NFT_CHAIN_BASE       ChainFlags = 1 << iota // the kernel's
	NFT_CHAIN_HW_OFFLOAD                        // in the hardware
	NFT_CHAIN_BINDING                           // belongs to one rule and goes with it
)

func (f ChainFlags) String() string { return flagNames(uint32(f), "base", "offload", "binding") }

// What x/sys/unix does not have of enum nft_chain_attributes.
const (
	nftaChainFlags    = 10
	nftaChainID       = 11
	nftaChainUserData = 12
)

var hookTable = wire.Table[*Hook]{Rows: func(h *Hook) wire.Rows {
	return wire.Of(h,
		wire.ReqBE(unix.NFTA_HOOK_HOOKNUM, "NFTA_HOOK_HOOKNUM", &h.Num),
		wire.ReqBE(unix.NFTA_HOOK_PRIORITY, "NFTA_HOOK_PRIORITY", &h.Priority),
		wire.String(unix.NFTA_HOOK_DEV, "NFTA_HOOK_DEV", &h.Device),
		wire.Unknown(&h.Unknown, words.Group("hook")),
	)
}}

var chainTable = wire.Table[*Chain]{Rows: func(c *Chain) wire.Rows {
	return wire.Of(c,
		headerRows(&c.Header),
		wire.String(unix.NFTA_CHAIN_TABLE, "NFTA_CHAIN_TABLE", &c.Table),
		wire.BE64(unix.NFTA_CHAIN_HANDLE, "NFTA_CHAIN_HANDLE", &c.Handle),
		wire.String(unix.NFTA_CHAIN_NAME, "NFTA_CHAIN_NAME", &c.Name),
		wire.Nest(unix.NFTA_CHAIN_HOOK, "NFTA_CHAIN_HOOK", &c.Hook, &hookTable),
		wire.OptBE(unix.NFTA_CHAIN_POLICY, "NFTA_CHAIN_POLICY", &c.Policy),
		wire.BE32(unix.NFTA_CHAIN_USE, "NFTA_CHAIN_USE", &c.Use),
		wire.String(unix.NFTA_CHAIN_TYPE, "NFTA_CHAIN_TYPE", &c.Type),
		wire.BE32(nftaChainFlags, "NFTA_CHAIN_FLAGS", &c.Flags),
		wire.BE32(nftaChainID, "NFTA_CHAIN_ID", &c.ID),
		wire.Bytes(nftaChainUserData, "NFTA_CHAIN_USERDATA", &c.UserData),
		wire.Unknown(&c.Unknown, words.Group("chain")),
	)
}}

var (
	newChain = wire.Message[Chain]{Type: subsystem | unix.NFT_MSG_NEWCHAIN, Name: "NFT_MSG_NEWCHAIN", Body: &chainTable}
	getChain = wire.Message[Chain]{Type: subsystem | unix.NFT_MSG_GETCHAIN, Name: "NFT_MSG_GETCHAIN", Body: &chainTable}
	delChain = wire.Message[Chain]{Type: subsystem | unix.NFT_MSG_DELCHAIN, Name: "NFT_MSG_DELCHAIN", Body: &chainTable}
)

// NewChain makes a chain.
func NewChain(c *Chain, flags netlink.HeaderFlags) wire.Request {
	return newChain.New(netlink.Create|flags, c, "make chain "+c.Name)
}

// Chains returns the chains of a family, of all tables.
func (c *Conn) Chains(family Family) ([]Chain, error) {
	return dump(c, getChain.New(0, &Chain{Header: Header{Family: family}}, "list chains"), &newChain)
}
