package plot

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// A Bar is something that happens in a Waterfall.
type Bar struct {
	Name        string
	Depth       int
	Start, Took time.Duration
	Color       int
}

// Waterfall draws when what happens, and for how long.
func Waterfall(title string, bars []Bar) *Panel {
	p := newPanel(title)
	var most time.Duration
	for _, b := range bars {
		most = max(most, b.Start+b.Took)
	}
	s := scale{most: float64(most)}
	p.axis(s, len(bars))
	for _, b := range bars {
		y := p.height
		p.text(8+8*float64(b.Depth), y+12, "start", shorten(b.Name, 52-b.Depth))
		x := s.at(float64(b.Start))
		p.rect(x, y+3, max(s.at(float64(b.Start+b.Took))-x, 0.5), rowHeight-5, color(b.Color))
		p.height += rowHeight
	}
	return p
}

// A List is the times of one thing.
type List struct {
	Name  string
	Times []time.Duration
}

// Distributions draws each list's times as a strip: all of them pale, from the 10th to the 90th percentile darker, with the median as a line. The scale
// is logarithmic.
func Distributions(title string, lists []List) *Panel {
	p := newPanel(title)
	least, most := math.Inf(1), 1.0
	for _, l := range lists {
		for _, t := range l.Times {
			least, most = min(least, max(float64(t), 1)), max(most, float64(t))
		}
	}
	s := scale{least: min(least, most), most: most * 1.05, log: true}
	p.axis(s, len(lists))
	for i, l := range lists {
		y := p.height
		p.height += rowHeight
		p.text(8, y+12, "start", shorten(l.Name, 52))
		if len(l.Times) == 0 {
			continue
		}
		sorted := slices.Sorted(slices.Values(l.Times))
		at := func(q float64) float64 { return s.at(max(float64(sorted[int(q*float64(len(sorted)-1))]), 1)) }
		p.strip(at(0), at(1), y+7, 2, color(i))
		p.strip(at(0.1), at(0.9), y+4, 8, color(i))
		p.rect(at(0.5)-1, y+2, 2, 12, "#000")
	}
	return p
}

func (p *Panel) strip(from, to, y, height float64, color string) {
	p.rect(from, y, max(to-from, 0.5), height, color)
}

// A Curve is a thing that grows with another.
type Curve struct {
	Name string
	X    []float64
	Y    []time.Duration
}

const curveHeight = 220

// Curves draws how times grow with x, of which what names what it is. x is shown by its order: 0, 100 and 1000 stand as far apart.
func Curves(title, what string, curves []Curve) *Panel {
	p := newPanel(title)
	var xs []float64
	most := time.Duration(1)
	for _, c := range curves {
		xs = append(xs, c.X...)
		most = max(most, slices.Max(append(c.Y[:len(c.Y):len(c.Y)], 1)))
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	x := func(v float64) float64 {
		i, _ := slices.BinarySearch(xs, v)
		return left + inner*(float64(i)+0.5)/float64(len(xs))
	}
	y := func(t time.Duration) float64 { return head + curveHeight*(1-float64(t)/float64(most)/1.05) }
	for i := range 5 {
		t := most * time.Duration(i) / 4
		p.line(left, y(t), Width-right, y(t), "#ddd")
		p.text(left-6, y(t)+4, "end", unit(float64(t)))
	}
	for _, v := range xs {
		p.text(x(v), head+curveHeight+14, "middle", fmt.Sprint(v))
	}
	p.text(left+inner/2, head+curveHeight+28, "middle", what)
	for i, c := range curves {
		var points [][2]float64
		for j := range c.X {
			points = append(points, [2]float64{x(c.X[j]), y(c.Y[j])})
			p.rect(x(c.X[j])-2, y(c.Y[j])-2, 4, 4, color(i))
		}
		p.curve(points, color(i))
		p.rect(8, head+float64(i)*rowHeight+3, 10, 10, color(i))
		p.text(24, head+float64(i)*rowHeight+12, "start", shorten(c.Name, 44))
	}
	p.height = head + max(curveHeight+32, float64(len(curves))*rowHeight)
	return p
}

func color(i int) string { return colors[i%len(colors)] }

// A scale puts nanoseconds where they belong.
type scale struct {
	least, most float64
	log         bool
}

func (s scale) at(ns float64) float64 {
	switch {
	case s.log && s.most > s.least:
		return left + inner*math.Log(ns/s.least)/math.Log(s.most/s.least)
	case s.most > 0 && !s.log:
		return left + inner*ns/s.most
	}
	return left
}

// ticks are round numbers along the scale.
func (s scale) ticks() (ticks []float64) {
	if s.log {
		for decade := math.Pow(10, math.Floor(math.Log10(max(s.least, 1)))); decade <= s.most; decade *= 10 {
			for _, m := range []float64{1, 2, 5} {
				if v := decade * m; v >= s.least && v <= s.most {
					ticks = append(ticks, v)
				}
			}
		}
		return ticks
	}
	if s.most <= 0 {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10(s.most)))
	for _, m := range []float64{0.1, 0.2, 0.5, 1} {
		if s.most/(step*m) <= 8 {
			step *= m
			break
		}
	}
	for v := 0.0; v <= s.most; v += step {
		ticks = append(ticks, v)
	}
	return ticks
}

// axis draws the scale above so many rows.
func (p *Panel) axis(s scale, rows int) {
	last := math.Inf(-1)
	for _, v := range s.ticks() {
		x := s.at(v)
		p.line(x, head, x, head+float64(rows)*rowHeight, "#ddd")
		if x-last > 45 {
			p.text(x, head-4, "middle", unit(v))
			last = x
		}
	}
}

// unit writes nanoseconds in the unit that suits them.
func unit(ns float64) string {
	switch {
	case ns >= 1e9:
		return fmt.Sprintf("%.3g s", ns/1e9)
	case ns >= 1e6:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	case ns >= 1e3:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	}
	return fmt.Sprintf("%.3g ns", ns)
}

func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
