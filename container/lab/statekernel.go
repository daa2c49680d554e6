package lab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// What the kernel lists by netlink. Nothing here knows what an attribute means: the tables of rtnl and nat show each object, and
// what they show, by the kernel's own names, is what is compared.

// A kind is a kind of object: how to ask for all of them, and what of an object says which one it is.
type kind struct {
	name     string
	get, new uint16 // types of the question and of its answers
	header   string // the fixed struct that the question begins with, all zero: of any family, any link, any table
	id       []word
}

// A word is a part of an id: what is written before a value, and the value's name.
type word struct{ before, name string }

var routeKinds = []kind{
	{kindLink, unix.RTM_GETLINK, unix.RTM_NEWLINK, ifinfomsg, []word{{"", "IFLA_IFNAME"}}},
	{"address", unix.RTM_GETADDR, unix.RTM_NEWADDR, ifaddrmsg, []word{
		{"", "IFA_ADDRESS"}, {"/", "ifa_prefixlen"}, {" local ", "IFA_LOCAL"}, {" dev ", "ifa_index"},
	}},
	{kindRoute, unix.RTM_GETROUTE, unix.RTM_NEWROUTE, rtmsg, []word{
		{"", "rtm_family"},
		{" ", "rtm_type"},
		{" ", "RTA_DST"},
		{"/", "rtm_dst_len"},
		{" from ", "RTA_SRC"},
		{"/", "rtm_src_len"},
		{" via ", "RTA_GATEWAY"},
		{" dev ", "RTA_OIF"},
		{" iif ", "RTA_IIF"},
		{" table ", "RTA_TABLE"},
		{" metric ", "RTA_PRIORITY"},
		{" tos ", "rtm_tos"},
	}},
	{kindNeighbour, unix.RTM_GETNEIGH, unix.RTM_NEWNEIGH, ndmsg, []word{{"", "NDA_DST"}, {" dev ", "ndm_ifindex"}, {" ", "ndm_flags"}}},
	{kindNeighbour, unix.RTM_GETNEIGH, unix.RTM_NEWNEIGH, ndmsgProxy, []word{{"", "NDA_DST"}, {" dev ", "ndm_ifindex"}, {" ", "ndm_flags"}}},
	{"rule", unix.RTM_GETRULE, unix.RTM_NEWRULE, rtmsg, []word{
		{"", "FRA_PRIORITY"},
		{" ", "family"},
		{" from ", "FRA_SRC"},
		{"/", "src_len"},
		{" to ", "FRA_DST"},
		{"/", "dst_len"},
		{" iif ", "FRA_IIFNAME"},
		{" oif ", "FRA_OIFNAME"},
		{" mark ", "FRA_FWMARK"},
		{" lookup ", "FRA_TABLE"},
	}},
}

// Elements are asked for set by set, after all else. A rule has no name: its id says what its expressions are.
var filterKinds = []kind{
	{"nft table", nft | unix.NFT_MSG_GETTABLE, nft | unix.NFT_MSG_NEWTABLE, nfgenmsg, []word{{"", "nfgen_family"}, {" ", "NFTA_TABLE_NAME"}}},
	{"nft chain", nft | unix.NFT_MSG_GETCHAIN, nft | unix.NFT_MSG_NEWCHAIN, nfgenmsg, []word{
		{"", "nfgen_family"}, {" ", "NFTA_CHAIN_TABLE"}, {" ", "NFTA_CHAIN_NAME"},
	}},
	{kindRule, nft | unix.NFT_MSG_GETRULE, nft | unix.NFT_MSG_NEWRULE, nfgenmsg, []word{
		{"", "nfgen_family"},
		{" ", "NFTA_RULE_TABLE"},
		{" ", "NFTA_RULE_CHAIN"},
		{": ", "NFTA_RULE_EXPRESSIONS/NFTA_LIST_ELEM/NFTA_EXPR_NAME"},
	}},
	{kindSet, nft | unix.NFT_MSG_GETSET, nft | unix.NFT_MSG_NEWSET, nfgenmsg, []word{
		{"", "nfgen_family"}, {" ", "NFTA_SET_TABLE"}, {" ", "NFTA_SET_NAME"},
	}},
	{"nft object", nft | unix.NFT_MSG_GETOBJ, nft | unix.NFT_MSG_NEWOBJ, nfgenmsg, []word{
		{"", "nfgen_family"}, {" ", "NFTA_OBJ_TABLE"}, {" ", "NFTA_OBJ_NAME"},
	}},
	{"nft flowtable", nft | unix.NFT_MSG_GETFLOWTABLE, nft | unix.NFT_MSG_NEWFLOWTABLE, nfgenmsg, []word{
		{"", "nfgen_family"}, {" ", "NFTA_FLOWTABLE_TABLE"}, {" ", "NFTA_FLOWTABLE_NAME"},
	}},
}

