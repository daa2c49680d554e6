package trace

import (
	"fmt"
	"strings"

	"plumb/rtnl/wire"
)

// fault shows where in what was sent the kernel points to, by names and by bytes.
func (p *page) fault(sent *wire.View, err *wire.Error) {
	at, length := p.marked(sent.Nodes, err.Offset-headerSize, 0)
	if length > 0 {
		p.carets(err.Sent, at+headerSize, length)
	}
}

// marked writes the nodes on the way to the byte at offset, and a mark at the last, whose place in the body it returns.
func (p *page) marked(nodes []wire.Node, offset, depth int) (at, length int) {
	for i := range nodes {
		n := &nodes[i]
		if offset < n.Offset || offset >= n.Offset+n.Length {
			continue
		}
		if len(n.Children) > 0 && offset >= n.Offset+n.Header {
			p.line(depth, "", p.named(n))
			return p.marked(n.Children, offset, depth+1)
		}
		p.line(depth, p.paint(red, "▸ "), p.named(n))
		return n.Offset, n.Length
	}
	return 0, 0
}

// carets writes the bytes of a message around those at fault, 16 to a line after their offset from the message's start, and
// carets below those at fault. What is long is cut.
func (p *page) carets(b []byte, at, length int) {
	const row, mostRows = 16, 8
	end := min(at+length, len(b))
	from := at / row * row
	for rows := 0; from < end; from, rows = from+row, rows+1 {
		if rows == mostRows {
			p.line(0, p.paint(red, "▸ "), fmt.Sprintf("… %d bytes more", end-from))
			return
		}
		var bytes, marks strings.Builder
		for i := from; i < min(from+row, len(b)); i++ {
			gap := " "
			if i == from+row/2 {
				gap = "  "
			}
			mark := "  "
			if i >= at && i < end {
				mark = "^^"
			}
			fmt.Fprintf(&bytes, "%s%02x", gap, b[i])
			marks.WriteString(gap + mark)
		}
		p.line(0, p.paint(red, "▸ "), fmt.Sprintf("%04x %s", from, bytes.String()))
		p.line(0, p.paint(red, "▸ "), "     "+p.paint(red, strings.TrimRight(marks.String(), " ")))
	}
}
