package learn_test

import (
	"fmt"
	"strings"
	"testing"
)

// drawSteps draws boxes below each other, with arrows between. A line of its description is "title: words", and "class title: words" where
// the class is one of a picture's: header, struct, attr, payload, pad.
func drawSteps(t testing.TB, _, spec string) *canvas {
	t.Helper()
	c := &canvas{}
	var width float64
	lines := strings.Split(strings.TrimSpace(spec), "\n")
	for _, line := range lines {
		_, title, words := step(line)
		width = max(width, textWidth(title, "")+2*margin)
		c.reach(textWidth(words, ""), 0)
	}
	c.width = 0
	for i, line := range lines {
		class, title, words := step(line)
		y := margin + float64(i)*48
		c.rect(margin, y, width, 28, 5, class)
		c.text(2*margin, y+19, "b", title)
		c.text(margin+width+14, y+19, "", words)
		if i > 0 {
			x := margin + width/2
			c.path("line", fmt.Sprintf("M%g %gV%gM%g %gl4 6l4 -6", x, y-20, y-1, x-4, y-7))
		}
	}
	return c
}

func step(line string) (class, title, words string) {
	title, words, _ = strings.Cut(line, ": ")
	title, class = strings.TrimSpace(title), "box"
	for _, known := range []string{"header", "struct", "attr", "payload", "pad"} {
		if rest, found := strings.CutPrefix(title, known+" "); found {
			class, title = known, rest
		}
	}
	return class, title, words
}

// drawBars draws numbers as lengths. A line of its description is "label: number unit"; all have one unit.
func drawBars(t testing.TB, _, spec string) *canvas {
	t.Helper()
	const most = 300.0
	c := &canvas{}
	type bar struct {
		label, value string
		n            float64
	}
	var bars []bar
	var width, largest float64
	for line := range strings.Lines(strings.TrimSpace(spec)) {
		b := bar{}
		b.label, b.value, _ = strings.Cut(strings.TrimSpace(line), ": ")
		if _, err := fmt.Sscanf(b.value, "%g", &b.n); err != nil {
			t.Fatalf("%q has no number: %v", line, err)
		}
		width, largest = max(width, textWidth(b.label, "")), max(largest, b.n)
		bars = append(bars, b)
	}
	for i, b := range bars {
		y := margin + float64(i)*30
		length := max(2, float64(int(b.n/largest*most)))
		c.text(margin, y+16, "", b.label)
		c.rect(2*margin+width, y, length, 22, 2, "attr")
		c.text(2*margin+width+length+8, y+16, "b", b.value)
	}
	return c
}

// A node of a graph is a box at a place of a grid.
type node struct {
	class, title, words string
	column, row         float64
	x, y, w             float64
}

const (
	nodeHeight = 44.0
	nodeStep   = 70.0
	columnGap  = 48.0
)

// drawGraph draws boxes on a grid, and arrows between them. The lines of its description are "class column row title: words", and
// "title > title" for each arrow.
func drawGraph(t testing.TB, _, spec string) *canvas {
	t.Helper()
	var nodes []*node
	byTitle := map[string]*node{}
	var arrows [][2]string
	widths := map[float64]float64{}
	for line := range strings.Lines(strings.TrimSpace(spec)) {
		line = strings.TrimSpace(line)
		if from, to, isArrow := strings.Cut(line, " > "); isArrow {
			arrows = append(arrows, [2]string{from, to})
			continue
		}
		n := &node{}
		what, words, _ := strings.Cut(line, ": ")
		parts := strings.SplitN(what, " ", 4)
		if len(parts) < 4 {
			t.Fatalf("%q is not \"class column row title: words\"", line)
		}
		if _, err := fmt.Sscan(parts[1], &n.column); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(parts[2], &n.row); err != nil {
			t.Fatal(err)
		}
		n.class, n.title, n.words = parts[0], strings.TrimSpace(parts[3]), words
		n.w = max(textWidth(n.title, ""), textWidth(n.words, "s")) + 2*margin
		widths[n.column] = max(widths[n.column], n.w)
		nodes = append(nodes, n)
		byTitle[n.title] = n
	}
	c := &canvas{}
	for _, n := range nodes {
		n.x, n.y, n.w = margin, margin+n.row*nodeStep, widths[n.column]
		for column, w := range widths {
			if column < n.column {
				n.x += w + columnGap
			}
		}
		c.rect(n.x, n.y, n.w, nodeHeight, 6, n.class)
		c.text(n.x+n.w/2, n.y+18, "b m", n.title)
		c.text(n.x+n.w/2, n.y+34, "s m", n.words)
	}
	for _, a := range arrows {
		from, to := byTitle[a[0]], byTitle[a[1]]
		if from == nil || to == nil {
			t.Fatalf("the arrow %s > %s has an end that is no box", a[0], a[1])
		}
		c.arrow(from, to)
	}
	return c
}

// arrow goes from a box to one in another column, by the sides that face each other, and down or up within one.
func (c *canvas) arrow(a, b *node) {
	if a.column == b.column {
		x := a.x + a.w/2
		from, to, back := a.y+nodeHeight, b.y-1, -6.0
		if a.row > b.row {
			from, to, back = a.y, b.y+nodeHeight+1, 6.0
		}
		c.path("line", fmt.Sprintf("M%g %gV%gM%g %gl4 %gl4 %g", x, from, to, x-4, to+back, -back, back))
		return
	}
	x1, y1, x2, y2, back := a.x+a.w, a.y+nodeHeight/2, b.x-1, b.y+nodeHeight/2, -6.0
	if a.column > b.column {
		x1, x2, back = a.x, b.x+b.w+1, 6.0
	}
	middle := (x1 + x2) / 2
	c.path("line", fmt.Sprintf("M%g %gC%g %g %g %g %g %gM%g %gl%g 4l%g 4", x1, y1, middle, y1, middle, y2, x2, y2, x2+back, y2-4, -back, back))
}