var elementID = []word{{" ", "NFTA_SET_ELEM_KEY/NFTA_DATA_VALUE"}, {" ", "NFTA_SET_ELEM_FLAGS"}}

const (
	kindLink      = "link"
	kindNeighbour = "neighbour"
	kindRoute     = "route"
	kindRule      = "nft rule"
	kindSet       = "nft set"

	nft = unix.NFNL_SUBSYS_NFTABLES << 8

	ifinfomsg  = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	ifaddrmsg  = "\x00\x00\x00\x00\x00\x00\x00\x00"
	rtmsg      = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // and struct fib_rule_hdr
	ndmsg      = rtmsg
	ndmsgProxy = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00" // NTF_PROXY: those for which a link answers
	nfgenmsg   = "\x00\x00\x00\x00"
)

// passing are the fields and attributes that change by themselves, or say what another does, or tell numbers that the kernel gives out.
var passing = []string{
	"pad", "ifi_index", "ifi_change", "IFLA_LINK", "IFLA_LINK_NETNSID", "IFLA_OPERSTATE", "IFLA_CARRIER", "IFLA_CARRIER_CHANGES",
	"IFLA_CARRIER_UP_COUNT", "IFLA_CARRIER_DOWN_COUNT", "IFLA_STATS", "IFLA_STATS64", "IFLA_PROMISCUITY", "IFLA_ALLMULTI",
	"IFLA_INFO_DATA", "IFLA_INFO_XSTATS", "IFLA_INFO_SLAVE_DATA", // a bridge's timers are in them
	"IFLA_INET6_FLAGS", "IFLA_INET6_CACHEINFO", "IFLA_INET6_STATS", "IFLA_INET6_ICMP6STATS", "IFLA_INET6_RA_MTU",
	"IFLA_INET6_CONF", // they are sysctls
	"ifa_flags",       // IFA_FLAGS has them all
	"IFA_CACHEINFO",   // IFA_F_PERMANENT says whether it is for ever
	"rtm_table",       // RTA_TABLE has all of it
	"RTA_CACHEINFO", "RTA_EXPIRES", "table", "NDA_CACHEINFO", "NDA_PROBES",
	"version", "res_id", "NFTA_TABLE_USE", "NFTA_TABLE_HANDLE", "NFTA_CHAIN_USE", "NFTA_CHAIN_HANDLE", "NFTA_RULE_HANDLE",
	"NFTA_RULE_POSITION", "NFTA_SET_HANDLE", "NFTA_SET_COUNT", "NFTA_SET_ELEM_EXPIRATION", "NFTA_OBJ_HANDLE", "NFTA_OBJ_USE",
	"NFTA_OBJ_DATA", // it counts
	"NFTA_FLOWTABLE_HANDLE", "NFTA_FLOWTABLE_USE", "NFTA_COUNTER_BYTES", "NFTA_COUNTER_PACKETS", "NFTA_QUOTA_CONSUMED",
	"NFTA_LAST_SET", "NFTA_LAST_MSECS",
}

// passingFlags say how something is, and not how someone wants it.
var passingFlags = []string{
	"IFF_RUNNING", "IFF_LOWER_UP", "IFF_DORMANT", "IFA_F_TENTATIVE", "IFA_F_OPTIMISTIC", "IFA_F_DEPRECATED",
	"RTNH_F_DEAD", "RTNH_F_LINKDOWN", "FIB_RULE_IIF_DETACHED", "FIB_RULE_OIF_DETACHED",
}

// indexes are the properties that are a link's index: its name takes their place.
var indexes = []string{"ifa_index", "RTA_OIF", "RTA_IIF", "ndm_ifindex", "IFLA_MASTER"}

// plumbGroup is the interface group of the links that plumb makes: "pl".
const plumbGroup = "28780"

// A reader reads what a namespace's kernel lists into a State.
type reader struct {
	*State
	links map[string]string // names, by index
	ours  map[string]bool   // plumb's, by name
}

// readKernel reads all that rtnetlink and, where the kernel has it, nftables list.
func (s *State) readKernel(routes, filter *wire.Conn) error {
	r := reader{s, map[string]string{}, map[string]bool{}}
	for _, k := range routeKinds {
		if err := r.read(routes, rtnl.Protocol, k); err != nil {
			return err
		}
	}
	for _, k := range filterKinds {
		if filter == nil {
			break
		}
		err := r.read(filter, nat.Protocol, k)
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) { // nfnetlink without nf_tables, or this kind
			return err
		}
	}
	return nil
}

func (r *reader) read(c *wire.Conn, p *wire.Protocol, k kind) error {
	list, err := c.Show(p.Request(k.get, []byte(k.header), "list all of kind "+k.name), k.new)
	if err != nil {
		return err
	}
	things := make([]thing, len(list))
	for i, nodes := range list {
		t := thing{kind: k.name, props: flatten(nil, "", nodes)}
		if k.name == kindLink {
			name := text(t.value("IFLA_IFNAME"))
			at := slices.IndexFunc(nodes, func(n wire.Node) bool { return n.Name == "ifi_index" })
			r.links[nodes[at].Value], r.ours[name] = name, t.value("IFLA_GROUP") == plumbGroup
		}
		things[i] = t
	}
	for _, t := range things {
		if k.name == kindSet {
			if err := r.readElements(c, &t); err != nil {
				return err
			}
		}
		r.keep(t, k.id, "")
	}
	return nil
}

