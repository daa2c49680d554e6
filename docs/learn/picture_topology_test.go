package learn_test

import (
	"fmt"
	"strings"
	"testing"
)

// A box of a topology is a network namespace: its links, and lines about it.
type box struct {
	title string
	lines []string // "eth0: 10.0.0.2/24" is a link, "- default via ..." is not
	x, w  float64
}

const (
	boxGap     = 90.0
	linkHeight = 26.0
	lineStep   = 34.0
	titleSpace = 34.0
)

// drawTopology draws namespaces beside each other and the cables between their links. The lines of its description are
// "[title]", then that box's "link: addresses" and "- words", and at last "link = link" for each cable.
func drawTopology(t testing.TB, _, spec string) *canvas {
	t.Helper()
	var boxes []*box
	var cables [][2]string
	for line := range strings.Lines(spec) {
		line = strings.TrimSpace(line)
		a, b, isCable := strings.Cut(line, " = ")
		switch {
		case line == "":
		case strings.HasPrefix(line, "["):
			boxes = append(boxes, &box{title: strings.Trim(line, "[]")})
		case isCable:
			cables = append(cables, [2]string{a, b})
		case len(boxes) == 0:
			t.Fatalf("the topology begins with %q, which is in no box", line)
		default:
			last := boxes[len(boxes)-1]
			last.lines = append(last.lines, line)
		}
	}
	c := &canvas{}
	links := map[string][3]float64{} // left end, right end, middle
	x, tallest := margin, 0
	for _, b := range boxes {
		b.x, b.w = x, textWidth(b.title, "")+2*margin
		for _, line := range b.lines {
			b.w = max(b.w, textWidth(line, "")+4*margin)
		}
		x += b.w + boxGap
		tallest = max(tallest, len(b.lines))
	}
	for _, b := range boxes {
		c.drawBox(b, tallest, links)
	}
	for _, cable := range cables {
		a, foundA := links[cable[0]]
		b, foundB := links[cable[1]]
		if !foundA || !foundB {
			t.Fatalf("the cable %s = %s has an end that is no link", cable[0], cable[1])
		}
		c.drawCable(a, b)
	}
	return c
}

func (c *canvas) drawBox(b *box, lines int, links map[string][3]float64) {
	c.rect(b.x, margin, b.w, titleSpace+float64(lines)*lineStep+4, 8, "box")
	c.text(b.x+margin, margin+22, "b", b.title)
	for i, line := range b.lines {
		y := margin + titleSpace + float64(i)*lineStep
		if words, found := strings.CutPrefix(line, "- "); found {
			c.text(b.x+margin, y+17, "f", words)
			continue
		}
		name, addresses, _ := strings.Cut(line, ":")
		c.rect(b.x+margin, y, b.w-2*margin, linkHeight, 4, "link")
		c.text(b.x+2*margin, y+17, "b", name)
		c.text(b.x+2*margin+textWidth(name, "")+8, y+17, "", strings.TrimSpace(addresses))
		if _, known := links[name]; !known {
			links[name] = [3]float64{b.x + margin, b.x + b.w - margin, y + linkHeight/2}
		}
	}
}

// drawCable joins two links: of neighbours by a curve between the boxes, of one box by a loop at its right.
func (c *canvas) drawCable(a, b [3]float64) {
	if a[0] > b[0] {
		a, b = b, a
	}
	if a[0] == b[0] {
		x := a[1] + margin + 28
		c.path("cable", fmt.Sprintf("M%g %gC%g %g %g %g %g %g", a[1], a[2], x, a[2], x, b[2], b[1], b[2]))
		c.reach(x, b[2])
		return
	}
	middle := (a[1] + b[0]) / 2
	c.path("cable", fmt.Sprintf("M%g %gC%g %g %g %g %g %g", a[1], a[2], middle, a[2], middle, b[2], b[0], b[2]))
}
