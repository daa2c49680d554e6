package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// native is the host's byte order: the order of everything in rtnetlink that the header does not say otherwise of.
var native = binary.NativeEndian

// An Encoder appends fields and attributes to a buffer. It remembers the first error, so that rows need not check.
type Encoder struct {
	b   []byte
	err error
}

// fail records why the message cannot be encoded; what is appended after it is of no use.
func (e *Encoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

// grow appends n zero bytes and returns them.
func (e *Encoder) grow(n int) []byte {
	start := len(e.b)
	e.b = append(e.b, make([]byte, n)...)
	return e.b[start:]
}

// attr appends an attribute with a payload of n zero bytes, padded, and returns the payload.
func (e *Encoder) attr(typ uint16, n int) []byte {
	start := e.begin(typ)
	e.grow(n)
	e.end(start)
	return e.b[start+attrHeader : start+attrHeader+n]
}

// begin appends an attribute's header; end writes its length, once the payload is there, and pads it.
func (e *Encoder) begin(typ uint16) (start int) {
	start = len(e.b)
	native.PutUint16(e.grow(attrHeader)[2:], typ)
	return start
}

func (e *Encoder) end(start int) {
	n := len(e.b) - start
	if n > math.MaxUint16 {
		e.fail("attribute %d has %d bytes of payload, %d is the most", native.Uint16(e.b[start+2:])&typeMask, n-attrHeader, math.MaxUint16-attrHeader)
	}
	native.PutUint16(e.b[start:], uint16(n))
	e.pad()
}

// pad appends zeros up to a multiple of 4. Every message, and so every attribute, begins at one.
func (e *Encoder) pad() {
	if n := len(e.b); n&3 != 0 {
		e.grow(align(n) - n)
	}
}

// integer is what a numeric row holds. A type with a String method is shown by it.
type integer interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int8 | ~int16 | ~int32 | ~int64
}

// load reads the number of size bytes that p points at.
func load(p unsafe.Pointer, size int) uint64 {
	switch size {
	case 1:
		return uint64(*(*uint8)(p))
	case 2:
		return uint64(*(*uint16)(p))
	case 4:
		return uint64(*(*uint32)(p))
	}
	return *(*uint64)(p)
}

// store writes the number of size bytes that p points at.
func store(p unsafe.Pointer, size int, n uint64) {
	switch size {
	case 1:
		*(*uint8)(p) = uint8(n)
	case 2:
		*(*uint16)(p) = uint16(n)
	case 4:
		*(*uint32)(p) = uint32(n)
	default:
		*(*uint64)(p) = n
	}
}

// putNumber writes n into all of b.
func putNumber(b []byte, big bool, n uint64) {
	switch {
	case len(b) == 1:
		b[0] = byte(n)
	case len(b) == 2 && big:
		binary.BigEndian.PutUint16(b, uint16(n))
	case len(b) == 2:
		native.PutUint16(b, uint16(n))
	case len(b) == 4 && big:
		binary.BigEndian.PutUint32(b, uint32(n))
	case len(b) == 4:
		native.PutUint32(b, uint32(n))
	case big:
		binary.BigEndian.PutUint64(b, n)
	default:
		native.PutUint64(b, n)
	}
}

// getNumber reads a number of size bytes. More bytes than that are a newer kernel's business.
func getNumber(b []byte, size int, big bool) (uint64, error) {
	if len(b) < size {
		return 0, fmt.Errorf("%d bytes where %d are needed: %w", len(b), size, ErrTruncated)
	}
	var order binary.ByteOrder = native
	if big {
		order = binary.BigEndian
	}
	switch size {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(order.Uint16(b)), nil
	case 4:
		return uint64(order.Uint32(b)), nil
	}
	return order.Uint64(b), nil
}
