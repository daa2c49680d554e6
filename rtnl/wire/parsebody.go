package wire

import (
	"strconv"
	"strings"
	"unsafe"
)

// read, of a layout, appends what the lines say: rows by the table, elements by the list's table. A payload that has no layout
// can only hold attributes by their numbers.

// body appends a body that the lines describe, or its bytes.
func (p *parser) body(e *Encoder, in layout, lines []*textLine, where string) error {
	if in == nil {
		in = &rows{}
	}
	for i, l := range lines {
		value, ok := strings.CutPrefix(l.text, "body=")
		if !ok {
			continue
		}
		b, err := parseHex(value)
		if err != nil || i > 0 || len(lines) > 1 || l.below != nil {
			return l.errorf("%s: body= is all of a body, as hexadecimal bytes such as 0x0a0b", where)
		}
		copy(e.grow(len(b)), b)
		return nil
	}
	return in.read(p, e, lines, where, nil)
}

// A textAttr is one line of an attribute.
type textAttr struct {
	*textLine
	name   string
	value  string  // "" for none
	length *uint16 // nla_len that the text insists on; nil for the true one
	typ    *uint16 // nla_type, likewise
}

// attr reads the line of an attribute, without its value's meaning.
func (l *textLine) attr() (a textAttr, err error) {
	a = textAttr{textLine: l}
	a.name, a.value, _ = strings.Cut(l.text, " ")
	if a.name == "attribute" {
		number, rest, _ := strings.Cut(a.value, " ")
		a.name, a.value = a.name+" "+number, rest
	}
	a.value = strings.TrimSpace(a.value)
	for {
		word, rest, _ := strings.Cut(a.value, " ")
		name, value, ok := strings.Cut(word, "=")
		var at **uint16
		switch {
		case ok && name == "nla_len":
			at = &a.length
		case ok && name == "nla_type":
			at = &a.typ
		default:
			return a, nil
		}
		n, err := strconv.ParseUint(value, 0, 16)
		if err != nil {
			return a, l.errorf("%s: %q is no number of 16 bits", name, value)
		}
		*at, a.value = new(uint16(n)), strings.TrimSpace(rest)
	}
}

// isFields says whether the line holds fields of a fixed struct, name=value.
func (l *textLine) isFields() bool {
	first, _, _ := strings.Cut(l.text, " ")
	return strings.Contains(first, "=")
}

func (rs *rows) read(p *parser, e *Encoder, lines []*textLine, where string, up *scope) error {
	fields, lines, err := splitFields(lines, rs.fieldNames(), where)
	if err != nil {
		return err
	}
	start := len(e.b)
	if err := rs.readFields(p, e, fields, where); err != nil {
		return err
	}
	if rs.isStruct() {
		if len(lines) > 0 && !strings.HasPrefix(lines[0].text, "malformed ") {
			return lines[0].errorf("%s holds fields, name=value%s, and no attributes", where, near(lines[0].text, rs.fieldNames()))
		}
	} else {
		e.grow(align(len(e.b)-start) - (len(e.b) - start))
	}
	here := &scope{in: rs, up: up, b: keyBytes(e.b[start:], lines, func(out *Encoder, l *textLine) error {
		return rs.readAttr(p, out, l, nil, &scope{in: rs, up: up}, where)
	})}
	keys := rs.decodeKeys(here.b)
	for _, l := range lines {
		if err := rs.readAttr(p, e, l, keys, here, where); err != nil {
			return err
		}
	}
	return nil
}

// keyBytes are the fixed struct and the attributes that have a value on their line: among them is what says the meaning of others.
// What cannot be read is left out, for it is read again.
func keyBytes(fields []byte, lines []*textLine, read func(e *Encoder, l *textLine) error) []byte {
	e := Encoder{b: append([]byte{}, fields...)}
	for _, l := range lines {
		n := len(e.b)
		if l.below == nil && read(&e, l) != nil {
			e.b = e.b[:n]
		}
	}
	return e.b
}

// named is the row of the attribute called name; nil where there is none.
func (rs *rows) named(name string) *row {
	for _, r := range rs.all() {
		if r.size == 0 && r.role != unknown && r.name == name {
			return r
		}
	}
	return nil
}

