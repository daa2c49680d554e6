package wire

import (
	"encoding"
	"encoding/binary"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
)

// payload is what the value of an attribute means. in describes what it would hold, if it did.
func (p *parser) payload(r *row, in layout, a textAttr) (b []byte, err error) {
	if r == nil || in != nil || r.role == late {
		b, err = parseBytes(a.value)
	} else {
		b, err = p.value(r, a.value)
	}
	if err != nil {
		return nil, a.errorf("%s: %w", a.name, err)
	}
	return b, nil
}

// parseBytes reads a payload of which nothing is known.
func parseBytes(value string) ([]byte, error) {
	if value == "" {
		return nil, nil
	}
	if b, is, err := explicit(value); is {
		return b, err
	}
	return parseHex(value)
}

// value is what a row's value means, in the form that a trace shows it in or in an explicit one.
func (p *parser) value(r *row, value string) ([]byte, error) {
	if b, is, err := explicit(value); is {
		return b, err
	}
	if strings.HasPrefix(value, `"`) && strings.HasSuffix(r.name, "_FD") {
		return p.descriptor(value)
	}
	return r.codec.read(value)
}

// descriptor opens the file that a descriptor is given by.
func (p *parser) descriptor(value string) ([]byte, error) {
	path, err := strconv.Unquote(value)
	if err != nil {
		return nil, errorf("%s is no text in quotes", value)
	}
	if p.options.Open == nil {
		return nil, errorf("%s: files are not opened here: give the number of a descriptor", value)
	}
	fd, err := p.options.Open(path)
	if err != nil {
		return nil, err
	}
	return native.AppendUint32(nil, uint32(fd)), nil
}

// explicit reads a value of a given form: bytes:0102, u16:5, be32:0x706c.
func explicit(value string) (b []byte, is bool, err error) {
	form, rest, ok := strings.Cut(value, ":")
	if !ok || strings.ContainsAny(rest, ": ") { // as an IPv6 address has it, be16:1::2, or a value of several parts
		return nil, false, nil
	}
	var order binary.ByteOrder = native
	if strings.HasPrefix(form, "be") {
		order = binary.BigEndian
	}
	switch form {
	case "bytes":
		b, err = parseHex("0x" + strings.TrimPrefix(rest, "0x"))
		return b, true, err
	case "u8", "u16", "u32", "u64", "be16", "be32", "be64":
	default:
		return nil, false, nil
	}
	bits, _ := strconv.Atoi(strings.TrimLeft(form, "ube"))
	n, err := parseInt(rest, bits)
	if err != nil {
		return nil, true, err
	}
	b = make([]byte, bits/8)
	putNumber(b, order == binary.BigEndian, n)
	return b, true, nil
}

// parseHex reads bytes as hex shows them: 0x0a0b, and nothing for none.
func parseHex(value string) ([]byte, error) {
	if strings.Contains(value, "…") {
		return nil, errorf("the trace has left out bytes of it, at the …: they cannot be sent")
	}
	digits, ok := strings.CutPrefix(value, "0x")
	if !ok && value != "" || len(digits)%2 != 0 {
		return nil, errorf("%q are no bytes: an even number of hexadecimal digits after 0x is needed", value)
	}
	b := make([]byte, len(digits)/2)
	for i := range b {
		n, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		if err != nil {
			return nil, errorf("%q are no bytes: %q is no hexadecimal number", value, digits[2*i:2*i+2])
		}
		b[i] = byte(n)
	}
	return b, nil
}

// parseInt reads a number of that many bits, with or without a sign.
func parseInt(value string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(value, 0, bits)
	if err == nil {
		return n, nil
	}
	signed, signedErr := strconv.ParseInt(value, 0, bits)
	if signedErr != nil || strings.HasPrefix(value, "+") {
		return 0, errorf("%q is no number of %d bits", value, bits)
	}
	return uint64(signed), nil
}

func (padding) read(value string) ([]byte, error) { return parseHex(value) }

func (n *numeric) read(value string) ([]byte, error) {
	x, err := readNumber(n.typ, n.size, value)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n.size)
	putNumber(b, n.big, x)
	return b, nil
}

func (t *text) read(value string) ([]byte, error) { return readText(value, t.nul) }
func (texts) read(value string) ([]byte, error)   { return readText(value, 1) }

// readText reads a string in quotes.
func readText(value string, nul int) ([]byte, error) {
	if strings.HasSuffix(value, " characters)") && strings.Contains(value, "… (") {
		return nil, errorf("the trace has left out a part of it, at the …: it cannot be sent")
	}
	s, err := strconv.Unquote(value)
	if err != nil || value[0] != '"' {
		return nil, errorf("%s is no text in double quotes, such as \"veth0\"", orNothing(value))
	}
	return append([]byte(s), make([]byte, nul)...), nil
}

// orNothing is a value in an error.
func orNothing(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}

func (p *blob) read(value string) ([]byte, error) {
	if b, err := parseHex(value); err == nil || strings.Contains(value, "…") {
		return b, err
	}
	v := reflect.New(p.typ)
	if u, ok := v.Interface().(encoding.TextUnmarshaler); ok {
		err := u.UnmarshalText([]byte(value))
		return v.Elem().Bytes(), err
	}
	if b, err := parseHex("0x" + strings.ReplaceAll(value, ":", "")); err == nil && strings.Count(value, ":") == len(b)-1 {
		return b, nil // net.HardwareAddr, of any length
	}
	return nil, errorf("%q are no bytes: 0x0a0b, or 02:00:00:00:00:01 where it is a link-layer address", value)
}

func (ip) read(value string) ([]byte, error) {
	if strings.HasPrefix(value, "0x") {
		return parseHex(value)
	}
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Zone() != "" {
		return nil, errorf("%s is no IPv4 or IPv6 address", orNothing(value))
	}
	return addr.AsSlice(), nil
}

func (c *custom) read(value string) ([]byte, error) {
	if strings.HasPrefix(value, "0x") || c.parse == nil {
		return parseHex(value)
	}
	return c.parse(value)
}

// What holds attributes has lines of its own.
func (n *nest) read(value string) ([]byte, error)   { return parseBytes(value) }
func (l *listOf) read(value string) ([]byte, error) { return parseBytes(value) }
func (n *nestBy) read(value string) ([]byte, error) { return parseBytes(value) }
func (o *others) read(value string) ([]byte, error) { return parseBytes(value) }
