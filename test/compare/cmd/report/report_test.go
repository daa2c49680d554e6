package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb/container/bench"
	"plumb/test/compare"
)

var update = flag.Bool("update", false, "write the page anew from the figures that are kept")

// keptFigures are those of which docs/benchmarks.md was written.
const keptFigures = "testdata/figures.json.gz"

var pageFiles = []string{"benchmarks.md", "bench-phases.svg", "bench-rivals.svg", "bench-scaling.svg"}

// docs/benchmarks.md and its pictures are what this program makes of the figures that it has measured: who changes its text changes the page, too
// (-update), and who changes the page changes this program.
func TestPage(t *testing.T) {
	const docs = "../../../../docs"
	f, err := load(keptFigures)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("docs/benchmarks.md was written before its figures were kept: run the report")
	}
	check(t, err)
	dir := docs
	if !*update {
		dir = t.TempDir()
	}
	check(t, f.write(dir))
	for _, name := range pageFiles {
		want, err := os.ReadFile(filepath.Join(dir, name))
		check(t, err)
		got, err := os.ReadFile(filepath.Join(docs, name))
		check(t, err)
		if difference := firstDifference(string(got), string(want)); difference != "" {
			t.Errorf("docs/%s is not what the figures say (-update writes it anew): %s", name, difference)
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			return fmt.Sprintf("line %d is missing: %s", i+1, w[i])
		case i >= len(w):
			return fmt.Sprintf("line %d is too many: %s", i+1, g[i])
		case g[i] != w[i]:
			return fmt.Sprintf("line %d is %q, want %q", i+1, g[i], w[i])
		}
	}
	return ""
}

// Of each target that is missed a profile stands in the page, once, and of no other; and the page is the same when the figures have been kept.
func TestMissed(t *testing.T) {
	for name, c := range map[string]struct {
		slow time.Duration // that plumb takes for everything, where others take a millisecond
		met  bool
	}{"slow": {time.Second, false}, "fast": {time.Microsecond, true}} {
		t.Run(name, func(t *testing.T) {
			f := someFigures(c.slow)
			text := f.text()
			for _, target := range f.list() {
				if row := "| " + target.what + " |"; strings.Count(text, row) != 1 {
					t.Errorf("the page has %q %d times", row, strings.Count(text, row))
				}
				verdict, missed := target.verdict()
				if target.limit == 0 {
					continue
				}
				if missed == c.met || verdict == "not measured" {
					t.Errorf("%s: %s", target.what, verdict)
				}
				want := 1
				if c.met {
					want = 0
				}
				title := "### " + titles[target.profile] + "\n"
				if titles[target.profile] == "" || needed[target.profile] == "" || strings.Count(text, title) != want {
					t.Errorf("%s: the page has %q %d times, want %d", target.what, title, strings.Count(text, title), want)
				}
			}
			if strings.Contains(text, "None is missed") != c.met {
				t.Errorf("that none is missed is said, or is not:\n%s", text)
			}
			for title, table := range map[string]string{
				"In-process set-up": "| the floor | median", "`plumb attach`": "| plumb attach, from its first step to its last | ", "The 1,000th": "| of all growth |", "The binary": "| plumb/nat | ",
			} {
				_, after, ok := strings.Cut(text, "### "+title+"\n")
				section, _, _ := strings.Cut(after, "\n## ")
				section, _, _ = strings.Cut(section, "\n### ")
				if ok == c.met || ok && !strings.Contains(section, table) {
					t.Errorf("the profile %q is there: %v; it has no %q:\n%s", title, ok, table, section)
				}
			}
			kept := filepath.Join(t.TempDir(), "figures")
			check(t, f.save(kept))
			again, err := load(kept)
			check(t, err)
			if difference := firstDifference(again.text(), text); difference != "" {
				t.Errorf("the page of the figures that were kept: %s", difference)
			}
			check(t, again.write(t.TempDir()))
		})
	}
}

