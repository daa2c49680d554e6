package wire

import (
	"runtime"
	"testing"
	"unsafe"
)

// A holder has a field of every sort that a row's function returns the address of.
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

// What table.go does with unsafe.Pointer rests on these sizes.
func TestRowLayout(t *testing.T) {
	t.Parallel()
	const pointer = unsafe.Sizeof(uintptr(0))
	for name, size := range map[string]uintptr{
		"Row[*holder]":                unsafe.Sizeof(Row[*holder]{}),
		"Row[*thing]":                 unsafe.Sizeof(Row[*thing]{}),
		"*row":                        unsafe.Sizeof((*row)(nil)),
		"*holder":                     unsafe.Sizeof((*holder)(nil)),
		"getter":                      unsafe.Sizeof(getter(nil)),
		"func(*holder) **uint32":      unsafe.Sizeof((func(*holder) **uint32)(nil)),
		"the offset of row in a Row":  pointer + unsafe.Offsetof(Row[*holder]{}.row),
		"a third of Table[*holder]{}": unsafe.Sizeof(Table[*holder]{}) / 3,
		"a third of rows{}":           unsafe.Sizeof(rows{}) / 3,
	} {
		if size != pointer {
			t.Errorf("%s has %d bytes, and a pointer %d", name, size, pointer)
		}
	}
}

// The table without its type has the same rows.
func TestTableOf(t *testing.T) {
	t.Parallel()
	rs := *of(&thingTable)
	if len(rs) != len(thingTable) || cap(rs) != cap(thingTable) {
		t.Fatalf("%d rows of %d, want %d of %d", len(rs), cap(rs), len(thingTable), cap(thingTable))
	}
	for i, r := range thingTable {
		if rs[i] != r.row {
			t.Errorf("row %d is %p, want %p (%s)", i, rs[i], r.row, r.row.name)
		}
	}
	if empty := (Table[*thing]{}); len(*of(&empty)) != 0 {
		t.Errorf("an empty table has %d rows", len(*of(&empty)))
	}
}

// A getter finds the field that the typed function finds, of any type, in a struct on the heap, on the stack, and in a slice.
func TestGetter(t *testing.T) {
	t.Parallel()
	var onStack holder
	many := make([]holder, 3)
	for name, v := range map[string]*holder{"heap": new(holder), "stack": &onStack, "slice": &many[1]} {
		for field, got := range map[string][2]unsafe.Pointer{
			"number":        {at(func(h *holder) *uint16 { return &h.number })(address(v)), unsafe.Pointer(&v.number)},
			"text":          {at(func(h *holder) *string { return &h.text })(address(v)), unsafe.Pointer(&v.text)},
			"nested.deep":   {at(func(h *holder) *uint64 { return &h.nested.deep })(address(v)), unsafe.Pointer(&v.nested.deep)},
			"list":          {at(func(h *holder) *[]Attr { return &h.list })(address(v)), unsafe.Pointer(&v.list)},
			"pointer":       {at(func(h *holder) **uint32 { return &h.pointer })(address(v)), unsafe.Pointer(&v.pointer)},
			"any":           {at(func(h *holder) *any { return &h.any })(address(v)), unsafe.Pointer(&v.any)},
			"outer":         {at(func(h *holder) **leaf { return &h.outer })(address(v)), unsafe.Pointer(&v.outer)},
			"pad, an array": {at(func(h *holder) *[3]byte { return &h.nested.pad })(address(v)), unsafe.Pointer(&v.nested.pad)},
		} {
			if got[0] != got[1] {
				t.Errorf("%s, %s: %p, want %p", name, field, got[0], got[1])
			}
		}
	}
}

// A getter may capture variables, and follow a pointer to another struct; what it returns keeps that alive.
func TestGetterOfClosure(t *testing.T) {
	t.Parallel()
	at := at(closure(2))
	v := &[]holder{{}, {}, {outer: &leaf{Size: 9}}}
	size := (*uint64)(at(address(v)))
	v = nil
	for range 3 {
		runtime.GC()
	}
	if *size != 9 {
		t.Errorf("it is %d, want 9", *size)
	}
}

//go:noinline
func closure(i int) func(*[]holder) *uint64 {
	return func(list *[]holder) *uint64 { return &(*list)[i].outer.Size }
}

// A value that a getter's pointer is used to write is seen by the typed struct, also where the stack moves meanwhile.
func TestGetterWrites(t *testing.T) {
	t.Parallel()
	var v holder // on this goroutine's stack, if the compiler finds that it may
	text := at(func(h *holder) *string {
		deepen(1 << 10)
		return &h.text
	})
	*(*string)(text(address(&v))) = "written"
	if v.text != "written" {
		t.Errorf("the field is %q", v.text)
	}
}

// deepen makes the stack larger, so that it is copied elsewhere.
//
//go:noinline
func deepen(n int) (sum byte) {
	var frame [512]byte
	frame[n%len(frame)] = 1
	if n > 0 {
		sum = deepen(n - 1)
	}
	return sum + frame[n%len(frame)]
}
