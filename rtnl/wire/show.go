package wire

import "strings"

// A Node is one field or attribute of a message, as a person wants to see it.
type Node struct {
	Name     string // as the kernel's header spells it
	Value    string // readable; "" where Children say it
	Type     uint16 // the attribute's type, without its flags
	Offset   int    // of the first byte, in the message's body
	Header   int    // bytes of struct nlattr at Offset: 4, or 0 for a field of a fixed struct
	Length   int    // bytes from Offset on, header included, padding not
	Children []Node
}

// A Codec is what can be done with a message's body by one who does not know its Go type. Every Table is one.
type Codec interface {
	// Show returns the body's fields and attributes. Whatever the bytes are, they are shown: what cannot be
	// read is shown as hexadecimal.
	Show(b []byte) []Node
}

// Show implements Codec.
func (t Table[T]) Show(b []byte) []Node { return t.show(b, 0) }

// show is Show for bytes that begin at offset.
func (t Table[T]) show(b []byte, offset int) []Node {
	// What a nested attribute means may depend on another: rows are shown with all that could be decoded.
	v := new(T)
	_ = t.Decode(b, v)

	var nodes []Node
	n := 0
	for i := range t {
		r := &t[i]
		if r.size == 0 {
			break
		}
		if len(b) < n+r.size {
			return append(nodes, malformed(b[n:], offset+n))
		}
		value, _ := r.show(v, Attr{Data: b[n : n+r.size]}, offset+n)
		nodes = append(nodes, Node{Name: r.name, Value: value, Offset: offset + n, Length: r.size})
		n += r.size
	}
	n = min(align(n), len(b))
	if t.isStruct() {
		if n < len(b) {
			nodes = append(nodes, Node{Name: "rest", Value: hex(b[n:]), Offset: offset + n, Length: len(b) - n})
		}
		return nodes
	}
	for a := range attrs(b[n:]) {
		at := offset + n + a.offset
		if a.bad {
			return append(nodes, malformed(b[n+a.offset:], at))
		}
		nodes = append(nodes, t.showAttr(v, a.Attr, at))
	}
	return nodes
}

func (t Table[T]) showAttr(v *T, a Attr, at int) Node {
	node := Node{Type: a.Type, Offset: at, Header: attrHeader, Length: attrHeader + len(a.Data)}
	if r := t.row(a.Type); r != nil {
		node.Name = r.name
		node.Value, node.Children = r.show(v, a, at+attrHeader)
	} else {
		node.Value = hex(a.Data)
	}
	if node.Name == "" {
		node.Name = "attribute " + utoa(a.Type)
	}
	return node
}

func malformed(b []byte, offset int) Node {
	return Node{Name: "malformed", Value: hex(b), Offset: offset, Length: len(b)}
}

func utoa(n uint16) string {
	var b [5]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return string(b[i:])
		}
	}
}

// PathAt names the attribute, or field, that holds the byte at offset, by the names on the way to it:
// "LINKINFO/INFO_DATA/VETH_INFO_PEER/IFNAME". It is "" where nothing is known to be there.
//
// The prefix that the outermost attribute's name has, such as IFLA_, is left out of all the names.
func PathAt(c Codec, b []byte, offset int) string {
	var path []string
	var prefix string
	for nodes := c.Show(b); ; {
		node := covering(nodes, offset)
		if node == nil {
			return strings.Join(path, "/")
		}
		if node.Header > 0 && prefix == "" {
			if before, _, ok := strings.Cut(node.Name, "_"); ok {
				prefix = before + "_"
			}
		}
		path = append(path, strings.TrimPrefix(node.Name, prefix))
		nodes = node.Children
	}
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
