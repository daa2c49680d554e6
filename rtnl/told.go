package rtnl

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"plumb/rtnl/wire"
)

// told is an attribute that the kernel tells and plumb only shows: it has a name and no field in the struct. It is
// kept with those that nothing is known of, and sent again with them.
func told[P any](typ uint16, name string, rest func(P) *[]wire.Attr, show func(wire.Attr) string) wire.Row[P] {
	return wire.Custom(typ, name, false,
		func(P) []byte { return nil }, // the Unknown row sends it
		func(v P, a wire.Attr) error {
			a.Data = append([]byte{}, a.Data...)
			*rest(v) = append(*rest(v), a)
			return nil
		},
		show)
}

// showNumber shows an unsigned number in the host's byte order, whatever its size, and anything else as showBytes does.
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

// showBytes shows what has no shape, or one that nobody has asked for yet.
func showBytes(a wire.Attr) string {
	if len(a.Data) == 0 {
		return "empty"
	}
	return fmt.Sprintf("%#x", a.Data)
}
