package plot_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"plumb/container/bench/plot"
)

// parse wants a picture to be well-formed, and returns how many elements of each kind it has, and its text.
func parse(t testing.TB, panels ...*plot.Panel) (elements map[string]int, text string) {
	t.Helper()
	var b bytes.Buffer
	if err := plot.Write(&b, "a picture & more", panels...); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
		t.Errorf("the picture has coordinates that are none:\n%s", b.String())
	}
	elements = map[string]int{}
	var words strings.Builder
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements, words.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			elements[token.Name.Local]++
		case xml.CharData:
			words.Write(token)
		}
	}
}

func TestPanels(t *testing.T) {
	t.Parallel()
	elements, text := parse(t,
		plot.Waterfall("when", []plot.Bar{{"set-up <&>", 0, 0, 2 * time.Millisecond, 0}, {"clone", 1, 0, time.Millisecond, 1}}),
		plot.Distributions("how", []plot.List{{"many", []time.Duration{1e3, 2e3, 5e6}}, {"none", nil}, {"one", []time.Duration{7}}, {"zero", []time.Duration{0}}}),
		plot.Curves("more", "containers", []plot.Curve{{"set-up", []float64{0, 100, 1000}, []time.Duration{1e6, 2e6, 3e6}}}),
	)
	if elements["svg"] != 1 || elements["g"] != 3 || elements["rect"] != 1+2+3*3+3+1 {
		t.Errorf("elements: %v", elements)
	}
	for _, want := range []string{"set-up <&>", "1000", "2 ms", "a picture & more"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture does not say %q: %q", want, text)
		}
	}
}

func TestNothing(t *testing.T) {
	t.Parallel()
	parse(t)
	parse(t, plot.Waterfall("", nil), plot.Distributions("", nil), plot.Curves("", "", nil))
	parse(t, plot.Curves("", "", []plot.Curve{{"none", nil, nil}}))
}

func FuzzNames(f *testing.F) {
	f.Add("a\x00b<\xff", int64(3))
	f.Fuzz(func(t *testing.T, name string, ns int64) {
		d := time.Duration(max(ns, 0) / 2)
		parse(t, plot.Waterfall(name, []plot.Bar{{Name: name, Took: d}}), plot.Distributions(name, []plot.List{{name, []time.Duration{d}}}),
			plot.Curves(name, name, []plot.Curve{{name, []float64{1}, []time.Duration{d}}}))
	})
}
