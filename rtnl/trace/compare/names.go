package compare

import (
	"fmt"
	"strconv"
	"strings"

	"plumb/rtnl/wire"
)

// names are the names that replace numbers which differ each time.
type names struct {
	links   map[linkID]string
	anybody map[string]string            // by index alone, for a message whose namespace is not the one that told the name
	order   map[string]map[string]string // what has no name, by kind and value: "address 1"
}

type linkID struct{ namespace, index string }

// learn takes the names of links from what has both.
func (n *names) learn(namespace string, nodes []wire.Node) {
	index, name := "", ""
	for i := range nodes {
		switch nodes[i].Name {
		case "ifi_index":
			index = nodes[i].Value
		case "IFLA_IFNAME":
			name = strings.Trim(nodes[i].Value, `"`)
		default:
			n.learn(namespace, nodes[i].Children)
		}
	}
	const most = 1 << 16
	if index == "" || index == "0" || name == "" || len(n.links) > most {
		return
	}
	if n.links == nil {
		n.links, n.anybody = map[linkID]string{}, map[string]string{}
	}
	n.links[linkID{namespace, index}] = name
	n.anybody[index] = name
}

// link names a link by its index.
func (n *names) link(namespace, index string) string {
	if index == "0" {
		return index
	}
	if name, ok := n.links[linkID{namespace, index}]; ok {
		return name
	}
	if name, ok := n.anybody[index]; ok {
		return name
	}
	return n.numbered("link", index)
}

// numbered names the first value of a kind 1, the next 2.
func (n *names) numbered(kind, value string) string {
	if n.order == nil {
		n.order = map[string]map[string]string{}
	}
	if n.order[kind] == nil {
		n.order[kind] = map[string]string{}
	}
	known := n.order[kind]
	if known[value] == "" {
		known[value] = fmt.Sprintf("(%s %d)", kind, len(known)+1)
	}
	return known[value]
}

// flatten appends the attributes in nodes, by the names on the way to them.
func (n *names) flatten(list []Attribute, namespace, path string, nodes []wire.Node) []Attribute {
	seen := map[string]int{}
	for i := range nodes {
		node := &nodes[i]
		if node.Name == "pad" {
			continue
		}
		name := path + node.Name
		if seen[node.Name]++; seen[node.Name] > 1 {
			name += fmt.Sprintf("[%d]", seen[node.Name])
		}
		if len(node.Children) == 0 || node.Value != "" {
			list = append(list, Attribute{name, n.value(namespace, node.Name, node.Value)})
		}
		list = n.flatten(list, namespace, name+"/", node.Children)
	}
	return list
}

// value replaces what differs each time.
func (n *names) value(namespace, name, value string) string {
	switch name {
	case "ifi_index", "ifa_index", "ndm_ifindex", "tcm_ifindex", "IFLA_LINK", "IFLA_MASTER", "RTA_OIF", "RTA_IIF",
		"NDA_IFINDEX", "NDA_MASTER", "rtnh_ifindex":
		return n.link(namespace, value)
	case "IFLA_ADDRESS", "IFLA_PERM_ADDRESS", "NDA_LLADDR":
		if random(value) {
			return n.numbered("address", value)
		}
	case "IFLA_NET_NS_FD", "IFLA_NET_NS_PID", "IFLA_TARGET_NETNSID", "IFLA_LINK_NETNSID", "NETNSA_FD", "NETNSA_PID", "NETNSA_NSID":
		return n.numbered("namespace", value)
	case "NFTA_SET_ID", "NFTA_SET_ELEM_LIST_SET_ID", "NFTA_LOOKUP_SET_ID", "NFTA_DYNSET_SET_ID":
		return n.numbered("set", value)
	case "NFTA_RULE_ID", "NFTA_RULE_POSITION_ID", "NFTA_RULE_HANDLE", "NFTA_RULE_POSITION", "NFTA_RULE_CHAIN_ID", "NFTA_CHAIN_ID",
		"NFTA_CHAIN_HANDLE", "NFTA_TABLE_HANDLE", "NFTA_SET_HANDLE", "NFTA_OBJ_HANDLE", "NFTA_FLOWTABLE_HANDLE", "NFTA_BATCH_GENID":
		return n.numbered("handle", value)
	case "cstamp", "tstamp":
		return "(time)"
	case "CTA_ID", "CTA_PROTO_ICMP_ID", "CTA_PROTO_ICMPV6_ID":
		return n.numbered("id", value)
	case "CTA_PROTO_SRC_PORT", "CTA_PROTO_DST_PORT":
		if ephemeral(value) {
			return n.numbered("port", value)
		}
	case "IFLA_IFALIAS", "NFTA_SET_ELEM_USERDATA", "NFTA_RULE_USERDATA", "NFTA_TABLE_USERDATA", "NFTA_SET_USERDATA":
		return n.text(value)
	}
	return value
}

// random reports whether an Ethernet address is one that is made up: locally administered (IEEE 802-2014, 8.4).
func random(mac string) bool {
	return len(mac) == len("02:00:00:00:00:00") && strings.ContainsRune("26aeAE37bfBF", rune(mac[1]))
}

// ephemeral reports whether a port is one that the kernel gives to who asks for none: net.ipv4.ip_local_port_range.
func ephemeral(port string) bool {
	n, err := strconv.Atoi(port)
	return err == nil && n >= 32768 && n <= 60999
}

// text replaces, in a comment, numbers of eight digits or more, such as indexes and inodes, and times such as at=1592.743.
func (n *names) text(s string) string {
	const long = 8
	var b strings.Builder
	for len(s) > 0 {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		before := b.String()
		if digits == 0 {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		word := s[:digits]
		switch {
		case strings.HasSuffix(before, "at=") || strings.HasSuffix(before, "at "):
			digits = len(s) - len(strings.TrimLeft(s, "0123456789."))
			word = "(time)"
		case digits >= long && n.anybody[word] != "":
			word = n.anybody[word]
		case digits >= long:
			word = n.numbered("number", word)
		}
		b.WriteString(word)
		s = s[digits:]
	}
	return b.String()
}

// identifying says what stands before an attribute's value in what a request is about, where it belongs there.
func identifying(name string) (before string, ok bool) {
	switch name {
	case "nfgen_family", "IFLA_IFNAME", "ifi_index", "NFTA_TABLE_NAME", "NFTA_CHAIN_TABLE", "NFTA_CHAIN_NAME", "NFTA_RULE_TABLE", "NFTA_RULE_CHAIN",
		"NFTA_SET_TABLE", "NFTA_SET_NAME", "NFTA_SET_ELEM_LIST_TABLE", "NFTA_SET_ELEM_LIST_SET", "NFTA_OBJ_TABLE", "NFTA_OBJ_NAME",
		"NFTA_FLOWTABLE_TABLE", "NFTA_FLOWTABLE_NAME", "IFA_LOCAL", "IFA_ADDRESS", "NDA_DST", "RTA_DST", "TCA_KIND", "FRA_PRIORITY":
		return "", true
	case "RTA_OIF", "ifa_index", "ndm_ifindex", "tcm_ifindex":
		return "dev ", true
	case "RTA_TABLE":
		return "table ", true
	case "RTA_GATEWAY":
		return "via ", true
	}
	return "", false
}
