package nat

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// The rules of plumb's table. None of them names a container: what changes is elements of the sets that they look into, so that
// a packet meets as few rules with a thousand containers as with one.

// rules are all rules, in the order of their chains.
func rules() []Rule {
	families := []*ipFamily{&ipv4, &ipv6}
	all := []Rule{loopbackGuard()}
	for _, f := range families {
		all = append(all, f.antispoof(), f.noWayOut())
	}
	all = append(all, routerGuard(), policeGuard())
	for _, f := range families {
		for _, chain := range []string{chainPrerouting, chainOutput} {
			all = append(all, f.publishedOnOne(chain), f.publishedOnAll(chain))
		}
	}
	all = append(all, neighbours(), noHost(), ipv4.gatewayOnly(), ipv6.gatewayOnly())
	all = append(all, ipv4.stranger(), ipv6.stranger(), untracked(), published(), outsideGuard(), isolateFrom(NFT_META_IIFNAME, NFT_META_OIFGROUP), isolateFrom(NFT_META_OIFNAME, NFT_META_IIFGROUP))
	all = append(all, ipv4.otherNetwork(), ipv6.otherNetwork(), ipv4.nobody(), ipv6.nobody())
	all = append(all, ipv4.hairpin(), fromLoopback(), ipv4.masquerade())
	return append(all, ipv6.hairpin(), ipv6.masquerade())
}

// loopbackGuard is: iifname != "lo" ip daddr 127.0.0.0/8 drop
//
// A DNAT in prerouting comes before the martian check and would open 127.0.0.1 to neighbours, and route_localnet on a host
// end would open it to the container (CVE-2020-8558).
func loopbackGuard() Rule {
	return Rule{Chain: chainGuard, Expressions: steps(
		meta(NFT_META_IIFNAME, NFT_CMP_NEQ, IfName("lo")),
		ipv4.isFamily(), byteIs(ipv4.dst, 127), []any{verdict(NF_DROP)},
	)}
}

// antispoof is: iifgroup 0x706c iifname . ip saddr != @member4 drop
//
// At raw priority, so that a forged source makes no connection tracking entry and reaches neither host nor neighbour. In IPv6 there is no
// exception for fe80::/10 and ::, so that what has no IPv6 address from plumb sends none: whose network has IPv6 has its link-local
// address in member6, and finds no duplicates of it (IFA_F_NODAD).
func (f *ipFamily) antispoof() Rule {
	key := []any{
		&Meta{Dest: NFT_REG_1, Key: NFT_META_IIFNAME}, f.loadSrc(NFT_REG_2), // the name takes 16 bytes, all of NFT_REG_1
		notInSet(f.member), verdict(NF_DROP),
	}
	return Rule{Chain: chainGuard, UserData: CommentData("forged source"), Expressions: steps(
		meta(NFT_META_IIFGROUP, NFT_CMP_EQ, Host32(Group)), f.isFamily(), key,
	)}
}

// routerGuard is: iifgroup 0x706c icmpv6 type nd-router-advert drop
//
// A container would make itself the host's IPv6 router, on an IPv4-only network too (CVE-2020-10749). The sysctl accept_ra
// would do, but is to be set under /proc alone.
func routerGuard() Rule {
	kind := &Payload{Dest: NFT_REG_1, Base: NFT_PAYLOAD_TRANSPORT_HEADER, Offset: 0, Len: 1}
	return Rule{Chain: chainGuard, UserData: CommentData("router advertisement"), Expressions: steps(
		meta(NFT_META_IIFGROUP, NFT_CMP_EQ, Host32(Group)),
		ipv6.isFamily(), meta(NFT_META_L4PROTO, NFT_CMP_EQ, []byte{unix.IPPROTO_ICMPV6}),
		[]any{kind, compare(NFT_CMP_EQ, []byte{ndRouterAdvert}), verdict(NF_DROP)},
	)}
}

const ndRouterAdvert = 134 // RFC 4861, section 4.2

