package wire

import (
	"fmt"
	"reflect"
	"unsafe"
)

// Nest is an attribute whose payload is described by a table of its own. nil is not sent.
func Nest[Q any](typ uint16, name string, f *Q, t *Table[Q]) Row {
	return Row{nestRow(typ, name, flagNested, unsafe.Pointer(f), of(t))}
}

// Struct is an attribute whose payload is a C struct: a table that has fields only. nil is not sent.
func Struct[Q any](typ uint16, name string, f *Q, t *Table[Q]) Row {
	return Row{nestRow(typ, name, 0, unsafe.Pointer(f), of(t))}
}

//go:noinline
func nestRow(typ uint16, name string, flags uint16, field unsafe.Pointer, t *rows) *row {
	return attribute(typ, name, field, &nest{flags, t})
}

type nest struct {
	flags uint16
	table *rows
}

func (n *nest) put(e *Encoder, r *row, v unsafe.Pointer) {
	if x := *(*unsafe.Pointer)(r.value.in(v)); x != nil {
		start := e.begin(r.typ | n.flags)
		n.table.encode(e, x)
		e.end(start)
	}
}

func (n *nest) get(r *row, v unsafe.Pointer, a Attr) error {
	x := n.table.new()
	*(*unsafe.Pointer)(r.value.in(v)) = x
	return n.table.decode(a.Data, x)
}

// new makes a struct of the table's.
func (rs *rows) new() unsafe.Pointer {
	rs.all()
	return reflect.New(rs.of).UnsafePointer()
}

func (n *nest) show(Attr) string                  { return "" } // its fields and attributes say it
func (n *nest) inner(*row, unsafe.Pointer) layout { return n.table }
func (n *nest) shapeless() bool                   { return false }

// List is an attribute that holds a list: in it, one attribute of type elem for each element. An empty list is not sent.
func List[N any](typ uint16, name string, elem uint16, elemName string, f *[]N, t *Table[*N]) Row {
	return Row{attribute(typ, name, unsafe.Pointer(f), &listOf{elem, elemName, of(t), grow[N], unsafe.Sizeof(*new(N))})}
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
	grow     func(unsafe.Pointer) unsafe.Pointer
	stride   uintptr // bytes of an element
}

func (l *listOf) put(e *Encoder, r *row, v unsafe.Pointer) {
	// All slices have one shape: where the elements are, and how many.
	all := *(*[]struct{})(r.value.in(v))
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

func (l *listOf) get(r *row, v unsafe.Pointer, a Attr) error {
	for one := range attrs(a.Data) {
		if one.bad {
			return ErrTruncated
		}
		if err := l.table.decode(one.Data, l.grow(r.value.in(v))); err != nil {
			return fmt.Errorf("%s: %w", l.elemName, err)
		}
	}
	return nil
}

func (l *listOf) show(Attr) string                  { return "" } // its elements say it
func (l *listOf) inner(*row, unsafe.Pointer) layout { return elements{l.elemName, l.elem, l.table} }
func (l *listOf) shapeless() bool                   { return false }

// NestBy is an attribute whose table depends on a name that another attribute holds: IFLA_INFO_DATA by IFLA_INFO_KIND,
// NFTA_EXPR_DATA by NFTA_EXPR_NAME. data holds a pointer to the kind's struct, a Raw where kinds has no such
// name, or nil, which is not sent.
func NestBy(typ uint16, name string, key *string, data *any, kinds Kinds) Row {
	return Row{&row{
		typ: typ, name: name, role: late, codec: &nestBy{kinds},
		value: spot{sample: unsafe.Pointer(data)}, key: spot{sample: unsafe.Pointer(key)},
	}}
}

type nestBy struct{ kinds Kinds }

// kind is the kind that the key in v names; nil where there is none.
func (n *nestBy) kind(r *row, v unsafe.Pointer) *Kind { return n.kinds.find(*(*string)(r.key.in(v))) }

func (n *nestBy) put(e *Encoder, r *row, v unsafe.Pointer) {
	data := *(*any)(r.value.in(v))
	if data == nil {
		return
	}
	start := e.begin(r.typ | flagNested)
	if raw, ok := data.(Raw); ok {
		copy(e.grow(len(raw)), raw)
	} else if k := n.kind(r, v); k == nil {
		e.fail("%s: %q is not known here, so its data can only be a wire.Raw", r.name, *(*string)(r.key.in(v)))
	} else if x := k.address(data); x == nil {
		e.fail("%s: a %T cannot be the data of %q", r.name, data, k.name)
	} else {
		k.table.encode(e, x)
	}
	e.end(start)
}

func (n *nestBy) get(r *row, v unsafe.Pointer, a Attr) error {
	data := (*any)(r.value.in(v))
	k := n.kind(r, v)
	if k == nil {
		*data = Raw(append([]byte{}, a.Data...))
		return nil
	}
	*data = reflect.New(k.typ.Elem()).Interface()
	return k.table.decode(a.Data, k.address(*data))
}

func (n *nestBy) show(a Attr) string { return hex(a.Data) }
func (n *nestBy) shapeless() bool    { return true }

func (n *nestBy) inner(r *row, v unsafe.Pointer) layout {
	if k := n.kind(r, v); k != nil {
		return k.table
	}
	return nil
}

// When is a row that means something only where a field of the fixed struct says so; elsewhere it is passed over, and shown
// as a dictionary has it.
func When[V any](key *V, cond func(V) bool, r Row) Row {
	c := &guarded{r.codec, func(field unsafe.Pointer) bool { return cond(*(*V)(field)) }}
	return Row{&row{typ: r.typ, name: r.name, role: late, codec: c, value: r.value, key: spot{sample: unsafe.Pointer(key)}}}
}

type guarded struct {
	codec
	cond func(key unsafe.Pointer) bool
}

func (g *guarded) get(r *row, v unsafe.Pointer, a Attr) error {
	if !g.cond(r.key.in(v)) {
		return nil
	}
	return g.codec.get(r, v, a)
}

func (g *guarded) show(a Attr) string { return hex(a.Data) }

func (g *guarded) inner(r *row, v unsafe.Pointer) layout {
	if !g.cond(r.key.in(v)) {
		return nil
	}
	return g.codec.inner(r, v)
}

func (g *guarded) shapeless() bool { return true }

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