// readAttr appends the attribute of a line.
func (rs *rows) readAttr(p *parser, e *Encoder, l *textLine, keys unsafe.Pointer, here *scope, where string) error {
	a, err := l.attr()
	if err != nil {
		return err
	}
	if a.name == "malformed" {
		return readMalformed(e, a)
	}
	r, typ, g := rs.named(a.name), uint16(0), rs.more()
	var entry *entry
	if r != nil {
		typ = r.typ
	} else if entry = g.named(a.name); entry != nil {
		typ = entry.typ
	} else if typ, err = a.number(where, func() []string { return append(rs.attrNames(), g.attrNames()...) }); err != nil {
		return err
	}
	if entry == nil {
		entry = g.find(typ)
	}
	if r == nil {
		if r = rs.find(typ); r != nil && r.role == unknown {
			r = nil
		}
	}
	var in layout
	if r != nil && (r.role != late || keys != nil) { // the keys are read first, without what depends on them
		in = r.innerOf(keys)
	}
	if r == nil || in == nil && (r.role != plain || r.codec.shapeless()) {
		if entry != nil {
			return g.readEntry(p, e, entry, a, here)
		}
	}
	start := len(e.b)
	err = p.attribute(e, r, typ, a, in, here)
	if table, ok := in.(*rows); err != nil && ok && table.isStruct() && entry != nil {
		e.b = e.b[:start] // a struct that has grown is shown as the dictionary has it
		return g.readEntry(p, e, entry, a, here)
	}
	return err
}

// number is the type of an attribute that is given by its number.
func (a *textAttr) number(where string, names func() []string) (uint16, error) {
	number, ok := strings.CutPrefix(a.name, "attribute ")
	if !ok {
		return 0, a.errorf("%s has no attribute %q%s; attribute N 0x... is any", where, a.name, near(a.name, names()))
	}
	n, err := strconv.ParseUint(number, 0, 14)
	if err != nil {
		return 0, a.errorf("%s: an attribute's number is at most %d", a.name, typeMask)
	}
	return uint16(n), nil
}

// readMalformed appends bytes that are no attribute.
func readMalformed(e *Encoder, a textAttr) error {
	b, err := parseHex(a.value)
	if err != nil || a.below != nil {
		return a.errorf("malformed: hexadecimal bytes such as 0x0a0b are needed")
	}
	copy(e.grow(len(b)), b)
	return nil
}

// attribute appends an attribute. r is nil where nothing is known of it; in is what describes what it holds.
func (p *parser) attribute(e *Encoder, r *row, typ uint16, a textAttr, in layout, here *scope) error {
	flags := r.flags()
	if in == nil && len(a.below) > 0 {
		if r != nil && r.role != late {
			return a.errorf("%s has a value, and nothing in it", a.name)
		}
		in = &rows{}
		flags |= flagNested
	}
	return p.wrap(e, typ|flags, a, in, here, func() ([]byte, error) { return p.payload(r, in, a) })
}

// wrap appends an attribute whose payload are the lines below it, as in describes them, or what value makes of its value.
func (p *parser) wrap(e *Encoder, typ uint16, a textAttr, in layout, here *scope, value func() ([]byte, error)) error {
	start := e.begin(typ)
	if len(a.below) > 0 {
		if a.value != "" {
			return a.errorf("%s has either a value or attributes in it", a.name)
		}
		if err := in.read(p, e, a.below, a.name, here); err != nil {
			return err
		}
	} else {
		b, err := value()
		if err != nil {
			return err
		}
		copy(e.grow(len(b)), b)
	}
	e.end(start)
	if a.length != nil {
		native.PutUint16(e.b[start:], *a.length)
	}
	if a.typ != nil {
		native.PutUint16(e.b[start+2:], *a.typ)
	}
	return nil
}

// flags are those that an attribute's type is sent with.
func (r *row) flags() uint16 {
	if r == nil {
		return 0
	}
	codec := r.codec
	if g, ok := codec.(*guarded); ok {
		codec = g.codec
	}
	switch c := codec.(type) {
	case *nest:
		return c.flags
	case *custom:
		return c.flags
	case *listOf, *nestBy:
		return flagNested
	}
	return 0
}

// attrNames are the names of all attributes of a table.
func (rs *rows) attrNames() []string {
	var names []string
	for _, r := range rs.all() {
		if r.role != unknown && r.size == 0 {
			names = append(names, r.name)
		}
	}
	return names
}

func (l elements) read(p *parser, e *Encoder, lines []*textLine, where string, up *scope) error {
	for _, line := range lines {
		a, err := line.attr()
		if err != nil {
			return err
		}
		if a.name == "malformed" {
			if err := readMalformed(e, a); err != nil {
				return err
			}
			continue
		}
		if a.name != l.name {
			return line.errorf("%s is a list: what is in it is called %s, not %q", where, l.name, a.name)
		}
		element := &row{typ: l.elem, name: l.name, codec: &nest{flags: flagNested, table: l.table}}
		if err := p.attribute(e, element, l.elem, a, l.table, up); err != nil {
			return err
		}
	}
	return nil
}
