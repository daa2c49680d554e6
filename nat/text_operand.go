package nat

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// An operand is what a register holds: a part of the packet, or of what is known of it, or a constant.
type operand struct {
	name     string
	form     form
	mask     []byte
	need     need
	network  bool   // a number that is in network byte order
	constant []byte // nil for what is not
}

// A form is how a value is written.
type form uint8

const (
	asHex form = iota
	asName
	asAddress
	asPort
	asProtocol
	asFamily
	asState
	asStatus
	asAddrType
	asKind   // ICMP's
	asKind6  // ICMPv6's
	asNumber // in the host's byte order
)

// meta loads what a key says, or sets it.
func (t *texter) meta(m *Meta) {
	if m.Dest == 0 {
		o := t.use(m.Source)
		t.say("meta " + m.Key.String() + " set " + o.source())
		return
	}
	o := operand{name: "meta " + m.Key.String(), form: asNumber}
	switch m.Key {
	case NFT_META_IIFNAME, NFT_META_OIFNAME:
		o.name, o.form = m.Key.String(), asName
	case NFT_META_IIF, NFT_META_OIF, NFT_META_IIFGROUP, NFT_META_OIFGROUP:
		o.name = m.Key.String()
	case NFT_META_L4PROTO:
		o.form = asProtocol
	case NFT_META_NFPROTO:
		o.form = asFamily
	case unix.NFT_META_PROTOCOL:
		o.form = asHex
	}
	t.load(m.Dest, o)
}

// ct loads what connection tracking knows, or sets it.
func (t *texter) ct(c *CT) {
	if c.Dest == 0 {
		o := t.use(c.Source)
		t.say("ct " + c.Key.String() + " set " + o.source())
		return
	}
	o := operand{name: "ct " + c.Key.String(), form: asNumber}
	switch c.Key {
	case NFT_CT_STATE:
		o.form = asState
	case NFT_CT_STATUS:
		o.form = asStatus
	}
	if c.Direction != nil {
		o.name = "ct " + map[uint8]string{0: "original", 1: "reply"}[*c.Direction] + " " + c.Key.String()
		t.exact = false // what it is compared with depends on the packet's family
	}
	t.load(c.Dest, o)
}

// payloadInto loads a part of a header.
func (t *texter) payloadInto(p *Payload) {
	if p.Dest == 0 {
		t.exact = false
		t.say("payload set")
		return
	}
	t.load(p.Dest, t.payload(p))
}

// payload names a part of a header; another than addresses, ports and the like as nft does, by base, offset and length in bits.
func (t *texter) payload(p *Payload) operand {
	version, src, dst, n := "ip ", uint32(12), uint32(16), uint32(4)
	if t.network == NFPROTO_IPV6 || p.Len == 16 {
		version, src, dst, n = "ip6 ", 8, 24, 16
	}
	network := p.Base == NFT_PAYLOAD_NETWORK_HEADER
	switch {
	case network && p.Offset == src && p.Len <= n:
		return operand{name: version + "saddr", form: asAddress, need: needNetwork}
	case network && p.Offset == dst && p.Len <= n:
		return operand{name: version + "daddr", form: asAddress, need: needNetwork}
	case network && version == "ip " && p.Offset == 9 && p.Len == 1:
		return operand{name: "ip protocol", form: asProtocol, need: needNetwork}
	case p.Base == NFT_PAYLOAD_TRANSPORT_HEADER:
		if o, ok := t.transportPart(p); ok {
			return o
		}
	}
	base := [...]string{"@ll,", "@nh,", "@th,", "@ih,"}
	return operand{name: base[min(int(p.Base), len(base)-1)] + decimal(p.Offset*8) + "," + decimal(p.Len*8), network: true}
}

// transportPart names ports, and an ICMP message's kind.
func (t *texter) transportPart(p *Payload) (o operand, ok bool) {
	port := map[uint32]string{0: "sport", 2: "dport"}[p.Offset]
	switch {
	case p.Len == 2 && port != "":
		o = operand{name: "th " + port, form: asPort}
		if name := ProtoName(t.transport); t.transport == unix.IPPROTO_TCP || t.transport == unix.IPPROTO_UDP || t.transport == unix.IPPROTO_SCTP {
			o.name, o.need = name+" "+port, needTransport
		}
		return o, true
	case p.Len != 1 || p.Offset != 0:
		return o, false
	case t.transport == unix.IPPROTO_ICMPV6 && t.network == NFPROTO_IPV6:
		return operand{name: "icmpv6 type", form: asKind6, need: needNetwork | needTransport}, true
	case t.transport == unix.IPPROTO_ICMP && t.network == NFPROTO_IPV4:
		return operand{name: "icmp type", form: asKind, need: needNetwork | needTransport}, true
	}
	return o, false
}

//go:noinline
func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// masked is the operand, with its mask.
func (o *operand) masked() string {
	if o.mask == nil {
		return o.name
	}
	return o.name + " & " + o.number(o.mask)
}

