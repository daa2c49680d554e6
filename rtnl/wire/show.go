package wire

import (
	"slices"
	"strconv"
	"unsafe"
)

// A Node is one field or attribute of a message, as a person wants to see it.
type Node struct {
	Name     string // as the kernel's header spells it
	Value    string // readable; "" where Children say it
	Type     uint16 // the attribute's type, without its flags
	Offset   int    // of the first byte, in the message's body
	Header   int    // bytes of struct nlattr at Offset: 4, or 0 for a field of a fixed struct
	Length   int    // bytes from Offset on, header included, padding not
	Form     Form   // of the value's bytes
	Children []Node
}

// A layout describes bytes that hold fields or attributes: a message's body, or the payload of a nested attribute.
type layout interface {
	// show shows bytes that begin at offset. Whatever they are, they are shown: what cannot be read as hexadecimal.
	show(b []byte, offset int, up *scope) []Node
	// missing names an attribute that is not in b, and those that it would be in: nest is where the innermost of
	// them begins in b, and negative where b itself should hold it.
	missing(b []byte, nest int, typ uint16, up *scope) []string
	// value is what a field or attribute of b holds that can be a key: a string, or a number in decimal.
	value(b []byte, name string) (string, bool)
	// read appends what the lines of a text say, which are of what is called where.
	read(p *parser, e *Encoder, lines []*textLine, where string, up *scope) error
}

func (rs *rows) show(b []byte, offset int, up *scope) []Node {
	v := rs.decodeKeys(b)
	here := &scope{in: rs, b: b, up: up}
	var nodes []Node
	n := 0
	for _, r := range rs.all() {
		if r.size == 0 {
			break
		}
		if len(b) < n+r.size {
			return append(nodes, malformed(b[n:], offset+n)...)
		}
		value := r.codec.show(Attr{Data: b[n : n+r.size]})
		nodes = append(nodes, Node{Name: r.name, Value: value, Offset: offset + n, Length: r.size, Form: r.form()})
		n += r.size
	}
	if rs.isStruct() {
		if n < len(b) {
			nodes = append(nodes, Node{Name: "rest", Value: hex(b[n:]), Offset: offset + n, Length: len(b) - n})
		}
		return nodes
	}
	n = min(align(n), len(b))
	for a := range attrs(b[n:]) {
		at := offset + n + a.offset
		if a.bad {
			return append(nodes, malformed(b[n+a.offset:], at)...)
		}
		nodes = append(nodes, rs.showAttr(v, here, a.Attr, at))
	}
	return nodes
}

func (rs *rows) showAttr(v unsafe.Pointer, here *scope, a Attr, at int) Node {
	r := rs.find(a.Type)
	in := r.innerOf(v)
	if r != nil && r.lessThan(in, a) {
		if g := rs.more(); g.find(a.Type) != nil {
			return g.showAttr(here, a, at)
		}
	}
	node := Node{Name: r.attrName(a.Type), Type: a.Type, Offset: at, Header: attrHeader, Length: attrHeader + len(a.Data)}
	switch {
	case in != nil:
		node.Children = in.show(a.Data, at+attrHeader, here)
	case r != nil:
		node.Value, node.Form = r.codec.show(a), r.form()
	default:
		node.Value = hex(a.Data)
	}
	return node
}

// lessThan reports whether a row says less of an attribute than a dictionary that has it: it has no row of its own, or
// none that says what its bytes are, or it is of a C struct that has grown since.
func (r *row) lessThan(in layout, a Attr) bool {
	if in == nil {
		return r.role != plain || r.codec.shapeless()
	}
	t, ok := in.(*rows)
	if !ok || !t.isStruct() {
		return false
	}
	n := 0
	for _, field := range t.all() {
		n += field.size
	}
	return len(a.Data) > n
}

// more is the group of a dictionary that names what no row does; nil where there is none.
func (rs *rows) more() *group {
	for _, r := range slices.Backward(rs.all()) {
		if r.role == unknown {
			return r.codec.(*others).more.get()
		}
	}
	return nil
}

// decodeKeys decodes what says the meaning of late rows, for innerOf; nil where there are none. Unlike decode it goes on
// after what cannot be read.
func (rs *rows) decodeKeys(b []byte) unsafe.Pointer {
	if !slices.ContainsFunc(rs.all(), func(r *row) bool { return r.role == late }) {
		return nil
	}
	v := rs.new()
	rest, err := rs.decodeFields(b, v)
	if err != nil || !slices.ContainsFunc(rs.all(), func(r *row) bool { _, ok := r.codec.(*nestBy); return ok }) {
		return v
	}
	for a := range attrs(rest) {
		if r := rs.find(a.Type); r != nil && r.role == plain && !a.bad {
			_ = r.codec.get(r, v, a.Attr) // what cannot be read stays zero, and is shown as hexadecimal
		}
	}
	return v
}

// innerOf is what describes the payload of r in v, or nil.
func (r *row) innerOf(v unsafe.Pointer) layout {
	if r == nil {
		return nil
	}
	return r.codec.inner(r, v)
}

// attrName is the name of an attribute that r was found for, or says its number.
func (r *row) attrName(typ uint16) string {
	if r == nil {
		return unnamed(typ)
	}
	if r.role != unknown {
		return r.name
	}
	return r.codec.(*others).more.get().attrName(typ)
}

func unnamed(typ uint16) string { return "attribute " + strconv.Itoa(int(typ)) }

// malformed shows bytes that are not what they should be, if there are any.
func malformed(b []byte, offset int) []Node {
	if len(b) == 0 {
		return nil
	}
	return []Node{{Name: "malformed", Value: hex(b), Offset: offset, Length: len(b)}}
}

// elements is the payload of a List.
type elements struct {
	name  string
	elem  uint16 // the type that each is sent with
	table *rows
}

func (l elements) show(b []byte, offset int, up *scope) []Node {
	var nodes []Node
	for a := range attrs(b) {
		at := offset + a.offset
		if a.bad {
			return append(nodes, malformed(b[a.offset:], at)...)
		}
		nodes = append(nodes, Node{
			Name: l.name, Type: a.Type, Offset: at, Header: attrHeader, Length: attrHeader + len(a.Data),
			Children: l.table.show(a.Data, at+attrHeader, up),
		})
	}
	return nodes
}
