package wire

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

func (g *group) show(b []byte, offset int, up *scope) []Node {
	here := &scope{in: g, b: b, up: up}
	var nodes []Node
	n := 0
	for i := range g.fields {
		e := &g.fields[i]
		size := e.form.size
		if size < 0 {
			size = len(b) - n
		}
		if n == len(b) && g.isStruct() {
			break // an older kernel's struct, which has fewer
		}
		if size > len(b)-n && g.isStruct() {
			break
		}
		if size > len(b)-n || size == 0 && e.form.size == 0 {
			return append(nodes, malformed(b[n:], offset+n)...)
		}
		if size > 0 {
			node := Node{Name: e.name, Offset: offset + n, Length: size}
			here.read(g.words, &e.form, b[n:n+size], &node)
			nodes = append(nodes, node)
		}
		n += size
	}
	if g.isStruct() {
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
		nodes = append(nodes, g.showAttr(here, a.Attr, at))
	}
	return nodes
}

// showAttr shows one attribute, which is in here.
func (g *group) showAttr(here *scope, a Attr, at int) Node {
	node := Node{Name: g.attrName(a.Type), Type: a.Type, Offset: at, Header: attrHeader, Length: attrHeader + len(a.Data)}
	if e := g.find(a.Type); e != nil {
		here.read(g.words, &e.form, a.Data, &node)
	} else {
		node.Value = hex(a.Data)
	}
	return node
}

// read sets the value of a node, or its children.
func (s *scope) read(d *Dictionary, f *form, b []byte, node *Node) {
	at := node.Offset + node.Header
	if chosen := s.chosen(d, f); chosen != nil {
		f = chosen
	}
	switch f.kind {
	case "nest", "list", "array", "structs", "hops":
		if in := d.inner(f); in != nil && !s.deep() {
			node.Children = in.show(b, at, s)
			return
		}
	}
	node.Value, node.Form = d.valueOf(f, b), f.form()
}

// chosen is what a "by" chooses; nil where there is nothing to choose, or f is no "by".
func (s *scope) chosen(d *Dictionary, f *form) *form {
	for depth := 0; f.kind == "by"; depth++ {
		next, ok := d.choose(f.of, s.key(f.key))
		if !ok || depth > 3 {
			return nil
		}
		f = &next
	}
	return f
}

// inner is what describes a payload that holds something again; nil where nothing does.
func (d *Dictionary) inner(f *form) layout {
	if f.kind == "array" {
		return &numbered{words: d, each: readForm(strings.Fields(f.of))}
	}
	g := d.group(f.of)
	switch {
	case g == nil:
		return nil
	case f.kind == "list":
		return &numbered{words: d, each: form{kind: "nest", of: f.of}}
	case f.kind == "structs":
		return &sequence{g, false}
	case f.kind == "hops":
		return &sequence{g, true}
	}
	return g
}

// valueOf is a value in one word or more. What it is not as it should be is shown in hexadecimal.
func (d *Dictionary) valueOf(f *form, b []byte) string {
	switch {
	case f.plain:
		return d.number(f, b)
	case f.kind == "str" || f.kind == "text":
		return strconv.Quote(cstring(b))
	case f.kind == "ip":
		if a, ok := netip.AddrFromSlice(b); ok {
			return a.String()
		}
	case f.kind == "mac" && len(b) > 0:
		return showMAC(b)
	case f.kind == "flag" && len(b) == 0:
		return ""
	}
	if len(b) == 0 {
		return ""
	}
	return hex(b)
}

// showMAC shows a link-layer address; a tunnel's is an IPv4 or IPv6 one.
func showMAC(b []byte) string {
	if len(b) == 4 || len(b) == 16 {
		a, _ := netip.AddrFromSlice(b)
		return a.String()
	}
	if len(b) > 32 {
		return hex(b)
	}
	s := fmt.Sprintf("% x", b)
	return strings.ReplaceAll(s, " ", ":")
}

func (d *Dictionary) number(f *form, b []byte) string {
	size := f.size
	if size == 0 {
		size = len(b)
	}
	switch size {
	case 1, 2, 4, 8:
	default:
		return hex(b)
	}
	n, err := getNumber(b, size, f.big)
	if err != nil || len(b) != size {
		return oddBytes(b)
	}
	signed := int64(n<<(64-8*size)) >> (64 - 8*size)
	switch f.how {
	case "enum":
		for _, name := range d.names(f.of) {
			if name.Value<<(64-8*size) == n<<(64-8*size) { // which holds for negative ones too
				return name.Name
			}
		}
	case "flags":
		return d.names(f.of).Flags(n)
	case "hex":
		return "0x" + strconv.FormatUint(n, 16)
	}
	text := strconv.FormatUint(n, 10)
	if f.sign {
		text = strconv.FormatInt(signed, 10)
	}
	if f.how == "in" {
		text += f.of
	}
	return text
}

func (g *group) missing(b []byte, nest int, typ uint16, up *scope) []string {
	if nest < 0 {
		return []string{g.attrName(typ)}
	}
	here := &scope{in: g, b: b, up: up}
	start := 0
	for i := range g.fields {
		start += max(g.fields[i].form.size, 0)
	}
	start = min(align(start), len(b))
	for a := range attrs(b[start:]) {
		at := start + a.offset
		if a.bad || nest < at || nest >= at+attrHeader+len(a.Data) {
			continue
		}
		name := g.attrName(a.Type)
		if in := here.innerOf(g, a.Type); in != nil {
			return append([]string{name}, in.missing(a.Data, nest-at-attrHeader, typ, here)...)
		}
		return []string{name, unnamed(typ)}
	}
	return []string{unnamed(typ)}
}

// innerOf is what describes the payload of an attribute of g, or nil.
func (s *scope) innerOf(g *group, typ uint16) layout {
	e := g.find(typ)
	if e == nil {
		return nil
	}
	f := s.chosen(g.words, &e.form)
	if f == nil || f.kind != "nest" && f.kind != "list" {
		return nil
	}
	return g.words.inner(f)
}
