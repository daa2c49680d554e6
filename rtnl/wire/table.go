package wire

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// A Table defines the body of a message, or of a nested attribute: first the fields of the fixed C struct, if it
// has one, in their order; then one row for each attribute that we know. Attributes are sent in the table's order.
//
// P is *T, where T is the Go struct that holds the values. A row is made with the address of its field in a sample of
// T, and keeps how far into T that is, so that one row serves to encode, to decode and to show.
type Table[P any] struct {
	// Rows makes the rows, with Of. It is called once, when the table is first used: of the kernel's hundred structs, a
	// program needs few.
	Rows func(sample P) Rows

	made
}

// rows are a Table without its type. The compiler holds a table to one struct, and a row to a field that fits. What works
// with rows is written for rows without types, which know where a field is and how it is read: so it is compiled once, and not
// again for each struct.
type rows struct {
	make func(sample unsafe.Pointer) Rows // nil: there are none
	made
}

// made are the rows, once they have been needed.
type made struct {
	once sync.Once
	Rows
}

// Rows are what a Table's function makes.
type Rows struct {
	list []*row
	of   reflect.Type // the struct
}

// A Row is one field or one attribute of a Table. Field, U32, String, Nest and their like make them.
type Row struct{ *row }

// A row is what a Row makes known.
type row struct {
	typ    uint16 // the attribute's type; nothing for a field
	name   string // as the kernel's header spells it
	size   int    // bytes, of a field; 0 for an attribute
	role   role
	codec  codec
	value  spot
	key    spot  // the field that says what the value means, for a codec that needs one
	splice []Row // the rows that it stands for: see Several
}

// A spot is where in a struct a field is.
type spot struct {
	sample unsafe.Pointer // in the sample, until the row is in a table
	offset uintptr
}

// in is the address of the field in the struct that v points at.
func (p spot) in(v unsafe.Pointer) unsafe.Pointer { return unsafe.Add(v, p.offset) }

// of returns a table without its type. Both have the same fields, and a pointer to a struct is passed in the same way
// whatever it points at, with the gc toolchain; the language does not promise that. layout_test.go fails where it is not so.
func of[P any](t *Table[P]) *rows { return (*rows)(unsafe.Pointer(t)) }

// room is where the samples of all tables are. It is as large as any struct. It is never read or written: of a sample only addresses are
// taken, and memory that is not touched costs a process nothing.
var room [1 << 9]uint64

// all are the rows of a table, which are made now if they have not been.
func (rs *rows) all() []*row {
	rs.once.Do(func() {
		if rs.make != nil {
			rs.Rows = rs.make(unsafe.Pointer(&room))
		}
	})
	return rs.list
}

// Of makes the rows of a table: of is the sample, and each row is of a field of it.
func Of[P any](sample P, all ...Row) Rows {
	return placed(address(sample), reflect.TypeFor[P]().Elem(), all)
}

//go:noinline
func placed(sample unsafe.Pointer, of reflect.Type, all []Row) Rows {
	if of.Size() > unsafe.Sizeof(room) {
		panic("wire: a " + of.String() + " is larger than a sample can be")
	}
	rs := Rows{list: spliced(make([]*row, 0, len(all)), all), of: of}
	for _, r := range rs.list {
		for _, p := range []*spot{&r.value, &r.key} {
			if p.sample == nil {
				continue
			}
			p.offset = uintptr(p.sample) - uintptr(sample)
			if p.offset >= of.Size() {
				panic("wire: " + r.name + " is of no field of " + of.String())
			}
			p.sample = nil
		}
	}
	return rs
}

// Several are rows that more than one table has: those of a struct that others begin with, or hold.
func Several(all ...Row) Row { return Row{&row{splice: append([]Row(nil), all...)}} }

// spliced appends rows, and in the place of a Several what it stands for.
func spliced(list []*row, all []Row) []*row {
	for _, r := range all {
		if r.splice != nil {
			list = spliced(list, r.splice)
		} else {
			list = append(list, r.row)
		}
	}
	return list
}

// A codec is how a row's value goes to the wire and comes from it. v is the address of the struct.
type codec interface {
	put(e *Encoder, r *row, v unsafe.Pointer)
	get(r *row, v unsafe.Pointer, a Attr) error
	show(a Attr) string                    // the value, readable
	read(value string) ([]byte, error)     // the payload of a value that show has shown
	inner(r *row, v unsafe.Pointer) layout // nil, or what describes a payload that holds fields or attributes again
	shapeless() bool                       // bytes, of which the row says no more: a dictionary may know better
}

// address is where v points.
func address[P any](v P) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&v)) }

// flat is embedded by codecs whose payload holds no attributes.
type flat struct{}

func (flat) inner(*row, unsafe.Pointer) layout { return nil }
func (flat) shapeless() bool                   { return false }

type role uint8

const (
	plain   role = iota
	late         // what its payload means depends on other attributes: it is decoded after them
	unknown      // takes the attributes that no row names
)

// An Attr is one attribute as it is on the wire: struct nlattr, linux/netlink.h.
type Attr struct {
	Type         uint16 // without the flags
	Nested       bool   // NLA_F_NESTED: the payload is attributes
	NetworkOrder bool   // NLA_F_NET_BYTEORDER: the payload is a number in network byte order; few families say so
	Data         []byte // the payload, without padding
}

