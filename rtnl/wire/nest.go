package wire

import "fmt"

// Nest is an attribute whose payload is described by a table of its own. nil is not sent.
func Nest[T, N any](typ uint16, name string, f func(*T) **N, t *Table[N]) Row[T] {
	return nest(typ, name, flagNested, f, t)
}

// Struct is an attribute whose payload is a C struct: a table that has fields only. nil is not sent.
func Struct[T, N any](typ uint16, name string, f func(*T) **N, t *Table[N]) Row[T] {
	return nest(typ, name, 0, f, t)
}

func nest[T, N any](typ uint16, name string, flags uint16, f func(*T) **N, t *Table[N]) Row[T] {
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			if n := *f(v); n != nil {
				start := e.begin(typ | flags)
				t.encode(e, n)
				e.end(start)
			}
		},
		get: func(v *T, a Attr) error {
			n := new(N)
			*f(v) = n
			return t.Decode(a.Data, n)
		},
		show:  showNothing,
		inner: func(*T) layout { return t },
	}
}

// List is an attribute that holds a list: in it, one attribute of type elem for each element. An empty list is not sent.
func List[T, N any](typ uint16, name string, elem uint16, elemName string, f func(*T) *[]N, t *Table[N]) Row[T] {
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			list := *f(v)
			if len(list) == 0 {
				return
			}
			start := e.begin(typ | flagNested)
			for i := range list {
				one := e.begin(elem | flagNested)
				t.encode(e, &list[i])
				e.end(one)
			}
			e.end(start)
		},
		get: func(v *T, a Attr) error {
			for one := range attrs(a.Data) {
				if one.bad {
					return ErrTruncated
				}
				var n N
				if err := t.Decode(one.Data, &n); err != nil {
					return fmt.Errorf("%s: %w", elemName, err)
				}
				*f(v) = append(*f(v), n)
			}
			return nil
		},
		show:  showNothing,
		inner: func(*T) layout { return elements{elemName, t} },
	}
}

// showNothing is the value of what its fields and attributes say.
func showNothing(Attr) string { return "" }

// NestBy is an attribute whose table depends on a name that another attribute holds: IFLA_INFO_DATA by IFLA_INFO_KIND,
// NFTA_EXPR_DATA by NFTA_EXPR_NAME. data holds a pointer to the kind's struct, a Raw where kinds has no such
// name, or nil, which is not sent.
func NestBy[T any](typ uint16, name string, key func(*T) string, data func(*T) *any, kinds Kinds) Row[T] {
	return Row[T]{
		typ: typ, name: name, role: late,
		put: func(e *Encoder, v *T) {
			d := *data(v)
			if d == nil {
				return
			}
			start := e.begin(typ | flagNested)
			if raw, ok := d.(Raw); ok {
				copy(e.grow(len(raw)), raw)
			} else if k, ok := kinds[key(v)]; !ok {
				e.fail("%s: %q is not known here, so its data can only be a wire.Raw", name, key(v))
			} else if !k.put(e, d) {
				e.fail("%s: a %T cannot be the data of %q", name, d, key(v))
			}
			e.end(start)
		},
		get: func(v *T, a Attr) (err error) {
			k, ok := kinds[key(v)]
			if !ok {
				*data(v) = Raw(append([]byte{}, a.Data...))
				return nil
			}
			*data(v), err = k.get(a.Data)
			return err
		},
		show: func(a Attr) string { return hex(a.Data) },
		inner: func(v *T) layout {
			if k, ok := kinds[key(v)]; ok {
				return k.table
			}
			return nil
		},
	}
}

// Raw is the payload of a NestBy whose name is not known.
type Raw []byte

// Kinds are the tables that a NestBy chooses from.
type Kinds map[string]Kind

// A Kind is one table of Kinds, made by KindOf.
type Kind struct {
	put   func(e *Encoder, data any) bool
	get   func(b []byte) (any, error)
	table layout
}

// KindOf makes a kind of a table: the data is a *N.
func KindOf[N any](t *Table[N]) Kind {
	return Kind{
		put: func(e *Encoder, data any) bool {
			n, ok := data.(*N)
			if ok {
				t.encode(e, n)
			}
			return ok
		},
		get: func(b []byte) (any, error) {
			n := new(N)
			return n, t.Decode(b, n)
		},
		table: t,
	}
}
