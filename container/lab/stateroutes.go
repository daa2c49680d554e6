package lab

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// What is read by rtnetlink: links, addresses, routes, neighbours, rules.

// plumbGroup is the interface group of the links that plumb makes: "pl".
const plumbGroup = 0x706c

// names are the links' names by their indexes.
type names map[uint32]string

func (n names) of(index uint32) string {
	if name, ok := n[index]; ok || index == 0 {
		return name
	}
	return "link " + strconv.Itoa(int(index))
}

func (s *State) readRoutes(c *rtnl.Conn) error {
	links, err := c.Links()
	if err != nil {
		return err
	}
	name, ours := names{}, map[uint32]bool{}
	for i := range links {
		name[links[i].Index] = links[i].Name
		ours[links[i].Index] = links[i].Group == plumbGroup
	}
	for i := range links {
		s.addLink(&links[i], name)
	}
	addrs, err := c.Addrs(0, 0)
	if err != nil {
		return err
	}
	for i := range addrs {
		s.addAddr(&addrs[i], name)
	}
	routes, err := c.Routes(0)
	if err != nil {
		return err
	}
	for i := range routes {
		s.addRoute(&routes[i], name)
	}
	if err := s.readNeighs(c, name, ours); err != nil {
		return err
	}
	rules, err := c.Rules(0)
	for i := range rules {
		s.addRule(&rules[i])
	}
	return err
}

// steadyFlags are the flags that someone has set. The others say how the cable is.
const steadyFlags = unix.IFF_UP | unix.IFF_NOARP | unix.IFF_PROMISC | unix.IFF_ALLMULTI | unix.IFF_MULTICAST

func (s *State) addLink(l *rtnl.Link, name names) {
	props := []prop{
		{"kind", ""},
		{"flags", (l.Flags & steadyFlags).String()},
		{"mtu", number(l.MTU)},
		{"group", number(l.Group)},
		{"alias", l.Alias},
		{"address", l.Address.String()},
		{"altnames", ""},
		{"master", name.of(l.Master)},
		{"addrgenmode", ""},
		{"qdisc", l.Qdisc},
		{"txqueuelen", number(l.TxQueueLen)},
		{"queues", fmt.Sprintf("%d tx, %d rx", l.NumTxQueues, l.NumRxQueues)},
	}
	if l.Info != nil {
		props[0].value = l.Info.Kind
	}
	if l.AltNames != nil {
		props[6].value = strings.Join(slices.Sorted(slices.Values(l.AltNames.Names)), " ")
	}
	if l.AF != nil && l.AF.Inet6 != nil && l.AF.Inet6.AddrGenMode != nil {
		props[8].value = l.AF.Inet6.AddrGenMode.String()
	}
	for _, c := range l.Conf() {
		props = append(props, prop{"ipv4 conf " + c.ID.String(), number(c.Value)})
	}
	s.add("link", l.Name, props...)
}

// passingAddrFlags are on their way to become others (duplicate address detection, lifetimes).
const passingAddrFlags = unix.IFA_F_TENTATIVE | unix.IFA_F_OPTIMISTIC | unix.IFA_F_DEPRECATED

func (s *State) addAddr(a *rtnl.Addr, name names) {
	id := a.Address.String() + "/" + number(a.PrefixLen)
	if a.Local.IsValid() && a.Local != a.Address {
		id = a.Local.String() + " peer " + id
	}
	lifetime := "for ever"
	if a.CacheInfo != nil && a.CacheInfo.Valid != 0xffffffff {
		lifetime = "limited"
	}
	s.add("address", id+" dev "+name.of(a.Index),
		prop{"flags", (a.Flags &^ passingAddrFlags).String()},
		prop{"scope", a.Scope.String()},
		prop{"broadcast", address(a.Broadcast)},
		prop{"label", a.Label},
		prop{"valid", lifetime},
		prop{"metric", number(a.Priority)},
	)
}

func (s *State) addRoute(r *rtnl.Route, name names) {
	if r.Flags&unix.RTM_F_CLONED != 0 {
		return // a cached one
	}
	id := ""
	if r.Type != unix.RTN_UNICAST {
		id = strings.ToLower(strings.TrimPrefix(r.Type.String(), "RTN_")) + " "
	}
	id += r.Destination().String()
	if r.Src.IsValid() {
		id += " from " + r.Src.String() + "/" + number(r.SrcLen)
	}
	for _, hop := range []prop{
		{"via", address(r.Gateway)}, {"dev", name.of(r.Out)}, {"iif", name.of(r.In)}, {"table", tableName(r)},
		{"metric", number(r.Priority)}, {"tos", number(r.TOS)},
	} {
		if hop.value != "" {
			id += " " + hop.name + " " + hop.value
		}
	}
	props := []prop{
		{"protocol", r.Protocol.String()},
		{"scope", r.Scope.String()},
		{"src", address(r.PrefSrc)},
		{"flags", number(uint32(r.Flags & unix.RTNH_F_ONLINK))},
		{"nexthop", number(r.NextHopID)},
	}
	if r.Metrics != nil {
		props = append(props, prop{"mtu", number(r.Metrics.MTU)}, prop{"advmss", number(r.Metrics.AdvMSS)}, prop{"metrics", raw(r.Metrics.Rest)})
	}
	for _, hop := range r.Multipath {
		props = append(props, prop{
			"nexthop dev " + name.of(hop.Out), fmt.Sprintf("via %s weight %d %s", address(hop.Gateway), int(hop.Hops)+1, raw(hop.Rest)),
		})
	}
	s.add("route", id, append(props, prop{"other", raw(r.Rest, unix.RTA_EXPIRES)})...)
}

