package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"plumb/container/bench"
	"plumb/container/bench/stats"
)

// benchOutput is what plumb bench has measured: the one or the other.
type benchOutput struct {
	report *bench.Report
	duel   *bench.Duel
}

// table prints it for people.
func (o benchOutput) table(w io.Writer) {
	if o.duel != nil {
		o.duelTable(w)
		return
	}
	r := o.report
	printFacts(w, r.Facts, &r.Beside)
	for i := range r.Results {
		fmt.Fprintf(w, "\n%s: %d iterations in %.1f s\n", r.Results[i].Case, r.Results[i].N, r.Results[i].Took.Seconds())
		printPhases(w, &r.Results[i])
	}
	if len(r.Results) > 1 {
		printCases(w, r)
	}
}

func printFacts(w io.Writer, facts []bench.Fact, beside *bench.Beside) {
	var rows [][]string
	for _, f := range facts {
		rows = append(rows, []string{f.Name, f.Value})
	}
	printColumns(w, append(rows, []string{"beside", beside.String()}))
	if beside.Noisy() {
		fmt.Fprintln(w, "\nThis machine had other work: absolute times say little. Ratios of what was measured in turn hold, within their intervals.")
	}
}

const histogramWidth = 16

// printPhases prints what took how long, in µs, the parts of a thing below it.
func printPhases(w io.Writer, r *bench.Result) {
	rows := [][]string{{"µs", "min", "median", "p90", "p99", "max", "from min to p99", "n"}}
	for i := range r.Phases {
		p := &r.Phases[i]
		rows = append(rows, summaryRow(strings.Repeat("  ", p.Depth)+p.Name, p.Times))
	}
	printColumns(w, rows)
	fmt.Fprintln(w, "\nOf the attach's median, in µs:")
	rows = nil
	for _, s := range r.Shares() {
		rows = append(rows, []string{"  " + s.Name, microseconds(s.Time)})
	}
	printColumns(w, rows)
	if self := stats.Itself(r.Times(bench.SetUp)); self.N > 0 {
		fmt.Fprintf(w, "\nThe set-up against itself, of neighbours: %s. What differs by less is noise.\n", self)
	}
}

// summaryRow is a row of columns, of which the first is a name.
func summaryRow(name string, times []time.Duration) []string {
	s := stats.Summarize(times)
	row := []string{name}
	for _, d := range []time.Duration{s.Min, s.Median, s.P90, s.P99, s.Max} {
		row = append(row, microseconds(d))
	}
	return append(row, stats.Bars(stats.Histogram(times, histogramWidth)), fmt.Sprint(s.N))
}

// microseconds has three digits that count.
func microseconds(d time.Duration) string {
	us := float64(d) / float64(time.Microsecond)
	if us < 100 {
		return fmt.Sprintf("%.1f", us)
	}
	return fmt.Sprintf("%.0f", us)
}

// printCases compares each case with the first.
func printCases(w io.Writer, r *bench.Report) {
	first := &r.Results[0]
	fmt.Fprintf(w, "\nAgainst %s, in pairs that were measured one after the other (95 %% interval of the median ratio):\n", first.Case)
	rows := [][]string{{"", "set-up", "tear-down", "containers a second"}}
	for i := range r.Results {
		c := &r.Results[i]
		row := []string{c.Case.String()}
		for _, phase := range []string{bench.SetUp, bench.TearDown} {
			ratio := "1"
			if i > 0 {
				ratio = stats.RatioOf(c.Times(phase), first.Times(phase)).Verdict()
			}
			row = append(row, ratio)
		}
		rows = append(rows, append(row, fmt.Sprintf("%.0f", float64(c.N)/c.Took.Seconds())))
	}
	printColumns(w, rows)
}

// duelTable prints rivals beside plumb.
func (o benchOutput) duelTable(w io.Writer) {
	printFacts(w, o.duel.Facts, &o.duel.Beside)
	rows := [][]string{{"µs", "min", "median", "p90", "p99", "max", "from min to p99", "n"}}
	for i := range o.duel.Rivals {
		r := &o.duel.Rivals[i]
		rows = append(rows, summaryRow(r.Name+": "+r.UpName, r.Up))
		if len(r.Down) > 0 {
			rows = append(rows, summaryRow(r.Name+": "+r.DownName, r.Down))
		}
	}
	fmt.Fprintln(w)
	printColumns(w, rows)
	fmt.Fprintln(w, "\nHow many times as long as plumb for the same, in turn (95 % interval of the median ratio):")
	rows = nil
	for _, c := range o.duel.Comparisons() {
		rows = append(rows, []string{c.Rival, c.What, c.Ratio.Verdict()})
	}
	printColumns(w, rows)
	for _, m := range o.duel.Missing {
		fmt.Fprintf(w, "not measured: %s: %s\n", m.Name, m.Value)
	}
}
