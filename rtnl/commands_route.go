package rtnl

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// route is the command of a message about a route.
func (w *commander) route(typ uint16, r *Route) []string {
	if typ == getRoute.Type {
		return w.showRoute(r)
	}
	s := command{"ip"}
	family := take(&r.Family)
	if family == IPv6 {
		s.say("-6")
	}
	kind, ok := routeTypeName(take(&r.Type))
	if !ok {
		return nil
	}
	s.say("route", w.routeVerb(typ))
	if kind != "unicast" {
		s.say(kind)
	}
	s.say(destination(r))
	if r.Gateway.IsValid() {
		s.say("via", r.Gateway.String())
	}
	if out := take(&r.Out); out != 0 {
		s.say("dev", w.name(out))
	}
	if r.PrefSrc.IsValid() {
		s.say("src", take(&r.PrefSrc).String())
	}
	s.number("metric", uint64(take(&r.Priority)))
	s.number("expires", uint64(take(&r.Expires)))
	w.routeTable(&s, r, kind)
	if m := r.Metrics; m != nil && m.Lock == 0 && m.Rest == nil {
		s.number("mtu", uint64(m.MTU))
		s.number("advmss", uint64(m.AdvMSS))
		s.number("hoplimit", uint64(m.HopLimit))
		r.Metrics = nil
	}
	w.routeScope(&s, r, typ, family, kind)
	if p := take(&r.Protocol); p != 0 {
		s.say("proto", protocolName(p))
	}
	if r.Flags == unix.RTNH_F_ONLINK {
		s.say("onlink")
		r.Flags = 0
	}
	if !w.nextHops(&s, r) {
		return nil
	}
	r.Gateway = netip.Addr{}
	return said(&routeTable, r, s)
}

func (w *commander) routeVerb(typ uint16) string {
	if typ == delRoute.Type {
		return "del"
	}
	return w.verb()
}

func routeTypeName(t RouteType) (name string, ok bool) {
	names := [...]string{
		unix.RTN_UNICAST: "unicast", unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast",
		unix.RTN_MULTICAST: "multicast", unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable",
		unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw",
	}
	if int(t) >= len(names) || names[t] == "" {
		return "", false
	}
	return names[t], true
}

// destination is where a route leads, which is taken out of it.
func destination(r *Route) string {
	bits, dst := take(&r.DstLen), take(&r.Dst)
	if bits == 0 || !dst.IsValid() {
		return "default"
	}
	return prefixText(dst, bits)
}

// routeTable says the table, where it is not the one that ip takes.
func (w *commander) routeTable(s *command, r *Route, kind string) {
	table := uint32(take(&r.TableLow))
	if t := take(&r.Table); t != 0 {
		table = t
	}
	usual := uint32(unix.RT_TABLE_MAIN)
	if kind == "local" || kind == "broadcast" || kind == "anycast" {
		usual = unix.RT_TABLE_LOCAL
	}
	if table != usual {
		s.number("table", uint64(table))
	}
}

// routeScope says an IPv4 route's scope, unless it is the one that ip takes and readers expect: for a removal, ip asks for any.
func (w *commander) routeScope(s *command, r *Route, typ uint16, family Family, kind string) {
	scope, usual := take(&r.Scope), Scope(unix.RT_SCOPE_UNIVERSE)
	switch {
	case family == IPv6:
		r.Scope = scope // it has none
		return
	case kind == "local":
		usual = unix.RT_SCOPE_HOST
	case typ == newRoute.Type && !r.Gateway.IsValid() && r.Multipath == nil:
		usual = unix.RT_SCOPE_NOWHERE // it is link: said, as ip route show says it
	}
	if scope != usual {
		s.say("scope", scopeName(scope))
	}
}

// nextHops says the ways of a route that has several. It is false where one has what is not known.
func (w *commander) nextHops(s *command, r *Route) bool {
	for _, h := range take(&r.Multipath) {
		if h.Rest != nil || h.Flags&^unix.RTNH_F_ONLINK != 0 {
			return false
		}
		s.say("nexthop")
		if h.Gateway.IsValid() {
			s.say("via", h.Gateway.String())
		}
		if h.Out != 0 {
			s.say("dev", w.name(h.Out))
		}
		if h.Hops != 0 {
			s.say("weight", strconv.Itoa(int(h.Hops)+1))
		}
		if h.Flags != 0 {
			s.say("onlink")
		}
	}
	return true
}

