package nat

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A registerValue is NFTA_DATA_VALUE as a trace shows it: the parts of a concatenation with " . " between them, each in a form
// that says how many bytes it has, so that the text means one value and no other.
//
//	"pl-web"           16 bytes, IFNAMSIZ: an interface's name
//	10.0.0.2           4 bytes, fe80::1 16 bytes
//	be16:80, u32:3     a number in network byte order, or the host's
//	0x0a000002         bytes
type registerValue []byte

// String is what can be said without knowing the type: a name and an address of 16 bytes look like what they are.
func (v registerValue) String() string {
	if len(v) > 0 && len(v)%ifNameSize == 0 || len(v) > ifNameSize && len(v)%4 == 0 && isIfName(v[:ifNameSize]) {
		var words []string
		for b := v; len(b) > 0; b = b[min(len(b), ifNameSize):] {
			words = append(words, guess(b[:min(len(b), ifNameSize)]))
		}
		return strings.Join(words, " . ")
	}
	return guess(v)
}

func guess(b []byte) string {
	switch {
	case len(b) == ifNameSize && isIfName(b):
		return strconv.Quote(ifNameOf(b))
	case len(b) == ifNameSize:
		return netip.AddrFrom16([16]byte(b)).String()
	}
	return fmt.Sprintf("%#x", b)
}

// isIfName says whether 16 bytes are a name and zeros: printable, and not empty.
func isIfName(b []byte) bool {
	name := ifNameOf(b)
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return false
		}
	}
	return name != "" && len(name) < len(b) && strings.Trim(string(b[len(name):]), "\x00") == ""
}

// typed is the value of a type that is known.
func (v registerValue) typed(t DataType) string {
	types := fieldsOf(t)
	var words []string
	rest := []byte(v)
	for _, t := range types {
		size, padded := sizeOf(t), sizeOf(t)
		if len(types) > 1 {
			padded = (size + 3) &^ 3 // each begins in a register of its own
		}
		if size == 0 || padded > len(rest) || strings.Trim(string(rest[size:padded]), "\x00") != "" {
			return v.String()
		}
		words = append(words, part(t, rest[:size]))
		rest = rest[padded:]
	}
	if len(rest) > 0 || len(types) == 0 {
		return v.String()
	}
	return strings.Join(words, " . ")
}

// fieldsOf are the parts of a concatenation, in order.
func fieldsOf(t DataType) []DataType {
	var parts []DataType
	for ; t > 0; t >>= typeBits {
		parts = append([]DataType{t & (1<<typeBits - 1)}, parts...)
	}
	return parts
}

// sizeOf is how many bytes a type has; 0 where that is not known.
func sizeOf(t DataType) int {
	switch t {
	case TypeIPv4Addr, TypeMark, typeNumber:
		return 4
	case TypeIPv6Addr, TypeIfName:
		return 16
	case TypeInetService:
		return 2
	case TypeInetProto:
		return 1
	}
	return 0
}

// typeNumber is a number of four bytes in the host's byte order, as meta and ct give it: nft's integer.
const typeNumber DataType = 4

func part(t DataType, b []byte) string {
	switch t {
	case TypeIPv4Addr, TypeIPv6Addr:
		return addrOf(b).String()
	case TypeInetService:
		return "be16:" + strconv.Itoa(int(binary.BigEndian.Uint16(b)))
	case TypeInetProto:
		return "u8:" + strconv.Itoa(int(b[0]))
	case TypeMark, typeNumber:
		return "u32:" + strconv.FormatUint(uint64(binary.NativeEndian.Uint32(b)), 10)
	}
	return guess(b)
}

// UnmarshalText reads what String and typed write.
func (v *registerValue) UnmarshalText(text []byte) error {
	*v = registerValue{}
	if len(text) == 0 {
		return nil
	}
	words := strings.Split(string(text), " . ")
	for _, word := range words {
		b, err := parsePart(word)
		if err != nil {
			return err
		}
		if *v = append(*v, b...); len(words) > 1 {
			*v = append(*v, make([]byte, -len(b)&3)...)
		}
	}
	return nil
}

func parsePart(word string) ([]byte, error) {
	if strings.HasPrefix(word, `"`) {
		name, err := strconv.Unquote(word)
		if err != nil || len(name) >= ifNameSize {
			return nil, fmt.Errorf("%s is no interface's name: up to %d bytes in double quotes are", word, ifNameSize-1)
		}
		return IfName(name), nil
	}
	if digits, ok := strings.CutPrefix(word, "0x"); ok {
		return hex.DecodeString(digits)
	}
	if a, err := netip.ParseAddr(word); err == nil && a.Zone() == "" {
		return a.AsSlice(), nil
	}
	form, digits, _ := strings.Cut(word, ":")
	bits, known := map[string]int{"u8": 8, "u16": 16, "u32": 32, "u64": 64, "be16": 16, "be32": 32, "be64": 64}[form]
	n, err := strconv.ParseUint(digits, 0, max(bits, 1))
	if !known || err != nil {
		return nil, fmt.Errorf(`%q is no value of a register: "eth0", 10.0.0.2, fe80::1, be16:80, u32:3 and 0x0a000002 are`, word)
	}
	b := make([]byte, 8)
	if form[0] == 'b' {
		binary.BigEndian.PutUint64(b, n)
		return b[8-bits/8:], nil
	}
	binary.NativeEndian.PutUint64(b, n)
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return b[:bits/8], nil
	}
	return b[8-bits/8:], nil
}
