package nat

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/shell"
	"plumb/rtnl/wire"
)

// Commands writes, for the requests of a trace, the commands of nft(8) and conntrack(8) that do the same: one for each message, also of a
// batch, of which nft -f makes a batch again.
//
// What an element is, its set says: it learns the sets from what it sees, in their order, and knows plumb's own. So one Commands is
// for one trace.
//
// There is no command for the beginning and the end of a batch, which nft makes around each command or file; for
// NFT_MSG_GETGEN, with which nft itself begins; for NFT_MSG_GETSETELEM with several keys, of which nft get element shows none
// where one is missing; for sets without a name and their elements, which are part of a rule to nft; for objects and flowtables; nor for
// expressions of iptables-nft and others that this package cannot write as nft reads them. That a batch is for one generation id, and
// that a set is removed only if it is empty (NLM_F_NONREC), nft cannot say.
type Commands struct {
	sets map[setName]*Set
	own  map[string]*Set // plumb's, once they were asked for
}

// A setName says which set is meant.
type setName struct {
	namespace   string
	family      Family
	table, name string
}

// Command is the command; "" where there is none. It is to be run in the namespace of the event.
func (c *Commands) Command(e wire.Event) string {
	if len(e.Message) < unix.SizeofNlMsghdr || e.Protocol == nil || e.Protocol.Family != unix.NETLINK_NETFILTER {
		return ""
	}
	w := &commander{Commands: c, namespace: e.Namespace, body: e.Message[unix.SizeofNlMsghdr:]}
	w.flags = netlink.HeaderFlags(binary.NativeEndian.Uint16(e.Message[6:]))
	typ := binary.NativeEndian.Uint16(e.Message[4:])
	if typ == newSet.Type {
		if s := decoded(&setTable, w.body); s != nil {
			w.learn(s)
		}
	}
	if !e.Sent {
		return ""
	}
	if typ>>8 == unix.NFNL_SUBSYS_CTNETLINK {
		return w.tracking(typ)
	}
	script, ok := w.nft(typ)
	if !ok || w.odd {
		return ""
	}
	if words := strings.Fields(script); shell.Words(words...) == script {
		return "nft " + script // nft joins its arguments
	}
	return "nft " + shell.Quote(script)
}

// A commander writes the command of one message.
type commander struct {
	*Commands
	namespace string
	flags     netlink.HeaderFlags
	body      []byte
	odd       bool // it has a name that nft cannot read: the kernel takes any
}

// nft is the command of nft for a message that was sent; ok is false where there is none.
func (w *commander) nft(typ uint16) (script string, ok bool) {
	switch typ {
	case newTable.Type, delTable.Type, getTable.Type, destroyTable.Type:
		if t := decoded(&tableTable, w.body); t != nil {
			return w.table(typ, t)
		}
	case newChain.Type, delChain.Type, getChain.Type, destroyChain.Type:
		if c := decoded(&chainTable, w.body); c != nil {
			return w.chain(typ, c)
		}
	case newRule.Type, delRule.Type, getRule.Type, destroyRule.Type:
		if r := decoded(&ruleTable, w.body); r != nil {
			return w.rule(typ, r)
		}
	case newSet.Type, delSet.Type, getSet.Type, destroySet.Type:
		if s := decoded(&setTable, w.body); s != nil {
			return w.set(typ, s)
		}
	case newSetElem.Type, delSetElem.Type, getSetElem.Type, destroySetElem.Type:
		if l := decoded(&elementListTable, w.body); l != nil {
			return w.elements(typ, l)
		}
	}
	return "", false
}

// decoded is a body as a struct; nil where it cannot be read.
func decoded[T any](t *wire.Table[*T], body []byte) *T {
	v := new(T)
	if t.Decode(body, v) != nil {
		return nil
	}
	return v
}

func (w *commander) has(flags netlink.HeaderFlags) bool { return w.flags&flags == flags }

// where is a family and names, as nft reads them; those that are "" are left out.
func (w *commander) where(f Family, names ...string) string {
	text := f.String()
	for _, name := range names {
		if name != "" {
			w.odd = w.odd || !isName(name)
			text += " " + name
		}
	}
	return text
}

// isName says whether nft reads a word as a name: "string" in its scanner, src/scanner.l.
func isName(s string) bool {
	const first, more = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.", "0123456789/-"
	return s != "" && strings.Contains(first, s[:1]) && strings.Trim(s, first+more) == ""
}

// verb is the word for a NFT_MSG_NEW*.
func (w *commander) verb() string {
	if w.has(netlink.Excl) {
		return "create"
	}
	return "add"
}

// removal is the word for a NFT_MSG_DEL* or NFT_MSG_DESTROY*. nft has destroy since 1.0.7.
func removal(is bool) string {
	if is {
		return "destroy"
	}
	return "delete"
}

// list is "list tables inet": all of one kind, of one family or of all.
func list(what string, f Family) string {
	if f == NFPROTO_UNSPEC {
		return "list " + what
	}
	return "list " + what + " " + f.String()
}