// readElements reads the elements of a set.
func (r *reader) readElements(c *wire.Conn, set *thing) error {
	l := &nat.ElementList{Table: text(set.value("NFTA_SET_TABLE")), Set: text(set.value("NFTA_SET_NAME"))}
	family := set.value("nfgen_family")
	for l.Family < unix.NFPROTO_NUMPROTO && l.Family.String() != family {
		l.Family++
	}
	list, err := c.Show(nat.GetElements(l), nft|unix.NFT_MSG_NEWSETELEM)
	if errors.Is(err, unix.ENOENT) {
		return nil // gone meanwhile
	}
	for _, nodes := range list {
		for _, n := range nodes {
			for _, e := range n.Children {
				r.keep(thing{kind: "nft element", props: flatten(nil, "", e.Children)}, elementID, family+" "+l.Table+" "+l.Set)
			}
		}
	}
	return err
}

// keep adds a thing to the State, under an id that begins with in, unless it is one that comes and goes by itself.
func (r *reader) keep(t thing, id []word, in string) {
	for i, p := range t.props {
		if slices.Contains(indexes, p.name) {
			t.props[i].value = r.links[p.value]
		}
		t.props[i].value = steady(t.props[i].value)
	}
	if t.kind == kindNeighbour && r.learnt(&t) || t.kind == kindRoute && late(&t) || strings.Contains(t.value("rtm_flags"), "RTM_F_CLONED") {
		return
	}
	t.name = in
	for _, w := range id {
		if v := text(t.value(w.name)); v != "" && !isZero(v) {
			t.name += w.before + v
		}
		t.props = slices.DeleteFunc(t.props, func(p prop) bool { return p.name == w.name })
	}
	if t.kind == kindRule {
		sum := fnv.New32a()
		for _, p := range t.props {
			sum.Write([]byte(p.name + p.value))
		}
		t.name += fmt.Sprintf(" #%08x", sum.Sum32())
	}
	r.things = append(r.things, t)
}

// late is of IPv6's routes that a worker of the kernel adds for each address and each link, some time after those are there (addrconf_dad_work, linkwatch_event).
// The addresses and links are compared themselves.
func late(t *thing) bool {
	typ := t.value("rtm_type")
	return t.value("rtm_family") == "AF_INET6" && (typ == "RTN_LOCAL" || typ == "RTN_MULTICAST") && t.value("RTA_TABLE") == "255"
}

// learnt tells neighbours that traffic has taught the kernel, which it forgets again, from those that somebody has put there: permanent
// entries, proxies, what a daemon has learnt. On links of plumb's all count, but for the kernel's own of multicast; how
// they are changes.
func (r *reader) learnt(t *thing) bool {
	state, flags := t.value("ndm_state"), t.value("ndm_flags")
	if strings.Contains(state, "NUD_PERMANENT") || strings.Contains(flags, "NTF_EXT_LEARNED") || strings.Contains(flags, "NTF_PROXY") {
		return false
	}
	t.props = slices.DeleteFunc(t.props, func(p prop) bool { return p.name == "ndm_state" })
	return !r.ours[t.value("ndm_ifindex")] || strings.Contains(state, "NUD_NOARP")
}

// flatten appends what nodes say to props, each by the path to it. What is there several times has several values.
func flatten(props []prop, in string, nodes []wire.Node) []prop {
	for _, n := range nodes {
		name := in + n.Name
		if slices.Contains(passing, n.Name) {
			continue
		} else if n.Name == "IFLA_INET_CONF" { // sysctls: NAME=VALUE each
			for word := range strings.FieldsSeq(n.Value) {
				key, value, _ := strings.Cut(word, "=")
				props = append(props, prop{name + "/" + key, value})
			}
		} else if len(n.Children) > 0 {
			props = flatten(props, name+"/", n.Children)
		} else if i := slices.IndexFunc(props, func(p prop) bool { return p.name == name }); i >= 0 {
			props[i].value += " " + n.Value
		} else {
			props = append(props, prop{name, n.Value})
		}
	}
	return props
}

// steady is a value without the flags that pass.
func steady(value string) string {
	if !strings.Contains(value, "_") {
		return value
	}
	flags := slices.DeleteFunc(strings.Split(value, "|"), func(f string) bool { return slices.Contains(passingFlags, f) })
	if len(flags) == 0 {
		return "0x0" // as where none ever was
	}
	return strings.Join(flags, "|")
}

// text is a value as it is said within an id: without the quotes.
func text(value string) string { return strings.ReplaceAll(value, `"`, "") }