func tableName(r *rtnl.Route) string {
	switch r.Table {
	case unix.RT_TABLE_MAIN:
		return ""
	case unix.RT_TABLE_LOCAL:
		return "local"
	}
	return strconv.Itoa(int(r.Table))
}

// readNeighs reads what was put there: permanent entries, proxies, those that a daemon has learnt, and, on links of plumb's,
// all. What traffic has taught the kernel on other links it forgets again; NUD_NOARP are its own entries for
// multicast.
func (s *State) readNeighs(c *rtnl.Conn, name names, ours map[uint32]bool) error {
	list, err := c.Neighs(0)
	if err != nil {
		return err
	}
	proxies, err := wire.Dump(c.Conn, getNeigh.New(0, &proxy{Flags: unix.NTF_PROXY}, "list proxied neighbours"), &newNeigh)
	if err != nil {
		return err
	}
	for _, n := range list {
		put := n.State&unix.NUD_PERMANENT != 0 || n.Flags&unix.NTF_EXT_LEARNED != 0
		if !put && (!ours[n.Index] || n.State&unix.NUD_NOARP != 0) {
			continue
		}
		kept := ""
		if put {
			kept = n.State.String()
		}
		s.add("neighbour", address(n.Address)+" dev "+name.of(n.Index),
			prop{"state", kept}, prop{"address", n.LLAddress.String()}, prop{"flags", n.Flags.String()})
	}
	for _, p := range proxies {
		s.add("neighbour", address(p.Address)+" dev "+name.of(p.Index)+" proxy")
	}
	return nil
}

// A proxy is a neighbour for which a link answers: a struct ndmsg (linux/neighbour.h) that rtnl's list of neighbours, which is of
// the other table, does not have.
type proxy struct {
	Family  rtnl.Family
	Index   uint32
	State   rtnl.NeighState
	Flags   rtnl.NeighFlags
	Type    rtnl.RouteType
	Address netip.Addr
}

var proxyTable = wire.Table[*proxy]{
	wire.Field("ndm_family", func(p *proxy) *rtnl.Family { return &p.Family }),
	wire.Pad[*proxy](3),
	wire.Field("ndm_ifindex", func(p *proxy) *uint32 { return &p.Index }),
	wire.Field("ndm_state", func(p *proxy) *rtnl.NeighState { return &p.State }),
	wire.Field("ndm_flags", func(p *proxy) *rtnl.NeighFlags { return &p.Flags }),
	wire.Field("ndm_type", func(p *proxy) *rtnl.RouteType { return &p.Type }),
	wire.IP(unix.NDA_DST, "NDA_DST", func(p *proxy) *netip.Addr { return &p.Address }),
}

var (
	newNeigh = wire.Message[proxy]{Type: unix.RTM_NEWNEIGH, Name: "RTM_NEWNEIGH", Body: &proxyTable}
	getNeigh = wire.Message[proxy]{Type: unix.RTM_GETNEIGH, Name: "RTM_GETNEIGH", Body: &proxyTable}
)

func (s *State) addRule(r *rtnl.Rule) {
	id := fmt.Sprintf("%d: %s", r.Priority, strings.TrimPrefix(r.Family.String(), "AF_"))
	for _, p := range []prop{
		{"from", prefix(r.Src, r.SrcLen)}, {"to", prefix(r.Dst, r.DstLen)}, {"iif", r.In}, {"oif", r.Out},
		{"mark", number(r.Mark)}, {"tos", number(r.TOS)}, {"lookup", number(r.Table)}, {"goto", number(r.Goto)},
	} {
		if p.value != "" {
			id += " " + p.name + " " + p.value
		}
	}
	const detached = unix.FIB_RULE_IIF_DETACHED | unix.FIB_RULE_OIF_DETACHED // the link that it names is not there now
	s.add("rule", id,
		prop{"action", r.Action.String()},
		prop{"flags", (r.Flags &^ detached).String()},
		prop{"protocol", r.Protocol.String()},
		prop{"mask", number(r.MarkMask)},
		prop{"suppress_prefixlength", optional(r.SuppressPrefixLen)},
		prop{"suppress_ifgroup", optional(r.SuppressGroup)},
		prop{"uidrange", optional(r.UIDs)},
		prop{"ipproto", number(r.IPProtocol)},
		prop{"sport", optional(r.SrcPorts)},
		prop{"dport", optional(r.DstPorts)},
		prop{"l3mdev", number(r.L3MDev)},
		prop{"other", raw(r.Rest)},
	)
}

// optional is what p points to, or "" for nil.
func optional[T any](p *T) string {
	if p == nil {
		return ""
	}
	return fmt.Sprint(*p)
}

// number is n in decimal, or "" where it is 0, which is what the kernel does not send.
func number[N ~uint8 | ~uint32](n N) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n))
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func prefix(a netip.Addr, bits uint8) string {
	if !a.IsValid() {
		return ""
	}
	return netip.PrefixFrom(a, int(bits)).String()
}

// raw is attributes as text, those without a field, but for the ones that change by themselves.
func raw(attrs []wire.Attr, without ...uint16) string {
	var words []string
	for _, a := range attrs {
		if !slices.Contains(without, a.Type) {
			words = append(words, strconv.Itoa(int(a.Type))+"="+hex.EncodeToString(a.Data))
		}
	}
	return strings.Join(words, " ")
}
