package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plumb/container/bench"
	"plumb/container/bench/plot"
	"plumb/container/bench/stats"
)

var subnet = netip.MustParsePrefix("10.0.0.0/16")

// write writes the document and its pictures.
func (f *figures) write(dir string) error {
	for _, picture := range []struct {
		file, title string
		panels      []*plot.Panel
	}{
		{"bench-phases.svg", "What happens when a container gets its network", append(f.Whole.Results[0].Waterfalls(), f.Whole.Results[0].Distributions())},
		{"bench-rivals.svg", "plumb beside others", append(f.InProcess.Panels(), f.Programs.Panels()...)},
		{"bench-scaling.svg", "How it grows", append(f.Many.Scaling(), f.AtOnce.Scaling()...)},
	} {
		var text bytes.Buffer
		if err := plot.Write(&text, picture.title, picture.panels...); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, picture.file), text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "benchmarks.md"), []byte(f.text()), 0o644)
}

func (f *figures) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, introduction, f.Took.Round(time.Minute).Minutes())
	b.WriteString("## The machine\n\n| | |\n|---|---|\n")
	for _, fact := range f.InProcess.Facts {
		fmt.Fprintf(&b, "| %s | %s |\n", fact.Name, fact.Value)
	}
	for _, r := range []struct {
		name   string
		beside *bench.Beside
	}{{"beside, while containers were measured", &f.Whole.Beside}, {"beside, in-process", &f.InProcess.Beside}, {"beside, programs", &f.Programs.Beside}} {
		fmt.Fprintf(&b, "| %s | %s |\n", r.name, r.beside)
	}
	fmt.Fprintf(&b, "| measured | %s |\n\n", f.Started.UTC().Format(time.DateOnly))
	f.targets(&b)
	b.WriteString("## Where the time goes\n\n![what happens when](bench-phases.svg)\n\n")
	fmt.Fprintf(&b, floors, micros(f.floor("floor")), micros(f.floor("C program")))
	f.phases(&b, &f.Whole.Results[0])
	f.missed(&b)
	b.WriteString("## By family, and with a table to make\n\n")
	f.cases(&b, f.Networks)
	b.WriteString("## How it grows\n\n![how it grows](bench-scaling.svg)\n\nEach container publishes two ports. One more than are named stays.\n\n")
	f.cases(&b, f.Many)
	b.WriteString("\nAt once, each by a worker with sockets of its own (rtnetlink has one lock for all):\n\n")
	f.cases(&b, f.AtOnce)
	b.WriteString("## Beside others\n\n![beside others](bench-rivals.svg)\n\n")
	f.duel(&b, f.InProcess, "floor")
	f.duel(&b, f.Programs, "C program")
	for _, missing := range slices.Concat(f.InProcess.Missing, f.Programs.Missing) {
		fmt.Fprintf(&b, "Not measured: %s: %s.\n", missing.Name, missing.Value)
	}
	b.WriteString(method)
	return b.String()
}

const header = "| µs | min | median | p90 | p99 | max | n | × floor |\n|---|---:|---:|---:|---:|---:|---:|---:|\n"

func row(b *strings.Builder, name string, times []time.Duration, floor time.Duration) {
	s := stats.Summarize(times)
	fmt.Fprintf(b, "| %s |", name)
	for _, d := range []time.Duration{s.Min, s.Median, s.P90, s.P99, s.Max} {
		fmt.Fprintf(b, " %s |", micros(d))
	}
	fmt.Fprintf(b, " %d | %s |\n", s.N, multiple(s.Median, floor))
}

// floor is the median of one of the floors: of a program that is running, and of a whole one.
func (f *figures) floor(name string) time.Duration {
	for _, d := range []*bench.Duel{f.InProcess, f.Programs} {
		for i := range d.Rivals {
			if d.Rivals[i].Name == name {
				return stats.Median(d.Rivals[i].Up)
			}
		}
	}
	return 0
}

// multiple is a time as one of the floor's.
func multiple(d, floor time.Duration) string {
	if floor == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g", float64(d)/float64(floor))
}

func micros(d time.Duration) string {
	us := float64(d) / float64(time.Microsecond)
	if us < 100 {
		return fmt.Sprintf("%.1f", us)
	}
	return fmt.Sprintf("%.0f", us)
}

// phases are those that have others in them, and what an attach goes into.
func (f *figures) phases(b *strings.Builder, r *bench.Result) {
	b.WriteString(header)
	for i := range r.Phases {
		if p := &r.Phases[i]; p.Kind == bench.KindWhole && 2*len(p.Times) >= r.N {
			row(b, strings.Repeat("&emsp;", p.Depth)+p.Name, p.Times, f.floor("floor"))
		}
	}
	b.WriteString("\n| of the attach | µs | × floor |\n|---|---:|---:|\n")
	for _, s := range r.Shares() {
		fmt.Fprintf(b, "| %s | %s | %s |\n", s.Name, micros(s.Time), multiple(s.Time, f.floor("floor")))
	}
	fmt.Fprintf(b, "\nThe set-up against itself, of neighbours: %s. What differs by less is noise.\n", stats.Itself(r.Times(bench.SetUp)))
}

// cases compares each with the first.
func (f *figures) cases(b *strings.Builder, r *bench.Report) {
	first := &r.Results[0]
	b.WriteString("| | attach, median µs | × floor | against the first | tear-down, median µs | against the first | containers a second |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for i := range r.Results {
		c := &r.Results[i]
		fmt.Fprintf(b, "| %s |", c.Case)
		for _, phase := range []string{bench.Attach, bench.TearDown} {
			ratio := "1"
			if i > 0 {
				ratio = stats.RatioOf(c.Times(phase), first.Times(phase)).Verdict()
			}
			median := stats.Median(c.Times(phase))
			fmt.Fprintf(b, " %s |", micros(median))
			if phase == bench.Attach {
				fmt.Fprintf(b, " %s |", multiple(median, f.floor("floor")))
			}
			fmt.Fprintf(b, " %s |", ratio)
		}
		fmt.Fprintf(b, " %.0f |\n", float64(c.N)/c.Took.Seconds())
	}
	b.WriteString("\n")
}

// duel writes what rivals have taken, as multiples of a floor, too.
func (f *figures) duel(b *strings.Builder, d *bench.Duel, floor string) {
	least := f.floor(floor)
	group := ""
	for i := range d.Rivals {
		r := &d.Rivals[i]
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(b, "%s:\n\n%s", strings.ToUpper(group[:1])+group[1:], header)
		}
		row(b, r.Name+": "+r.UpName, r.Up, least)
		if len(r.Down) > 0 {
			row(b, r.Name+": "+r.DownName, r.Down, least)
		}
		if i == len(d.Rivals)-1 || d.Rivals[i+1].Group != group {
			b.WriteString("\n")
		}
	}
	b.WriteString("| against | what | times as long |\n|---|---|---:|\n")
	for _, c := range d.Comparisons() {
		fmt.Fprintf(b, "| %s / %s | %s | %s |\n", c.Rival, c.Base, c.What, c.Ratio.Verdict())
	}
	b.WriteString("\n")
}