// block is " { a; b; }", or nothing.
func block(statements []string) string {
	if len(statements) == 0 {
		return ""
	}
	return " { " + strings.Join(statements, "; ") + "; }"
}

// comment is a comment as nft reads it.
func comment(text string) (statement string, ok bool) {
	return `comment "` + text + `"`, !strings.ContainsAny(text, "\"\n\x00")
}

func (w *commander) table(typ uint16, t *Table) (string, bool) {
	where := w.where(t.Family, t.Name)
	switch typ {
	case getTable.Type:
		if w.has(netlink.Dump) {
			return list("tables", t.Family), true
		}
		return "list table " + where, t.Name != ""
	case delTable.Type, destroyTable.Type:
		if t.Name == "" && t.Handle != 0 {
			where = t.Family.String() + " handle " + strconv.FormatUint(t.Handle, 10)
		}
		if t.Name == "" && t.Handle == 0 {
			return "flush ruleset", t.Family == NFPROTO_UNSPEC && typ == delTable.Type
		}
		return removal(typ == destroyTable.Type) + " table " + where, true
	}
	var inside []string
	ok := true
	if text := t.UserData.Comment(); text != "" {
		var s string
		s, ok = comment(text)
		inside = append(inside, s)
	}
	if t.Flags != 0 {
		inside = append(inside, "flags "+t.Flags.String())
	}
	return w.verb() + " table " + where + block(inside), ok && t.Name != ""
}

func (w *commander) chain(typ uint16, c *Chain) (string, bool) {
	where := w.where(c.Family, c.Table, c.Name)
	switch typ {
	case getChain.Type:
		if w.has(netlink.Dump) {
			return list("chains", c.Family), true
		}
		return "list chain " + where, true
	case delChain.Type, destroyChain.Type:
		if c.Name == "" {
			where += " handle " + strconv.FormatUint(c.Handle, 10)
		}
		return removal(typ == destroyChain.Type) + " chain " + where, c.Name != "" || c.Handle != 0
	}
	var inside []string
	ok := c.Name != "" && c.Flags&^NFT_CHAIN_BASE == 0
	if c.Hook != nil {
		device := ""
		if c.Hook.Device != "" {
			device, w.odd = ` device "`+c.Hook.Device+`"`, w.odd || strings.Contains(c.Hook.Device, `"`)
		}
		w.odd = w.odd || !isName(c.Type)
		inside = append(inside, "type "+c.Type+" hook "+hookName(c.Family, c.Hook.Num)+device+" priority "+priorityName(c.Family, c.Hook))
		ok = ok && c.Hook.Unknown == nil
	}
	if c.Policy != nil {
		inside = append(inside, "policy "+c.Policy.String())
	}
	if text := c.UserData.Comment(); text != "" {
		s, plain := comment(text)
		inside, ok = append(inside, s), ok && plain
	}
	return w.verb() + " chain " + where + block(inside), ok
}

// hookName is nft's: family netdev has two of its own (enum nf_dev_hooks, linux/netfilter.h).
func hookName(f Family, h HookNum) string {
	if f == NFPROTO_NETDEV {
		return nameOf(int64(h), []string{"ingress", "egress"})
	}
	return h.String()
}

// priorityName is nft's name for a priority, where it has one in that hook.
func priorityName(f Family, h *Hook) string {
	if f == NFPROTO_IPV4 || f == NFPROTO_IPV6 || f == NFPROTO_INET {
		switch p := h.Priority; {
		case p == priorityRaw:
			return "raw"
		case p == -150:
			return "mangle"
		case p == priorityFilter:
			return "filter"
		case p == 50:
			return "security"
		case p == priorityDstNAT && h.Num == NF_INET_PRE_ROUTING:
			return "dstnat"
		case p == prioritySrcNAT && h.Num == NF_INET_POST_ROUTING:
			return "srcnat"
		}
	}
	return strconv.Itoa(int(h.Priority))
}

func (w *commander) rule(typ uint16, r *Rule) (string, bool) {
	table, chain := w.where(r.Family, r.Table), w.where(r.Family, r.Table, r.Chain)
	switch typ {
	case getRule.Type:
		switch {
		case r.Table == "":
			return "list ruleset", w.has(netlink.Dump) && r.Family == NFPROTO_UNSPEC
		case r.Chain == "":
			return "list table " + table, true
		}
		return "list chain " + chain, true
	case delRule.Type, destroyRule.Type:
		switch {
		case r.Handle != 0:
			return removal(typ == destroyRule.Type) + " rule " + chain + " handle " + strconv.FormatUint(r.Handle, 10), true
		case r.Chain == "":
			return "flush table " + table, r.Table != ""
		}
		return "flush chain " + chain, true
	}
	verb, at := "insert", r.Position
	switch {
	case w.has(netlink.Replace):
		verb, at = "replace", r.Handle
	case w.has(netlink.Append):
		verb = "add"
	}
	if at != 0 {
		chain += " handle " + strconv.FormatUint(at, 10)
	}
	text, ok := r.text(false)
	return verb + " rule " + chain + " " + text, ok && r.PositionID == 0 && r.Unknown == nil
}
