package trace

import (
	"fmt"
	"strings"
)

// dump writes the bytes of a message, 16 to a line after their offset from the message's start. To who reads the trace as messages they
// are comments.
func (p *page) dump(b []byte) {
	const row = 16
	for from := 0; from < len(b); from += row {
		var line strings.Builder
		fmt.Fprintf(&line, "%04x ", from)
		for i := from; i < min(from+row, len(b)); i++ {
			if i == from+row/2 {
				line.WriteByte(' ')
			}
			fmt.Fprintf(&line, " %02x", b[i])
		}
		p.line(0, p.paint(dim, "# "), p.paint(dim, line.String()))
	}
}
