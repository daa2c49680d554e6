package rtnl

import (
	"encoding/binary"
	"fmt"
	"strings"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// IFLA_AF_SPEC holds what the address families keep for each link: an attribute whose type is the family, and in it the
// family's own. For IPv4 that is IFLA_INET_CONF, the sysctls under /proc/sys/net/ipv4/conf/LINK. The kernel tells them
// as an array of u32; it is told of them by attributes whose type is the number of the sysctl (linux/ip.h:
// IPV4_DEVCONF_*), so they can be set without a /proc (inet_set_link_af, net/ipv4/devinet.c).

// LinkAF is IFLA_AF_SPEC.
type LinkAF struct {
	Inet  *LinkInet
	Inet6 *LinkInet6
	Rest  []wire.Attr
}

// LinkInet is what IPv4 keeps for a link.
type LinkInet struct {
	Conf DevConf
}

// LinkInet6 is what IPv6 keeps for a link. The kernel refuses it in a request that creates (EAFNOSUPPORT).
type LinkInet6 struct {
	Flags       uint32
	AddrGenMode *AddrGenMode
	Rest        []wire.Attr
}

var linkAFTable = wire.Table[LinkAF]{
	wire.Nest(unix.AF_INET, "AF_INET", func(a *LinkAF) **LinkInet { return &a.Inet }, &linkInetTable),
	wire.Nest(unix.AF_INET6, "AF_INET6", func(a *LinkAF) **LinkInet6 { return &a.Inet6 }, &linkInet6Table),
	wire.Unknown(func(a *LinkAF) *[]wire.Attr { return &a.Rest }),
}

// Attributes of the families: linux/if_link.h.
const (
	iflaInetConf         = 1
	iflaInet6Flags       = 1
	iflaInet6AddrGenMode = 8
)

var linkInetTable = wire.Table[LinkInet]{
	wire.Custom(iflaInetConf, "IFLA_INET_CONF", true, putDevConf, getDevConf, showDevConf),
}

var linkInet6Table = wire.Table[LinkInet6]{
	wire.U32(iflaInet6Flags, "IFLA_INET6_FLAGS", func(i *LinkInet6) *uint32 { return &i.Flags }),
	wire.Opt(iflaInet6AddrGenMode, "IFLA_INET6_ADDR_GEN_MODE", func(i *LinkInet6) **AddrGenMode { return &i.AddrGenMode }),
	wire.Unknown(func(i *LinkInet6) *[]wire.Attr { return &i.Rest }),
}

// AddrGenMode says how IPv6 makes the link-local address of a link: enum in6_addr_gen_mode, linux/if_link.h.
type AddrGenMode uint8

// AddrGenModeNone makes none.
const AddrGenModeNone AddrGenMode = 1

func (m AddrGenMode) String() string {
	return wire.Names{
		{Value: 0, Name: "EUI64"}, {Value: 1, Name: "NONE"}, {Value: 2, Name: "STABLE_PRIVACY"}, {Value: 3, Name: "RANDOM"},
	}.Enum(uint64(m))
}

// DevConf is a link's IPv4 sysctls. Got from the kernel it has them all; sent, those to set.
type DevConf []Conf

// A Conf is one sysctl of a link.
type Conf struct {
	ID    ConfID
	Value uint32
}

// A ConfID is the number of an IPv4 sysctl of a link: IPV4_DEVCONF_*, linux/ip.h.
type ConfID uint16

// The sysctls that plumb has to do with.
const (
	ConfForwarding    ConfID = 1
	ConfRPFilter      ConfID = 8
	ConfRouteLocalnet ConfID = 26
)

func (id ConfID) String() string {
	return wire.Names{
		{Value: 1, Name: "forwarding"}, {Value: 3, Name: "proxy_arp"}, {Value: 4, Name: "accept_redirects"},
		{Value: 6, Name: "send_redirects"}, {Value: 8, Name: "rp_filter"}, {Value: 9, Name: "accept_source_route"},
		{Value: 11, Name: "log_martians"}, {Value: 19, Name: "arp_ignore"}, {Value: 23, Name: "accept_local"},
		{Value: 25, Name: "proxy_arp_pvlan"}, {Value: 26, Name: "route_localnet"},
	}.Enum(uint64(id))
}

// Value is the value of a sysctl; ok is false where the kernel did not tell it.
func (d DevConf) Value(id ConfID) (value uint32, ok bool) {
	for _, c := range d {
		if c.ID == id {
			return c.Value, true
		}
	}
	return 0, false
}

func (d DevConf) String() string {
	words := make([]string, len(d))
	for i, c := range d {
		words[i] = fmt.Sprintf("%s=%d", c.ID, c.Value)
	}
	return strings.Join(words, " ")
}

// putDevConf encodes one attribute a sysctl: a header of 4 bytes, a value of 4.
func putDevConf(i *LinkInet) []byte {
	var b []byte
	for _, c := range i.Conf {
		b = binary.NativeEndian.AppendUint16(b, 8)
		b = binary.NativeEndian.AppendUint16(b, uint16(c.ID))
		b = binary.NativeEndian.AppendUint32(b, c.Value)
	}
	return b
}

// getDevConf reads either form: attributes where the payload says so, or else the array.
func getDevConf(i *LinkInet, a wire.Attr) error {
	step := 4
	if a.Nested {
		step = 8
	}
	if len(a.Data)%step != 0 {
		return wire.ErrTruncated
	}
	for n := 0; n < len(a.Data); n += step {
		c := Conf{ID: ConfID(n/4 + 1), Value: binary.NativeEndian.Uint32(a.Data[n+step-4:])}
		if a.Nested {
			c.ID = ConfID(binary.NativeEndian.Uint16(a.Data[n+2:]))
		}
		i.Conf = append(i.Conf, c)
	}
	return nil
}

func showDevConf(a wire.Attr) string {
	var i LinkInet
	if err := getDevConf(&i, a); err != nil {
		return fmt.Sprintf("%#x", a.Data)
	}
	return i.Conf.String()
}

// SetConf sets IPv4 sysctls of the link with this index.
func SetConf(index uint32, purpose string, conf ...Conf) wire.Request {
	return SetLink(&Link{Index: index, AF: &LinkAF{Inet: &LinkInet{Conf: conf}}}, purpose)
}

// Conf returns the link's IPv4 sysctls, which every link got from the kernel has.
func (l *Link) Conf() DevConf {
	if l.AF == nil || l.AF.Inet == nil {
		return nil
	}
	return l.AF.Inet.Conf
}

// SetAddrGenMode says how IPv6 makes the link-local address of the link with this index. It must be done before the
// link is up: in the same message it comes too late.
func SetAddrGenMode(index uint32, mode AddrGenMode, purpose string) wire.Request {
	return SetLink(&Link{Index: index, AF: &LinkAF{Inet6: &LinkInet6{AddrGenMode: &mode}}}, purpose)
}
