package verdict

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"plumb/nat"
)

// Text is a rule as nft would write it, nearly: enough to find it again, and to see what it does. What iptables-nft has borrowed is
// written by its name: "xt match addrtype".
func Text(r *nat.Rule) string {
	t := texter{six: r.Family == nat.NFPROTO_IPV6}
	for i := range r.Expressions {
		t.expression(&r.Expressions[i])
	}
	if c := r.UserData.Comment(); c != "" {
		t.say("comment " + strconv.Quote(c))
	}
	return strings.Join(t.words, " ")
}

// A texter writes a rule, and remembers what it has put into which register.
type texter struct {
	words   []string
	six     bool                       // addresses are IPv6's
	loaded  [registerBytes / 4]operand // by the register of 4 bytes that it begins in
	touched []int                      // those that have been loaded since the last use, for concatenations
}

// An operand is what a register holds.
type operand struct {
	name string
	form form
	mask []byte
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
	asNumber // in the host's byte order
)

func (t *texter) say(words ...string) { t.words = append(t.words, words...) }

//go:noinline
func (t *texter) load(r nat.Register, o operand) {
	if at := place(r); at >= 0 {
		t.loaded[at/4] = o
		t.touched = append(t.touched, at/4)
	}
}

// use is what is in a register.
//
//go:noinline
func (t *texter) use(r nat.Register) operand {
	t.touched = nil
	if at := place(r); at >= 0 {
		return t.loaded[at/4]
	}
	return operand{}
}

// key is all that has been loaded for a lookup, in the registers' order.
func (t *texter) key() string {
	slices.Sort(t.touched)
	var names []string
	for _, at := range slices.Compact(t.touched) {
		names = append(names, t.loaded[at].name)
	}
	t.touched = nil
	return strings.Join(names, " . ")
}

func (t *texter) expression(e *nat.Expr) {
	switch d := e.Data.(type) {
	case *nat.Meta:
		t.meta(d)
	case *nat.Payload:
		t.load(d.Dest, t.payload(d))
	case *nat.CT:
		t.load(d.Dest, operand{"ct " + d.Key.String(), ctForm(d.Key), nil})
	case *nat.FIB:
		t.load(d.Dest, operand{"fib " + strings.ReplaceAll(d.Flags.String(), ",", " . ") + " " + d.Result.String(), asNumber, nil})
	case *nat.Bitwise:
		o := t.use(d.Source)
		if d.Mask != nil {
			o.mask = d.Mask.Value
		}
		t.load(d.Dest, o)
	case *nat.ByteOrder:
		t.load(d.Dest, t.use(d.Source))
	case *nat.Cmp:
		t.cmp(d)
	case *nat.Range:
		if d.From != nil && d.To != nil {
			o := t.use(d.Source)
			t.say(o.name+negation(d.Op == nat.NFT_RANGE_NEQ), o.value(d.From.Value)+"-"+o.value(d.To.Value))
		}
	case *nat.Lookup:
		t.lookup(d)
	case *nat.Immediate:
		if d.Data != nil && d.Data.Verdict != nil {
			t.say(d.Data.Verdict.String())
		}
	case *nat.Counter, *nat.Last:
	case *nat.Limit:
		t.say("limit rate " + strconv.FormatUint(d.Rate, 10) + "/" + strconv.FormatUint(d.Unit, 10) + "s")
	case *nat.Log:
		t.say("log")
		if d.Prefix != "" {
			t.say("prefix " + strconv.Quote(d.Prefix))
		}
	case *nat.NAT:
		t.say(d.Type.String())
	case *nat.Masq:
		t.say("masquerade")
	case *nat.Redir:
		t.say("redirect")
	case *nat.ObjRef:
		t.say(d.Type.String() + " name " + strconv.Quote(d.Name))
	case *nat.Match:
		t.match(d)
	case *nat.Target:
		t.say("xt target " + d.Name)
	default:
		t.say(e.Name)
	}
}

func (t *texter) meta(m *nat.Meta) {
	if m.Dest == 0 {
		t.touched = nil
		t.say("meta " + m.Key.String() + " set")
		return
	}
	o := operand{"meta " + m.Key.String(), asNumber, nil}
	switch m.Key {
	case nat.NFT_META_IIFNAME, nat.NFT_META_OIFNAME:
		o.name, o.form = m.Key.String(), asName
	case nat.NFT_META_IIF, nat.NFT_META_OIF, nat.NFT_META_IIFGROUP, nat.NFT_META_OIFGROUP:
		o.name = m.Key.String()
	case nat.NFT_META_L4PROTO:
		o.form = asProtocol
	case nat.NFT_META_NFPROTO:
		o.form = asFamily
	}
	t.load(m.Dest, o)
}

func ctForm(k nat.CTKey) form {
	if k == nat.NFT_CT_STATE {
		return asState
	}
	return asNumber
}

