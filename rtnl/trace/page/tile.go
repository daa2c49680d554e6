package page

import (
	"encoding/binary"
	"strconv"
	"strings"

	"plumb/rtnl/wire"
)

// A Kind is what a Span's bytes are.
type Kind uint8

// The kinds. What has children is a Message, a Struct or an Attribute; all others are leaves.
const (
	Message    Kind = iota // the whole
	Struct                 // a C struct: its fields are children
	Field                  // of a struct
	Attribute              // struct nlattr and what it heads
	AttrLength             // nla_len
	AttrType               // nla_type, with its flags
	Payload                // of an attribute
	Terminator             // what follows a string in its payload: a NUL
	Padding                // up to a multiple of 4, or within a struct
	Rest                   // bytes of which nothing is known
)

// A Span is some bytes of a message, and what they say. The children of a span tile it: each of its bytes is in exactly
// one of them.
type Span struct {
	Kind     Kind
	Name     string
	Value    string // readable; "" where the children say it
	Offset   int    // of the first byte, in the message
	Length   int    // bytes
	Form     wire.Form
	Children []Span
}

// Tile gives every byte of a message its meaning. v is the view of it (wire.Protocol.View); of a message that has none,
// the zero View, and then all of it is Rest.
func Tile(message []byte, v wire.View) Span {
	whole := Span{Kind: Message, Name: v.Name, Length: len(message)}
	if len(message) == 0 {
		return whole
	}
	end := int(min(int64(v.Header.Length), int64(len(message))))
	if end < headerSize {
		whole.Children = []Span{{Kind: Rest, Name: "bytes", Length: len(message)}}
		return whole
	}
	t := tiler{message}
	body := t.grouped(v.Nodes)
	if v.Name == "NLMSG_DONE" { // its errno is that of a struct nlmsgerr, and nothing else is
		body = single(v.Nodes)
	}
	whole.Children = append([]Span{t.header(v)}, t.between(body, headerSize, end)...)
	if end < len(message) {
		whole.Children = append(whole.Children, t.gap(end, len(message)))
	}
	return whole
}

const headerSize = 16 // struct nlmsghdr, linux/netlink.h

// A tiler makes the spans of a message.
type tiler struct{ message []byte }

// header is struct nlmsghdr.
func (t tiler) header(v wire.View) Span {
	s := Span{Kind: Struct, Name: "struct nlmsghdr", Length: headerSize}
	number := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
	s.add("nlmsg_len", number(v.Header.Length), 4)
	s.add("nlmsg_type", v.Name, 2)
	s.add("nlmsg_flags", strings.Join(v.Flags, "|"), 2)
	s.add("nlmsg_seq", number(v.Header.Sequence), 4)
	s.add("nlmsg_pid", number(v.Header.PID), 4)
	return s
}

// add adds a field of a struct, after those that are there.
//
//go:noinline
func (s *Span) add(name, value string, size int) {
	at := 0
	if n := len(s.Children); n > 0 {
		at = s.Children[n-1].Offset + s.Children[n-1].Length
	}
	s.Children = append(s.Children, Span{Kind: Field, Name: name, Value: value, Offset: at, Length: size, Form: wire.Number})
}

// A group is a node, or the fields of a struct.
type group struct {
	wire.Node
	fields []wire.Node // of a struct that Node only names
}

// grouped puts the fields at the beginning together where the kernel's struct is known.
func (t tiler) grouped(nodes []wire.Node) []group {
	var groups []group
	n := 0
	for n < len(nodes) && nodes[n].Header == 0 && nodes[n].Name != "malformed" && nodes[n].Name != "body" {
		n++
	}
	if name := structOf(nodes); n > 0 && name != "" {
		first, last := nodes[0], nodes[n-1]
		whole := wire.Node{Name: name, Offset: first.Offset, Length: last.Offset + last.Length - first.Offset}
		groups = append(groups, group{whole, nodes[:n]})
		nodes = nodes[n:]
	}
	for _, node := range nodes {
		groups = append(groups, group{Node: node})
	}
	return groups
}

