package wire

import (
	"errors"
	"fmt"
)

// A Table defines the body of a message, or of a nested attribute: first the fields of the fixed C struct, if it
// has one, in their order; then one row for each attribute that we know. Attributes are sent in the table's order.
//
// T is the Go struct that holds the values. A row finds its value in a T by a function that returns the field's
// address, so that one row serves to encode, to decode and to show.
type Table[T any] []Row[T]

// A Row is one field or one attribute of a Table. Field8, U32, String, Nest and their like make them.
type Row[T any] struct {
	typ  uint16 // the attribute's type; nothing for a field
	name string // as the kernel's header spells it
	size int    // bytes, of a field; 0 for an attribute
	role role

	put   func(e *Encoder, v *T)
	get   func(v *T, a Attr) error
	show  func(a Attr) string // the value, readable
	inner func(v *T) layout   // nil, or what describes a payload that holds fields or attributes again
}

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
func (t Table[T]) Encode(v *T) ([]byte, error) {
	var e Encoder
	t.encode(&e, v)
	return e.b, e.err
}

func (t Table[T]) encode(e *Encoder, v *T) {
	for i := range t {
		if t[i].size == 0 {
			e.pad() // attributes begin at a multiple of 4, whatever the size of the struct before them (rtgenmsg: 1)
		}
		if t[i].put != nil {
			t[i].put(e, v)
		}
	}
}

// Decode reads b into v, which is zero. Bytes that end too early are an error that wraps ErrTruncated; an attribute
// that no row names is kept where the table has an Unknown row, and passed over where it has none. The slices in v are
// copies.
func (t Table[T]) Decode(b []byte, v *T) error {
	rest, err := t.decodeFields(b, v)
	if err != nil || t.isStruct() {
		return err
	}
	anyLate := false
	for a := range attrs(rest) {
		if a.bad {
			return fmt.Errorf("attribute at byte %d: %w", len(b)-len(rest)+a.offset, ErrTruncated)
		}
		row := t.row(a.Type)
		if row == nil {
			continue
		}
		if row.role == late {
			anyLate = true
		} else if err := row.decode(v, a.Attr); err != nil {
			return err
		}
	}
	if anyLate {
		return t.decodeLate(rest, v)
	}
	return nil
}

// isStruct reports whether the table is a C struct and nothing else. What comes after its fields are then no attributes
// but fields that a newer kernel has added, or that nobody here asks for.
func (t Table[T]) isStruct() bool { return len(t) > 0 && t[len(t)-1].size > 0 }

// decodeLate is the second pass, over the attributes that could not be understood before all others were.
func (t Table[T]) decodeLate(b []byte, v *T) error {
	for a := range attrs(b) {
		if row := t.row(a.Type); row != nil && row.role == late {
			if err := row.decode(v, a.Attr); err != nil {
				return err
			}
		}
	}
	return nil
}

// decodeFields reads the fixed struct and returns what comes after it.
func (t Table[T]) decodeFields(b []byte, v *T) (rest []byte, err error) {
	n := 0
	for i := range t {
		size := t[i].size
		if size == 0 {
			break
		}
		if len(b) < n+size {
			return nil, fmt.Errorf("%s: %w", t[i].name, ErrTruncated)
		}
		if t[i].get != nil {
			if err := t[i].get(v, Attr{Data: b[n : n+size]}); err != nil {
				return nil, err
			}
		}
		n += size
	}
	return b[min(align(n), len(b)):], nil
}

func (r *Row[T]) decode(v *T, a Attr) error {
	if err := r.get(v, a); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}

// row finds the row of an attribute type: the unknown row, or nil, where there is none.
func (t Table[T]) row(typ uint16) *Row[T] {
	var other *Row[T]
	for i := range t {
		r := &t[i]
		switch {
		case r.role == unknown:
			other = r
		case r.size == 0 && r.typ == typ:
			return r
		}
	}
	return other
}

// Join makes one table of several, for a message that adds to another's attributes. Only the first may have fields.
func Join[T any](tables ...Table[T]) Table[T] {
	var joined Table[T]
	for _, t := range tables {
		joined = append(joined, t...)
	}
	return joined
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
