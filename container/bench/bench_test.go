package bench_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"plumb/container/bench"
	"plumb/container/bench/stats"
	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

func run(t *testing.T, o bench.Options) *bench.Report {
	t.Helper()
	lab.NeedKernel(t)
	r, err := bench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// All that is counted is there, and the parts of a thing do not take longer than the whole.
func TestRun(t *testing.T) {
	const n = 6
	usual := bench.Case{Concurrency: 1, Family: "46", Publish: 1}
	many, cold, old := usual, usual, usual
	many.Concurrency, many.Containers = 4, 3
	cold.Cold, old.Family = true, "4"
	report := run(t, bench.Options{N: n, Warmup: 1, Cases: []bench.Case{usual, many, cold, old}, Command: []string{"/bin/sleep", "100"}})
	if len(report.Results) != 4 || !report.Command {
		t.Fatalf("%d results", len(report.Results))
	}
	for i := range report.Results {
		r := &report.Results[i]
		if r.N != n {
			t.Errorf("%s: %d iterations, want %d", r.Case, r.N, n)
		}
		for _, phase := range []string{bench.SetUp, bench.Clone, bench.Attach, bench.Ready, bench.Ended, bench.TearDown, bench.Gone} {
			if got := r.Times(phase); len(got) != n {
				t.Errorf("%s: %s was measured %d times, want %d", r.Case, phase, len(got), n)
			}
		}
		checkSums(t, r, n)
		checkShares(t, r)
	}
	if message(&report.Results[0], "nft batch: make") || !message(&report.Results[2], "table") {
		t.Error("the table is made where it stands, or is not where it does not")
	}
	if len(report.Panels()) != 5 {
		t.Error("of several numbers of containers there are too few curves")
	}
}

// checkSums compares iterations: what the set-up is made of leaves little of it, and the link is not gone before the caller has had it removed. Others
// may get the processor between any two things: of all iterations it is the best that has no gap.
func checkSums(t *testing.T, r *bench.Result, n int) {
	t.Helper()
	whole := false
	for i := range n {
		setUp := r.Times(bench.SetUp)[i]
		parts := r.Times(bench.Clone)[i] + r.Times(bench.Attach)[i] + r.Times(bench.Ready)[i]
		if parts > setUp {
			t.Errorf("%s: a set-up of %v has parts of %v", r.Case, setUp, parts)
		}
		if r.Times(bench.Gone)[i] < r.Times(bench.TearDown)[i] {
			t.Errorf("%s: the link was gone after %v, the tear-down took %v", r.Case, r.Times(bench.Gone)[i], r.Times(bench.TearDown)[i])
		}
		attach, steps := r.Times(bench.Attach)[i], time.Duration(0)
		for j := range r.Phases {
			if p := &r.Phases[j]; p.Depth == 2 && p.Kind == bench.KindWhole && len(p.Times) == n {
				steps += p.Times[i]
			}
		}
		if steps > attach {
			t.Errorf("%s: an attach of %v has parts of %v", r.Case, attach, steps)
		}
		whole = whole || parts > setUp/2 && steps > attach/2
	}
	if !whole {
		t.Errorf("%s: the parts of the set-up, or those of the attach, are not all there: %+v", r.Case, r.Phases)
	}
}

func checkShares(t *testing.T, r *bench.Result) {
	t.Helper()
	for _, s := range r.Shares() {
		if s.Time <= 0 || s.Time > stats.Summarize(r.Times(bench.Attach)).Max {
			t.Errorf("%s: %s takes %v of an attach", r.Case, s.Name, s.Time)
		}
	}
}

// message says whether a phase's name has some text in it.
func message(r *bench.Result, text string) bool {
	for i := range r.Phases {
		if p := &r.Phases[i]; p.Kind == bench.KindTables && contains(p.Name, text) {
			return true
		}
	}
	return false
}

func contains(s, part string) bool {
	ok, err := filepath.Match("*"+part+"*", s)
	return ok && err == nil
}

func TestCheck(t *testing.T) {
	t.Parallel()
	good := bench.Case{Concurrency: 1, Family: "46"}
	for name, spoil := range map[string]func(*bench.Options){
		"no iterations": func(o *bench.Options) { o.N = 0 },
		"family":        func(o *bench.Options) { o.Cases[0].Family = "5" },
		"nobody":        func(o *bench.Options) { o.Cases[0].Concurrency = 0 },
		"ports":         func(o *bench.Options) { o.Cases[0].Publish = 60000 },
		"cold":          func(o *bench.Options) { o.Cases[0].Cold, o.Cases[0].Concurrency = true, 2 },
	} {
		o := bench.Options{N: 1, Cases: []bench.Case{good}}
		if err := o.Check(); err != nil {
			t.Fatal(err)
		}
		spoil(&o)
		if o.Check() == nil {
			t.Errorf("%s: nobody minds", name)
		}
	}
}

// Rivals take turns; one that is missing or fails is told, and leaves the others alone.
func TestRivals(t *testing.T) {
	lab.NeedKernel(t)
	var order string
	rival := func(name string, begin, up error) bench.Rival {
		return bench.Rival{
			Name: name, Group: bench.GroupRun, UpName: "up", DownName: "down",
			Begin: func(*bench.Stage) error { return begin },
			Up:    func(*bench.Stage) error { order += name; return up },
			Down:  func(*bench.Stage) error { return nil },
		}
	}
	errBroken := errors.New("it is broken")
	duel, err := bench.RunRivals(t.Context(), bench.RivalOptions{
		N: 4, Plumb: os.Args[0],
		More: []bench.Rival{rival("a", nil, nil), rival("b", nil, nil), rival("c", bench.ErrMissing, nil), rival("d", nil, errBroken)},
		Bare: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "abd" + "abbaabba"; order != want {
		t.Errorf("they took turns as %s, want %s", order, want)
	}
	if len(duel.Missing) != 2 || duel.Missing[0].Name != "c" || !contains(duel.Missing[1].Value, "broken") {
		t.Errorf("missing: %v", duel.Missing)
	}
	if len(duel.Rivals) != 2 || len(duel.Rivals[1].Up) != 4 || len(duel.Rivals[1].Down) != 4 {
		t.Errorf("rivals: %v", duel.Rivals)
	}
	if c := duel.Comparisons(); len(c) != 3 || c[0].Rival != "b" || c[0].Base != "a" || c[0].Ratio.N != 4 {
		t.Errorf("comparisons: %v", c)
	}
}
