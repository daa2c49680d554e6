package trace

import (
	"encoding/hex"
	"unicode/utf8"
)

// An object is JSON text (RFC 8259) that is being written: encoding/json would make the binary a tenth larger.
type object struct{ b []byte }

func (o *object) open(bracket byte) { o.b = append(o.b, bracket) }

func (o *object) close(bracket byte) { o.b = append(o.b, bracket) }

// item begins an element of an array, or a member of an object.
func (o *object) item() {
	if last := o.b[len(o.b)-1]; last != '{' && last != '[' {
		o.b = append(o.b, ',')
	}
}

// member begins a member: its value comes next.
func (o *object) member(name string) {
	o.item()
	o.b = append(AppendJSONString(o.b, name), ':')
}

func (o *object) string(name, value string) {
	o.member(name)
	o.b = AppendJSONString(o.b, value)
}

// raw writes a value that is JSON already.
func (o *object) raw(name, value string) {
	o.member(name)
	o.b = append(o.b, value...)
}

func (o *object) hex(name string, value []byte) {
	o.member(name)
	o.b = append(hex.AppendEncode(append(o.b, '"'), value), '"')
}

// AppendJSONString appends s to b as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendJSONString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
