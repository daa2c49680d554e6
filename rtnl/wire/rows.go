package wire

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unsafe"
)

// The fields of a fixed struct. Field and FieldBE take the size from the Go type: 1, 2, 4 or 8 bytes.

// Field is a field in the host's byte order.
func Field[T any, V number](name string, f func(*T) *V) Row[T] { return field(name, false, f) }

// FieldBE is a field in network byte order, such as nfgenmsg's res_id.
func FieldBE[T any, V number](name string, f func(*T) *V) Row[T] { return field(name, true, f) }

// Pad is n bytes of a fixed struct that hold nothing.
func Pad[T any](n int) Row[T] {
	return Row[T]{
		name: "pad", size: n,
		put:  func(e *Encoder, _ *T) { e.grow(n) },
		show: func(a Attr) string { return hex(a.Data) },
	}
}

func field[T any, V number](name string, big bool, f func(*T) *V) Row[T] {
	r := numeric(0, name, big, f)
	size := sizeOf[V]()
	r.size = size
	r.put = func(e *Encoder, v *T) { putNumber(e.grow(size), big, *f(v)) }
	return r
}

// The numbers. A value of 0 is not sent: where 0 means something, take the Opt row, whose nil is not sent.

// U8 is a number of 8 bits.
func U8[T any, V ~uint8 | ~int8](typ uint16, name string, f func(*T) *V) Row[T] {
	return numeric(typ, name, false, f)
}

// U16 is a number of 16 bits in the host's byte order.
func U16[T any, V ~uint16 | ~int16](typ uint16, name string, f func(*T) *V) Row[T] {
	return numeric(typ, name, false, f)
}

// U32 is a number of 32 bits in the host's byte order.
func U32[T any, V ~uint32 | ~int32](typ uint16, name string, f func(*T) *V) Row[T] {
	return numeric(typ, name, false, f)
}

// U64 is a number of 64 bits in the host's byte order.
func U64[T any, V ~uint64 | ~int64](typ uint16, name string, f func(*T) *V) Row[T] {
	return numeric(typ, name, false, f)
}

// BE16 is a number of 16 bits in network byte order.
func BE16[T any, V ~uint16 | ~int16](typ uint16, name string, f func(*T) *V) Row[T] {
	return numeric(typ, name, true, f)
}

// BE32 is a number of 32 bits in network byte order, as all of nftables' are.
func BE32[T any, V ~uint32 | ~int32](typ uint16, name string, f func(*T) *V) Row[T] {
	return numeric(typ, name, true, f)
}

// BE64 is a number of 64 bits in network byte order.
func BE64[T any, V ~uint64 | ~int64](typ uint16, name string, f func(*T) *V) Row[T] {
	return numeric(typ, name, true, f)
}

// Opt is a number in the host's byte order, of the Go type's size, of which 0 is a value and nil is not sent.
func Opt[T any, V number](typ uint16, name string, f func(*T) **V) Row[T] {
	return optional(typ, name, false, f)
}

// OptBE is Opt in network byte order.
func OptBE[T any, V number](typ uint16, name string, f func(*T) **V) Row[T] {
	return optional(typ, name, true, f)
}

func numeric[T any, V number](typ uint16, name string, big bool, f func(*T) *V) Row[T] {
	size := sizeOf[V]()
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			if n := *f(v); n != 0 {
				putNumber(e.attr(typ, size), big, n)
			}
		},
		get:  func(v *T, a Attr) (err error) { *f(v), err = getNumber[V](a.Data, size, big); return err },
		show: showNumber[V](size, big),
	}
}

func optional[T any, V number](typ uint16, name string, big bool, f func(*T) **V) Row[T] {
	size := sizeOf[V]()
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			if n := *f(v); n != nil {
				putNumber(e.attr(typ, size), big, *n)
			}
		},
		get: func(v *T, a Attr) error {
			n, err := getNumber[V](a.Data, size, big)
			if err == nil {
				*f(v) = &n
			}
			return err
		},
		show: showNumber[V](size, big),
	}
}

func showNumber[V number](size int, big bool) func(Attr) string {
	return func(a Attr) string {
		n, err := getNumber[V](a.Data, size, big)
		if err != nil {
			return hex(a.Data)
		}
		return fmt.Sprint(n)
	}
}

// sizeOf is the size of a number in bytes.
func sizeOf[V number]() int { return int(unsafe.Sizeof(V(0))) }

// String is a string that ends in a NUL on the wire, such as an interface's name. "" is not sent.
func String[T any](typ uint16, name string, f func(*T) *string) Row[T] {
	return text(typ, name, 1, f)
}

