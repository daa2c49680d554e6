package wire

import "strconv"

// numbered is the payload of a "list" or an "array": attributes whose types only number them, or say nothing.
type numbered struct {
	words *Dictionary
	each  form
}

func (c *numbered) show(b []byte, offset int, up *scope) []Node {
	var nodes []Node
	for a := range attrs(b) {
		at := offset + a.offset
		if a.bad {
			return append(nodes, malformed(b[a.offset:], at)...)
		}
		node := Node{
			Name: "[" + strconv.Itoa(int(a.Type)) + "]", Type: a.Type,
			Offset: at, Header: attrHeader, Length: attrHeader + len(a.Data),
		}
		up.read(c.words, &c.each, a.Data, &node)
		nodes = append(nodes, node)
	}
	return nodes
}

func (c *numbered) missing(b []byte, nest int, typ uint16, up *scope) []string {
	in := c.words.inner(&c.each)
	for a := range attrs(b) {
		if nest >= a.offset && !a.bad && nest < a.offset+attrHeader+len(a.Data) && in != nil {
			return append([]string{"[" + strconv.Itoa(int(a.Type)) + "]"}, in.missing(a.Data, nest-a.offset-attrHeader, typ, up)...)
		}
	}
	return []string{unnamed(typ)}
}

func (*numbered) value([]byte, string) (string, bool) { return "", false }

// sequence is the payload of "structs", or, with lengths, of "hops": struct rtnexthop of linux/rtnetlink.h, which says in
// its first two bytes where the next one begins.
type sequence struct {
	of      *group
	lengths bool
}

func (s *sequence) show(b []byte, offset int, up *scope) []Node {
	size := 0
	for i := range s.of.fields {
		size += max(s.of.fields[i].form.size, 0)
	}
	var nodes []Node
	for n, i := 0, 0; n < len(b); i++ {
		length := size
		if s.lengths && len(b)-n >= 2 {
			length = int(native.Uint16(b[n:]))
		}
		if length < size || length == 0 || length > len(b)-n {
			return append(nodes, malformed(b[n:], offset+n)...)
		}
		nodes = append(nodes, Node{
			Name: "[" + strconv.Itoa(i) + "]", Offset: offset + n, Length: length,
			Children: s.of.show(b[n:n+length], offset+n, up),
		})
		n += length
		if s.lengths {
			n = align(n)
		}
	}
	return nodes
}

func (s *sequence) missing(_ []byte, _ int, typ uint16, _ *scope) []string {
	return []string{s.of.attrName(typ)}
}

func (*sequence) value([]byte, string) (string, bool) { return "", false }