// source is what something is set to.
func (o *operand) source() string {
	if o.constant != nil {
		return o.number(o.constant)
	}
	return o.masked()
}

// takes says whether a value is one that nft compares this with.
func (o *operand) takes(b []byte) bool {
	n := len(b)
	switch o.form {
	case asName:
		return !strings.ContainsAny(string(b), "\"\n")
	case asPort:
		return n == 2
	case asProtocol, asFamily, asKind, asKind6:
		return n == 1
	case asState, asStatus, asAddrType:
		return n == 4
	}
	return n > 0
}

// value writes a value as is usual for what it is compared with.
func (o *operand) value(b []byte) string {
	var names []string
	switch o.form {
	case asName:
		text, _, whole := strings.Cut(string(b), "\x00")
		if !whole && len(b) < unix.IFNAMSIZ {
			text += "*"
		}
		return `"` + text + `"`
	case asAddress:
		return address(b, o.mask, strings.HasPrefix(o.name, "ip6"))
	case asProtocol:
		if len(b) == 1 {
			return protocolName(b[0])
		}
	case asFamily:
		names = []string{NFPROTO_IPV4: "ipv4", NFPROTO_IPV6: "ipv6"}
	case asKind:
		names = []string{0: "echo-reply", 8: "echo-request"}
	case asKind6:
		names = []string{
			128: "echo-request", 129: "echo-reply", 133: "nd-router-solicit", 134: "nd-router-advert",
			135: "nd-neighbor-solicit", 136: "nd-neighbor-advert",
		}
	case asState, asStatus:
		if len(b) == 4 {
			return o.flags(binary.NativeEndian.Uint32(b))
		}
	case asAddrType:
		if len(b) == 4 {
			return nameOf(int64(binary.NativeEndian.Uint32(b)), []string{
				"unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
			})
		}
	}
	if len(b) == 1 && int(b[0]) < len(names) && names[b[0]] != "" {
		return names[b[0]]
	}
	return o.number(b)
}

// bound is one end of a range, in which names would be read as one.
func (o *operand) bound(b []byte) string {
	if o.form == asAddress {
		return o.value(b)
	}
	return o.number(b)
}

// flags are the names of the bits that are set, of a connection's state or status.
func (o *operand) flags(n uint32) string {
	if o.form == asState {
		return flagWords(n, "invalid", "established", "related", "new", "", "", "untracked")
	}
	return flagWords(n, "expected", "seen-reply", "assured", "confirmed", "snat", "dnat", "", "", "", "dying")
}

// flagWords are the names of the bits that are set.
func flagWords(n uint32, names ...string) string {
	var words []string
	for bit := range 32 {
		switch {
		case n>>bit&1 == 0:
		case bit < len(names) && names[bit] != "":
			words = append(words, names[bit])
		default:
			words = append(words, "0x"+strconv.FormatUint(1<<bit, 16))
		}
	}
	return strings.Join(words, ",")
}

// number writes bytes as a number: as the host has it, where that is how the kernel has left it, and a part of a packet from its first byte on.
func (o *operand) number(b []byte) string {
	inHostOrder := (o.form == asNumber || o.form == asState || o.form == asStatus || o.form == asAddrType || o.constant != nil) && !o.network
	switch {
	case inHostOrder && len(b) == 4:
		return decimal(binary.NativeEndian.Uint32(b))
	case inHostOrder && len(b) == 2:
		return decimal(uint32(binary.NativeEndian.Uint16(b)))
	case o.form == asPort && len(b) == 2 || o.network && o.form == asNumber && len(b) == 2:
		return decimal(uint32(binary.BigEndian.Uint16(b)))
	case o.network && o.form == asNumber && len(b) == 4:
		return decimal(binary.BigEndian.Uint32(b))
	case len(b) == 1:
		return decimal(uint32(b[0]))
	}
	return "0x" + hex.EncodeToString(b)
}

// address is an address, or a prefix where only the first bytes are compared, or a mask's bits.
func address(b, mask []byte, six bool) string {
	size := 4
	if six {
		size = 16
	}
	whole := make([]byte, size)
	copy(whole, b)
	a, _ := netip.AddrFromSlice(whole)
	n := len(b) * 8
	if mask != nil {
		n = max(prefixBits(mask), 0)
	}
	if n >= a.BitLen() {
		return a.String()
	}
	return netip.PrefixFrom(a, n).String()
}

// prefixBits is how many bits are set in a mask, if none is after one that is not; else -1.
func prefixBits(mask []byte) int {
	n, ended := 0, false
	for _, m := range mask {
		ones := bits.LeadingZeros8(^m)
		if ended && m != 0 || m<<ones != 0 {
			return -1
		}
		n += ones
		ended = ones < 8
	}
	return n
}

func protocolName(p byte) string {
	switch p {
	case unix.IPPROTO_ICMP:
		return "icmp"
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_SCTP:
		return "sctp"
	case unix.IPPROTO_ICMPV6:
		return "ipv6-icmp"
	}
	return decimal(uint32(p))
}
