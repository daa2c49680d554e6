package learn_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// A field is some bytes of a message that mean one thing.
type field struct {
	at, n  int
	class  string
	text   string
	note   string // smaller, after the text
	depth  int
	owner  string // the C struct that it is a member of
	parent int    // of the head of an attribute that holds others: where it ends
}

// fieldsOf takes a message of a golden file apart. The file says which family's it is: the same type is RTM_NEWLINK for one,
// and NFNL_MSG_BATCH_BEGIN for the other.
func fieldsOf(t testing.TB, name string, b []byte) []field {
	t.Helper()
	protocol := rtnl.Protocol
	if strings.HasPrefix(name, "nat/") {
		protocol = nat.Protocol
	}
	v, err := protocol.View(b)
	if err != nil {
		t.Fatal(err)
	}
	header := func(at, n int, text string) field {
		return field{at: at, n: n, class: "header", text: text, owner: "struct nlmsghdr"}
	}
	fields := []field{
		header(0, 4, fmt.Sprintf("nlmsg_len %d", v.Header.Length)),
		header(4, 2, "nlmsg_type "+v.Name),
		header(6, 2, "nlmsg_flags "+strings.ReplaceAll(strings.Join(v.Flags, "|"), "|NLM_F_", "|")),
		header(8, 4, fmt.Sprintf("nlmsg_seq %d", v.Header.Sequence)),
		header(12, 4, fmt.Sprintf("nlmsg_pid %d", v.Header.PID)),
	}
	return appendNodes(fields, b, v.Nodes, 0)
}

// The fixed structs, by how the names of their members begin.
var structs = map[string]string{
	"ifi_": "struct ifinfomsg", "ifa_": "struct ifaddrmsg", "rtm_": "struct rtmsg", "nfgen_": "struct nfgenmsg",
}

func appendNodes(fields []field, b []byte, nodes []wire.Node, depth int) []field {
	owner := ""
	if len(nodes) > 0 {
		prefix, _, _ := strings.Cut(nodes[0].Name, "_")
		owner = structs[prefix+"_"]
	}
	for _, n := range nodes {
		at := 16 + n.Offset
		if n.Header == 0 {
			text := strings.TrimSpace(n.Name + " " + n.Value)
			class := "struct"
			if n.Name == "pad" {
				text, class = "", "pad"
			}
			fields = append(fields, field{at: at, n: n.Length, class: class, text: text, depth: depth, owner: owner})
			continue
		}
		head := field{at: at, n: n.Header, class: "attr", depth: depth}
		head.text = n.Name
		head.note = fmt.Sprintf("nla_len %d, nla_type %d", n.Length, binary.LittleEndian.Uint16(b[at+2:])&0x3fff)
		end := (at + n.Length + 3) &^ 3
		if binary.LittleEndian.Uint16(b[at+2:])&0x8000 != 0 {
			head.note += "|NLA_F_NESTED"
		}
		if len(n.Children) > 0 {
			head.parent = end
			fields = append(append(fields, head), appendNodes(nil, b, n.Children, depth+1)...)
			continue
		}
		fields = append(fields, head)
		if n.Length > n.Header {
			fields = append(fields, field{at: at + n.Header, n: n.Length - n.Header, class: "payload", text: n.Value, depth: depth})
		}
		if pad := end - at - n.Length; pad > 0 {
			fields = append(fields, field{at: at + n.Length, n: pad, class: "pad", depth: depth})
		}
	}
	return fields
}

const (
	cellWidth  = 34.0
	rowHeight  = 24.0
	offsetEnd  = 44.0 // where the column of offsets ends
	cellsBegin = 52.0
	wordsBegin = cellsBegin + 4*cellWidth + 14
	indent     = 16.0
)

// drawBytes draws a message, or some bytes of it, four to a row, which is what it is aligned to.
func drawBytes(t testing.TB, args, _ string) *canvas {
	t.Helper()
	name, bytes, _ := strings.Cut(args, " ")
	b := goldenBytes(t, name)
	from, to := span(t, bytes)
	to = min(to, len(b))
	c := &canvas{}
	words := map[int][]string{}
	depths := map[int]int{}
	rowY := func(at int) float64 { return margin + float64((at-from)/4)*rowHeight }
	fields := outdent(fieldsOf(t, name, b), from, to)
	for _, f := range fields {
		if f.at < from || f.at >= to {
			continue
		}
		for i := f.at; i < min(f.at+f.n, to); i++ {
			x := cellsBegin + float64((i-from)%4)*cellWidth
			c.rect(x, rowY(i), cellWidth, rowHeight, 0, f.class)
			c.text(x+cellWidth/2, rowY(i)+16, "m", fmt.Sprintf("%02x", b[i]))
		}
		row := (f.at - from) / 4
		if f.text != "" {
			words[row] = append(words[row], f.text)
			depths[row] = f.depth
		}
		if f.note != "" {
			x := wordsBegin + float64(f.depth)*indent + textWidth(f.text, "") + 6
			c.text(x, rowY(f.at)+16, "s f", f.note)
		}
	}
	for row := 0; row*4 < to-from; row++ {
		y := margin + float64(row)*rowHeight + 16
		c.text(offsetEnd, y, "s f e", fmt.Sprint(from+row*4))
		text, class := strings.Join(words[row], ", "), ""
		if len(text) > 60 {
			class = "s"
		}
		c.text(wordsBegin+float64(depths[row])*indent, y, class, text)
	}
	drawNests(c, fields, from, to, rowY)
	drawOwners(c, fields, from, to, rowY)
	return c
}

// outdent lets the least deep of the fields that are shown stand at the left.
func outdent(fields []field, from, to int) []field {
	least := 1 << 16
	for _, f := range fields {
		if f.at >= from && f.at < to {
			least = min(least, f.depth)
		}
	}
	for i := range fields {
		fields[i].depth -= least
	}
	return fields
}

// drawNests draws a line from the head of an attribute that holds others to its end.
func drawNests(c *canvas, fields []field, from, to int, rowY func(int) float64) {
	for _, f := range fields {
		if f.parent == 0 || f.at < from || f.at >= to {
			continue
		}
		x := wordsBegin + float64(f.depth)*indent + 4
		c.path("line", fmt.Sprintf("M%g %gV%g", x, rowY(f.at)+rowHeight-2, rowY(min(f.parent, to)-1)+rowHeight-3))
	}
}

// drawOwners draws a bracket at the right of each fixed struct, with its name.
func drawOwners(c *canvas, fields []field, from, to int, rowY func(int) float64) {
	x := c.width + 10
	for i := 0; i < len(fields); {
		first := fields[i]
		end := first.at + first.n
		for i++; i < len(fields) && fields[i].owner == first.owner && fields[i].depth == first.depth; i++ {
			end = fields[i].at + fields[i].n
		}
		if first.owner == "" || first.at >= to || end <= from {
			continue
		}
		top, bottom := rowY(max(first.at, from))+3, rowY(min(end, to)-1)+rowHeight-3
		c.path("line", fmt.Sprintf("M%g %gh6V%gh-6", x, top, bottom))
		c.text(x+14, (top+bottom)/2+4, "b", first.owner)
	}
}
