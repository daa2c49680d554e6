package wire

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"unsafe"
)

// The fields of a fixed struct. Field and FieldBE take the size from the Go type: 1, 2, 4 or 8 bytes.

// Field is a field in the host's byte order.
func Field[V integer](name string, f *V) Row {
	return Row{number(0, name, inField, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// FieldBE is a field in network byte order, such as nfgenmsg's res_id.
func FieldBE[V integer](name string, f *V) Row {
	return Row{number(0, name, inField|bigEndian, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// Pad is n bytes of a fixed struct that hold nothing.
func Pad(n int) Row { return Row{&row{name: "pad", size: n, codec: padding{}}} }

type padding struct{ flat }

func (padding) put(e *Encoder, r *row, _ unsafe.Pointer) { e.grow(r.size) }
func (padding) get(*row, unsafe.Pointer, Attr) error     { return nil }
func (padding) show(a Attr) string                       { return hex(a.Data) }

// The numbers. A value of 0 is not sent: where 0 means something, take the Opt row, whose nil is not sent.

// U8 is a number of 8 bits.
func U8[V ~uint8 | ~int8](typ uint16, name string, f *V) Row {
	return Row{number(typ, name, 0, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// U32 is a number of 32 bits in the host's byte order.
func U32[V ~uint32 | ~int32](typ uint16, name string, f *V) Row {
	return Row{number(typ, name, 0, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// U64 is a number of 64 bits in the host's byte order.
func U64[V ~uint64 | ~int64](typ uint16, name string, f *V) Row {
	return Row{number(typ, name, 0, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// BE16 is a number of 16 bits in network byte order.
func BE16[V ~uint16 | ~int16](typ uint16, name string, f *V) Row {
	return Row{number(typ, name, bigEndian, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// BE32 is a number of 32 bits in network byte order, as all of nftables' are.
func BE32[V ~uint32 | ~int32](typ uint16, name string, f *V) Row {
	return Row{number(typ, name, bigEndian, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// BE64 is a number of 64 bits in network byte order.
func BE64[V ~uint64 | ~int64](typ uint16, name string, f *V) Row {
	return Row{number(typ, name, bigEndian, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// ReqBE is a number in network byte order, of the Go type's size, that is always sent, 0 as well. Many of nftables'
// attributes are required and have a 0 that says something: NFT_CMP_EQ, NF_DROP, NF_INET_PRE_ROUTING.
func ReqBE[V integer](typ uint16, name string, f *V) Row {
	return Row{number(typ, name, bigEndian|always, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// Opt is a number in the host's byte order, of the Go type's size, of which 0 is a value and nil is not sent.
func Opt[V integer](typ uint16, name string, f **V) Row {
	return Row{number(typ, name, byPointer, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// OptBE is Opt in network byte order.
func OptBE[V integer](typ uint16, name string, f **V) Row {
	return Row{number(typ, name, byPointer|bigEndian, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// attribute is a row of no special role.
func attribute(typ uint16, name string, field unsafe.Pointer, c codec) *row {
	return &row{typ: typ, name: name, value: spot{sample: field}, codec: c}
}

// A numberForm is how a number is sent.
type numberForm uint8

const (
	inField   numberForm = 1 << iota // of the fixed struct, not an attribute
	bigEndian                        // in network byte order
	always                           // though it is 0
	byPointer                        // unless its pointer is nil
)

// number is a row of a number of a Go type. It is not inlined, as other makers of rows are not: there are hundreds of rows,
// and each would have its code.
//
//go:noinline
func number(typ uint16, name string, form numberForm, field unsafe.Pointer, of reflect.Type) *row {
	n := numeric{size: int(of.Size()), big: form&bigEndian != 0, always: form&always != 0, typ: of}
	r := attribute(typ, name, field, &n)
	if form&inField != 0 {
		r.size = n.size
	}
	if form&byPointer != 0 {
		r.codec = &optional{n}
	}
	return r
}

// numeric is a number, of a field or an attribute.
type numeric struct {
	flat
	size   int  // bytes
	big    bool // in network byte order
	always bool // sent though it is 0
	typ    reflect.Type
}

func (n *numeric) put(e *Encoder, r *row, v unsafe.Pointer) {
	switch x := load(r.value.in(v), n.size); {
	case r.size > 0:
		putNumber(e.grow(r.size), n.big, x)
	case x != 0 || n.always:
		putNumber(e.attr(r.typ, n.size), n.big, x)
	}
}

func (n *numeric) get(r *row, v unsafe.Pointer, a Attr) error {
	x, err := getNumber(a.Data, n.size, n.big)
	if err == nil {
		store(r.value.in(v), n.size, x)
	}
	return err
}

func (n *numeric) show(a Attr) string {
	x, err := getNumber(a.Data, n.size, n.big)
	if err != nil || len(a.Data) != n.size {
		return oddBytes(a.Data)
	}
	v := reflect.New(n.typ)
	store(v.UnsafePointer(), n.size, x)
	return fmt.Sprint(v.Elem().Interface()) // as its type says: by its String method, or else in decimal
}

// optional is a number that has an absent besides its 0: the field is a pointer to it.
type optional struct{ numeric }

func (o *optional) put(e *Encoder, r *row, v unsafe.Pointer) {
	if x := *(*unsafe.Pointer)(r.value.in(v)); x != nil {
		putNumber(e.attr(r.typ, o.size), o.big, load(x, o.size))
	}
}

func (o *optional) get(r *row, v unsafe.Pointer, a Attr) error {
	x, err := getNumber(a.Data, o.size, o.big)
	if err == nil {
		number := unsafe.Pointer(new(uint64)) // aligned, and large enough, for all
		store(number, o.size, x)
		*(*unsafe.Pointer)(r.value.in(v)) = number
	}
	return err
}

// String is a string that ends in a NUL on the wire, such as an interface's name. "" is not sent.
func String(typ uint16, name string, f *string) Row {
	return Row{textRow(typ, name, 1, unsafe.Pointer(f))}
}

// Text is a string without a NUL at its end, such as IFLA_IFALIAS. "" is not sent.
func Text(typ uint16, name string, f *string) Row {
	return Row{textRow(typ, name, 0, unsafe.Pointer(f))}
}

//go:noinline
func textRow(typ uint16, name string, nul int, field unsafe.Pointer) *row {
	return attribute(typ, name, field, &text{nul: nul})
}

type text struct {
	flat
	nul int // bytes of NUL at the end
}

func (t *text) put(e *Encoder, r *row, v unsafe.Pointer) {
	if s := *(*string)(r.value.in(v)); s != "" {
		putString(e, r.typ, s, t.nul)
	}
}

func (t *text) get(r *row, v unsafe.Pointer, a Attr) error {
	*(*string)(r.value.in(v)) = cstring(a.Data)
	return nil
}

func (t *text) show(a Attr) string { return strconv.Quote(cstring(a.Data)) }

// Strings is an attribute that is repeated, once for each string: IFLA_ALT_IFNAME in IFLA_PROP_LIST.
func Strings(typ uint16, name string, f *[]string) Row {
	return Row{attribute(typ, name, unsafe.Pointer(f), texts{})}
}

type texts struct{ flat }

func (texts) put(e *Encoder, r *row, v unsafe.Pointer) {
	for _, s := range *(*[]string)(r.value.in(v)) {
		putString(e, r.typ, s, 1)
	}
}

func (texts) get(r *row, v unsafe.Pointer, a Attr) error {
	list := (*[]string)(r.value.in(v))
	*list = append(*list, cstring(a.Data))
	return nil
}

func (texts) show(a Attr) string { return strconv.Quote(cstring(a.Data)) }

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

// Bytes is a payload that has no shape of its own. nil is not sent.
func Bytes[V ~[]byte](typ uint16, name string, f *V) Row {
	return Row{blobRow(typ, name, unsafe.Pointer(f), reflect.TypeFor[V]())}
}

// MAC is a link-layer address. nil is not sent.
func MAC(typ uint16, name string, f *net.HardwareAddr) Row {
	return Bytes(typ, name, f)
}

//go:noinline
func blobRow(typ uint16, name string, field unsafe.Pointer, of reflect.Type) *row {
	return attribute(typ, name, field, &blob{typ: of})
}

type blob struct {
	flat
	typ reflect.Type
}

func (p *blob) put(e *Encoder, r *row, v unsafe.Pointer) {
	if b := *(*[]byte)(r.value.in(v)); b != nil {
		copy(e.attr(r.typ, len(b)), b)
	}
}

func (p *blob) get(r *row, v unsafe.Pointer, a Attr) error {
	*(*[]byte)(r.value.in(v)) = append([]byte{}, a.Data...)
	return nil
}

// show shows bytes as their type does: by its String method, or else in hexadecimal.
func (p *blob) show(a Attr) string {
	if s, ok := reflect.NewAt(p.typ, unsafe.Pointer(&a.Data)).Elem().Interface().(fmt.Stringer); ok {
		return s.String()
	}
	return hex(a.Data)
}

func (p *blob) shapeless() bool { return p.typ == reflect.TypeFor[[]byte]() }

// IP is an IPv4 or IPv6 address, 4 or 16 bytes. The zero Addr is not sent; a decoded 4-in-6 address stays one.
func IP(typ uint16, name string, f *netip.Addr) Row {
	return Row{ipRow(typ, name, unsafe.Pointer(f))}
}

//go:noinline
func ipRow(typ uint16, name string, field unsafe.Pointer) *row {
	return attribute(typ, name, field, ip{})
}

type ip struct{ flat }

func (ip) put(e *Encoder, r *row, v unsafe.Pointer) {
	switch a := *(*netip.Addr)(r.value.in(v)); {
	case a.Is4():
		b := a.As4()
		copy(e.attr(r.typ, len(b)), b[:])
	case a.Is6():
		b := a.As16()
		copy(e.attr(r.typ, len(b)), b[:])
	}
}

func (ip) get(r *row, v unsafe.Pointer, a Attr) error {
	addr, ok := netip.AddrFromSlice(a.Data)
	if !ok {
		return fmt.Errorf("an address of %d bytes, where 4 or 16 are possible: %w", len(a.Data), ErrTruncated)
	}
	*(*netip.Addr)(r.value.in(v)) = addr
	return nil
}

func (ip) show(a Attr) string {
	if addr, ok := netip.AddrFromSlice(a.Data); ok {
		return addr.String()
	}
	return hex(a.Data)
}

// Custom is an attribute that no other row describes. put appends the payload to a slice and returns it, or returns
// nil for an attribute that is not sent; nested sets NLA_F_NESTED on what is sent.
func Custom[V any](typ uint16, name string, nested bool, f *V, put func(*V) []byte, get func(*V, Attr) error, show func(a Attr) string) Row {
	c := &custom{
		encode: func(field unsafe.Pointer) []byte { return put((*V)(field)) },
		decode: func(field unsafe.Pointer, a Attr) error { return get((*V)(field), a) },
		value:  show,
	}
	if nested {
		c.flags = flagNested
	}
	return Row{attribute(typ, name, unsafe.Pointer(f), c)}
}

// Parsed adds to a Custom row the way back from its value to the payload, for Parse.
func (r Row) Parsed(parse func(value string) ([]byte, error)) Row {
	r.row.codec.(*custom).parse = parse
	return r
}

type custom struct {
	flat
	flags  uint16
	encode func(field unsafe.Pointer) []byte
	decode func(field unsafe.Pointer, a Attr) error
	value  func(a Attr) string
	parse  func(value string) ([]byte, error) // nil: the value is given as bytes only
}

func (c *custom) put(e *Encoder, r *row, v unsafe.Pointer) {
	if b := c.encode(r.value.in(v)); b != nil {
		copy(e.attr(r.typ|c.flags, len(b)), b)
	}
}

func (c *custom) get(r *row, v unsafe.Pointer, a Attr) error { return c.decode(r.value.in(v), a) }
func (c *custom) show(a Attr) string                         { return c.value(a) }

// oddBytes are bytes in the place of a number of another size, in a form that cannot be read as one.
func oddBytes(b []byte) string { return fmt.Sprintf("bytes:%x", b) }

func hex(b []byte) string { return fmt.Sprintf("%#x", b) }
