package nat

import (
	"strconv"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// Protocol is NETLINK_NETFILTER, with the message types that this package knows.
var Protocol = &wire.Protocol{
	Name: "NETLINK_NETFILTER", Family: unix.NETLINK_NETFILTER, Lookup: lookup, Asked: words.Asked, Annotate: annotate,
}

// The message types of nftables are those of enum nf_tables_msg_types (linux/netfilter/nf_tables.h), with the subsystem
// in the upper byte: NFNL_SUBSYS_NFTABLES, linux/netfilter/nfnetlink.h.
const subsystem = unix.NFNL_SUBSYS_NFTABLES << 8

// lookup finds a message type. What makes, asks for and removes a thing has one body.
func lookup(typ uint16) *wire.Info {
	info := wire.Find(typ,
		batchBegin.Info(), batchEnd.Info(), newGen.Info(), getGen.Info(),
		newTable.Info(), getTable.Info(), delTable.Info(),
		newChain.Info(), getChain.Info(), delChain.Info(),
		newRule.Info(), getRule.Info(), delRule.Info(),
		newSet.Info(), getSet.Info(), delSet.Info(),
		newSetElem.Info(), getSetElem.Info(), delSetElem.Info(),
		newObject.Info(), getObject.Info(), delObject.Info(),
		newFlowtable.Info(), getFlowtable.Info(), delFlowtable.Info(),
		destroyTable.Info(), destroyChain.Info(), destroyRule.Info(), destroySet.Info(), destroySetElem.Info(),
		destroyObject.Info(), destroyFlowtable.Info(),
		newConnection.Info(), getConnection.Info(), delConnection.Info(), getTrackingStats.Info(),
	)
	if info == nil {
		info = words.Message(typ)
	}
	return info
}

// A Family is the protocol family of a table and of what is in it: NFPROTO_* of linux/netfilter.h.
type Family uint8

// The families, by their kernel names.
const (
	NFPROTO_UNSPEC Family = unix.NFPROTO_UNSPEC // all of them, in a dump
	NFPROTO_INET   Family = unix.NFPROTO_INET   // IPv4 and IPv6
	NFPROTO_IPV4   Family = unix.NFPROTO_IPV4
	NFPROTO_ARP    Family = unix.NFPROTO_ARP
	NFPROTO_NETDEV Family = unix.NFPROTO_NETDEV
	NFPROTO_BRIDGE Family = unix.NFPROTO_BRIDGE
	NFPROTO_IPV6   Family = unix.NFPROTO_IPV6
)

// String is the name that nft has for the family.
func (f Family) String() string {
	return nameOf(int64(f), []string{
		NFPROTO_UNSPEC: "unspec", NFPROTO_INET: "inet", NFPROTO_IPV4: "ip", NFPROTO_ARP: "arp",
		NFPROTO_NETDEV: "netdev", NFPROTO_BRIDGE: "bridge", NFPROTO_IPV6: "ip6",
	})
}

// A Header is struct nfgenmsg, linux/netfilter/nfnetlink.h, with which every message of netfilter begins:
//
//	struct nfgenmsg {
//		__u8  nfgen_family;  // NFPROTO_*
//		__u8  version;       // NFNETLINK_V0, which is 0
//		__be16 res_id;       // in an answer the lower half of the generation id; the subsystem in NFNL_MSG_BATCH_*
//	};
type Header struct {
	Family     Family
	Version    uint8
	ResourceID uint16
}

// headerRows are the rows of a Header.
func headerRows(h *Header) wire.Row {
	return wire.Several(
		wire.Field("nfgen_family", &h.Family),
		wire.Field("version", &h.Version),
		wire.FieldBE("res_id", &h.ResourceID),
	)
}

// inet is the Header of plumb's own messages.
var inet = Header{Family: NFPROTO_INET}

// nameOf is n's name, or the number where there is none: what a trace shows.
func nameOf(n int64, names []string) string {
	if n >= 0 && n < int64(len(names)) && names[n] != "" {
		return names[n]
	}
	return strconv.FormatInt(n, 10)
}

// flagNames are the names of the bits that are set, lowest first and joined by commas; a bit without one is shown as hexadecimal.
func flagNames(flags uint32, names ...string) string {
	var text []byte
	for bit := 0; flags>>bit != 0 && bit < 32; bit++ {
		if flags>>bit&1 == 0 {
			continue
		}
		if len(text) > 0 {
			text = append(text, ',')
		}
		if bit < len(names) {
			text = append(text, names[bit]...)
		} else {
			text = strconv.AppendUint(append(text, "0x"...), 1<<bit, 16)
		}
	}
	if len(text) == 0 {
		return "0"
	}
	return string(text)
}
