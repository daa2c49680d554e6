package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"plumb/container/bench"
	"plumb/container/bench/plot"
	"plumb/container/bench/stats"
)

var subnet = netip.MustParsePrefix("10.0.0.0/16")

// write writes the document and its pictures.
func (m *measurement) write(dir string) error {
	for _, picture := range []struct {
		file, title string
		panels      []*plot.Panel
	}{
		{"bench-phases.svg", "What happens when a container gets its network", append(m.whole.Results[0].Waterfalls(), m.whole.Results[0].Distributions())},
		{"bench-rivals.svg", "plumb beside others", append(m.inProcess.Panels(), m.programs.Panels()...)},
		{"bench-scaling.svg", "How it grows", append(m.many.Scaling(), m.atOnce.Scaling()...)},
	} {
		f, err := os.Create(filepath.Join(dir, picture.file))
		if err != nil {
			return err
		}
		if err := plot.Write(f, picture.title, picture.panels...); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "benchmarks.md"), []byte(m.text()), 0o644)
}

func (m *measurement) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, introduction, m.took.Round(time.Minute).Minutes())
	b.WriteString("## The machine\n\n| | |\n|---|---|\n")
	for _, f := range m.inProcess.Facts {
		fmt.Fprintf(&b, "| %s | %s |\n", f.Name, f.Value)
	}
	for _, r := range []struct {
		name   string
		beside *bench.Beside
	}{{"beside, while containers were measured", &m.whole.Beside}, {"beside, in-process", &m.inProcess.Beside}, {"beside, programs", &m.programs.Beside}} {
		fmt.Fprintf(&b, "| %s | %s |\n", r.name, r.beside)
	}
	fmt.Fprintf(&b, "| measured | %s |\n\n", m.started.UTC().Format(time.DateOnly))
	m.targets(&b)
	b.WriteString("## Where the time goes\n\n![what happens when](bench-phases.svg)\n\n")
	phases(&b, &m.whole.Results[0])
	b.WriteString(where)
	b.WriteString("## By family, and with a table to make\n\n")
	cases(&b, m.networks)
	b.WriteString("## How it grows\n\n![how it grows](bench-scaling.svg)\n\nEach container publishes two ports. One more than are named stays.\n\n")
	cases(&b, m.many)
	b.WriteString("\nAt once, each by a worker with sockets of its own (rtnetlink has one lock for all):\n\n")
	cases(&b, m.atOnce)
	b.WriteString("## Beside others\n\n![beside others](bench-rivals.svg)\n\n")
	duel(&b, m.inProcess)
	duel(&b, m.programs)
	for _, f := range append(m.inProcess.Missing, m.programs.Missing...) {
		fmt.Fprintf(&b, "Not measured: %s: %s.\n", f.Name, f.Value)
	}
	b.WriteString(method)
	return b.String()
}

const header = "| µs | min | median | p90 | p99 | max | n |\n|---|---:|---:|---:|---:|---:|---:|\n"

func row(b *strings.Builder, name string, times []time.Duration) {
	s := stats.Summarize(times)
	fmt.Fprintf(b, "| %s |", name)
	for _, d := range []time.Duration{s.Min, s.Median, s.P90, s.P99, s.Max} {
		fmt.Fprintf(b, " %s |", micros(d))
	}
	fmt.Fprintf(b, " %d |\n", s.N)
}

func micros(d time.Duration) string {
	us := float64(d) / float64(time.Microsecond)
	if us < 100 {
		return fmt.Sprintf("%.1f", us)
	}
	return fmt.Sprintf("%.0f", us)
}

// phases are those that have others in them, and what an attach goes into.
func phases(b *strings.Builder, r *bench.Result) {
	b.WriteString(header)
	for i := range r.Phases {
		if p := &r.Phases[i]; p.Kind == bench.KindWhole && 2*len(p.Times) >= r.N {
			row(b, strings.Repeat("&emsp;", p.Depth)+p.Name, p.Times)
		}
	}
	b.WriteString("\n| of the attach | µs |\n|---|---:|\n")
	for _, s := range r.Shares() {
		fmt.Fprintf(b, "| %s | %s |\n", s.Name, micros(s.Time))
	}
	fmt.Fprintf(b, "\nThe set-up against itself, of neighbours: %s. What differs by less is noise.\n", stats.Itself(r.Times(bench.SetUp)))
}

// cases compares each with the first.
func cases(b *strings.Builder, r *bench.Report) {
	first := &r.Results[0]
	b.WriteString("| | attach, median µs | against the first | tear-down, median µs | against the first | containers a second |\n|---|---:|---:|---:|---:|---:|\n")
	for i := range r.Results {
		c := &r.Results[i]
		fmt.Fprintf(b, "| %s |", c.Case)
		for _, phase := range []string{bench.Attach, bench.TearDown} {
			ratio := "1"
			if i > 0 {
				ratio = stats.RatioOf(c.Times(phase), first.Times(phase)).Verdict()
			}
			fmt.Fprintf(b, " %s | %s |", micros(stats.Median(c.Times(phase))), ratio)
		}
		fmt.Fprintf(b, " %.0f |\n", float64(c.N)/c.Took.Seconds())
	}
	b.WriteString("\n")
}

func duel(b *strings.Builder, d *bench.Duel) {
	group := ""
	for i := range d.Rivals {
		r := &d.Rivals[i]
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(b, "%s:\n\n%s", strings.ToUpper(group[:1])+group[1:], header)
		}
		row(b, r.Name+": "+r.UpName, r.Up)
		if len(r.Down) > 0 {
			row(b, r.Name+": "+r.DownName, r.Down)
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