// A page of figures without docker, or of a machine without anything, says what was not measured.
func TestMissing(t *testing.T) {
	f := someFigures(time.Second)
	f.Programs.Rivals = slices.DeleteFunc(f.Programs.Rivals, func(r bench.Measured) bool { return r.Name == "docker" })
	f.Programs.Missing = []bench.Fact{{Name: "docker", Value: "not installed: there is no program dockerd"}}
	text := f.text()
	for _, want := range []string{"| the same against docker | ≥ 20 | - | not measured |", "Not measured: docker: not installed: there is no program dockerd.\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// someFigures are made up.
func someFigures(plumb time.Duration) *figures {
	const n = 20
	times := func(d time.Duration) []time.Duration { return slices.Repeat([]time.Duration{d}, n) }
	result := func(c bench.Case, scale time.Duration) bench.Result {
		r := bench.Result{Case: c, N: n, Took: time.Second}
		for _, p := range []struct {
			name  string
			depth int
			took  time.Duration
		}{
			{bench.SetUp, 0, plumb},
			{bench.Clone, 1, time.Microsecond},
			{bench.Attach, 1, scale * time.Microsecond},
			{"make the pair of links", 2, scale * time.Microsecond / 2},
			{"see whether 10.0.0.3 is free", 3, scale * time.Microsecond / 4},
			{bench.Ready, 1, time.Microsecond},
			{bench.Ended, 0, time.Microsecond},
			{bench.TearDown, 0, plumb},
			{"remove the pair of links", 1, plumb},
			{bench.Gone, 0, plumb},
		} {
			r.Phases = append(r.Phases, bench.Phase{Name: p.name, Depth: p.depth, Times: times(p.took)})
		}
		return r
	}
	usual := bench.Case{Concurrency: 1, Family: "46"}
	report := func(cases ...bench.Case) *bench.Report {
		r := &bench.Report{Facts: []bench.Fact{{Name: "kernel", Value: "a kernel"}}}
		for i, c := range cases {
			scale := time.Duration(100)
			if i > 0 && plumb > time.Millisecond {
				scale = 300
			}
			r.Results = append(r.Results, result(c, scale))
		}
		return r
	}
	duel := func(group string, base string, others map[string]time.Duration) *bench.Duel {
		d := &bench.Duel{Facts: []bench.Fact{{Name: "kernel", Value: "a kernel"}}}
		names := []string{base}
		for name := range others {
			if name != base {
				names = append(names, name)
			}
		}
		slices.Sort(names[1:])
		for _, name := range names {
			r := bench.Rival{Name: name, Group: group, UpName: "up", DownName: "down"}
			d.Rivals = append(d.Rivals, bench.Measured{Rival: r, Up: times(others[name]), Down: times(others[name])})
		}
		return d
	}
	const other = time.Millisecond
	many := []bench.Case{usual, usual, usual}
	many[1].Containers, many[2].Containers = 99, 998
	size, resident, all := int64(3e6), 7000, 10*time.Millisecond
	if plumb > time.Millisecond {
		size, resident, all = 7e6, 9000, time.Second
	}
	some := report(usual).Results[0]
	profile := func(what string) *bench.Result {
		r := bench.Result{N: n, Phases: []bench.Phase{{Name: what, Times: times(plumb)}, {Name: bench.BeforeFirst, Depth: 1, Times: times(plumb / 2)}}}
		return &r
	}
	return &figures{
		N: n, Started: time.Unix(1e9, 0), Took: 5 * time.Minute,
		Whole: report(usual), Networks: report(usual, usual), Many: report(many...), AtOnce: report(usual, usual),
		InProcess: duel(bench.GroupInProcess, "floor", map[string]time.Duration{
			"floor": other, "plumb, in-process": plumb, "plumb, from the pool": plumb, "plumb, from the pool, unnamed": plumb, "small floor": other, "floor, cold": other, "plumb, in-process, cold": plumb,
			"vishvananda + google": other, "vishvananda + google, small": other,
		}),
		Programs: duel(bench.GroupNetwork, "plumb", map[string]time.Duration{
			"plumb": plumb, "ip": other, "ip-inplace": other, "ip-batch": other, "cni-ptp": other, "cni-ptp-nft": other, "C program": other,
			"plumb run": plumb, "runc": other, "podman": other, "docker": other,
		}),
		All:  map[int][]time.Duration{100: times(all), 1000: times(all)},
		Size: size, Resident: memory{resident, resident / 2, resident / 2},
		Profiles: map[string]*bench.Result{
			"attach": profile("plumb attach"), "detach": profile("plumb detach"), "run": profile("plumb run"), "take": profile("Pool.Take"), "all": &some,
		},
		Usages: []compare.Usage{{
			Name: "`plumb attach`", Wall: times(plumb), CPU: times(plumb), Faults: []float64{300}, Waits: []float64{9}, Interruptions: []float64{3},
		}},
		Floor:    compare.Steps{Names: []string{"set lo up"}, Times: [][]time.Duration{times(other)}},
		CPU:      cpuProfile{N: n, Wall: other, Top: "      flat\n", Cumulative: "      flat\n"},
		Packages: []packageSize{{"plumb/nat", 1e6}}, Sections: []packageSize{{".text", 2e6}},
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
