package lab

import (
	"strings"
	"unicode/utf8"
)

// A Drawing is what Draw draws: namespaces, from top to bottom.
type Drawing struct {
	Namespaces []DrawnNamespace
}

// A DrawnNamespace is one box. All its texts are drawn as they are.
type DrawnNamespace struct {
	Name   string
	Links  []DrawnLink
	Routes []string // "default via 10.0.0.1"
	Notes  []string // whatever else there is to know: rules, services
}

// A DrawnLink is a line of a box, or several: one for each address.
type DrawnLink struct {
	Name  string
	Addrs []string
	Peer  string // "NAMESPACE/LINK", the other end of the cable; "" for none. It is enough that one end says it.
}

// Draw draws namespaces as boxes, one below the other, and cables as lines at their right side, with a newline at the end of
// each line. It uses the box characters of Unicode, or, with ascii, only + - and |.
func Draw(d Drawing, ascii bool) string {
	p := drawing{at: map[string]int{}}
	for _, n := range d.Namespaces {
		p.box(n)
	}
	p.cables(d)
	return p.text(ascii)
}

// drawing is a page: rows of boxes, all as wide as the widest, and the cables between rows.
type drawing struct {
	rows  []row
	at    map[string]int // the row of a link, by "NAMESPACE/LINK"
	lanes []lane
}

type row struct {
	kind byte // 't' for the top of a box, 'b' for its bottom, 'm' for what is in it
	text string
}

// A lane is a cable: a line down, in a column of its own as far as it reaches.
type lane struct {
	from, to, column int
}

func (p *drawing) box(n DrawnNamespace) {
	title := ""
	if n.Name != "" {
		title = "─ " + n.Name + " "
	}
	p.rows = append(p.rows, row{'t', title})
	width := 0
	for _, l := range n.Links {
		width = max(width, utf8.RuneCountInString(l.Name))
	}
	for _, l := range n.Links {
		p.at[n.Name+"/"+l.Name] = len(p.rows)
		name := l.Name + strings.Repeat(" ", width-utf8.RuneCountInString(l.Name)+2)
		for _, a := range l.Addrs {
			p.line(name + a)
			name = strings.Repeat(" ", width+2)
		}
		if len(l.Addrs) == 0 {
			p.line(l.Name)
		}
	}
	for _, r := range n.Routes {
		p.line(r)
	}
	for _, note := range n.Notes {
		p.line("* " + note)
	}
	p.rows = append(p.rows, row{'b', ""})
}

func (p *drawing) line(text string) { p.rows = append(p.rows, row{'m', text}) }

// cables gives each cable the first column that is free where it passes.
func (p *drawing) cables(d Drawing) {
	drawn := map[[2]int]bool{}
	for _, n := range d.Namespaces {
		for _, l := range n.Links {
			a := p.at[n.Name+"/"+l.Name]
			b, ok := p.at[l.Peer]
			ends := [2]int{min(a, b), max(a, b)}
			if !ok || a == b || drawn[ends] {
				continue
			}
			drawn[ends] = true
			c := lane{from: ends[0], to: ends[1]}
			for p.taken(c) {
				c.column++
			}
			p.lanes = append(p.lanes, c)
		}
	}
}

func (p *drawing) taken(c lane) bool {
	for _, o := range p.lanes {
		if o.column == c.column && o.from <= c.to && c.from <= o.to {
			return true
		}
	}
	return false
}

func (p *drawing) text(ascii bool) string {
	width := 0
	for _, r := range p.rows {
		width = max(width, utf8.RuneCountInString(r.text))
	}
	var b strings.Builder
	for i, r := range p.rows {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(r.text))
		line := ""
		switch r.kind {
		case 't':
			line = "┌" + r.text + strings.Repeat("─", len(pad)+2) + "┐"
		case 'b':
			line = "└" + strings.Repeat("─", width+2) + "┘"
		default:
			line = "│ " + r.text + pad + " " + p.edge(i)
		}
		b.WriteString(strings.TrimRight(line+p.margin(i), " ") + "\n")
	}
	if ascii {
		return strings.NewReplacer("─", "-", "│", "|", "┌", "+", "┐", "+", "└", "+", "┘", "+", "├", "+", "┼", "+").Replace(b.String())
	}
	return b.String()
}

// edge is the right side of a box, from which a cable may leave.
func (p *drawing) edge(i int) string {
	for _, c := range p.lanes {
		if c.from == i || c.to == i {
			return "├"
		}
	}
	return "│"
}

// margin is what is at the right of row i: two characters for each column, up to the cable that ends here a line.
func (p *drawing) margin(i int) string {
	end, columns := -1, 0
	for _, c := range p.lanes {
		columns = max(columns, c.column+1)
		if c.from == i || c.to == i {
			end = c.column
		}
	}
	var b strings.Builder
	for column := range columns {
		if column <= end {
			b.WriteString("─")
		} else {
			b.WriteString(" ")
		}
		b.WriteString(p.mark(i, column, end))
	}
	return b.String()
}

// mark is the character of a column in row i, where a cable ends in column end.
func (p *drawing) mark(i, column, end int) string {
	for _, c := range p.lanes {
		switch {
		case c.column != column:
		case c.from == i:
			return "┐"
		case c.to == i:
			return "┘"
		case c.from < i && i < c.to && column < end:
			return "┼"
		case c.from < i && i < c.to:
			return "│"
		}
	}
	if column < end {
		return "─"
	}
	return " "
}
