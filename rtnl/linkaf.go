package rtnl

import (
	"encoding/binary"
	"fmt"
	"strconv"
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

var linkAFTable = wire.Table[*LinkAF]{Rows: func(a *LinkAF) wire.Rows {
	return wire.Of(a,
		wire.Nest(unix.AF_INET, "AF_INET", &a.Inet, &linkInetTable),
		wire.Nest(unix.AF_INET6, "AF_INET6", &a.Inet6, &linkInet6Table),
		wire.Unknown(&a.Rest, words.Group("af_spec")),
	)
}}

var linkInetTable = wire.Table[*LinkInet]{Rows: func(i *LinkInet) wire.Rows {
	return wire.Of(i,
		wire.Custom(unix.IFLA_INET_CONF, "IFLA_INET_CONF", true, &i.Conf, putDevConf, getDevConf, showDevConf).Parsed(parseDevConf),
		wire.Named(words.Group("inet")),
	)
}}

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
	names := []string{ // from 1 on
		"forwarding", "mc_forwarding", "proxy_arp", "accept_redirects", "secure_redirects", "send_redirects",
		"shared_media", "rp_filter", "accept_source_route", "bootp_relay", "log_martians", "tag", "arp_filter",
		"medium_id", "disable_xfrm", "disable_policy", "force_igmp_version", "arp_announce", "arp_ignore",
		"promote_secondaries", "arp_accept", "arp_notify", "accept_local", "src_valid_mark", "proxy_arp_pvlan",
		"route_localnet", "igmpv2_unsolicited_report_interval", "igmpv3_unsolicited_report_interval",
		"ignore_routes_with_linkdown", "drop_unicast_in_l2_multicast", "drop_gratuitous_arp", "bc_forwarding",
		"arp_evict_nocarrier",
	}
	if id >= 1 && int(id) <= len(names) {
		return names[id-1]
	}
	return strconv.Itoa(int(id))
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
func putDevConf(conf *DevConf) []byte {
	var b []byte
	for _, c := range *conf {
		b = binary.NativeEndian.AppendUint16(b, 8)
		b = binary.NativeEndian.AppendUint16(b, uint16(c.ID))
		b = binary.NativeEndian.AppendUint32(b, c.Value)
	}
	return b
}

// getDevConf reads either form: attributes where the payload says so, or else the array.
func getDevConf(conf *DevConf, a wire.Attr) error {
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
		*conf = append(*conf, c)
	}
	return nil
}

func showDevConf(a wire.Attr) string {
	var conf DevConf
	if err := getDevConf(&conf, a); err != nil {
		return fmt.Sprintf("%#x", a.Data)
	}
	return conf.String()
}

// parseDevConf is the way back from showDevConf.
func parseDevConf(value string) ([]byte, error) {
	var conf DevConf
	for word := range strings.FieldsSeq(value) {
		name, number, _ := strings.Cut(word, "=")
		n, err := strconv.ParseUint(number, 0, 32)
		if err != nil {
			return nil, fmt.Errorf("%q sets no sysctl: NAME=VALUE is needed, such as forwarding=1", word)
		}
		id, err := parseConfID(name)
		if err != nil {
			return nil, err
		}
		conf = append(conf, Conf{id, uint32(n)})
	}
	return putDevConf(&conf), nil
}

// parseConfID is the number of a sysctl that is given by its name, or by its number.
func parseConfID(name string) (ConfID, error) {
	if n, err := strconv.ParseUint(name, 10, 15); err == nil {
		return ConfID(n), nil
	}
	for id := ConfID(1); id < 256; id++ {
		if id.String() == name {
			return id, nil
		}
	}
	return 0, fmt.Errorf("%q is no IPv4 sysctl of a link, such as forwarding", name)
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
