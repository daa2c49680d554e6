package rtnl

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"plumb/rtnl/shell"
	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Commands writes, for the requests of a trace, the commands of ip(8), tc(8) and sysctl(8) that do the same. It is made of what the
// package's tables decode, so a command says what the bytes say.
//
// Requests name links by index, and commands by name: it learns the names from what it sees, requests and answers, in
// their order. A link that nothing was seen of is if5, which ip takes for the link with index 5. So one Commands is for one trace.
//
// There is no command for what says something that ip cannot, such as attributes that this package does not know, nor for a
// question for one link by an index of which no name is known.
type Commands struct {
	// Namespace says what the namespace is called that a descriptor of the sender's is of, as a VETH_INFO_PEER has it, in IFLA_NET_NS_FD: "" where
	// that is not known. Then it is /proc/self/fd/N, which is right in a shell that has the same descriptors.
	Namespace func(fd uint32) string

	links map[string]map[uint32]string // their names, by namespace and index
}

// List is the command of a request, or several, to be run in the namespace of the event. There is none of an answer, of which it learns.
func (c *Commands) List(e wire.Event) []string {
	if len(e.Message) < unix.SizeofNlMsghdr || e.Protocol == nil || e.Protocol.Family != unix.NETLINK_ROUTE {
		return nil
	}
	w := &commander{Commands: c, namespace: e.Namespace, body: e.Message[unix.SizeofNlMsghdr:]}
	w.flags = netlink.HeaderFlags(binary.NativeEndian.Uint16(e.Message[6:]))
	typ := binary.NativeEndian.Uint16(e.Message[4:])
	if !e.Sent {
		if typ == newLink.Type {
			if l := decoded(&linkNameTable, w.body); l != nil {
				w.learn(e.Namespace, l.Index, l.Name)
			}
		}
		return nil
	}
	return w.request(typ)
}

// A commander writes the command of one message.
type commander struct {
	*Commands
	namespace string
	flags     netlink.HeaderFlags
	body      []byte
}

// linkNameTable is what is learnt of an answer: the rest of it, which is much, need not be decoded.
var linkNameTable = wire.Table[*Link]{Rows: func(l *Link) wire.Rows {
	return wire.Of(l,
		wire.Field("ifi_family", &l.Family),
		wire.Pad(1),
		wire.Field("ifi_type", &l.Type),
		wire.Field("ifi_index", &l.Index),
		wire.Field("ifi_flags", &l.Flags),
		wire.Field("ifi_change", &l.Change),
		wire.String(unix.IFLA_IFNAME, "IFLA_IFNAME", &l.Name),
	)
}}

// request is the commands of a message that was sent.
func (w *commander) request(typ uint16) []string {
	switch typ {
	case newLink.Type, setLink.Type, delLink.Type, getLink.Type, newLinkProp.Type, delLinkProp.Type:
		if l := decoded(&linkTable, w.body); l != nil {
			return w.link(typ, l)
		}
	case newAddr.Type, delAddr.Type, getAddr.Type:
		if a := decoded(&addrTable, w.body); a != nil {
			return w.addr(typ, a)
		}
	case newRoute.Type, delRoute.Type, getRoute.Type:
		if r := decoded(&routeTable, w.body); r != nil {
			return w.route(typ, r)
		}
	case newRule.Type, delRule.Type, getRule.Type:
		if r := decoded(&ruleTable, w.body); r != nil {
			return w.rule(typ, r)
		}
	case newNeigh.Type, delNeigh.Type, getNeigh.Type:
		if n := decoded(&neighTable, w.body); n != nil {
			return w.neigh(typ, n)
		}
	case newQdisc.Type, delQdisc.Type, getQdisc.Type:
		if q := decoded(&qdiscTable, w.body); q != nil {
			return w.qdisc(typ, q)
		}
	case getNetconf.Type:
		if n := decoded(&netconfTable, w.body); n != nil {
			return w.netconf(n)
		}
	}
	return nil
}

// decoded is a body as a struct; nil where it cannot be read.
func decoded[T any](t *wire.Table[*T], body []byte) *T {
	v := new(T)
	if t.Decode(body, v) != nil {
		return nil
	}
	return v
}

// take is what a field holds, which is zero afterwards: what a command has said is taken out of what it is made of.
func take[V any](field *V) (v V) {
	*field, v = v, *field
	return v
}

// said is the command, unless there is something left that it does not say.
func said[T any](t *wire.Table[*T], left *T, s command) []string {
	b, err := t.Encode(left)
	none, _ := t.Encode(new(T))
	if err != nil || !bytes.Equal(b, none) {
		return nil
	}
	return []string{shell.Words(s...)}
}

// learn remembers what a link is called.
func (c *Commands) learn(namespace string, index uint32, name string) {
	if index == 0 || name == "" {
		return
	}
	if c.links == nil {
		c.links = map[string]map[uint32]string{}
	}
	if c.links[namespace] == nil {
		c.links[namespace] = map[uint32]string{}
	}
	c.links[namespace][index] = name
}

// known is what the link with an index is called, or "".
func (w *commander) known(index uint32) string {
	const loopback = 1 // in every namespace: LOOPBACK_IFINDEX, linux/net.h
	if index == loopback {
		return "lo"
	}
	return w.links[w.namespace][index]
}

// name is the same, or else what ip takes for the link with that index (ll_idx_n2a, lib/ll_map.c of iproute2).
func (w *commander) name(index uint32) string {
	if name := w.known(index); name != "" {
		return name
	}
	return "if" + strconv.FormatUint(uint64(index), 10)
}

// has reports whether all of these flags are set.
func (w *commander) has(flags netlink.HeaderFlags) bool { return w.flags&flags == flags }

// verb is what a RTM_NEW* is called, of those words that ip has for routes, neighbours and qdiscs.
func (w *commander) verb() string {
	switch {
	case w.has(netlink.Create | netlink.Excl):
		return "add"
	case w.has(netlink.Create | netlink.Replace):
		return "replace"
	case w.has(netlink.Create | netlink.Append):
		return "append"
	case w.has(netlink.Create):
		return "prepend"
	}
	return "change"
}

// A command is its words.
type command []string

func (s *command) say(more ...string) { *s = append(*s, more...) }

// number says a word and a number, unless that is 0.
func (s *command) number(word string, n uint64) {
	if n != 0 {
		s.say(word, strconv.FormatUint(n, 10))
	}
}

// text says a word and a text, unless that is "".
func (s *command) text(word, text string) {
	if text != "" {
		s.say(word, text)
	}
}

// families is "ip", or the ip of one family.
func families(f Family) command {
	switch f {
	case IPv4:
		return command{"ip", "-4"}
	case IPv6:
		return command{"ip", "-6"}
	}
	return command{"ip"}
}

// sysctl is the name of a sysctl of a link, with slashes where the link's name has dots.
func sysctl(family, link, name string) string {
	parts := []string{"net", family, "conf", link, name}
	if strings.Contains(link, ".") {
		return strings.Join(parts, "/")
	}
	return strings.Join(parts, ".")
}