// noWayOut is: iifname @internal ip saddr . ip daddr != @within4 drop
//
// At raw priority, so that it holds for the host's other addresses and for published ports too: what is left is the
// gateway and the neighbours in the subnet. In IPv6 neighbour discovery goes to fe80::/10 and to multicast of link scope.
func (f *ipFamily) noWayOut() Rule {
	match := [][]any{{&Meta{Dest: NFT_REG_1, Key: NFT_META_IIFNAME}, inSet(internalSet)}, f.isFamily()}
	if f.proto == NFPROTO_IPV6 {
		linkScope := &Payload{Dest: NFT_REG_1, Base: NFT_PAYLOAD_NETWORK_HEADER, Offset: f.dst, Len: 2}
		match = append(match, notLinkLocal(f.dst), []any{linkScope, compare(NFT_CMP_NEQ, []byte{0xff, 0x02})})
	}
	match = append(match, f.notWithin(), []any{verdict(NF_DROP)})
	return Rule{Chain: chainGuard, Expressions: steps(match...), UserData: CommentData("no way out")}
}

// publishedOnOne is: fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @publish4h
func (f *ipFamily) publishedOnOne(chain string) Rule {
	n := f.registers()
	key := []any{
		f.loadDst(NFT_REG_1),
		&Meta{Dest: Register32(n), Key: NFT_META_L4PROTO}, loadDstPort(Register32(n + 1)),
	}
	return Rule{Chain: chain, Expressions: steps(toLocal(), f.isFamily(), f.notLoopback(chain), key, f.dnat(f.publishHost))}
}

// publishedOnAll is: fib daddr type local dnat ip to meta l4proto . th dport map @publish4
func (f *ipFamily) publishedOnAll(chain string) Rule {
	key := []any{&Meta{Dest: NFT_REG_1, Key: NFT_META_L4PROTO}, loadDstPort(Register32(1))}
	return Rule{Chain: chain, Expressions: steps(toLocal(), f.isFamily(), f.notLoopback(chain), key, f.dnat(f.publish))}
}

// notLoopback is "ip6 daddr != ::1" of what the host itself sends: the kernel lets nothing from or to ::1 pass any link but lo, so a
// DNAT would lead nowhere. Who publishes a port on ::1 listens there, and relays.
func (f *ipFamily) notLoopback(chain string) []any {
	if f.proto != NFPROTO_IPV6 || chain != chainOutput {
		return nil
	}
	return []any{f.loadDst(NFT_REG_1), compare(NFT_CMP_NEQ, netip.IPv6Loopback().AsSlice())}
}

// loadDstPort copies the destination port of TCP, UDP, SCTP and DCCP, which all have it at byte 2. For other protocols it is some other
// bytes, and the protocol is in the key with them.
func loadDstPort(r Register) *Payload {
	return &Payload{Dest: r, Base: NFT_PAYLOAD_TRANSPORT_HEADER, Offset: 2, Len: 2}
}

// dnat sends the connection to the address and port that the map has for the key in register 1.
func (f *ipFamily) dnat(set string) []any {
	to := NFT_REG_1
	return []any{
		&Lookup{Set: set, Source: NFT_REG_1, Dest: &to},
		&NAT{Type: NFT_NAT_DNAT, Family: f.proto, AddrMin: NFT_REG_1, ProtoMin: Register32(f.registers()), Flags: natRangeProto},
	}
}

// natRangeProto is NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED, which the kernel adds where there are registers.
const natRangeProto NATFlags = 1<<0 | 1<<1

// untracked is: iifgroup 0x706c oifgroup != 0x706c ct state invalid,untracked drop
//
// What connection tracking makes nothing of is not masqueraded: it would leave with the container's own source.
func untracked() Rule {
	return Rule{Chain: chainForward, UserData: CommentData("cannot be masqueraded"), Expressions: steps(
		meta(NFT_META_IIFGROUP, NFT_CMP_EQ, Host32(Group)), meta(NFT_META_OIFGROUP, NFT_CMP_NEQ, Host32(Group)),
		someOf(NFT_CT_STATE, ctStateInvalid|ctStateUntracked), []any{verdict(NF_DROP)},
	)}
}