// between makes spans of what lies from start to end. What is not where it should be is left out, and its bytes are Rest.
func (t tiler) between(groups []group, start, end int) []Span {
	var spans []Span
	at := start
	for i := range groups {
		g := &groups[i]
		offset := g.Offset + headerSize
		if g.Length <= 0 || offset < at || g.Length > end-offset {
			continue
		}
		if offset > at {
			spans = append(spans, t.gap(at, offset))
		}
		spans = append(spans, t.span(g))
		at = offset + g.Length
	}
	if at < end {
		spans = append(spans, t.gap(at, end))
	}
	return spans
}

// gap is bytes that no node has: the padding after a struct or an attribute.
func (t tiler) gap(start, end int) Span {
	s := Span{Kind: Rest, Name: "bytes", Offset: start, Length: end - start}
	if s.Length < 4 {
		s.Kind, s.Name = Padding, "padding"
	}
	return s
}

func (t tiler) span(g *group) Span {
	s := Span{Kind: Field, Name: g.Name, Value: g.Value, Offset: g.Offset + headerSize, Length: g.Length, Form: g.Form}
	switch {
	case g.fields != nil:
		s.Kind, s.Children = Struct, t.between(single(g.fields), s.Offset, s.Offset+s.Length)
	case g.Header >= attrHeader && g.Header <= g.Length:
		s.Kind, s.Children = Attribute, t.attribute(g)
	case g.Children != nil:
		s.Kind, s.Children = Struct, t.between(t.grouped(g.Children), s.Offset, s.Offset+s.Length)
	case g.Form == wire.Filler:
		s.Kind, s.Name = Padding, "padding"
	case g.Name == "malformed" || g.Name == "rest" || g.Name == "body":
		s.Kind = Rest
	}
	return s
}

func single(nodes []wire.Node) []group {
	groups := make([]group, len(nodes))
	for i, n := range nodes {
		groups[i].Node = n
	}
	return groups
}

const attrHeader = 4 // struct nlattr, linux/netlink.h

// attribute makes the children of an attribute: its header's fields and its payload.
func (t tiler) attribute(g *group) []Span {
	at, end := g.Offset+headerSize, g.Offset+headerSize+g.Length
	length, typ := binary.NativeEndian.Uint16(t.message[at:]), binary.NativeEndian.Uint16(t.message[at+2:])
	spans := []Span{
		{Kind: AttrLength, Name: "nla_len", Value: strconv.Itoa(int(length)), Offset: at, Length: 2, Form: wire.Number},
		{Kind: AttrType, Name: "nla_type", Value: typeFlags(typ) + g.Name, Offset: at + 2, Length: 2, Form: wire.Number},
	}
	at += attrHeader
	switch {
	case g.Children != nil:
		return append(spans, t.between(t.grouped(g.Children), at, end)...)
	case g.Form == wire.Chars:
		return append(spans, t.text(g, at, end)...)
	case at < end:
		return append(spans, Span{Kind: Payload, Name: g.Name, Value: g.Value, Offset: at, Length: end - at, Form: g.Form})
	}
	return spans
}

// typeFlags are the flags of nla_type: linux/netlink.h.
func typeFlags(typ uint16) string {
	flags := ""
	if typ&0x8000 != 0 {
		flags = "NLA_F_NESTED|"
	}
	if typ&0x4000 != 0 {
		flags += "NLA_F_NET_BYTEORDER|"
	}
	return flags
}

// text is a string, and apart from it its NUL.
func (t tiler) text(g *group, at, end int) (spans []Span) {
	chars := strings.IndexByte(string(t.message[at:end]), 0)
	if chars < 0 {
		chars = end - at
	}
	if chars > 0 {
		spans = append(spans, Span{Kind: Payload, Name: g.Name, Value: g.Value, Offset: at, Length: chars, Form: wire.Chars})
	}
	if at+chars < end {
		spans = append(spans, Span{Kind: Terminator, Name: "NUL", Offset: at + chars, Length: end - at - chars})
	}
	return spans
}

// Leaves are the spans of s that have no children, in order.
func (s *Span) Leaves() []Span { return s.leaves(nil) }

func (s *Span) leaves(to []Span) []Span {
	if s.Children == nil {
		if s.Length > 0 {
			to = append(to, *s)
		}
		return to
	}
	for i := range s.Children {
		to = s.Children[i].leaves(to)
	}
	return to
}
