package wire

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// readNumber reads a number as fmt shows the type: in digits, or by the names that its String method has for it.
//
// The tables have no list of a type's names, and need none: String is asked what it calls each of the numbers that could have a
// name. A type whose names mean something together, as the parts of a concatenation do, has an UnmarshalText of its own.
func readNumber(typ reflect.Type, size int, value string) (uint64, error) {
	if n, err := parseInt(value, size*8); err == nil {
		return n, nil
	}
	v := reflect.New(typ)
	if u, ok := v.Interface().(encoding.TextUnmarshaler); ok {
		err := u.UnmarshalText([]byte(value))
		return load(v.UnsafePointer(), size), err
	}
	if _, ok := v.Elem().Interface().(fmt.Stringer); !ok {
		return 0, errorf("%s is no number of %d bits", orNothing(value), size*8)
	}
	names := namesOf{v, size}
	if n, ok := names.find(value); ok {
		return n, nil
	}
	// Flags: several names, with | between them, or commas where nft writes them so.
	var flags uint64
	for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '|' || r == ',' }) {
		n, err := parseInt(word, size*8)
		if err != nil {
			var ok bool
			if n, ok = names.find(word); !ok {
				return 0, errorf("%q is neither a number nor a name of one%s", word, near(word, names.all()))
			}
		}
		flags |= n
	}
	if value == "" {
		return 0, errorf("a value is needed")
	}
	return flags, nil
}

// namesOf are the names that a type's String method has for numbers.
type namesOf struct {
	v    reflect.Value // a pointer to one
	size int           // bytes
}

// name is what n is called.
func (ns namesOf) name(n uint64) string {
	store(ns.v.UnsafePointer(), ns.size, n)
	return ns.v.Elem().Interface().(fmt.Stringer).String()
}

// each yields the numbers that could have a name: small ones, single bits, small negative ones, and then all of 16 bits.
func (ns namesOf) each(yield func(uint64) bool) {
	const small = 1 << 8
	bits := ns.size * 8
	for n := range uint64(small) {
		if !yield(n) {
			return
		}
	}
	for bit := 8; bit < bits; bit++ {
		if !yield(1 << bit) {
			return
		}
	}
	for n := range uint64(16) {
		if !yield(^n & (1<<(bits-1)<<1 - 1)) {
			return
		}
	}
	if ns.size == 1 {
		return
	}
	for n := uint64(small); n < 1<<16; n++ {
		if !yield(n) {
			return
		}
	}
}

func (ns namesOf) find(name string) (uint64, bool) {
	for n := range ns.each {
		if ns.name(n) == name {
			return n, true
		}
	}
	return 0, false
}

// all are the names that are no numbers.
func (ns namesOf) all() []string {
	var names []string
	for n := range ns.each {
		name := ns.name(n)
		if _, err := parseInt(name, 64); err != nil && !strings.ContainsAny(name, "|,") {
			names = append(names, name)
		}
	}
	return names
}
