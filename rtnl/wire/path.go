package wire

import "strings"

// PathAt names the attribute, or field, that holds the byte at offset, by the names on the way to it:
// "LINKINFO/INFO_DATA/VETH_INFO_PEER/IFNAME". It is "" where nothing is known to be there.
//
// The prefix that the outermost attribute's name has, such as IFLA_, is left out of all the names.
func PathAt[P any](t *Table[P], b []byte, offset int) string { return pathAt(of(t), b, offset) }

func pathAt(l layout, b []byte, offset int) string {
	var path []string
	field := false
	for nodes := l.show(b, 0, nil); ; {
		node := covering(nodes, offset)
		if node == nil {
			break
		}
		field = field || len(path) == 0 && node.Header == 0
		path = append(path, node.Name)
		nodes = node.Children
	}
	if field {
		return strings.Join(path, "/")
	}
	return joinPath(path)
}

// covering finds the node that has the byte at offset in it.
func covering(nodes []Node, offset int) *Node {
	for i := range nodes {
		if n := &nodes[i]; offset >= n.Offset && offset < n.Offset+n.Length {
			return n
		}
	}
	return nil
}

// joinPath joins the names of attributes, each in the one before it, without the prefix of the first.
func joinPath(names []string) string {
	if len(names) == 0 {
		return ""
	}
	short := make([]string, len(names))
	prefix, _, found := strings.Cut(names[0], "_")
	for i, name := range names {
		if found {
			name = strings.TrimPrefix(name, prefix+"_")
		}
		short[i] = name
	}
	return strings.Join(short, "/")
}

func (rs *rows) missing(b []byte, nest int, typ uint16, up *scope) []string {
	if nest < 0 {
		return []string{rs.find(typ).attrName(typ)}
	}
	v := rs.decodeKeys(b)
	here := &scope{in: rs, b: b, up: up}
	start := 0
	for _, r := range rs.all() {
		start += r.size
	}
	start = min(align(start), len(b))
	for a := range attrs(b[start:]) {
		at := start + a.offset
		if a.bad || nest < at || nest >= at+attrHeader+len(a.Data) {
			continue
		}
		r := rs.find(a.Type)
		name := r.attrName(a.Type)
		in := r.innerOf(v)
		if g := rs.more(); in == nil && g != nil && r.role != plain {
			in = here.innerOf(g, a.Type)
		}
		if in == nil {
			return []string{name, unnamed(typ)}
		}
		return append([]string{name}, in.missing(a.Data, nest-at-attrHeader, typ, here)...)
	}
	return []string{unnamed(typ)}
}

func (l elements) missing(b []byte, nest int, typ uint16, up *scope) []string {
	if nest < 0 {
		return []string{l.name}
	}
	for a := range attrs(b) {
		if nest >= a.offset && !a.bad && nest < a.offset+attrHeader+len(a.Data) {
			return append([]string{l.name}, l.table.missing(a.Data, nest-a.offset-attrHeader, typ, up)...)
		}
	}
	return []string{unnamed(typ)}
}