// published is: oifgroup 0x706c ct status dnat accept
//
// Published ports are for everybody, so for other containers too, and the rules after this one are about the rest. It is a rule of its own,
// since "ct status" in those would end them for a packet that has no connection (nft_ct_get_eval, net/netfilter/nft_ct.c): whatever
// connection tracking takes for invalid would pass them all.
func published() Rule {
	return Rule{Chain: chainForward, UserData: CommentData("published"), Expressions: steps(
		meta(NFT_META_OIFGROUP, NFT_CMP_EQ, Host32(Group)), someOf(NFT_CT_STATUS, ctStatusDNAT), []any{verdict(NF_ACCEPT)},
	)}
}

// outsideGuard is: oifgroup 0x706c iifgroup != 0x706c ct state ! established,related drop
//
// What is not published is not reached from outside; what the host itself sends never comes by here. It is in forward and not at
// raw priority since connection tracking has to have seen the packet, and by the outgoing link and not by the subnet so
// that it concerns containers alone.
func outsideGuard() Rule {
	return Rule{Chain: chainForward, UserData: CommentData("not published"), Expressions: steps(
		meta(NFT_META_OIFGROUP, NFT_CMP_EQ, Host32(Group)),
		meta(NFT_META_IIFGROUP, NFT_CMP_NEQ, Host32(Group)),
		noneOf(NFT_CT_STATE, ctStateEstablished|ctStateRelated), []any{verdict(NF_DROP)},
	)}
}

// isolateFrom is: iifname @isolate oifgroup 0x706c drop, and the same for what comes the other way.
func isolateFrom(name, group MetaKey) Rule {
	return Rule{Chain: chainForward, UserData: CommentData("isolated"), Expressions: steps(
		[]any{&Meta{Dest: NFT_REG_1, Key: name}, inSet(isolateSet)}, meta(group, NFT_CMP_EQ, Host32(Group)), []any{verdict(NF_DROP)},
	)}
}

// otherNetwork is: iifgroup 0x706c oifgroup 0x706c ip saddr . ip daddr != @within4 drop
//
// Containers of different networks reach each other by published ports alone.
func (f *ipFamily) otherNetwork() Rule {
	return Rule{Chain: chainForward, UserData: CommentData("another network"), Expressions: steps(
		meta(NFT_META_IIFGROUP, NFT_CMP_EQ, Host32(Group)), meta(NFT_META_OIFGROUP, NFT_CMP_EQ, Host32(Group)), f.isFamily(),
		f.notWithin(), []any{verdict(NF_DROP)},
	)}
}

// nobody is: oifgroup != 0x706c ip daddr @nets4 drop
//
// An address of a network that no container has is routed like the rest of the world. What a container sends there would leave by
// the uplink, with the container's own source, as nothing between plumb's subnets is masqueraded; and an internal one would have its way out. What comes
// from outside would make an established connection, for the container that gets the address to find.
func (f *ipFamily) nobody() Rule {
	return Rule{Chain: chainForward, UserData: CommentData("nobody's address"), Expressions: steps(
		meta(NFT_META_OIFGROUP, NFT_CMP_NEQ, Host32(Group)), f.isFamily(),
		[]any{f.loadDst(NFT_REG_1), inSet(f.nets), verdict(NF_DROP)},
	)}
}

// stranger is: iifgroup != 0x706c ip saddr @nets4 drop
//
// A neighbour in the LAN who sends to himself from a container's address is masqueraded, and his answer is of an established connection: it
// would lead him in, to a container that has the address then. It stands before published: to a published port he would send in a container's
// name, and its neighbour would answer that one.
func (f *ipFamily) stranger() Rule {
	return Rule{Chain: chainForward, UserData: CommentData("forged source"), Expressions: steps(
		meta(NFT_META_IIFGROUP, NFT_CMP_NEQ, Host32(Group)), f.isFamily(),
		[]any{f.loadSrc(NFT_REG_1), inSet(f.nets), verdict(NF_DROP)},
	)}
}

