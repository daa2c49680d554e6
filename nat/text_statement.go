package nat

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// statement writes what is no match.
func (t *texter) statement(e *Expr) {
	switch d := e.Data.(type) {
	case *Counter:
		t.counter(d)
	case *Last:
		if !t.brief {
			t.say("last")
		}
	case *Limit:
		t.say(t.limit(d))
	case *Quota:
		t.say("quota " + over(d.Flags&1 != 0) + strconv.FormatUint(d.Bytes, 10) + " bytes")
	case *Log:
		t.log(d)
	case *Reject:
		t.reject(d)
	case *NAT:
		t.nat(d)
	case *Masq:
		t.say("masquerade")
		t.natPorts(d.ProtoMin, d.ProtoMax, "to :")
		t.natFlags(d.Flags)
	case *Redir:
		t.say("redirect")
		t.natPorts(d.ProtoMin, d.ProtoMax, "to :")
		t.natFlags(d.Flags)
	case *ObjRef:
		t.exact = t.exact && d.Set == ""
		if t.say(d.Type.String()); d.Type == NFT_OBJECT_CT_HELPER {
			t.say("set " + t.quoted(d.Name))
		} else {
			t.say("name " + t.quoted(d.Name))
		}
	case *Match:
		t.match(d)
	case *Target:
		t.exact = false
		t.say("xt target " + d.Name)
	default:
		t.exact = t.exact && e.Name == "notrack"
		t.say(e.Name)
	}
}

func (t *texter) counter(c *Counter) {
	if t.brief {
		return
	}
	t.say("counter")
	if c.Packets != 0 || c.Bytes != 0 {
		t.say("packets " + strconv.FormatUint(c.Packets, 10) + " bytes " + strconv.FormatUint(c.Bytes, 10))
	}
}

func over(is bool) string {
	if is {
		return "over "
	}
	return ""
}

// limit is "limit rate over 10 mbytes/second burst 64 kbytes".
func (t *texter) limit(l *Limit) string {
	units := map[uint64]string{1: "second", 60: "minute", 3600: "hour", 86400: "day", 604800: "week"}
	unit, ok := units[l.Unit]
	if !ok {
		t.exact, unit = false, strconv.FormatUint(l.Unit, 10)+"s"
	}
	text := "limit rate " + over(l.Flags&limitOver != 0)
	if l.Type == NFT_LIMIT_PKT_BYTES {
		text += bytesText(l.Rate) + "/" + unit
		if l.Burst != 0 {
			text += " burst " + bytesText(uint64(l.Burst))
		}
		return text
	}
	text += strconv.FormatUint(l.Rate, 10) + "/" + unit
	if l.Burst != 0 {
		text += " burst " + decimal(l.Burst) + " packets"
	}
	return text
}

// bytesText is a number of bytes in the largest unit of nft's that has it whole.
func bytesText(n uint64) string {
	unit := " bytes"
	for _, larger := range []string{" kbytes", " mbytes"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, larger
	}
	return strconv.FormatUint(n, 10) + unit
}

func (t *texter) log(l *Log) {
	t.say("log")
	if l.Prefix != "" {
		t.say("prefix " + t.quoted(l.Prefix))
	}
	if l.Level != nil {
		t.say("level " + l.Level.String())
	}
	if l.Group != nil {
		t.say("group " + strconv.Itoa(int(*l.Group)))
	}
	if l.Flags != 0 || l.Unknown != nil {
		t.exact = false
	}
}

func (t *texter) reject(r *Reject) {
	const portUnreachable, anyPortUnreachable, portUnreachable6 = 3, 1, 4 // ICMP's, NFT_REJECT_ICMPX_PORT_UNREACH, ICMPv6's
	switch {
	case t.brief:
		t.say("reject")
	case r.Type == NFT_REJECT_TCP_RST:
		t.say("reject with tcp reset")
	case r.Type == NFT_REJECT_ICMPX_UNREACH && r.Code == anyPortUnreachable:
		t.say("reject with icmpx port-unreachable")
	case r.Type == NFT_REJECT_ICMP_UNREACH && t.network == NFPROTO_IPV4 && r.Code == portUnreachable:
		t.say("reject with icmp port-unreachable")
	case r.Type == NFT_REJECT_ICMP_UNREACH && t.network == NFPROTO_IPV6 && r.Code == portUnreachable6:
		t.say("reject with icmpv6 port-unreachable")
	default:
		t.exact = false
		t.say("reject")
	}
}

