package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

// Open finds out what form a capture has, by how it begins, and returns a reader of it: a pcap or pcapng file, what strace
// printed, or else hexadecimal.
func Open(r io.Reader) (Source, error) {
	const look = 64 << 10 // bytes
	b := bufio.NewReaderSize(r, look)
	magic, err := b.Peek(4)
	if err == nil {
		switch binary.LittleEndian.Uint32(magic) {
		case pcapMicro, pcapNano, 0xd4c3b2a1, 0x4d3cb2a1:
			return newPcap(b)
		case ngSection:
			return newPcapng(b), nil
		}
	}
	if bytes.HasPrefix(magic, []byte{0x1f, 0x8b}) || bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		return nil, errors.New("it is compressed: decompress it first")
	}
	head, err := b.Peek(look)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for line := range strings.SplitSeq(string(head), "\n") {
		if c, ok := parseStraceLine(line); ok && c.args != "" {
			return NewStrace(b), nil
		}
	}
	return NewHex(b), nil
}
