package verdict

import (
	"bytes"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"plumb/nat"
)

// What iptables-nft borrows from x_tables (net/netfilter/nft_compat.c): the extensions that firewalls for hosts use. The payload of each is
// its C struct, in the host's byte order and alignment; addresses are in network byte order.

// info is such a struct. What is beyond its end is 0: of a struct that is too short, nothing is said (size).
type info []byte

func (i info) u8(at int) byte {
	if at >= len(i) {
		return 0
	}
	return i[at]
}

//go:noinline
func (i info) u16(at int) uint16 {
	if at+2 > len(i) {
		return 0
	}
	return binary.NativeEndian.Uint16(i[at:])
}

//go:noinline
func (i info) u32(at int) uint32 {
	if at+4 > len(i) {
		return 0
	}
	return binary.NativeEndian.Uint32(i[at:])
}

// match is "-m NAME".
func (w *walker) match(m *nat.Match) truth {
	i := info(m.Info)
	switch m.Name {
	case "comment":
		return yes
	case "conntrack":
		return w.matchConntrack(m.Revision, i)
	case "state": // struct xt_state_info, linux/netfilter/xt_state.h
		bits, known := w.ctState()
		return anyOf(bits, known, i.u32(0)).and(i.size(4))
	case "addrtype":
		return w.matchAddrType(m.Revision, i)
	case "tcp", "udp":
		return w.matchPorts(m.Name == "tcp", i)
	case "multiport":
		return w.matchMultiport(m.Revision, i)
	case "icmp", "icmp6":
		return w.matchICMP(i)
	case "mark", "connmark":
		return w.matchMark(m, i)
	case "devgroup":
		return w.matchDevGroup(i)
	case "iprange":
		return w.matchRange(m.Revision, i)
	case "physdev": // xt_physdev.h: no packet of ours is bridged, so of each thing that is asked the opposite is so
		return truthOf(i.u8(65)&^i.u8(64) == 0).and(i.size(66))
	case "pkttype": // xt_pkttype.h: pkttype, invert
		return truthOf((i.u32(0) == unix.PACKET_HOST) != (i.u32(4) != 0)).and(i.size(8))
	case "rt", "frag", "hbh", "dst", "ah", "mh": // headers that the packets do not have: inverted or not, these then do not match
		return no
	case "rpfilter": // xt_rpfilter.h: flags; 1<<3 inverts. The packets that are asked about pass.
		return truthOf(i.u8(0)&(1<<3) == 0).and(i.size(1))
	}
	return maybe // limit, hashlimit, recent, set, owner, string, bpf and many more
}

// size is maybe for a struct that is shorter than it should be.
//
//go:noinline
func (i info) size(n int) truth {
	if len(i) < n {
		return maybe
	}
	return yes
}

// Flags of struct xt_conntrack_mtinfo1 to 3, linux/netfilter/xt_conntrack.h.
const (
	xtCtState     = 1 << 0
	xtCtStatus    = 1 << 6
	xtCtDirection = 1 << 12
	xtCtAlias     = 1 << 13 // it was written as "state"

	xtStateSrcNAT    = 1 << 6
	xtStateDstNAT    = 1 << 7
	xtStateUntracked = 1 << 8
)

// matchConntrack is "-m conntrack". Of revision 1 the masks have 8 bits, and what is before them is the same.
func (w *walker) matchConntrack(revision uint32, i info) truth {
	flags, inverted := i.u16(146), i.u16(148)
	states, statuses := uint32(i.u16(150)), uint32(i.u16(152))
	if revision == 1 {
		states, statuses = uint32(i.u8(150)), uint32(i.u8(151))
	}
	if len(i) < 152 || revision == 0 || revision > 3 {
		return maybe
	}
	answer := yes
	if flags&xtCtState != 0 {
		answer = answer.and(w.xtState(states).notIf(inverted&xtCtState != 0))
	}
	if w.tracking == notYet || w.tracking == untracked {
		return answer.and(truthOf(flags&^(xtCtState|xtCtAlias) == 0)) // it has no connection
	}
	if flags&xtCtDirection != 0 { // the original one, unless inverted
		answer = answer.and(truthOf(!w.packet.Reply).notIf(inverted&xtCtDirection != 0))
	}
	if flags&xtCtStatus != 0 {
		bits, known := w.ctStatus()
		answer = answer.and(anyOf(bits, known, statuses).notIf(inverted&xtCtStatus != 0))
	}
	if flags&^(xtCtState|xtCtStatus|xtCtDirection|xtCtAlias) != 0 {
		answer = answer.and(maybe) // addresses, ports, time that is left
	}
	return answer
}

