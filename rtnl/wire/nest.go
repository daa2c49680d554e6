package wire

import (
	"fmt"
	"reflect"
	"unsafe"
)

// Nest is an attribute whose payload is described by a table of its own. nil is not sent.
func Nest[P, Q any](typ uint16, name string, f func(P) *Q, t *Table[Q]) Row[P] {
	return Row[P]{nestRow(typ, name, flagNested, of(t), at(f), reflect.TypeFor[Q]())}
}

// Struct is an attribute whose payload is a C struct: a table that has fields only. nil is not sent.
func Struct[P, Q any](typ uint16, name string, f func(P) *Q, t *Table[Q]) Row[P] {
	return Row[P]{nestRow(typ, name, 0, of(t), at(f), reflect.TypeFor[Q]())}
}

//go:noinline
func nestRow(typ uint16, name string, flags uint16, t *rows, at getter, pointer reflect.Type) *row {
	return attribute(typ, name, &nest{flags, t, at, pointer.Elem()})
}

type nest struct {
	flags uint16
	table *rows
	at    getter
	typ   reflect.Type // of the struct
}

func (n *nest) put(e *Encoder, r *row, v unsafe.Pointer) {
	if x := *(*unsafe.Pointer)(n.at(v)); x != nil {
		start := e.begin(r.typ | n.flags)
		n.table.encode(e, x)
		e.end(start)
	}
}

func (n *nest) get(v unsafe.Pointer, a Attr) error {
	x := reflect.New(n.typ).UnsafePointer()
	*(*unsafe.Pointer)(n.at(v)) = x
	return n.table.decode(a.Data, x)
}

func (n *nest) show(Attr) string            { return "" } // its fields and attributes say it
func (n *nest) inner(unsafe.Pointer) layout { return n.table }
func (n *nest) shapeless() bool             { return false }

// List is an attribute that holds a list: in it, one attribute of type elem for each element. An empty list is not sent.
func List[P, N any](typ uint16, name string, elem uint16, elemName string, f func(P) *[]N, t *Table[*N]) Row[P] {
	return Row[P]{attribute(typ, name, &listOf{elem, elemName, of(t), at(f), grow[N], unsafe.Sizeof(*new(N))})}
}

// grow appends an empty element to the slice at p, and returns the element's address.
func grow[N any](p unsafe.Pointer) unsafe.Pointer {
	list := (*[]N)(p)
	*list = append(*list, *new(N))
	return unsafe.Pointer(&(*list)[len(*list)-1])
}

type listOf struct {
	elem     uint16
	elemName string
	table    *rows
	at       getter
	grow     func(unsafe.Pointer) unsafe.Pointer
	stride   uintptr // bytes of an element
}

func (l *listOf) put(e *Encoder, r *row, v unsafe.Pointer) {
	// All slices have one shape: where the elements are, and how many.
	all := *(*[]struct{})(l.at(v))
	if len(all) == 0 {
		return
	}
	first := unsafe.Pointer(unsafe.SliceData(all))
	start := e.begin(r.typ | flagNested)
	for i := range all {
		one := e.begin(l.elem | flagNested)
		l.table.encode(e, unsafe.Add(first, uintptr(i)*l.stride))
		e.end(one)
	}
	e.end(start)
}

func (l *listOf) get(v unsafe.Pointer, a Attr) error {
	for one := range attrs(a.Data) {
		if one.bad {
			return ErrTruncated
		}
		if err := l.table.decode(one.Data, l.grow(l.at(v))); err != nil {
			return fmt.Errorf("%s: %w", l.elemName, err)
		}
	}
	return nil
}

func (l *listOf) show(Attr) string            { return "" } // its elements say it
func (l *listOf) inner(unsafe.Pointer) layout { return elements{l.elemName, l.elem, l.table} }
func (l *listOf) shapeless() bool             { return false }

// NestBy is an attribute whose table depends on a name that another attribute holds: IFLA_INFO_DATA by IFLA_INFO_KIND,
// NFTA_EXPR_DATA by NFTA_EXPR_NAME. data holds a pointer to the kind's struct, a Raw where kinds has no such
// name, or nil, which is not sent.
func NestBy[P any](typ uint16, name string, key func(P) string, data func(P) *any, kinds Kinds) Row[P] {
	c := &nestBy{func(v unsafe.Pointer) string { return key(pointer[P](v)) }, at(data), kinds, reflect.TypeFor[P]().Elem()}
	return Row[P]{&row{typ: typ, name: name, role: late, codec: c}}
}

