package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"plumb/rtnl/wire"
)

// parseHexText reads messages that are given as bytes. Each line may begin with an offset and a colon, as those of plumb send --dry-run and
// of xxd do, which is compared with where the bytes are: an offset of 0 begins another message. What stands behind a #,
// and xxd's column of characters, are passed over.
func parseHexText(text string, p *wire.Protocol) ([]wire.Parsed, error) {
	var messages []wire.Parsed
	var b []byte
	end := func() {
		messages = append(messages, p.Split(b)...)
		b = nil
	}
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		offset, some, err := hexLine(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", number, err)
		case offset == 0:
			end()
		case offset > 0 && offset != len(b):
			return nil, fmt.Errorf("line %d says that it begins at %#x, but %#x bytes stand before it: lengths are in the bytes too, so leave out the offsets only if that is meant", number, offset, len(b))
		}
		b = append(b, some...)
	}
	end()
	if len(messages) == 0 {
		return nil, fmt.Errorf("there are no bytes in it: they are read as plumb send --dry-run prints them")
	}
	return messages, nil
}

// hexLine reads one line. The offset is -1 where it has none.
func hexLine(line string) (offset int, b []byte, err error) {
	line, _, _ = strings.Cut(line, "#")
	line = strings.TrimSpace(line)
	offset = -1
	if before, after, ok := strings.Cut(line, ":"); ok {
		n, err := strconv.ParseUint(before, 16, 31)
		if err != nil {
			return 0, nil, fmt.Errorf("%q is no offset: hexadecimal digits are needed", before)
		}
		offset = int(n)
		line, _, _ = strings.Cut(strings.TrimLeft(after, " "), "  ") // what is behind two spaces are xxd's characters
	}
	for word := range strings.FieldsSeq(line) {
		some, err := hex.DecodeString(strings.TrimPrefix(word, "0x"))
		if err != nil {
			return 0, nil, fmt.Errorf("%q are no bytes: hexadecimal digits, two for each, are needed", word)
		}
		b = append(b, some...)
	}
	return offset, b, nil
}