// xtState is whether the state is one of those in a mask. To x_tables NAT is a state, too.
func (w *walker) xtState(mask uint32) truth {
	bits, known := w.ctState()
	if bits&stateUntracked != 0 {
		return truthOf(mask&xtStateUntracked != 0)
	}
	bits, known = bits&^stateUntracked, known&^(xtStateSrcNAT|xtStateDstNAT|xtStateUntracked)
	status, statusKnown := w.ctStatus()
	if statusKnown&statusDstNAT != 0 {
		known |= xtStateDstNAT
	}
	if status&statusDstNAT != 0 {
		bits |= xtStateDstNAT
	}
	if !w.packet.Reply {
		known |= xtStateSrcNAT // the first packet has not come to it
	}
	if w.tracking != perhapsNot {
		known |= xtStateUntracked
	}
	return anyOf(bits, known, mask)
}

// matchAddrType is "-m addrtype": struct xt_addrtype_info_v1, linux/netfilter/xt_addrtype.h, or its revision 0, which has a
// word for each inversion. Masks are of bits 1 << RTN_*.
func (w *walker) matchAddrType(revision uint32, i info) truth {
	src, dst, flags := uint32(i.u16(0)), uint32(i.u16(2)), i.u32(4)
	if revision == 0 {
		flags = min(i.u32(4), 1) | min(i.u32(8), 1)<<1
	}
	answer := i.size(8)
	if src != 0 {
		answer = answer.and(truthOf((src>>addressType(w.packet.FromHost)&1 != 0) != (flags&1 != 0)))
	}
	if dst != 0 {
		answer = answer.and(truthOf((dst>>addressType(w.atHost)&1 != 0) != (flags&2 != 0)))
	}
	return answer
}

// port is the source's, or the destination's, as the packet has it now; it is not known of ICMP.
func (w *walker) port(at int) value {
	if w.packet.forICMP() {
		return unknown(2)
	}
	return w.transport.part(at, 2)
}

// inPorts is whether a port is one from first to last.
//
//go:noinline
func inPorts(v value, first, last uint16) truth {
	return v.within(nat.Port(first), nat.Port(last))
}

// matchPorts is "-m tcp" and "-m udp": struct xt_tcp and xt_udp, linux/netfilter/xt_tcpudp.h.
func (w *walker) matchPorts(tcp bool, i info) truth {
	inverted := i.u8(8)
	if tcp {
		inverted = i.u8(11)
	}
	answer := inPorts(w.port(0), i.u16(0), i.u16(2)).notIf(inverted&1 != 0)
	answer = answer.and(inPorts(w.port(2), i.u16(4), i.u16(6)).notIf(inverted&2 != 0))
	if !tcp {
		return answer.and(i.size(10))
	}
	if option := i.u8(8); option != 0 {
		answer = answer.and(maybe)
	}
	flags := w.transport.part(tcpFlags, 1).masked([]byte{i.u8(9)}, []byte{0})
	return answer.and(flags.equals([]byte{i.u8(10)}).notIf(inverted&4 != 0)).and(i.size(12))
}

// matchMultiport is "-m multiport": struct xt_multiport_v1, linux/netfilter/xt_multiport.h. A port whose flag is set begins a
// range that ends with the next.
func (w *walker) matchMultiport(revision uint32, i info) truth {
	if revision != 1 || len(i) < 48 {
		return maybe
	}
	kind, count := i.u8(0), int(min(i.u8(1), 15))
	answer := no
	for n := 0; n < count; n++ {
		first := i.u16(2 + 2*n)
		last := first
		if i.u8(32+n) != 0 && n+1 < count {
			n++
			last = i.u16(2 + 2*n)
		}
		if kind != 1 { // the source's, or either
			answer = max(answer, inPorts(w.port(0), first, last))
		}
		if kind != 0 { // the destination's, or either
			answer = max(answer, inPorts(w.port(2), first, last))
		}
	}
	return answer.notIf(i.u8(47) != 0)
}

// matchICMP is "-m icmp" and "-m icmp6": struct ipt_icmp, linux/netfilter_ipv4/ip_tables.h: a type, a range of codes. Type 255 is any in IPv4.
func (w *walker) matchICMP(i info) truth {
	if !w.packet.forICMP() {
		return maybe // the rule has asked for the protocol before
	}
	kind := w.transport.part(0, 1).equals([]byte{i.u8(0)})
	code := w.transport.part(1, 1).within([]byte{i.u8(1)}, []byte{i.u8(2)})
	if i.u8(0) == 255 && w.packet.Proto == unix.IPPROTO_ICMP {
		kind, code = yes, yes
	}
	return kind.and(code).notIf(i.u8(3)&1 != 0).and(i.size(4))
}

