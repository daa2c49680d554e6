// Package plot draws measurements as SVG: few elements, no script, readable on light and on dark paper.
package plot

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Panel is a drawing of Width and its own height, to stand among others.
type Panel struct {
	b      strings.Builder
	height float64
}

// Width is that of every panel, and of the picture.
const Width = 900

const (
	left      = 330 // where names end and the plot begins
	right     = 20
	rowHeight = 16
	head      = 34 // of the title and the scale
	inner     = Width - left - right
)

// colors are told apart by most who do not see all colours (Okabe and Ito).
var colors = [...]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#777777"}

// Write writes panels below each other as one picture.
func Write(w io.Writer, title string, panels ...*Panel) error {
	height := 0.0
	for _, p := range panels {
		height += p.height + rowHeight
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %s" width="%d" height="%s" font-family="sans-serif" font-size="11">`+"\n",
		Width, number(height), Width, number(height))
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", escape(title))
	at := 0.0
	for _, p := range panels {
		fmt.Fprintf(&b, "<g transform=\"translate(0 %s)\">\n%s</g>\n", number(at), p.b.String())
		at += p.height + rowHeight
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func newPanel(title string) *Panel {
	p := &Panel{height: head}
	fmt.Fprintf(&p.b, `<text x="8" y="16" font-size="13" font-weight="bold">%s</text>`+"\n", escape(title))
	return p
}

func (p *Panel) text(x, y float64, anchor, text string) {
	fmt.Fprintf(&p.b, `<text x="%s" y="%s" text-anchor="%s">%s</text>`+"\n", number(x), number(y), anchor, escape(text))
}

func (p *Panel) rect(x, y, width, height float64, color string) {
	fmt.Fprintf(&p.b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n", number(x), number(y), number(width), number(height), color)
}

func (p *Panel) line(x1, y1, x2, y2 float64, color string) {
	fmt.Fprintf(&p.b, `<path d="M%s %sL%s %s" stroke="%s" fill="none"/>`+"\n", number(x1), number(y1), number(x2), number(y2), color)
}

// curve draws points, which are pairs of x and y.
func (p *Panel) curve(points [][2]float64, color string) {
	fmt.Fprint(&p.b, `<path d="`)
	for i, xy := range points {
		fmt.Fprintf(&p.b, "%c%s %s", "LM"[b2i(i == 0)], number(xy[0]), number(xy[1]))
	}
	fmt.Fprintf(&p.b, `" stroke="%s" stroke-width="1.5" fill="none"/>`+"\n", color)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// number writes a coordinate by a tenth.
func number(f float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0")
}

// escape makes a text one of XML's: characters that XML does not have are shown as U+FFFD.
func escape(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}