// showRoute is ip route show, or ip route get.
func (w *commander) showRoute(r *Route) []string {
	family, dst := take(&r.Family), take(&r.Dst)
	if !w.has(netlink.Dump) {
		r.DstLen = 0
		s := command{"ip", "route", "get", dst.String()}
		if !dst.IsValid() {
			return nil
		}
		if in := take(&r.In); in != 0 {
			s.say("iif", w.name(in))
		}
		if out := take(&r.Out); out != 0 {
			s.say("oif", w.name(out))
		}
		if flags := take(&r.Flags); flags&unix.RTM_F_FIB_MATCH != 0 {
			s.say("fibmatch")
		}
		return said(&routeTable, r, s)
	}
	table := "all"
	if t := take(&r.Table); t != 0 {
		table = strconv.FormatUint(uint64(t), 10)
	}
	var list []string
	for _, f := range []Family{IPv4, IPv6} { // ip shows one
		if family == 0 || family == f {
			list = append(list, said(&routeTable, r, append(families(f), "route", "show", "table", table))...)
		}
	}
	return list
}

// rule is the command of a message about a rule.
func (w *commander) rule(typ uint16, r *Rule) []string {
	s := command{"ip"}
	family := take(&r.Family)
	if family == IPv6 || typ == getRule.Type {
		s = families(family)
	}
	s.say("rule")
	switch {
	case typ == getRule.Type:
		return said(&ruleTable, r, append(s, "show"))
	case typ == delRule.Type:
		s.say("del")
	default:
		s.say("add")
	}
	if take(&r.Flags)&RuleInvert != 0 {
		s.say("not")
	}
	ruleSelectors(&s, r)
	if n := take(&r.SuppressPrefixLen); n != nil {
		s.say("suppress_prefixlength", strconv.FormatUint(uint64(*n), 10))
	}
	if n := take(&r.SuppressGroup); n != nil {
		s.say("suppress_ifgroup", strconv.FormatUint(uint64(*n), 10))
	}
	table := uint32(take(&r.TableLow))
	if t := take(&r.Table); t != 0 {
		table = t
	}
	switch take(&r.Action) {
	case RuleTable:
		s.number("table", uint64(table))
	case RuleGoto:
		s.number("goto", uint64(take(&r.Goto)))
	case RuleBlackhole:
		s.say("type", "blackhole")
	case RuleUnreachable:
		s.say("type", "unreachable")
	case RuleProhibit:
		s.say("type", "prohibit")
	case 0: // of a removal
		s.number("table", uint64(table))
	default:
		return nil
	}
	s.number("priority", uint64(take(&r.Priority)))
	if p := take(&r.Protocol); p != 0 {
		s.say("protocol", protocolName(p))
	}
	return said(&ruleTable, r, s)
}

// ruleSelectors say which packets a rule is for.
func ruleSelectors(s *command, r *Rule) {
	if bits, src := take(&r.SrcLen), take(&r.Src); src.IsValid() {
		s.say("from", prefixText(src, bits))
	}
	if bits, dst := take(&r.DstLen), take(&r.Dst); dst.IsValid() {
		s.say("to", prefixText(dst, bits))
	}
	s.text("iif", take(&r.In))
	s.text("oif", take(&r.Out))
	switch mark, mask := take(&r.Mark), take(&r.MarkMask); {
	case mask != 0:
		s.say("fwmark", fmt.Sprintf("%#x/%#x", mark, mask))
	case mark != 0:
		s.say("fwmark", fmt.Sprintf("%#x", mark))
	}
	if u := take(&r.UIDs); u != nil {
		s.say("uidrange", fmt.Sprintf("%d-%d", u.First, u.Last))
	}
	if p := take(&r.IPProtocol); p != 0 {
		s.say("ipproto", ipProtocolName(p))
	}
	if p := take(&r.SrcPorts); p != nil {
		s.say("sport", p.text())
	}
	if p := take(&r.DstPorts); p != nil {
		s.say("dport", p.text())
	}
}

func (p *PortRange) text() string {
	if p.First == p.Last {
		return strconv.Itoa(int(p.First))
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

func ipProtocolName(p uint8) string {
	switch p {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	}
	return strconv.Itoa(int(p))
}