// matchMark is "-m mark" and "-m connmark": struct xt_mark_mtinfo1, linux/netfilter/xt_mark.h, and xt_connmark_mtinfo1, which is
// the same: mark, mask, invert.
func (w *walker) matchMark(m *nat.Match, i info) truth {
	if m.Revision != 1 || len(i) < 9 {
		return maybe
	}
	v := w.mark
	if m.Name == "connmark" {
		v = w.ctMark
	}
	return v.masked(i[4:8], nil).equals(i[:4]).notIf(i[8] != 0)
}

// matchDevGroup is "-m devgroup": struct xt_devgroup_info, linux/netfilter/xt_devgroup.h: flags, then group and mask of the link that it comes in
// by, then of the one that it leaves by.
func (w *walker) matchDevGroup(i info) truth {
	flags := i.u32(0)
	answer := i.size(20)
	for n, l := range []*Link{w.in(), w.out()} {
		if flags>>(2*n)&1 == 0 {
			continue
		}
		if l == nil {
			return no
		}
		is := i.u32(4+8*n) == l.Group&i.u32(8+8*n)
		answer = answer.and(truthOf(is != (flags>>(2*n+1)&1 != 0)))
	}
	return answer
}

// matchRange is "-m iprange": struct xt_iprange_mtinfo, linux/netfilter/xt_iprange.h: the first and last source, the first and last
// destination, each of 16 bytes, and flags.
func (w *walker) matchRange(revision uint32, i info) truth {
	if revision != 1 || len(i) < 65 {
		return maybe
	}
	src, dst, n := 12, 16, 4
	if w.packet.family() == nat.NFPROTO_IPV6 {
		src, dst, n = 8, 24, 16
	}
	flags, answer := i[64], yes
	if flags&1 != 0 {
		answer = answer.and(w.network.part(src, n).within(i[:n], i[16:16+n]).notIf(flags&(1<<4) != 0))
	}
	if flags&2 != 0 {
		answer = answer.and(w.network.part(dst, n).within(i[32:32+n], i[48:48+n]).notIf(flags&(1<<5) != 0))
	}
	return answer
}

// target is "-j NAME". The standard ones are no extensions, and iptables-nft writes them as nftables does.
func (w *walker) target(t *nat.Target) (truth, []*nat.Verdict) {
	i := info(t.Info)
	switch t.Name {
	case "REJECT":
		return yes, one(nat.NF_DROP)
	case "MASQUERADE", "SNAT", "DNAT", "REDIRECT", "NETMAP", "TPROXY":
		return yes, one(nat.NF_ACCEPT)
	case "NFQUEUE":
		return yes, one(verdictQueue)
	case "MARK":
		w.targetMark(t.Revision, i)
	case "CONNMARK": // may restore the packet's mark from the connection's, or set that
		w.mark, w.ctMark = unknown(4), unknown(4)
	case "NOTRACK":
		w.doNotTrack()
	case "CT":
		if i.u16(0)&1 != 0 { // XT_CT_NOTRACK, linux/netfilter/xt_CT.h
			w.doNotTrack()
		}
	default:
		if !slices.Contains(harmless, t.Name) {
			return maybe, one(nat.NF_DROP) // SYNPROXY, and whatever else there may be
		}
	}
	return yes, nil
}

// harmless are the targets after which the packet goes on.
var harmless = []string{
	"LOG", "NFLOG", "ULOG", "TRACE", "AUDIT", "TCPMSS", "TCPOPTSTRIP", "CHECKSUM", "CLASSIFY", "DSCP", "TOS", "ECN", "TTL", "HL",
	"SET", "TEE", "SECMARK", "CONNSECMARK", "RATEEST", "LED", "IDLETIMER", "HMARK",
}

// targetMark is "-j MARK": struct xt_mark_tginfo2, linux/netfilter/xt_mark.h: the bits of the mask are cleared, those of the
// mark turned over.
func (w *walker) targetMark(revision uint32, i info) {
	if revision != 2 || len(i) < 8 {
		w.mark = unknown(4)
		return
	}
	keep := bytes.Clone(i[4:8])
	for n := range keep {
		keep[n] = ^keep[n]
	}
	w.setMark(&w.mark, w.mark.masked(keep, i[:4]))
}
