package wire

import "fmt"

// Nest is an attribute whose payload is described by a table of its own. nil is not sent.
func Nest[T, N any](typ uint16, name string, f func(*T) **N, t *Table[N]) Row[T] {
	return Row[T]{attribute(typ, name, nest[N]{flagNested, t, at(f)})}
}

// Struct is an attribute whose payload is a C struct: a table that has fields only. nil is not sent.
func Struct[T, N any](typ uint16, name string, f func(*T) **N, t *Table[N]) Row[T] {
	return Row[T]{attribute(typ, name, nest[N]{0, t, at(f)})}
}

type nest[N any] struct {
	flags uint16
	table *Table[N]
	at    getter
}

func (n nest[N]) put(e *Encoder, r *row, v any) {
	if x := *n.at(v).(**N); x != nil {
		start := e.begin(r.typ | n.flags)
		encode(n.table.rows(), e, x)
		e.end(start)
	}
}

func (n nest[N]) get(v any, a Attr) error {
	x := new(N)
	*n.at(v).(**N) = x
	return decode(n.table.rows(), a.Data, x)
}

func (n nest[N]) show(Attr) string { return "" } // its fields and attributes say it
func (n nest[N]) inner(any) layout { return n.table }

// List is an attribute that holds a list: in it, one attribute of type elem for each element. An empty list is not sent.
func List[T, N any](typ uint16, name string, elem uint16, elemName string, f func(*T) *[]N, t *Table[N]) Row[T] {
	return Row[T]{attribute(typ, name, listOf[N]{elem, elemName, t, at(f)})}
}

type listOf[N any] struct {
	elem     uint16
	elemName string
	table    *Table[N]
	at       getter
}

func (l listOf[N]) put(e *Encoder, r *row, v any) {
	all := *l.at(v).(*[]N)
	if len(all) == 0 {
		return
	}
	start := e.begin(r.typ | flagNested)
	for i := range all {
		one := e.begin(l.elem | flagNested)
		encode(l.table.rows(), e, &all[i])
		e.end(one)
	}
	e.end(start)
}

func (l listOf[N]) get(v any, a Attr) error {
	all := l.at(v).(*[]N)
	for one := range attrs(a.Data) {
		if one.bad {
			return ErrTruncated
		}
		var n N
		*all = append(*all, n)
		if err := decode(l.table.rows(), one.Data, &(*all)[len(*all)-1]); err != nil {
			return fmt.Errorf("%s: %w", l.elemName, err)
		}
	}
	return nil
}

func (l listOf[N]) show(Attr) string { return "" } // its elements say it
func (l listOf[N]) inner(any) layout { return elements{l.elemName, l.table} }

// NestBy is an attribute whose table depends on a name that another attribute holds: IFLA_INFO_DATA by IFLA_INFO_KIND,
// NFTA_EXPR_DATA by NFTA_EXPR_NAME. data holds a pointer to the kind's struct, a Raw where kinds has no such
// name, or nil, which is not sent.
func NestBy[T any](typ uint16, name string, key func(*T) string, data func(*T) *any, kinds Kinds) Row[T] {
	c := nestBy{func(v any) string { return key(v.(*T)) }, at(data), kinds}
	return Row[T]{row{typ: typ, name: name, role: late, codec: c}}
}

type nestBy struct {
	key   func(v any) string
	at    getter
	kinds Kinds
}

func (n nestBy) put(e *Encoder, r *row, v any) {
	data := *n.at(v).(*any)
	if data == nil {
		return
	}
	start := e.begin(r.typ | flagNested)
	if raw, ok := data.(Raw); ok {
		copy(e.grow(len(raw)), raw)
	} else if k, ok := n.kinds[n.key(v)]; !ok {
		e.fail("%s: %q is not known here, so its data can only be a wire.Raw", r.name, n.key(v))
	} else if !k.is(data) {
		e.fail("%s: a %T cannot be the data of %q", r.name, data, n.key(v))
	} else {
		encode(k.rows(), e, data)
	}
	e.end(start)
}

func (n nestBy) get(v any, a Attr) error {
	data := n.at(v).(*any)
	k, ok := n.kinds[n.key(v)]
	if !ok {
		*data = Raw(append([]byte{}, a.Data...))
		return nil
	}
	*data = k.zero()
	return decode(k.rows(), a.Data, *data)
}

func (n nestBy) show(a Attr) string { return hex(a.Data) }

func (n nestBy) inner(v any) layout {
	if k, ok := n.kinds[n.key(v)]; ok {
		return k
	}
	return nil
}

// Raw is the payload of a NestBy whose name is not known.
type Raw []byte

// Kinds are the tables that a NestBy chooses from.
type Kinds map[string]Kind

// A Kind is one table of Kinds, made by KindOf.
type Kind interface {
	layout
	rows() []row
	zero() any        // a new struct, by its address
	is(data any) bool // whether data is the address of such a struct
}

// KindOf makes a kind of a table: the data is a *N.
func KindOf[N any](t *Table[N]) Kind { return t }

func (t *Table[T]) zero() any { return new(T) }

func (t *Table[T]) is(data any) bool {
	_, ok := data.(*T)
	return ok
}
