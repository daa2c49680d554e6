package rtnl

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"plumb/rtnl/wire"
)

// How attributes are shown that the kernel tells and that have no field: a name, and a value where it is simple.

// showNumber shows an unsigned number in the host's byte order, whatever its size, and anything else in hexadecimal.
func showNumber(a wire.Attr) string {
	switch len(a.Data) {
	case 1:
		return strconv.Itoa(int(a.Data[0]))
	case 2:
		return strconv.Itoa(int(binary.NativeEndian.Uint16(a.Data)))
	case 4:
		return strconv.FormatUint(uint64(binary.NativeEndian.Uint32(a.Data)), 10)
	case 8:
		return strconv.FormatUint(binary.NativeEndian.Uint64(a.Data), 10)
	}
	return showBytes(a)
}

// showText shows a string, with or without a NUL at its end.
func showText(a wire.Attr) string {
	b := a.Data
	if n := len(b); n > 0 && b[n-1] == 0 {
		b = b[:n-1]
	}
	return strconv.Quote(string(b))
}

// showBytes shows what has no shape.
func showBytes(a wire.Attr) string { return fmt.Sprintf("%#x", a.Data) }
