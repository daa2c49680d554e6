package rtnl

import (
	"strconv"
	"strings"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// The sysctls of a family, for one link or for all. RTM_GETNETCONF and RTM_NEWNETCONF carry this struct and the
// attributes NETCONFA_* (linux/netconf.h):
//
//	struct netconfmsg {
//		__u8 ncm_family;
//	};

// A Netconf is the sysctls of a family that tell how it forwards.
type Netconf struct {
	Family     Family
	Index      int32 // of a link, or NetconfAll
	Forwarding *int32
	RPFilter   *int32
}

// NetconfAll stands for all links: /proc/sys/net/ipv4/conf/all.
const NetconfAll = -1

// NETCONFA_*, linux/netconf.h.
const (
	netconfaIfindex    = 1
	netconfaForwarding = 2
	netconfaRPFilter   = 3
)

var netconfTable = wire.Table[*Netconf]{Rows: func(n *Netconf) wire.Rows {
	return wire.Of(n,
		wire.Field("ncm_family", &n.Family),
		wire.U32(netconfaIfindex, "NETCONFA_IFINDEX", &n.Index),
		wire.Opt(netconfaForwarding, "NETCONFA_FORWARDING", &n.Forwarding),
		wire.Opt(netconfaRPFilter, "NETCONFA_RP_FILTER", &n.RPFilter),
		wire.Named(words.Group("netconf")),
	)
}}

var (
	newNetconf = wire.Message[Netconf]{Type: unix.RTM_NEWNETCONF, Name: "RTM_NEWNETCONF", Body: &netconfTable}
	getNetconf = wire.Message[Netconf]{Type: unix.RTM_GETNETCONF, Name: "RTM_GETNETCONF", Body: &netconfTable}
)

// Forwards says whether the namespace as a whole forwards packets of a family: sysctl net.ipv4.ip_forward, or
// net.ipv6.conf.all.forwarding.
func (c *Conn) Forwards(family Family) (bool, error) {
	return c.forwards(func(n *Netconf) wire.Request { return AskForwards(family, n) })
}

// LinkForwards says whether what comes in by the link with this index is forwarded: sysctl net.ipv4.conf.LINK.forwarding.
// The error is ENODEV where there is no such link, or EINVAL from an older kernel.
func (c *Conn) LinkForwards(family Family, index uint32) (bool, error) {
	return c.forwards(func(n *Netconf) wire.Request { return AskLinkForwards(family, index, n) })
}

// AskForwards is the question that Forwards asks, to be sent with others: the answer goes to n.
func AskForwards(family Family, n *Netconf) wire.Request {
	return askForwards(family, NetconfAll, "see whether "+family.kind()+"is forwarded", n)
}

// AskLinkForwards is the question that LinkForwards asks.
func AskLinkForwards(family Family, index uint32, n *Netconf) wire.Request {
	return askForwards(family, int32(index), "see whether link "+strconv.FormatUint(uint64(index), 10)+" forwards "+strings.TrimSpace(family.kind()), n)
}

func askForwards(family Family, index int32, purpose string, n *Netconf) wire.Request {
	return wire.Into(getNetconf.New(0, &Netconf{Family: family, Index: index}, purpose), &newNetconf, n)
}

func (c *Conn) forwards(ask func(n *Netconf) wire.Request) (bool, error) {
	var n Netconf
	err := c.Do(ask(&n))
	return n.Forwards(), err
}

// Forwards says whether it is switched on.
func (n *Netconf) Forwards() bool { return n.Forwarding != nil && *n.Forwarding != 0 }
