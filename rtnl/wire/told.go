package wire

import (
	"strconv"
	"unsafe"
)

// Told are the fields at the end of a C struct that nobody here asks for and that older kernels do not have: numbers of size bytes in
// the host's byte order, which are shown by their names as far as they are there. It is the last row of its table.
func Told[P any](size int, names ...string) Row[P] {
	return Row[P]{&row{role: told, codec: &toldFields{size: size, names: names}}}
}

type toldFields struct {
	flat
	size  int
	names []string
}

func (*toldFields) put(*Encoder, *row, unsafe.Pointer) {}
func (*toldFields) get(unsafe.Pointer, Attr) error     { return nil }
func (*toldFields) show(a Attr) string                 { return hex(a.Data) }

// showAll shows the fields from byte n of b on, which begins at offset, and returns where they end.
func (t *toldFields) showAll(b []byte, n, offset int) ([]Node, int) {
	var nodes []Node
	for _, name := range t.names {
		if len(b) < n+t.size {
			break
		}
		x, _ := getNumber(b[n:n+t.size], t.size, false) // it is long enough
		nodes = append(nodes, Node{Name: name, Value: strconv.FormatUint(x, 10), Offset: offset + n, Length: t.size, Form: Number})
		n += t.size
	}
	return nodes, n
}