// payload names a part of a header; another than addresses, ports and the like as nft does, by base, offset and length in bits.
func (t *texter) payload(p *nat.Payload) operand {
	version, src, dst, n := "ip ", uint32(12), uint32(16), uint32(4)
	if t.six || p.Len == 16 {
		version, src, dst, n = "ip6 ", 8, 24, 16
	}
	network := p.Base == nat.NFT_PAYLOAD_NETWORK_HEADER
	transport := p.Base == nat.NFT_PAYLOAD_TRANSPORT_HEADER
	switch {
	case network && p.Offset == src && p.Len <= n:
		return operand{version + "saddr", asAddress, nil}
	case network && p.Offset == dst && p.Len <= n:
		return operand{version + "daddr", asAddress, nil}
	case network && version == "ip " && p.Offset == 9 && p.Len == 1:
		return operand{"ip protocol", asProtocol, nil}
	case transport && p.Offset == 0 && p.Len == 2:
		return operand{"th sport", asPort, nil}
	case transport && p.Offset == 2 && p.Len == 2:
		return operand{"th dport", asPort, nil}
	}
	base := [...]string{"@ll,", "@nh,", "@th,", "@ih,"}
	return operand{base[min(int(p.Base), len(base)-1)] + decimal(p.Offset*8) + "," + decimal(p.Len*8), asHex, nil}
}

//go:noinline
func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func negation(is bool) string {
	if is {
		return " !="
	}
	return ""
}

func (t *texter) cmp(c *nat.Cmp) {
	if c.Data == nil {
		return
	}
	o := t.use(c.Source)
	if o.form == asFamily && len(c.Data.Value) == 1 {
		t.six = c.Data.Value[0] == byte(nat.NFPROTO_IPV6)
	}
	zero := !slices.ContainsFunc(c.Data.Value, func(b byte) bool { return b != 0 })
	if o.mask != nil && zero && o.form != asAddress { // one of the bits is set, or none is
		mask := o.mask
		o.mask = nil
		t.say(o.name, map[bool]string{true: "! ", false: ""}[c.Op == nat.NFT_CMP_EQ]+o.value(mask))
		return
	}
	op := " " + c.Op.String()
	if c.Op == nat.NFT_CMP_EQ {
		op = ""
	}
	t.say(o.name+op, o.value(c.Data.Value))
}

func (t *texter) lookup(l *nat.Lookup) {
	word := " "
	switch {
	case l.Dest != nil && *l.Dest == nat.NFT_REG_VERDICT:
		word = " vmap "
	case l.Dest != nil:
		word = " map "
	case l.Flags&nat.NFT_LOOKUP_F_INV != 0:
		word = " != "
	}
	t.say(t.key() + word + "@" + l.Set)
}

// match writes an extension of iptables: comments and states, of which the others' rules consist, in full.
func (t *texter) match(m *nat.Match) {
	i := info(m.Info)
	switch {
	case m.Name == "comment":
		text, _, _ := strings.Cut(string(m.Info), "\x00")
		t.say("comment " + strconv.Quote(text))
	case m.Name == "conntrack" && m.Revision > 1 && i.u16(146)&^xtCtAlias == xtCtState:
		words := flagWords(uint32(i.u16(150)), "invalid", "established", "related", "new", "", "", "snat", "dnat", "untracked")
		t.say("ct state" + negation(i.u16(148)&xtCtState != 0) + " " + words)
	default:
		t.say("xt match " + m.Name)
	}
}

// flagWords are the names of the bits that are set.
func flagWords(n uint32, names ...string) string {
	var words []string
	for bit, name := range names {
		if n>>bit&1 != 0 && name != "" {
			words = append(words, name)
		}
	}
	return strings.Join(words, ",")
}

// value writes a value as is usual for what it is compared with.
func (o operand) value(b []byte) string {
	switch {
	case o.form == asName:
		text, _, whole := strings.Cut(string(b), "\x00")
		if !whole && len(b) < unix.IFNAMSIZ {
			text += "*"
		}
		return strconv.Quote(text)
	case o.form == asAddress:
		return address(b, o.mask, strings.HasPrefix(o.name, "ip6"))
	case o.form == asPort && len(b) == 2:
		return decimal(uint32(binary.BigEndian.Uint16(b)))
	case o.form == asProtocol && len(b) == 1:
		return protocolNames(b[0])
	case o.form == asFamily && len(b) == 1:
		return map[bool]string{true: "ipv4", false: "ipv6"}[nat.Family(b[0]) == nat.NFPROTO_IPV4]
	case o.form == asState && len(b) == 4:
		return flagWords(binary.NativeEndian.Uint32(b), "invalid", "established", "related", "new", "", "", "untracked")
	case len(b) == 4 && o.form != asHex:
		return decimal(binary.NativeEndian.Uint32(b))
	case len(b) == 1:
		return decimal(uint32(b[0]))
	}
	text := "0x"
	for _, c := range b {
		text += string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15])
	}
	return text
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
	bits := len(b) * 8
	if mask != nil {
		bits = 0
		for _, m := range mask {
			for ; m&0x80 != 0; m <<= 1 {
				bits++
			}
		}
	}
	if bits >= a.BitLen() {
		return a.String()
	}
	return netip.PrefixFrom(a, bits).String()
}

func protocolNames(p byte) string {
	switch p {
	case unix.IPPROTO_ICMP:
		return "icmp"
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_ICMPV6:
		return "ipv6-icmp"
	}
	return decimal(uint32(p))
}