// Sizes and flags of struct nlattr, linux/netlink.h.
const (
	attrHeader  = 4
	flagNested  = 1 << 15
	flagNetwork = 1 << 14 // NLA_F_NET_BYTEORDER
	typeMask    = ^uint16(flagNested | flagNetwork)
)

// align rounds n up to 4, as NLMSG_ALIGN and NLA_ALIGN do.
func align(n int) int { return (n + 3) &^ 3 }

// ErrTruncated is what a decode returns when the bytes end before the value does.
var ErrTruncated = errors.New("truncated")

// Encode returns the bytes of v.
func (t *Table[P]) Encode(v P) ([]byte, error) {
	var e Encoder
	of(t).encode(&e, address(v))
	return e.b, e.err
}

// Decode reads b into v, which is zero. Bytes that end too early are an error that wraps ErrTruncated; an attribute
// that no row names is kept where the table has an Unknown row, and passed over where it has none. The slices in v are
// copies.
func (t *Table[P]) Decode(b []byte, v P) error { return of(t).decode(b, address(v)) }

// Show returns the fields and attributes of b. Whatever the bytes are, they are shown: what cannot be read is shown as
// hexadecimal.
func (t *Table[P]) Show(b []byte) []Node { return of(t).show(b, 0, nil) }

func (rs *rows) encode(e *Encoder, v unsafe.Pointer) {
	for _, r := range rs.all() {
		if r.size == 0 {
			e.pad() // attributes begin at a multiple of 4, whatever the size of the struct before them (rtgenmsg: 1)
		}
		r.codec.put(e, r, v)
	}
}

func (rs *rows) decode(b []byte, v unsafe.Pointer) error {
	rest, err := rs.decodeFields(b, v)
	if err != nil || rs.isStruct() {
		return err
	}
	anyLate := false
	for a := range attrs(rest) {
		if a.bad {
			return fmt.Errorf("attribute at byte %d: %w", len(b)-len(rest)+a.offset, ErrTruncated)
		}
		r := rs.find(a.Type)
		if r == nil {
			continue
		}
		if r.role == late {
			anyLate = true
		} else if err := r.decode(v, a.Attr); err != nil {
			return err
		}
	}
	if anyLate {
		return rs.decodeLate(rest, v)
	}
	return nil
}

// isStruct reports whether a table is a C struct and nothing else. What comes after its fields are then no attributes
// but fields that a newer kernel has added, or that nobody here asks for.
func (rs *rows) isStruct() bool {
	all := rs.all()
	return len(all) > 0 && all[len(all)-1].size > 0
}

// decodeLate is the second pass, over the attributes that could not be understood before all others were.
func (rs *rows) decodeLate(b []byte, v unsafe.Pointer) error {
	for a := range attrs(b) {
		if r := rs.find(a.Type); r != nil && r.role == late {
			if err := r.decode(v, a.Attr); err != nil {
				return err
			}
		}
	}
	return nil
}

// decodeFields reads the fixed struct and returns what comes after it.
func (rs *rows) decodeFields(b []byte, v unsafe.Pointer) (rest []byte, err error) {
	n := 0
	for _, r := range rs.all() {
		if r.size == 0 {
			break
		}
		if len(b) < n+r.size {
			return nil, fmt.Errorf("%s: %w", r.name, ErrTruncated)
		}
		if err := r.decode(v, Attr{Data: b[n : n+r.size]}); err != nil {
			return nil, err
		}
		n += r.size
	}
	return b[min(align(n), len(b)):], nil
}

func (r *row) decode(v unsafe.Pointer, a Attr) error {
	if err := r.codec.get(r, v, a); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}

// find finds the row of an attribute type: the unknown row, or nil, where there is none.
func (rs *rows) find(typ uint16) *row {
	var other *row
	for _, r := range rs.all() {
		switch {
		case r.role == unknown:
			other = r
		case r.size == 0 && r.typ == typ:
			return r
		}
	}
	return other
}

// wireType is the type as it is sent, with its flags.
func (a Attr) wireType() uint16 {
	typ := a.Type
	if a.Nested {
		typ |= flagNested
	}
	if a.NetworkOrder {
		typ |= flagNetwork
	}
	return typ
}

// A located is an attribute and where it begins.
type located struct {
	Attr
	offset int
	bad    bool // its length is not possible; nothing comes after it
}

// attrs walks the attributes of b. The last one's padding may be missing.
func attrs(b []byte) func(yield func(located) bool) {
	return func(yield func(located) bool) {
		for n := 0; n < len(b); {
			rest := b[n:]
			if len(rest) < attrHeader {
				yield(located{offset: n, bad: true})
				return
			}
			length, typ := int(native.Uint16(rest)), native.Uint16(rest[2:])
			if length < attrHeader || length > len(rest) {
				yield(located{offset: n, bad: true})
				return
			}
			a := Attr{
				Type: typ & typeMask, Nested: typ&flagNested != 0, NetworkOrder: typ&flagNetwork != 0,
				Data: rest[attrHeader:length],
			}
			if !yield(located{Attr: a, offset: n}) {
				return
			}
			n += align(length)
		}
	}
}