// pointer is address the other way.
func pointer[P any](v unsafe.Pointer) P { return *(*P)(unsafe.Pointer(&v)) }

type nestBy struct {
	key   func(v unsafe.Pointer) string
	at    getter
	kinds Kinds
	typ   reflect.Type // of the struct that the row is of
}

func (n *nestBy) put(e *Encoder, r *row, v unsafe.Pointer) {
	data := *(*any)(n.at(v))
	if data == nil {
		return
	}
	start := e.begin(r.typ | flagNested)
	if raw, ok := data.(Raw); ok {
		copy(e.grow(len(raw)), raw)
	} else if k := n.kinds.find(n.key(v)); k == nil {
		e.fail("%s: %q is not known here, so its data can only be a wire.Raw", r.name, n.key(v))
	} else if x := k.address(data); x == nil {
		e.fail("%s: a %T cannot be the data of %q", r.name, data, n.key(v))
	} else {
		k.table.encode(e, x)
	}
	e.end(start)
}

func (n *nestBy) get(v unsafe.Pointer, a Attr) error {
	data := (*any)(n.at(v))
	k := n.kinds.find(n.key(v))
	if k == nil {
		*data = Raw(append([]byte{}, a.Data...))
		return nil
	}
	*data = reflect.New(k.typ.Elem()).Interface()
	return k.table.decode(a.Data, k.address(*data))
}

func (n *nestBy) show(a Attr) string { return hex(a.Data) }
func (n *nestBy) shapeless() bool    { return true }
func (n *nestBy) of() reflect.Type   { return n.typ }

func (n *nestBy) inner(v unsafe.Pointer) layout {
	if k := n.kinds.find(n.key(v)); k != nil {
		return k.table
	}
	return nil
}

// When is a row that means something only where fields of the fixed struct say so; elsewhere it is passed over, and shown
// as a dictionary has it.
func When[P any](cond func(P) bool, r Row[P]) Row[P] {
	c := &guarded{r.row.codec, func(v unsafe.Pointer) bool { return cond(pointer[P](v)) }, reflect.TypeFor[P]().Elem()}
	return Row[P]{&row{typ: r.row.typ, name: r.row.name, role: late, codec: c}}
}

type guarded struct {
	codec
	cond func(v unsafe.Pointer) bool
	typ  reflect.Type // of the struct that the row is of
}

func (g *guarded) get(v unsafe.Pointer, a Attr) error {
	if !g.cond(v) {
		return nil
	}
	return g.codec.get(v, a)
}

func (g *guarded) show(a Attr) string { return hex(a.Data) }

func (g *guarded) inner(v unsafe.Pointer) layout {
	if !g.cond(v) {
		return nil
	}
	return g.codec.inner(v)
}

func (g *guarded) shapeless() bool  { return true }
func (g *guarded) of() reflect.Type { return g.typ }

// A dependent codec is of a late row.
type dependent interface {
	of() reflect.Type // the struct that the row is of
}

// Raw is the payload of a NestBy whose name is not known.
type Raw []byte

// Kinds are the tables that a NestBy chooses from.
type Kinds []Kind

// find returns the kind of a name; nil where there is none.
func (ks Kinds) find(name string) *Kind {
	for i := range ks {
		if ks[i].name == name {
			return &ks[i]
		}
	}
	return nil
}

// NameOf is the name of the kind whose data a value can be, or "".
func (ks Kinds) NameOf(data any) string {
	typ := reflect.TypeOf(data)
	for i := range ks {
		if ks[i].typ == typ {
			return ks[i].name
		}
	}
	return ""
}

// A Kind is one table of Kinds, made by KindOf.
type Kind struct {
	name  string
	table *rows
	typ   reflect.Type // of a pointer to the struct
}

// KindOf makes a kind of a name and a table: the data is a P.
func KindOf[P any](name string, t *Table[P]) Kind { return Kind{name, of(t), reflect.TypeFor[P]()} }

// address is where the struct is that data points at; nil if that is another one.
func (k *Kind) address(data any) unsafe.Pointer {
	if reflect.TypeOf(data) != k.typ {
		return nil
	}
	return reflect.ValueOf(data).UnsafePointer()
}
