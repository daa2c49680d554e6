package page

import (
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

var update = flag.Bool("update", false, "write the hashes in web/page.html anew")

// The page's Content-Security-Policy names the style and the script that are in it, and lets nothing else run.
func TestHashes(t *testing.T) {
	t.Parallel()
	html := pageHTML
	want := html
	for directive, content := range map[string]string{"style-src": style(), "script-src": script()} {
		sum := sha256.Sum256([]byte(content))
		source := regexp.MustCompile(directive + ` '[^']*'`)
		if len(source.FindAllString(html, -1)) != 1 {
			t.Fatalf("page.html has not one %s", directive)
		}
		want = source.ReplaceAllString(want, directive+" 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	if want == html {
		return
	}
	if !*update {
		t.Fatal("web/page.html has other hashes than those of its style and script; -update writes them")
	}
	if err := os.WriteFile("web/page.html", []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The page's own parts are small: a trace is what should be in the file.
func TestPartsAreSmall(t *testing.T) {
	t.Parallel()
	const most = 60 << 10 // bytes
	if n := len(bare(pageHTML)) + len(style()) + len(script()); n > most {
		t.Errorf("the page's own parts have %d bytes, want at most %d", n, most)
	}
}

// Text can be read: WCAG 2.2 asks for a contrast of 4.5 to 1 (1.4.3). The colours are pairs, for light and for dark.
func TestContrast(t *testing.T) {
	t.Parallel()
	colors := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\)`).FindAllStringSubmatch(pageCSS, -1) {
		colors[m[1]] = [2]string{m[2], m[3]}
	}
	pairs := map[string][]string{ // text, and what it stands on
		"ink":     {"ground", "panel", "select", "header", "struct", "attr", "payload", "rest", "pad"},
		"soft":    {"ground", "panel", "select", "pad"},
		"accent":  {"panel", "select", "ground"},
		"good":    {"panel"},
		"bad":     {"panel", "ground", "select", "bad-ground", "header", "struct", "attr", "payload", "pad"},
		"lit-ink": {"lit"},
	}
	for _, hue := range []string{"hue-0", "hue-1", "hue-2", "hue-3", "hue-4", "hue-5"} {
		pairs[hue] = []string{"panel", "ground", "select"}
	}
	for text, grounds := range pairs {
		for _, ground := range grounds {
			for i, scheme := range []string{"light", "dark"} {
				a, b := colors[text][i], colors[ground][i]
				if a == "" || b == "" {
					t.Fatalf("page.css has no colour %s or %s", text, ground)
				}
				if c := contrast(t, a, b); c < 4.5 {
					t.Errorf("--%s on --%s in %s: the contrast of #%s and #%s is %.2f, want 4.5", text, ground, scheme, a, b, c)
				}
			}
		}
	}
	// What is no text needs 3 to 1 (1.4.11): the bars.
	for _, bar := range []string{"route", "netfilter", "other", "step", "bad", "accent"} {
		for i := range 2 {
			if c := contrast(t, colors[bar][i], colors["panel"][i]); c < 3 {
				t.Errorf("--%s on --panel: the contrast is %.2f, want 3", bar, c)
			}
		}
	}
}

// contrast is the contrast ratio of two colours, as WCAG 2 defines it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(color string) float64 {
		n, err := strconv.ParseUint(color, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		linear := func(channel uint64) float64 {
			c := float64(channel&255) / 255
			if c <= 0.04045 {
				return c / 12.92
			}
			return math.Pow((c+0.055)/1.055, 2.4)
		}
		return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
	}
	l, m := luminance(a), luminance(b)
	return (max(l, m) + 0.05) / (min(l, m) + 0.05)
}