// Text is a string without a NUL at its end, such as IFLA_IFALIAS. "" is not sent.
func Text[T any](typ uint16, name string, f func(*T) *string) Row[T] {
	return text(typ, name, 0, f)
}

func text[T any](typ uint16, name string, nul int, f func(*T) *string) Row[T] {
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			if s := *f(v); s != "" {
				putString(e, typ, s, nul)
			}
		},
		get:  func(v *T, a Attr) error { *f(v) = cstring(a.Data); return nil },
		show: showString,
	}
}

// Strings is an attribute that is repeated, once for each string: IFLA_ALT_IFNAME in IFLA_PROP_LIST.
func Strings[T any](typ uint16, name string, f func(*T) *[]string) Row[T] {
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			for _, s := range *f(v) {
				putString(e, typ, s, 1)
			}
		},
		get:  func(v *T, a Attr) error { *f(v) = append(*f(v), cstring(a.Data)); return nil },
		show: showString,
	}
}

func putString(e *Encoder, typ uint16, s string, nul int) {
	if i := strings.IndexByte(s, 0); i >= 0 {
		e.fail("%q has a NUL byte in it, at %d", s, i)
	}
	copy(e.attr(typ, len(s)+nul), s)
}

// cstring is the string in b, up to the first NUL.
func cstring(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

func showString(a Attr) string { return strconv.Quote(cstring(a.Data)) }

// Bytes is a payload that has no shape of its own. nil is not sent.
func Bytes[T any, V ~[]byte](typ uint16, name string, f func(*T) *V) Row[T] {
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			if b := *f(v); b != nil {
				copy(e.attr(typ, len(b)), b)
			}
		},
		get: func(v *T, a Attr) error { *f(v) = append(V{}, a.Data...); return nil },
		show: func(a Attr) string {
			if s, ok := any(V(a.Data)).(fmt.Stringer); ok {
				return s.String()
			}
			return hex(a.Data)
		},
	}
}

// MAC is a link-layer address. nil is not sent.
func MAC[T any](typ uint16, name string, f func(*T) *net.HardwareAddr) Row[T] {
	return Bytes(typ, name, f)
}

// IP is an IPv4 or IPv6 address, 4 or 16 bytes. The zero Addr is not sent; a decoded 4-in-6 address stays one.
func IP[T any](typ uint16, name string, f func(*T) *netip.Addr) Row[T] {
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			switch a := *f(v); {
			case a.Is4():
				b := a.As4()
				copy(e.attr(typ, len(b)), b[:])
			case a.Is6():
				b := a.As16()
				copy(e.attr(typ, len(b)), b[:])
			}
		},
		get: func(v *T, a Attr) error {
			ip, ok := netip.AddrFromSlice(a.Data)
			if !ok {
				return fmt.Errorf("an address of %d bytes, where 4 or 16 are possible: %w", len(a.Data), ErrTruncated)
			}
			*f(v) = ip
			return nil
		},
		show: func(a Attr) string {
			if ip, ok := netip.AddrFromSlice(a.Data); ok {
				return ip.String()
			}
			return hex(a.Data)
		},
	}
}

// Flag is an attribute without a payload, true when it is there (NLA_FLAG).
func Flag[T any](typ uint16, name string, f func(*T) *bool) Row[T] {
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			if *f(v) {
				e.attr(typ, 0)
			}
		},
		get:  func(v *T, _ Attr) error { *f(v) = true; return nil },
		show: func(Attr) string { return "true" },
	}
}

// Custom is an attribute that no other row describes. put appends the payload to a slice and returns it, or returns
// nil for an attribute that is not sent; nested sets NLA_F_NESTED on what is sent.
func Custom[T any](typ uint16, name string, nested bool, put func(v *T) []byte, get func(v *T, a Attr) error, show func(a Attr) string) Row[T] {
	wireType := typ
	if nested {
		wireType |= flagNested
	}
	return Row[T]{
		typ: typ, name: name,
		put: func(e *Encoder, v *T) {
			if b := put(v); b != nil {
				copy(e.attr(wireType, len(b)), b)
			}
		},
		get:  get,
		show: show,
	}
}

// Unknown keeps the attributes that no row of the table names, and sends them again, last.
func Unknown[T any](f func(*T) *[]Attr) Row[T] {
	return Row[T]{
		role: unknown,
		put: func(e *Encoder, v *T) {
			for _, a := range *f(v) {
				copy(e.attr(a.wireType(), len(a.Data)), a.Data)
			}
		},
		get: func(v *T, a Attr) error {
			a.Data = append([]byte{}, a.Data...)
			*f(v) = append(*f(v), a)
			return nil
		},
		show: func(a Attr) string { return hex(a.Data) },
	}
}

func hex(b []byte) string { return fmt.Sprintf("%#x", b) }
