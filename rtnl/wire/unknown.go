package wire

import "unsafe"

// Unknown keeps the attributes that no row of the table has a field for, and sends them again, in its own place in the
// table. Those that are known all the same, of which the kernel tells and which nobody here asks for, are shown by their
// names.
func Unknown[P any](f func(P) *[]Attr, known ...Known) Row[P] {
	return Row[P]{unknownRow(at(f), known)}
}

// A Known is an attribute that has a name and no field.
type Known struct {
	Type uint16
	Name string
	Show func(a Attr) string // nil: in hexadecimal
}

//go:noinline
func unknownRow(at getter, known []Known) *row {
	return &row{role: unknown, codec: &others{at: at, known: known}}
}

type others struct {
	flat
	at    getter
	known []Known
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
	for _, a := range *(*[]Attr)(o.at(v)) {
		copy(e.attr(a.wireType(), len(a.Data)), a.Data)
	}
}

func (o *others) get(v unsafe.Pointer, a Attr) error {
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
