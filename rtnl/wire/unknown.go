package wire

import "unsafe"

// Unknown keeps the attributes that no row of the table has a field for, and sends them again, in its own place in the
// table. The kernel tells of many that nobody here asks for: they are shown by the names that a group of a dictionary
// has for them.
func Unknown[P any](f func(P) *[]Attr, more ...Group) Row[P] {
	return Row[P]{unknownRow(at(f), more)}
}

// Named shows the attributes that no row of the table has a field for by a group's names, and does not keep them.
func Named[P any](more Group) Row[P] {
	return Row[P]{unknownRow(nil, []Group{more})}
}

//go:noinline
func unknownRow(at getter, more []Group) *row {
	o := &others{at: at}
	if len(more) > 0 {
		o.more = more[0]
	}
	return &row{role: unknown, codec: o}
}

type others struct {
	flat
	at   getter // nil where they are not kept
	more Group
}

func (o *others) put(e *Encoder, _ *row, v unsafe.Pointer) {
	if o.at == nil {
		return
	}
	for _, a := range *(*[]Attr)(o.at(v)) {
		copy(e.attr(a.wireType(), len(a.Data)), a.Data)
	}
}

func (o *others) get(v unsafe.Pointer, a Attr) error {
	if o.at == nil {
		return nil
	}
	list := (*[]Attr)(o.at(v))
	a.Data = append([]byte{}, a.Data...)
	*list = append(*list, a)
	return nil
}

func (o *others) show(a Attr) string { return hex(a.Data) }
