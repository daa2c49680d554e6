package wire

import (
	"strconv"
	"strings"
)

// Names are the names of an enumeration's values, or of a flag word's bits, as the kernel's header spells them. The
// String method of a field's type uses them, and a trace shows the field by it.
type Names []Name

// A Name is one value, or one bit, and what it is called.
type Name struct {
	Value uint64
	Name  string
}

// Enum names v, or gives its number.
func (ns Names) Enum(v uint64) string {
	for _, n := range ns {
		if n.Value == v {
			return n.Name
		}
	}
	return strconv.FormatUint(v, 10)
}

// Flags names the bits that are set in v, with | between them, and gives in hexadecimal what has no name.
func (ns Names) Flags(v uint64) string {
	var words []string
	for _, n := range ns {
		if n.Value != 0 && v&n.Value == n.Value {
			words = append(words, n.Name)
			v &^= n.Value
		}
	}
	if v != 0 || len(words) == 0 {
		words = append(words, "0x"+strconv.FormatUint(v, 16))
	}
	return strings.Join(words, "|")
}
