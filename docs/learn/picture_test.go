package learn_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A canvas is a picture while it is drawn: SVG 1.1 with a style for each of light and dark.
type canvas struct {
	body          strings.Builder
	width, height float64
}

// The colours: text and lines, and what fills each kind of byte or box. A picture has a ground of its own, since not every page
// tells a picture whether it is dark.
const style = `
svg{color:#1f2328;--ground:#fff;--line:#57606a;--faint:#8c959f;--header:#cfe3ff;--struct:#d3f0d8;--attr:#ffe2b3;--payload:#fff3d6;--pad:#e6e8eb;--box:#f6f8fa;--link:#fff}
@media (prefers-color-scheme:dark){svg{color:#e6edf3;--ground:#0d1117;--line:#9198a1;--faint:#6e7681;--header:#1f3f6b;--struct:#1d4a2a;--attr:#66430d;--payload:#3d2f12;--pad:#30363d;--box:#161b22;--link:#0d1117}}
text{fill:currentColor;font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.s{font-size:11px}.b{font-weight:600}.f{fill:var(--line)}.m{text-anchor:middle}.e{text-anchor:end}
.line{fill:none;stroke:var(--line);stroke-width:1.5}.cable{fill:none;stroke:currentColor;stroke-width:2.5}
rect{stroke:var(--faint)}.ground{fill:var(--ground);stroke:none}
.header{fill:var(--header)}.struct{fill:var(--struct)}.attr{fill:var(--attr)}.payload{fill:var(--payload)}.pad{fill:var(--pad)}.box{fill:var(--box)}.link{fill:var(--link)}
`

// text writes a line whose baseline is at y.
func (c *canvas) text(x, y float64, class, s string) {
	fmt.Fprintf(&c.body, `<text x="%g" y="%g"%s>%s</text>`+"\n", x, y, classed(class), html.EscapeString(s))
	if !strings.Contains(class, "m") && !strings.Contains(class, "e") {
		c.reach(x+textWidth(s, class), y+6)
	}
}

func (c *canvas) rect(x, y, w, h, round float64, class string) {
	fmt.Fprintf(&c.body, `<rect x="%g" y="%g" width="%g" height="%g"`, x, y, w, h)
	if round > 0 {
		fmt.Fprintf(&c.body, ` rx="%g"`, round)
	}
	fmt.Fprintf(&c.body, "%s/>\n", classed(class))
	c.reach(x+w, y+h)
}

func (c *canvas) path(class, d string) {
	fmt.Fprintf(&c.body, `<path d="%s"%s/>`+"\n", d, classed(class))
}

// reach makes the picture large enough for a point.
func (c *canvas) reach(x, y float64) {
	c.width, c.height = max(c.width, x), max(c.height, y)
}

func classed(class string) string {
	if class == "" {
		return ""
	}
	return ` class="` + class + `"`
}

// textWidth is how wide a line of monospaced text is, at the most: a whole number, so that sums of them are the same in any order.
func textWidth(s, class string) float64 {
	each := 8.0
	if strings.Contains(class, "s") {
		each = 6.8
	}
	return math.Ceil(each * float64(len([]rune(s))))
}

const margin = 12.0

// svg is the whole file.
func (c *canvas) svg(title, description string) string {
	w, h := c.width+margin, c.height+margin
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-labelledby="t d">`+"\n", w, h, w, h)
	fmt.Fprintf(&out, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n<style>%s</style>\n",
		html.EscapeString(title), html.EscapeString(description), style)
	fmt.Fprintf(&out, `<rect class="ground" width="%g" height="%g" rx="6"/>`+"\n", w, h)
	out.WriteString(c.body.String() + "</svg>\n")
	return out.String()
}

// picture draws what a directive describes, and compares it with the file that the image after it shows.
func (c *chapter) picture(p part) {
	c.t.Helper()
	m := image.FindStringSubmatch(p.block)
	title, description, found := strings.Cut(m[1], ": ")
	if !found {
		c.t.Errorf("the text of %s is not \"title: description\"", m[2])
	}
	title, description = strings.TrimSpace(title), strings.TrimSpace(description) // "Titre : description"
	first, spec, _ := strings.Cut(p.args, "\n")
	kind, args, _ := strings.Cut(first, " ")
	draw := map[string]func(testing.TB, string, string) *canvas{"bytes": drawBytes, "topology": drawTopology, "steps": drawSteps, "graph": drawGraph, "bars": drawBars}[kind]
	if draw == nil {
		c.t.Errorf("%s: there are no pictures of kind %q", m[2], kind)
		return
	}
	got := draw(c.t, args, spec).svg(title, description)
	file := filepath.Join(c.dir, "img", m[2])
	stored, err := os.ReadFile(file)
	if *update && string(stored) != got {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			c.t.Fatal(err)
		}
		return
	}
	if err != nil {
		c.t.Error(err)
	}
	if diff := cmp.Diff(string(stored), got); diff != "" {
		c.t.Errorf("%s is not what it would be now (-stored +drawn); -update draws it anew:\n%s", file, diff)
	}
}

// Pictures are well-formed, have a title and a description, and ask for nothing from elsewhere.
func TestPictures(t *testing.T) {
	t.Parallel()
	for _, dir := range languages(t) {
		files, err := filepath.Glob(filepath.Join(dir, "img", "*.svg"))
		if err != nil || len(files) == 0 {
			t.Errorf("no pictures in %s: %v", dir, err)
		}
		for _, file := range files {
			checkPicture(t, file, readFile(t, file))
		}
	}
}

func checkPicture(t *testing.T, file, text string) {
	t.Helper()
	said := map[string]string{}
	element := ""
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
			return
		}
		switch token := token.(type) {
		case xml.StartElement:
			element = token.Name.Local
			for _, a := range token.Attr {
				if a.Name.Local == "href" || a.Name.Local == "src" {
					t.Errorf("%s refers to %s", file, a.Value)
				}
			}
		case xml.CharData:
			said[element] += strings.TrimSpace(string(token))
		}
	}
	if said["title"] == "" || len(said["desc"]) < 20 {
		t.Errorf("%s has the title %q and the description %q", file, said["title"], said["desc"])
	}
	if !strings.Contains(said["style"], "prefers-color-scheme:dark") {
		t.Errorf("%s looks the same in light and dark", file)
	}
}
