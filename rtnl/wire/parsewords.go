package wire

import (
	"net/netip"
	"strconv"
	"strings"
)

// What a dictionary says of a payload serves to read a text, too. It does not say which attributes have NLA_F_NESTED set: those
// that hold attributes get it, as all should that are newer than Linux 5.2 (NL_VALIDATE_STRICT, net/netlink.h).

// named is the attribute called name; nil where there is none.
func (g *group) named(name string) *entry {
	if g == nil {
		return nil
	}
	for i := range g.attrs {
		if g.attrs[i].name == name {
			return &g.attrs[i]
		}
	}
	return nil
}

func (g *group) attrNames() []string {
	var names []string
	if g != nil {
		for i := range g.attrs {
			names = append(names, g.attrs[i].name)
		}
	}
	return names
}

func (g *group) fieldNames() []string {
	var names []string
	for i := range g.fields {
		names = append(names, g.fields[i].name)
	}
	if g.isStruct() {
		names = append(names, "rest")
	}
	return names
}

func (g *group) read(p *parser, e *Encoder, lines []*textLine, where string, up *scope) error {
	fields, lines, err := splitFields(lines, g.fieldNames(), where)
	if err != nil {
		return err
	}
	start := len(e.b)
	if lines, err = g.readFields(p, e, fields, lines, where, up); err != nil {
		return err
	}
	if !g.isStruct() {
		e.grow(align(len(e.b)-start) - (len(e.b) - start))
	}
	here := &scope{in: g, up: up, b: keyBytes(e.b[start:], lines, func(out *Encoder, l *textLine) error {
		return g.readAttr(p, out, l, &scope{in: g, up: up}, where)
	})}
	for _, l := range lines {
		if err := g.readAttr(p, e, l, here, where); err != nil {
			return err
		}
	}
	return nil
}

// readFields appends the fixed struct: what is not given is 0. A field that is a struct itself is a line with others below it;
// the lines that are none are returned.
func (g *group) readFields(p *parser, e *Encoder, fields []textField, lines []*textLine, where string, up *scope) ([]*textLine, error) {
	given, err := byName(fields, where)
	if err != nil {
		return nil, err
	}
	start := len(e.b)
	for i := range g.fields {
		f := &g.fields[i]
		here := &scope{in: g, b: e.b[start:], up: up}
		b, rest, err := g.readField(p, f, given, lines, here)
		if err != nil {
			return nil, err
		}
		lines = rest
		if f.form.size >= 0 && len(b) > f.form.size {
			return nil, given[f.name].errorf("%s: %d bytes, where the field has %d", f.name, len(b), f.form.size)
		}
		copy(e.grow(max(f.form.size, len(b))), b)
	}
	return lines, readRest(e, given)
}

// readField makes one field.
func (g *group) readField(p *parser, f *entry, given map[string]textField, lines []*textLine, here *scope) (b []byte, rest []*textLine, err error) {
	if t, ok := given[f.name]; ok {
		form := here.formOf(g.words, &f.form)
		if b, err = g.words.valueFrom(p, f.name, form, t.value); err != nil {
			err = t.errorf("%s: %w", f.name, err)
		} else if f.form.plain && len(b) != f.form.size {
			err = t.errorf("%s: %d bytes, where the field has %d", f.name, len(b), f.form.size)
		}
		return b, lines, err
	}
	for i, l := range lines {
		if l.text != f.name || l.below == nil {
			continue
		}
		if in := g.words.inner(here.formOf(g.words, &f.form)); in != nil {
			var e Encoder
			err := in.read(p, &e, l.below, f.name, here)
			return e.b, append(append([]*textLine{}, lines[:i]...), lines[i+1:]...), err
		}
	}
	return nil, lines, nil
}

// formOf is how a value is read where it stands.
func (s *scope) formOf(d *Dictionary, f *form) *form {
	if chosen := s.chosen(d, f); chosen != nil {
		return chosen
	}
	return f
}

// readAttr appends the attribute of a line.
func (g *group) readAttr(p *parser, e *Encoder, l *textLine, here *scope, where string) error {
	a, err := l.attr()
	if err != nil {
		return err
	}
	if a.name == "malformed" {
		return readMalformed(e, a)
	}
	entry := g.named(a.name)
	if entry == nil {
		if g.isStruct() {
			return l.errorf("%s holds fields, name=value%s, and no attributes", where, near(a.name, g.fieldNames()))
		}
		typ, err := a.number(where, g.attrNames)
		if err != nil {
			return err
		}
		if entry = g.find(typ); entry == nil {
			return p.attribute(e, nil, typ, a, nil, here)
		}
	}
	return g.readEntry(p, e, entry, a, here)
}

// readEntry appends an attribute that the group has.
func (g *group) readEntry(p *parser, e *Encoder, entry *entry, a textAttr, here *scope) error {
	return g.words.attribute(p, e, entry.typ, here.formOf(g.words, &entry.form), a, here)
}

