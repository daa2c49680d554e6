package wire

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// A holder has a field of every sort that a row is of.
type holder struct {
	number uint16
	text   string
	nested struct {
		pad  [3]byte
		deep uint64
	}
	list    []Attr
	pointer *uint32
	any     any
	outer   *leaf
}

// What of does with unsafe.Pointer rests on this: a Table has the same fields as its rows, whatever its type is.
func TestTableLayout(t *testing.T) {
	t.Parallel()
	want := reflect.TypeFor[rows]()
	for _, typ := range []reflect.Type{reflect.TypeFor[Table[*holder]](), reflect.TypeFor[Table[*thing]]()} {
		if typ.Size() != want.Size() || typ.NumField() != want.NumField() {
			t.Fatalf("%s has %d bytes in %d fields, want %d in %d", typ, typ.Size(), typ.NumField(), want.Size(), want.NumField())
		}
		for i := range typ.NumField() {
			got, want := typ.Field(i), want.Field(i)
			if got.Offset != want.Offset || got.Type.Size() != want.Type.Size() || i > 0 && got.Type != want.Type {
				t.Errorf("%s.%s, of %s, is at %d; want %s at %d", typ, got.Name, got.Type, got.Offset, want.Type, want.Offset)
			}
		}
	}
}

// A table called by its rows' type makes the rows that its function makes, once, also where many ask at a time.
func TestTableOf(t *testing.T) {
	t.Parallel()
	made := 0
	table := Table[*holder]{Rows: func(h *holder) Rows {
		made++
		return Of(h, Field("number", &h.number), String(1, "TEXT", &h.text))
	}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if list := of(&table).all(); len(list) != 2 || list[1].name != "TEXT" {
				t.Errorf("the rows are %v", list)
			}
		})
	}
	all.Wait()
	if made != 1 {
		t.Errorf("they are made %d times", made)
	}
	if got, want := of(&table).of, reflect.TypeFor[holder](); got != want {
		t.Errorf("they are of %s, want %s", got, want)
	}
	if list := of(&Table[*thing]{}).all(); len(list) != 0 {
		t.Errorf("a table without a function has the rows %v", list)
	}
}

// A row finds the field that it was made of, of any type, in a struct on the heap, on the stack, and in a slice.
func TestSpot(t *testing.T) {
	t.Parallel()
	table := Table[*holder]{Rows: func(h *holder) Rows {
		return Of(h,
			Field("number", &h.number),
			Several(String(1, "TEXT", &h.text), Several(U64(2, "DEEP", &h.nested.deep))),
			Field("pad", &h.nested.pad[2]),
			Unknown(&h.list, Group{}),
			Opt(3, "POINTER", &h.pointer),
			NestBy(4, "ANY", &h.text, &h.any, nil),
			Nest(5, "OUTER", &h.outer, &leafTable),
			When(&h.number, func(n uint16) bool { return n == 7 }, U64(6, "DEEP", &h.nested.deep)),
		)
	}}
	var onStack holder
	many := make([]holder, 3)
	for name, v := range map[string]*holder{"heap": new(holder), "stack": &onStack, "slice": &many[1]} {
		for i, want := range []unsafe.Pointer{
			unsafe.Pointer(&v.number), unsafe.Pointer(&v.text), unsafe.Pointer(&v.nested.deep), unsafe.Pointer(&v.nested.pad[2]),
			unsafe.Pointer(&v.list), unsafe.Pointer(&v.pointer), unsafe.Pointer(&v.any), unsafe.Pointer(&v.outer),
			unsafe.Pointer(&v.nested.deep),
		} {
			r := of(&table).all()[i]
			if got := r.value.in(address(v)); got != want {
				t.Errorf("%s, row %d, %q: %p, want %p", name, i, r.name, got, want)
			}
			if r.value.sample != nil || r.key.sample != nil {
				t.Errorf("row %d, %q, keeps the sample", i, r.name)
			}
		}
		key := of(&table).all()[6].key.in(address(v))
		if cond := of(&table).all()[8].key.in(address(v)); key != unsafe.Pointer(&v.text) || cond != unsafe.Pointer(&v.number) {
			t.Errorf("%s: the keys are at %p and %p, want %p and %p", name, key, cond, &v.text, &v.number)
		}
	}
}

// A row of what is not in the struct is found when the table is made, and not when it writes somewhere.
func TestRowOfNoField(t *testing.T) {
	t.Parallel()
	var elsewhere holder
	for want, table := range map[string]*Table[*holder]{
		"TEXT is of no field of wire.holder": {Rows: func(h *holder) Rows { return Of(h, String(1, "TEXT", &elsewhere.text)) }},
		"DATA is of no field of wire.holder": {Rows: func(h *holder) Rows {
			return Of(h, NestBy(1, "DATA", &elsewhere.text, &h.any, nil))
		}},
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, want) {
					t.Errorf("the panic says %q, want %q", said, want)
				}
			}()
			table.Show(nil)
		}()
	}
	huge := Table[*[1 << 13]byte]{Rows: func(v *[1 << 13]byte) Rows { return Of(v, Field("first", &v[0])) }}
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "larger than a sample can be") {
			t.Errorf("the panic says %q", said)
		}
	}()
	huge.Show(nil)
}
