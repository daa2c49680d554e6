package trace

import (
	"fmt"
	"strings"

	"plumb/rtnl/wire"
)

// fault shows where in what was sent the kernel points to, by names and by bytes.
func (p *page) fault(sent *wire.View, err *wire.Error) {
	path := pathTo(sent.Nodes, err.Offset-headerSize)
	for depth, n := range path {
		if depth < len(path)-1 {
			p.line(depth, "", p.named(n))
			continue
		}
		p.line(depth, p.paint(red, "▸ "), p.named(n))
		p.carets(err.Sent, n.Offset+headerSize, n.Length)
	}
}

// pathTo are the nodes that hold the byte at offset, from the outermost to the one that it is of.
func pathTo(nodes []wire.Node, offset int) (path []*wire.Node) {
	for i := 0; i < len(nodes); {
		n := &nodes[i]
		if offset < n.Offset || offset >= n.Offset+n.Length {
			i++
			continue
		}
		path = append(path, n)
		if offset < n.Offset+n.Header { // its type or length
			break
		}
		nodes, i = n.Children, 0
	}
	return path
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
