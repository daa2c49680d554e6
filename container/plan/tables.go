package plan

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// An object is one of nf_tables that would have been made, or, of elements, that would be gone.
type object struct {
	typ  uint16 // NFT_MSG_NEW*, of whose type the kernel's answers are, too
	body []byte // as it was sent: struct nfgenmsg and attributes. Of elements it is one, in its list
}

const nfgenmsg = 4 // bytes of struct nfgenmsg, linux/netfilter/nfnetlink.h

// same says whether both are of one family and one table.
func (o *object) in(body []byte) bool {
	const table = 1 // NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE, NFTA_SET_ELEM_LIST_TABLE
	if family := body[0]; family != unix.NFPROTO_UNSPEC && family != o.body[0] {
		return false
	}
	name := attr(body[nfgenmsg:], table)
	return name == nil || string(name) == string(attr(o.body[nfgenmsg:], table))
}

// named says whether an object is one that a question is for: what it names, or all where it names nothing.
func (o *object) named(body []byte) bool {
	if !o.in(body) {
		return false
	}
	typ := map[uint16]uint16{
		nft | unix.NFT_MSG_NEWCHAIN: unix.NFTA_CHAIN_NAME, nft | unix.NFT_MSG_NEWRULE: unix.NFTA_RULE_CHAIN,
		nft | unix.NFT_MSG_NEWSET: unix.NFTA_SET_NAME, nft | unix.NFT_MSG_NEWSETELEM: unix.NFTA_SET_ELEM_LIST_SET,
	}[o.typ]
	name := attr(body[nfgenmsg:], typ)
	return typ == 0 || name == nil || string(name) == string(attr(o.body[nfgenmsg:], typ))
}

// element is the one that an object of elements is of: its key, and its last key.
func (o *object) element() []byte { return key(element(o.body)) }

// element is the first element of a list.
func element(body []byte) []byte {
	return attr(attr(body[nfgenmsg:], unix.NFTA_SET_ELEM_LIST_ELEMENTS), unix.NFTA_LIST_ELEM)
}

// key is what tells an element from others: the end of an interval may have the key of another's beginning.
func key(element []byte) []byte {
	const keyEnd = 10 // NFTA_SET_ELEM_KEY_END
	k := slices.Clone(attr(element, unix.NFTA_SET_ELEM_KEY))
	return append(append(k, attr(element, unix.NFTA_SET_ELEM_FLAGS)...), attr(element, keyEnd)...)
}

// elements takes a list apart: a body for each.
func elements(body []byte) [][]byte {
	var head []byte
	var lists [][]byte
	each(body[nfgenmsg:], func(typ uint16, payload []byte) bool {
		if typ != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			head = append(head, attribute(typ, payload)...)
		}
		return true
	})
	each(attr(body[nfgenmsg:], unix.NFTA_SET_ELEM_LIST_ELEMENTS), func(_ uint16, e []byte) bool {
		list := append(slices.Clone(body[:nfgenmsg]), head...)
		inner := attribute(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, e)
		lists = append(lists, append(list, attribute(unix.NFTA_SET_ELEM_LIST_ELEMENTS|unix.NLA_F_NESTED, inner)...))
		return true
	})
	return lists
}

// batch answers a transaction. If any of its messages is refused, none is carried out.
func (t *transport) batch(messages []message) {
	s := t.plan.state(t.space)
	refused := false
	for i := range messages {
		m := &messages[i]
		if m.typ == unix.NFNL_MSG_BATCH_BEGIN || m.typ == unix.NFNL_MSG_BATCH_END || len(m.body) < nfgenmsg {
			continue
		}
		if errno := t.check(s, m); errno != 0 {
			t.refuse(m, errno)
			refused = true
		} else {
			t.accept(m)
		}
	}
	if refused {
		return
	}
	for i := range messages {
		if m := &messages[i]; len(m.body) >= nfgenmsg {
			s.carryOut(m)
		}
	}
	s.commits++
}

// check is EEXIST for a table or an element that is to be new and is not.
func (t *transport) check(s *state, m *message) unix.Errno {
	if !m.has(unix.NLM_F_EXCL) {
		return 0
	}
	switch m.typ {
	case nft | unix.NFT_MSG_NEWTABLE:
		name := attribute(unix.NFTA_TABLE_NAME, attr(m.body[nfgenmsg:], unix.NFTA_TABLE_NAME))
		if s.find(m.typ, m.body) != nil || probe(t.real, nft|unix.NFT_MSG_GETTABLE, 0, m.body[:nfgenmsg], name) == 0 {
			return unix.EEXIST
		}
	case nft | unix.NFT_MSG_NEWSETELEM:
		for _, list := range elements(m.body) {
			if s.find(m.typ, list) != nil {
				return unix.EEXIST
			}
			if !s.isGone(list) && probe(t.real, nft|unix.NFT_MSG_GETSETELEM, 0, onlyKey(list)) == 0 {
				return unix.EEXIST
			}
		}
	}
	return 0
}

// onlyKey is a question for the element of a list.
func onlyKey(list []byte) []byte {
	q := slices.Clone(list[:nfgenmsg])
	for _, typ := range []uint16{unix.NFTA_SET_ELEM_LIST_TABLE, unix.NFTA_SET_ELEM_LIST_SET} {
		q = append(q, attribute(typ, attr(list[nfgenmsg:], typ))...)
	}
	k := attribute(unix.NFTA_SET_ELEM_KEY|unix.NLA_F_NESTED, attr(element(list), unix.NFTA_SET_ELEM_KEY))
	inner := attribute(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, k)
	return append(q, attribute(unix.NFTA_SET_ELEM_LIST_ELEMENTS|unix.NLA_F_NESTED, inner)...)
}

