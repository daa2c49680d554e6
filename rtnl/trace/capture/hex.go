package capture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Hex reads messages that people paste: a Source. It takes plain hexadecimal, in upper case or lower, with spaces, commas,
// colons or 0x between; what xxd, hexdump -C, od -t x1, tshark -x and strace's -e write print, without their offsets and
// characters; and strings of C or Python with escapes. An empty line, or an offset of 0, begins another datagram; a text
// after # or // is a comment.
type Hex struct {
	r    *bufio.Reader
	line int
	data []byte // of the datagram that is being read
	dump bool   // it has offsets
	done bool
}

// NewHex returns a reader of hexadecimal.
func NewHex(r io.Reader) *Hex { return &Hex{r: bufio.NewReader(r)} }

// Next implements Source.
func (h *Hex) Next() (Packet, error) {
	var data []byte
	for !h.done {
		line, err := readLine(h.r, maxLine)
		h.line++
		h.done = err == io.EOF
		if err != nil && err != io.EOF {
			return Packet{}, fmt.Errorf("line %d: %w", h.line, err)
		}
		bytes, first, err := h.bytes(strings.TrimSpace(line))
		if err != nil {
			return Packet{}, fmt.Errorf("line %d: %w", h.line, err)
		}
		if len(h.data)+len(bytes) > maxPacket {
			return Packet{}, fmt.Errorf("line %d: more than %d bytes in one datagram", h.line, maxPacket)
		}
		if first || strings.TrimSpace(line) == "" {
			data, h.data = h.data, nil
		}
		h.data = append(h.data, bytes...)
		if len(data) > 0 {
			return hexPacket(data), nil
		}
	}
	data, h.data = h.data, nil
	if len(data) > 0 {
		return hexPacket(data), nil
	}
	return Packet{}, io.EOF
}

// hexPacket is a datagram, with the cooked header before it or without.
func hexPacket(data []byte) Packet {
	if p, ok := link(linkNetlink).packet(data, 0); ok {
		return p
	}
	return Packet{Family: AnyFamily, Sent: requests(data), Data: data}
}

// errLeftOut is of a dump that says "*" instead of what is as the line before.
var errLeftOut = errors.New("lines that repeat are left out: let hexdump and od print them, with -v")

// bytes reads what is in a line. It is the first of a dump where its offset is 0.
func (h *Hex) bytes(line string) (b []byte, first bool, err error) {
	switch {
	case line == "*":
		return nil, false, errLeftOut
	case strings.HasPrefix(line, "#"), strings.HasPrefix(line, "//"), strings.HasPrefix(line, "* "), strings.HasPrefix(line, "= "):
		return nil, false, nil // the latter two are strace's
	case line == "":
		h.dump = false
		return nil, false, nil
	}
	if offset, columns, found := dumpLine(strings.TrimPrefix(line, "| "), h.dump); found {
		h.dump = true
		return columns, strings.Trim(offset, "0") == "" && len(columns) > 0, nil
	}
	if text, found := escaped(line); found {
		return text, false, nil
	}
	line, _, _ = strings.Cut(line, "#")
	line, _, _ = strings.Cut(line, "//")
	b, err = digits(line)
	return b, false, err
}

// dumpLine reads a line of a dump:
//
//	00000000: 5400 0000 1000 0506 ca6c 086b 0000 0000  T........l.k....    xxd
//	00000000  54 00 00 00 10 00 05 06  ca 6c 08 6b 00 00 00 00  |T...|    hexdump -C
//	0000000 54 00 00 00 10 00 05 06 ca 6c 08 6b 00 00 00 00               od -t x1
//
// An offset alone is the end of a dump that has begun.
func dumpLine(line string, begun bool) (offset string, b []byte, found bool) {
	end := 0
	for end < len(line) && isHex(line[end]) {
		end++
	}
	if end < 4 || end > 8 {
		return "", nil, false
	}
	offset, rest := line[:end], line[end:]
	most := 16
	switch {
	case rest == "":
		return offset, nil, begun
	case strings.HasPrefix(rest, ": "):
		rest, _, _ = strings.Cut(rest[2:], "  ")
		most = 256
	case strings.HasPrefix(rest, "  "):
	case begun || end == 6 || end == 7: // od
		if len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
			return "", nil, false
		}
	default:
		return "", nil, false
	}
	columns, _, _ := strings.Cut(strings.TrimSpace(rest), "   ") // before a short line's characters
	for word := range strings.FieldsSeq(columns) {
		part, err := digits(word)
		if err != nil || len(b)+len(part) > most {
			break
		}
		b = append(b, part...)
	}
	return offset, b, true
}

// escaped reads strings that have escapes in them, with quotation marks around them or without.
func escaped(line string) (b []byte, found bool) {
	line = strings.TrimSpace(strings.TrimSuffix(line, "\\")) // which a shell goes on after
	if !strings.Contains(line, "\\") {
		return nil, false
	}
	mark := `"`
	if !strings.Contains(line, mark) {
		mark = "'"
	}
	if !strings.Contains(line, mark) {
		b, _ = unquoteC(line)
		return b, true
	}
	for {
		_, rest, found := strings.Cut(line, mark)
		if !found {
			return b, true
		}
		text, n := unquoteUntil(rest, mark[0])
		b = append(b, text...)
		line = rest[n:]
	}
}

// digits reads hexadecimal digits, and what people have between them.
func digits(s string) ([]byte, error) {
	if _, after, found := strings.Cut(s, "{"); found { // []byte{, char b[] = {
		s = after
	}
	s, _, _ = strings.Cut(s, "}")
	var b []byte
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(" \t,;:.-_\"'[]()|", r) }) {
		word = strings.TrimPrefix(strings.TrimPrefix(word, "0x"), "0X")
		if len(word) == 1 {
			word = "0" + word
		}
		if len(word)%2 != 0 || strings.Trim(word, "0123456789abcdefABCDEF") != "" {
			return nil, fmt.Errorf("%.40q is not pairs of hexadecimal digits", word)
		}
		for i := 0; i < len(word); i += 2 {
			b = append(b, unhex(word[i])<<4|unhex(word[i+1]))
		}
	}
	return b, nil
}