// nat is "dnat ip to 10.0.0.2:80", or to what a map has.
func (t *texter) nat(n *NAT) {
	if t.brief {
		t.say(n.Type.String())
		return
	}
	text := n.Type.String()
	if t.family == NFPROTO_INET {
		text += " " + n.Family.String()
	}
	if n.AddrMin == 0 {
		t.say(text)
		t.natPorts(n.ProtoMin, n.ProtoMax, "to :")
		t.natFlags(n.Flags)
		return
	}
	to := t.use(n.AddrMin)
	if n.AddrMax != 0 && n.AddrMax != n.AddrMin {
		t.exact = false
	}
	if to.constant == nil {
		t.say(text, "to", to.name) // the map has the port, too, where there is one
		t.natFlags(n.Flags)
		return
	}
	a, _ := netip.AddrFromSlice(to.constant)
	switch port := t.loadedIn(n.ProtoMin).constant; {
	case n.ProtoMin == 0:
		t.say(text, "to", a.String())
	case len(port) >= 2 && a.IsValid() && (n.ProtoMax == 0 || n.ProtoMax == n.ProtoMin):
		t.say(text, "to", netip.AddrPortFrom(a, binary.BigEndian.Uint16(port)).String())
	default:
		t.exact = false
		t.say(text, "to", a.String())
	}
	t.natFlags(n.Flags)
}

// natPorts says the ports that a translation chooses from.
func (t *texter) natPorts(first, last Register, before string) {
	if first == 0 || t.brief {
		return
	}
	low, high := t.loadedIn(first).constant, t.loadedIn(last).constant
	if len(low) < 2 {
		t.exact = false
		return
	}
	text := before + decimal(uint32(binary.BigEndian.Uint16(low)))
	if last != 0 && last != first && len(high) >= 2 {
		text += "-" + decimal(uint32(binary.BigEndian.Uint16(high)))
	}
	t.say(text)
}

// natFlags says NF_NAT_RANGE_* as far as somebody asks for them: the first two follow from what there is.
func (t *texter) natFlags(f NATFlags) {
	const random, persistent, fullyRandom = 1 << 2, 1 << 3, 1 << 4
	var words []string
	for _, flag := range []struct {
		flag NATFlags
		word string
	}{{random, "random"}, {fullyRandom, "fully-random"}, {persistent, "persistent"}} {
		if f&flag.flag != 0 {
			words = append(words, flag.word)
		}
	}
	if f&^(natRangeProto|random|persistent|fullyRandom) != 0 {
		t.exact = false
	}
	if words != nil && !t.brief {
		t.say(strings.Join(words, ","))
	}
}

// Of struct xt_conntrack_mtinfo3, linux/netfilter/xt_conntrack.h, and its flags.
const (
	xtCtFlagsAt    = 146
	xtCtInvertedAt = 148
	xtCtStatesAt   = 150
	xtCtState      = 1 << 0
	xtCtAlias      = 1 << 13 // it was written as "state"
)

// match writes an extension of iptables: comments and states, of which the others' rules consist, in full.
func (t *texter) match(m *Match) {
	t.exact = false
	u16 := func(at int) uint16 {
		if at+2 > len(m.Info) {
			return 0
		}
		return binary.NativeEndian.Uint16(m.Info[at:])
	}
	switch {
	case m.Name == "comment":
		text, _, _ := strings.Cut(string(m.Info), "\x00")
		t.say("comment " + strconv.Quote(text))
	case m.Name == "conntrack" && m.Revision > 1 && u16(xtCtFlagsAt)&^xtCtAlias == xtCtState:
		states := flagWords(uint32(u16(xtCtStatesAt)), "invalid", "established", "related", "new", "", "", "snat", "dnat", "untracked")
		t.say("ct state" + negation(u16(xtCtInvertedAt)&xtCtState != 0) + " " + states)
	default:
		t.say("xt match " + m.Name)
	}
}