// find is an object that would have been made and is that of a body: a table, a set or a chain of its name, an element of its key.
func (s *state) find(typ uint16, body []byte) *object {
	for i := range s.objects {
		o := &s.objects[i]
		if o.typ != typ || !o.named(body) {
			continue
		}
		if typ != nft|unix.NFT_MSG_NEWSETELEM || string(o.element()) == string(key(element(body))) {
			return o
		}
	}
	return nil
}

// isGone says whether the element of a list would have been removed.
func (s *state) isGone(list []byte) bool {
	return slices.ContainsFunc(s.gone, func(o object) bool {
		return o.named(list) && string(o.element()) == string(key(element(list)))
	})
}

// carryOut remembers what a message would have done.
func (s *state) carryOut(m *message) {
	body := slices.Clone(m.body)
	switch m.typ {
	case nft | unix.NFT_MSG_NEWTABLE, nft | unix.NFT_MSG_NEWCHAIN, nft | unix.NFT_MSG_NEWRULE, nft | unix.NFT_MSG_NEWSET:
		s.objects = append(s.objects, object{m.typ, body})
	case nft | unix.NFT_MSG_NEWSETELEM:
		for _, list := range elements(body) {
			s.objects = append(s.objects, object{m.typ, list})
			s.gone = slices.DeleteFunc(s.gone, func(o object) bool { return o.named(list) && string(o.element()) == string(key(element(list))) })
		}
	case nft | unix.NFT_MSG_DELSETELEM:
		for _, list := range elements(body) {
			s.objects = slices.DeleteFunc(s.objects, func(o object) bool {
				return o.typ == nft|unix.NFT_MSG_NEWSETELEM && o.named(list) && string(o.element()) == string(key(element(list)))
			})
			s.gone = append(s.gone, object{nft | unix.NFT_MSG_NEWSETELEM, list})
		}
	case nft | unix.NFT_MSG_DELTABLE:
		s.objects = slices.DeleteFunc(s.objects, func(o object) bool { return o.in(body) })
	}
}

// ask sends a question to the kernel, unless the plan knows the answer.
func (t *transport) ask(m message) error {
	switch {
	case t.family == unix.NETLINK_ROUTE && t.askRoute(&m):
		return nil
	case t.family == unix.NETLINK_NETFILTER && len(m.body) >= nfgenmsg && t.askTables(&m):
		return nil
	}
	return t.real.Send(m.whole)
}

// askTables answers a question for what would have been made. Of a list it answers its part: the kernel's comes after it.
func (t *transport) askTables(m *message) (answered bool) {
	s := t.plan.state(t.space)
	made := map[uint16]uint16{
		nft | unix.NFT_MSG_GETTABLE: nft | unix.NFT_MSG_NEWTABLE, nft | unix.NFT_MSG_GETCHAIN: nft | unix.NFT_MSG_NEWCHAIN,
		nft | unix.NFT_MSG_GETRULE: nft | unix.NFT_MSG_NEWRULE, nft | unix.NFT_MSG_GETSET: nft | unix.NFT_MSG_NEWSET,
		nft | unix.NFT_MSG_GETSETELEM: nft | unix.NFT_MSG_NEWSETELEM,
	}[m.typ]
	t.genID = t.genID || m.typ == nft|unix.NFT_MSG_GETGEN
	switch {
	case made == 0:
		return false
	case m.has(unix.NLM_F_DUMP):
		for i := range s.objects {
			o := &s.objects[i]
			if o.typ == nft|unix.NFT_MSG_NEWTABLE && o.in(m.body) {
				t.dump = true
			}
			if o.typ == made && o.named(m.body) {
				t.answers = append(t.answers, encode(made, unix.NLM_F_MULTI, m.seq, o.body))
			}
		}
		return false
	}
	return t.askElements(s, m, made)
}

// askElements answers a question for objects by name, or for elements by key, of which there may be several: up to the first that is not there.
func (t *transport) askElements(s *state, m *message, made uint16) bool {
	if made != nft|unix.NFT_MSG_NEWSETELEM {
		o := s.find(made, m.body)
		if o != nil {
			t.answers = append(t.answers, encode(made, 0, m.seq, o.body))
		}
		return o != nil
	}
	lists := elements(m.body)
	if !slices.ContainsFunc(lists, func(l []byte) bool { return s.find(made, l) != nil || s.isGone(l) }) {
		return false
	}
	for _, list := range lists {
		o := s.find(made, list)
		if o == nil && (s.isGone(list) || probe(t.real, m.typ, 0, list) != 0) {
			t.refuse(m, unix.ENOENT)
			return true
		}
		if o == nil {
			o = &object{body: list}
		}
		t.answers = append(t.answers, encode(made, 0, m.seq, o.body))
	}
	return true
}

// amend makes of an answer of the kernel's what it would be.
func (t *transport) amend(b []byte, n int) int {
	if n < header {
		return n
	}
	body := b[header:n]
	switch typ := native.Uint16(b[4:]); {
	case t.genID && typ == nft|unix.NFT_MSG_NEWGEN && n >= header+nfgenmsg:
		if id := attr(body[nfgenmsg:], unix.NFTA_GEN_ID); len(id) == 4 {
			binary.BigEndian.PutUint32(id, binary.BigEndian.Uint32(id)+t.plan.state(t.space).commits)
		}
	case t.dump && typ == unix.NLMSG_ERROR && len(body) >= 4 && int32(native.Uint32(body)) == -int32(unix.ENOENT):
		return copy(b, encode(unix.NLMSG_DONE, unix.NLM_F_MULTI, native.Uint32(b[8:]), make([]byte, 4)))
	}
	return n
}
