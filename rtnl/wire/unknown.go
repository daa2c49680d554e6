package wire

import "unsafe"

// Unknown keeps the attributes that no row of the table has a field for, and sends them again, in its own place in the
// table. Those that a group of a dictionary names, of which the kernel tells and which nobody here asks for, are shown
// by it.
func Unknown[P any](f func(P) *[]Attr, known ...Known) Row[P] {
	return Row[P]{unknownRow(at(f), known, Group{})}
}

// UnknownIn is Unknown, with the names that a dictionary has.
func UnknownIn[P any](f func(P) *[]Attr, more Group) Row[P] {
	return Row[P]{unknownRow(at(f), nil, more)}
}

// A Known is an attribute that has a name and no field.
type Known struct {
	Type uint16
	Name string
	Show func(a Attr) string // nil: in hexadecimal
}

// Named names the attributes that no row of the table has a field for, without keeping them.
func Named[P any](more Group) Row[P] {
	return Row[P]{unknownRow(nil, nil, more)}
}

//go:noinline
func unknownRow(at getter, known []Known, more Group) *row {
	return &row{role: unknown, codec: &others{at: at, known: known, more: more}}
}

type others struct {
	flat
	at    getter // nil where they are not kept
	known []Known
	more  Group
}

// find is what is known of an attribute type, or nil.
func (o *others) find(typ uint16) *Known {
	for i := range o.known {
		if o.known[i].Type == typ {
			return &o.known[i]
		}
	}
	return nil
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

func (o *others) show(a Attr) string {
	if k := o.find(a.Type); k != nil && k.Show != nil {
		return k.Show(a)
	}
	return hex(a.Data)
}