// notWithin is "ip saddr . ip daddr != @within4": source and destination are not of one network.
func (f *ipFamily) notWithin() []any {
	return []any{f.loadSrc(NFT_REG_1), f.loadDst(Register32(f.registers())), notInSet(f.within)}
}

// The rules of chain input are about the host's own services. By then what is published has another destination.

// neighbours is: iifgroup 0x706c icmpv6 type 135-136 accept
//
// Neighbour discovery finds link-layer addresses, and is no service; its kinds are the next but one to a router's (RFC 4861, section 4).
func neighbours() Rule {
	kind := &Payload{Dest: NFT_REG_1, Base: NFT_PAYLOAD_TRANSPORT_HEADER, Offset: 0, Len: 1}
	return Rule{Chain: chainInput, UserData: CommentData("neighbour discovery"), Expressions: steps(
		meta(NFT_META_IIFGROUP, NFT_CMP_EQ, Host32(Group)),
		ipv6.isFamily(), meta(NFT_META_L4PROTO, NFT_CMP_EQ, []byte{unix.IPPROTO_ICMPV6}),
		[]any{kind, compare(NFT_CMP_GTE, []byte{ndNeighborSolicit}), compare(NFT_CMP_LTE, []byte{ndNeighborAdvert}), verdict(NF_ACCEPT)},
	)}
}

const (
	ndNeighborSolicit = 135 // RFC 4861, section 4.3
	ndNeighborAdvert  = 136 // RFC 4861, section 4.4
)

// noHost is: iifname @nohost ct state ! established,related drop
func noHost() Rule {
	return Rule{Chain: chainInput, UserData: CommentData("no host"), Expressions: steps(
		[]any{&Meta{Dest: NFT_REG_1, Key: NFT_META_IIFNAME}, inSet(noHostSet)},
		noneOf(NFT_CT_STATE, ctStateEstablished|ctStateRelated), []any{verdict(NF_DROP)},
	)}
}

// gatewayOnly is: iifgroup 0x706c ct state ! established,related ip saddr . ip daddr != @within4 drop
//
// Of all the host's addresses the gateway's alone is within the container's network. What the host has asked for from another of them
// is answered.
func (f *ipFamily) gatewayOnly() Rule {
	return Rule{Chain: chainInput, UserData: CommentData("not the gateway"), Expressions: steps(
		meta(NFT_META_IIFGROUP, NFT_CMP_EQ, Host32(Group)), noneOf(NFT_CT_STATE, ctStateEstablished|ctStateRelated),
		f.isFamily(), f.notWithin(), []any{verdict(NF_DROP)},
	)}
}

// hairpin is: oifname . ip saddr @member4 masquerade
//
// A container that asks for a port published by itself would otherwise be answered from its own address, and not know the answer.
func (f *ipFamily) hairpin() Rule {
	key := []any{&Meta{Dest: NFT_REG_1, Key: NFT_META_OIFNAME}, f.loadSrc(NFT_REG_2), inSet(f.member), &Masq{}}
	return Rule{Chain: chainPostrouting, Expressions: steps(f.isFamily(), key), UserData: CommentData("hairpin")}
}

// fromLoopback is: oifgroup 0x706c ip saddr 127.0.0.0/8 masquerade
//
// The host asks 127.0.0.1 for a published port: the container could not answer that address.
func fromLoopback() Rule {
	return Rule{Chain: chainPostrouting, Expressions: steps(
		meta(NFT_META_OIFGROUP, NFT_CMP_EQ, Host32(Group)),
		ipv4.isFamily(), byteIs(ipv4.src, 127), []any{&Masq{}},
	)}
}

// masquerade is: ip saddr @nets4 ip daddr != @nets4 masquerade
func (f *ipFamily) masquerade() Rule {
	return Rule{Chain: chainPostrouting, Expressions: steps(f.isFamily(),
		[]any{f.loadSrc(NFT_REG_1), inSet(f.nets), f.loadDst(NFT_REG_1), notInSet(f.nets), &Masq{}})}
}