// attribute appends an attribute of a form.
func (d *Dictionary) attribute(p *parser, e *Encoder, typ uint16, f *form, a textAttr, here *scope) error {
	var in layout
	switch f.kind {
	case "nest", "list", "array", "structs", "hops":
		in = d.inner(f)
	}
	switch g, isGroup := in.(*group); {
	case in == nil && len(a.below) > 0 && f.kind != "hex" && f.kind != "by":
		return a.errorf("%s has a value, and nothing in it", a.name)
	case in == nil && len(a.below) > 0:
		in = &rows{}
		typ |= flagNested
	case isGroup && !g.isStruct(), f.kind == "list", f.kind == "array":
		typ |= flagNested
	}
	return p.wrap(e, typ, a, in, here, func() ([]byte, error) {
		b, err := d.valueFrom(p, a.name, f, a.value)
		if err != nil {
			err = a.errorf("%s: %w", a.name, err)
		}
		return b, err
	})
}

// valueFrom is what a value means, in the form that valueOf shows it in or in an explicit one.
func (d *Dictionary) valueFrom(p *parser, name string, f *form, value string) ([]byte, error) {
	if b, is, err := explicit(value); is {
		return b, err
	}
	if strings.HasPrefix(value, `"`) && strings.HasSuffix(name, "_FD") {
		return p.descriptor(value)
	}
	switch {
	case f.plain:
		return d.numberFrom(f, value)
	case f.kind == "str" && strings.HasPrefix(value, `"`):
		nul := 1
		if f.size != 0 { // a field is padded to its size
			nul = 0
		}
		return readText(value, nul)
	case f.kind == "text" && strings.HasPrefix(value, `"`):
		return readText(value, 0)
	case f.kind == "str" && value == "":
		return readText(value, 1)
	case f.kind == "ip" || f.kind == "mac":
		if addr, err := netip.ParseAddr(value); err == nil && addr.Zone() == "" {
			return addr.AsSlice(), nil
		}
		if f.kind == "mac" && strings.Contains(value, ":") {
			return parseHex("0x" + strings.ReplaceAll(value, ":", ""))
		}
	case f.kind == "flag" && value != "":
		return nil, errorf("it is there or not, and has no value")
	}
	return parseBytes(value)
}

// numberFrom reads a number as d.number shows it.
func (d *Dictionary) numberFrom(f *form, value string) ([]byte, error) {
	size := f.size
	if size == 0 { // the kernel takes 4 or 8 bytes, nla_get_uint
		size = 4
		if n, err := parseInt(value, 64); err == nil && n > 1<<32-1 {
			size = 8
		}
	}
	text := value
	if f.how == "in" {
		text = strings.TrimSuffix(value, f.of)
	}
	n, err := parseInt(text, size*8)
	if err != nil && (f.how == "enum" || f.how == "flags") {
		n, err = d.names(f.of).number(value)
	}
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	putNumber(b, f.big, n)
	return b, nil
}

// number is the value of a name, or of several with | between them.
func (ns Names) number(text string) (n uint64, err error) {
	for word := range strings.SplitSeq(text, "|") {
		if bits, err := strconv.ParseUint(word, 0, 64); err == nil {
			n |= bits
			continue
		}
		found := false
		var names []string
		for _, name := range ns {
			names = append(names, name.Name)
			if name.Name == word {
				n, found = n|name.Value, true
			}
		}
		if !found {
			return 0, errorf("%q is neither a number nor a name of one%s", word, near(word, names))
		}
	}
	return n, nil
}

func (c *numbered) read(p *parser, e *Encoder, lines []*textLine, where string, up *scope) error {
	for _, l := range lines {
		a, err := l.attr()
		if err != nil {
			return err
		}
		typ, ok := indexOf(a.name)
		if !ok {
			return l.errorf("%s is a list: what is in it is called [1] and so on, not %q", where, a.name)
		}
		if err := c.words.attribute(p, e, typ, up.formOf(c.words, &c.each), a, up); err != nil {
			return err
		}
	}
	return nil
}

// indexOf reads the name of a member of a list: [1].
func indexOf(name string) (uint16, bool) {
	if !strings.HasPrefix(name, "[") || !strings.HasSuffix(name, "]") {
		return 0, false
	}
	n, err := strconv.ParseUint(name[1:len(name)-1], 10, 14)
	return uint16(n), err == nil
}

func (s *sequence) read(p *parser, e *Encoder, lines []*textLine, where string, up *scope) error {
	for _, l := range lines {
		if _, ok := indexOf(l.text); !ok {
			return l.errorf("%s is a list: what is in it is called [0] and so on, not %q", where, l.text)
		}
		start := len(e.b)
		if err := s.of.read(p, e, l.below, where, up); err != nil {
			return err
		}
		if n := len(e.b) - start; s.lengths && n >= 2 && n < 1<<16 {
			native.PutUint16(e.b[start:], uint16(n))
			e.pad()
		}
	}
	return nil
}
