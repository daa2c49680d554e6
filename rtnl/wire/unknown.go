package wire

import "unsafe"

// Unknown keeps the attributes that no row of the table has a field for, and sends them again, in its own place in the
// table. The kernel tells of many that nobody here asks for: they are shown by the names that a group of a dictionary
// has for them; the zero Group has none.
//
//go:noinline
func Unknown(f *[]Attr, more Group) Row {
	return Row{&row{role: unknown, codec: &others{kept: f != nil, more: more}, value: spot{sample: unsafe.Pointer(f)}}}
}

// Named shows the attributes that no row of the table has a field for by a group's names, and does not keep them.
func Named(more Group) Row { return Unknown(nil, more) }

type others struct {
	flat
	kept bool
	more Group
}

func (o *others) put(e *Encoder, r *row, v unsafe.Pointer) {
	if !o.kept {
		return
	}
	for _, a := range *(*[]Attr)(r.value.in(v)) {
		copy(e.attr(a.wireType(), len(a.Data)), a.Data)
	}
}

func (o *others) get(r *row, v unsafe.Pointer, a Attr) error {
	if !o.kept {
		return nil
	}
	list := (*[]Attr)(r.value.in(v))
	a.Data = append([]byte{}, a.Data...)
	*list = append(*list, a)
	return nil
}

func (o *others) show(a Attr) string { return hex(a.Data) }
