package rtnl

import (
	"fmt"
	"net/netip"

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// An address of a link. RTM_NEWADDR, RTM_DELADDR and RTM_GETADDR carry this struct and the attributes IFA_*
// (linux/if_addr.h):
//
//	struct ifaddrmsg {
//		__u8  ifa_family;
//		__u8  ifa_prefixlen;
//		__u8  ifa_flags;     // IFA_F_*; IFA_FLAGS has all 32 bits
//		__u8  ifa_scope;     // RT_SCOPE_*
//		__u32 ifa_index;     // the link
//	};

// An Addr is an address of a link.
//
// Local is the link's own address. On a point-to-point link Address is the peer's, and PrefixLen belongs to it: an IPv4
// request for Local 10.0.0.1, Address 10.0.0.2/32 makes the address and the route to 10.0.0.2 at once. Elsewhere
// both are the same; IPv6 sends only Address then.
type Addr struct {
	Family    Family
	PrefixLen uint8
	FlagsLow  AddrFlags8 // the low bits of Flags, as ifa_flags has them
	Scope     Scope
	Index     uint32

	Address   netip.Addr
	Local     netip.Addr
	Broadcast netip.Addr
	Label     string // at most 15 bytes, IPv4 only
	Flags     AddrFlags
	Priority  uint32 // metric of the prefix's route
	Protocol  AddrProtocol
	CacheInfo *AddrCacheInfo
	Rest      []wire.Attr
}

var addrTable = wire.Table[*Addr]{Rows: func(a *Addr) wire.Rows {
	return wire.Of(a,
		wire.Field("ifa_family", &a.Family),
		wire.Field("ifa_prefixlen", &a.PrefixLen),
		wire.Field("ifa_flags", &a.FlagsLow),
		wire.Field("ifa_scope", &a.Scope),
		wire.Field("ifa_index", &a.Index),

		wire.IP(unix.IFA_LOCAL, "IFA_LOCAL", &a.Local),
		wire.IP(unix.IFA_ADDRESS, "IFA_ADDRESS", &a.Address),
		wire.IP(unix.IFA_BROADCAST, "IFA_BROADCAST", &a.Broadcast),
		wire.String(unix.IFA_LABEL, "IFA_LABEL", &a.Label),
		wire.U32(unix.IFA_FLAGS, "IFA_FLAGS", &a.Flags),
		wire.U32(unix.IFA_RT_PRIORITY, "IFA_RT_PRIORITY", &a.Priority),
		wire.U8(ifaProto, "IFA_PROTO", &a.Protocol),
		wire.Struct(unix.IFA_CACHEINFO, "IFA_CACHEINFO", &a.CacheInfo, &addrCacheInfoTable),
		wire.Unknown(&a.Rest, words.Group("addr")),
	)
}}

const ifaProto = 11 // IFA_PROTO, linux/if_addr.h

// AddrCacheInfo is struct ifa_cacheinfo, linux/if_addr.h.
type AddrCacheInfo struct {
	Preferred uint32 // seconds; 0xffffffff: for ever
	Valid     uint32 // seconds; 0xffffffff: for ever
	Created   uint32 // hundredths of a second since boot
	Updated   uint32 // hundredths of a second since boot
}

var addrCacheInfoTable = wire.Table[*AddrCacheInfo]{Rows: func(c *AddrCacheInfo) wire.Rows {
	return wire.Of(c,
		wire.Field("ifa_prefered", &c.Preferred),
		wire.Field("ifa_valid", &c.Valid),
		wire.Field("cstamp", &c.Created),
		wire.Field("tstamp", &c.Updated),
	)
}}

var (
	newAddr = wire.Message[Addr]{Type: unix.RTM_NEWADDR, Name: "RTM_NEWADDR", Body: &addrTable}
	delAddr = wire.Message[Addr]{Type: unix.RTM_DELADDR, Name: "RTM_DELADDR", Body: &addrTable}
	getAddr = wire.Message[Addr]{Type: unix.RTM_GETADDR, Name: "RTM_GETADDR", Body: &addrTable}
)

// AddrOf describes an address and its prefix, as in ip addr add 10.0.0.2/24 dev eth0.
func AddrOf(index uint32, prefix netip.Prefix, flags AddrFlags) *Addr {
	a := &Addr{
		Family: FamilyOf(prefix.Addr()), PrefixLen: uint8(prefix.Bits()), Index: index,
		Address: prefix.Addr(), Flags: flags,
	}
	if prefix.Addr().Is4() {
		a.Local = prefix.Addr()
	}
	return a
}

// Own is the link's own address: of a request or of what the kernel tells.
func (a *Addr) Own() netip.Addr {
	if a.Local.IsValid() {
		return a.Local
	}
	return a.Address
}

// PeerAddrOf describes a local address and the one that the other end of the cable has, as in
// ip addr add 10.0.0.1 peer 10.0.0.2 dev veth0. The kernel adds the route to the peer.
func PeerAddrOf(index uint32, local, peer netip.Addr, flags AddrFlags) *Addr {
	return &Addr{
		Family: FamilyOf(local), PrefixLen: uint8(peer.BitLen()), Index: index,
		Local: local, Address: peer, Flags: flags,
	}
}

// NewAddr adds an address. EEXIST means that the link has it already.
func NewAddr(a *Addr, purpose string) wire.Request {
	return newAddr.New(netlink.Acknowledge|netlink.Create|netlink.Excl, a, purpose)
}

// DelAddr removes an address. EADDRNOTAVAIL means that the link does not have it.
func DelAddr(a *Addr, purpose string) wire.Request {
	return delAddr.New(netlink.Acknowledge, a, purpose)
}

// Addrs lists the addresses of a family, or of all where family is 0; those of one link where index is not 0.
func (c *Conn) Addrs(family Family, index uint32) ([]Addr, error) {
	purpose := "list " + family.kind() + "addresses"
	if index != 0 {
		purpose += fmt.Sprintf(" of link %d", index)
	}
	return wire.Dump(c.Conn, getAddr.New(0, &Addr{Family: family, Index: index}, purpose), &newAddr)
}
