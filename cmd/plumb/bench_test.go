package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// newBuiltSite is a site on which the program is a real one: it runs itself by its file.
func newBuiltSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.plumb = filepath.Join(t.TempDir(), "plumb")
	build(t, s.plumb)
	return s
}

// plumb bench in each of its forms, of few iterations.
func TestBench(t *testing.T) {
	s := newBuiltSite(t)
	dir := t.TempDir()
	svg, html := filepath.Join(dir, "a.svg"), filepath.Join(dir, "a.html")
	table := s.succeeds("bench", "-n", "2", "--warmup", "0", "--containers", "0,2", "--svg", svg, "--html", html)
	for _, want := range []string{"kernel ", "HZ ", "\nset-up ", "\n  clone ", "\n  ready ", "\n    make the pair of links ", "nft batch: ", "containers=2 ", "too few pairs to say"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table has no %q:\n%s", want, table)
		}
	}
	text, err := os.ReadFile(svg)
	if err != nil {
		t.Fatal(err)
	}
	checkXML(t, string(text))
	if page, err := os.ReadFile(html); err != nil || !strings.Contains(string(page), string(text)) {
		t.Errorf("the page does not hold the picture: %v", err)
	}
	checkBenchJSON(t, s.succeeds("bench", "-n", "3", "--warmup", "0", "--job", "network", "--json"), 3)
	checkGobench(t, s.succeeds("bench", "-n", "2", "--warmup", "0", "--job", "network", "--cold", "--gobench"), 2)
}

func checkXML(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
}

func checkBenchJSON(t *testing.T, text string, n int) {
	t.Helper()
	var got struct {
		Machine map[string]string
		Results []struct {
			Iterations int
			Case       struct{ Family string }
			Phases     []struct {
				Name    string
				Depth   int
				Times   []int64
				Summary struct{ N, Min, Median, Max int64 }
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(got.Results) != 1 || got.Results[0].Iterations != n || got.Results[0].Case.Family != "46" || got.Machine["kernel"] == "" {
		t.Fatalf("the JSON says %+v", got)
	}
	found := false
	for _, p := range got.Results[0].Phases {
		found = found || p.Name == "set-up" && len(p.Times) == n
		if s := p.Summary; int(s.N) != len(p.Times) || s.Min < 0 || s.Min > s.Median || s.Median > s.Max {
			t.Errorf("%s: %+v of %v", p.Name, s, p.Times)
		}
	}
	if !found {
		t.Errorf("the set-up was not measured %d times:\n%s", n, text)
	}
}

// checkGobench wants what benchstat reads (golang.org/design/14313-benchmark-format).
func checkGobench(t *testing.T, text string, n int) {
	t.Helper()
	line := regexp.MustCompile(`^(Benchmark[A-Z]\S*)\s+[1-9][0-9]*\s+[0-9]+ ns/op$`)
	counts := map[string]int{}
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		if key, _, ok := strings.Cut(l, ": "); ok && (key == "goos" || key == "goarch" || key == "pkg") {
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Errorf("no line of a benchmark: %q", l)
			continue
		}
		counts[m[1]]++
	}
	if got := counts["BenchmarkSetUp/family=46/concurrency=1/containers=0/cold"]; got != n {
		t.Errorf("%d set-ups, want %d:\n%s", got, n, text)
	}
}

// Others are measured beside it, and who is not there is named.
func TestBenchAgainst(t *testing.T) {
	s := newBuiltSite(t)
	out := s.succeeds("bench", "-n", "2", "--warmup", "0", "--against", "ip-batch,cni,docker")
	for _, want := range []string{"plumb: attach ", "plumb: detach "} {
		if !strings.Contains(out, want) {
			t.Errorf("the table has no %q:\n%s", want, out)
		}
	}
	for name, up := range map[string]string{"ip-batch": "set-up", "cni-ptp": "ADD", "cni-ptp-nft": "ADD", "cni-bridge": "ADD", "cni-bridge-nft": "ADD", "docker": "run with network and ports"} {
		missing, measured := strings.Contains(out, "not measured: "+name+": "), strings.Contains(out, "\n"+name+": "+up+" ")
		if missing == measured {
			t.Errorf("%s is neither measured nor missing, or both:\n%s", name, out)
		}
	}
}

func TestBenchUsage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, args := range [][]string{
		{"-n", "0"},
		{"--family", "5"},
		{"--concurrency", "1,x"},
		{"--job", "nothing"},
		{"--against", "nobody"},
		{"--cold", "--containers", "3"},
		{"word"},
	} {
		if r := s.run(append([]string{"bench"}, args...)...); r.status != exitUsage || !strings.Contains(r.stderr, "usage: plumb bench") {
			t.Errorf("plumb bench %q: status %d\n%s", args, r.status, r.stderr)
		}
	}
}
