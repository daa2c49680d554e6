package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"plumb/container/bench"
	"plumb/container/bench/stats"
)

// missed says of each target that is missed what takes the time: a profile, and what would be needed.
func (f *figures) missed(b *strings.Builder) {
	b.WriteString("\n## What takes the time, where a target is missed\n\n")
	told := map[string]bool{"": true}
	for _, t := range f.list() {
		if _, missed := t.verdict(); !missed || told[t.profile] {
			continue
		}
		told[t.profile] = true
		fmt.Fprintf(b, "### %s\n\n%s\n\n", titles[t.profile], needed[t.profile])
		f.profileText(b, t.profile)
		if t.profile == "detach" && !told["attach"] {
			f.profileText(b, "attach")
		}
	}
	if len(told) == 1 {
		b.WriteString("None is missed.\n\n")
	}
}

// profileText writes a profile.
func (f *figures) profileText(b *strings.Builder, profile string) {
	switch profile {
	case "in-process":
		profileTable(b, "in-process attach", within(&f.Networks.Results[0], bench.Attach))
		f.floorTable(b)
		f.cpuText(b)
	case "attach":
		f.usageTable(b)
		profileTable(b, "the steps, traced", steps(f.Profiles[profile].Phases))
	case "detach", "run":
		profileTable(b, "the steps, traced", steps(f.Profiles[profile].Phases))
	case "take", "all":
		profileTable(b, "", f.Profiles[profile].Phases)
	case "tear-down":
		profileTable(b, "a detach", within(&f.Networks.Results[0], bench.TearDown))
	case "many":
		last := len(f.Many.Results) - 1
		growthTable(b, within(&f.Many.Results[0], bench.Attach), within(&f.Many.Results[last], bench.Attach), f.Many.Results[last].Case)
	case "binary":
		for _, sizes := range [][]packageSize{f.Sections, f.Packages} {
			b.WriteString("| | KB | of the binary |\n|---|---:|---:|\n")
			for _, p := range sizes {
				if part := float64(p.Bytes) / float64(f.Size); part >= least/4 {
					fmt.Fprintf(b, "| %s | %.0f | %.1f %% |\n", p.Name, float64(p.Bytes)/1e3, 100*part)
				}
			}
			b.WriteString("\n")
		}
	case "memory":
		fmt.Fprintf(b, "| | KiB |\n|---|---:|\n| all | %d |\n| its own | %d |\n| pages of the program's file | %d |\n\n", f.Resident.All, f.Resident.Anonymous, f.Resident.File)
	}
}

// within are a phase, and those that it has in it.
func within(r *bench.Result, name string) (phases []bench.Phase) {
	depth := -1
	for _, p := range r.Phases {
		switch {
		case p.Name == name && depth < 0 && p.Depth <= 1:
			depth = p.Depth
		case depth >= 0 && p.Depth <= depth:
			return phases
		case depth < 0:
			continue
		}
		phases = append(phases, p)
	}
	return phases
}

// least is the part of the whole below which a phase is not told.
const least = 0.02

// expected is what a phase takes on average of the iterations, most of which may not have it.
func expected(p *bench.Phase, whole int) time.Duration {
	return stats.Median(p.Times) * time.Duration(len(p.Times)) / time.Duration(max(whole, 1))
}

// profileTable writes the phases that take a part that counts of the first one.
func profileTable(b *strings.Builder, what string, phases []bench.Phase) {
	if len(phases) == 0 {
		return
	}
	whole := stats.Median(phases[0].Times)
	fmt.Fprintf(b, "| %s | median, µs | of it |\n|---|---:|---:|\n", what)
	for i := range phases {
		p := &phases[i]
		part := float64(expected(p, len(phases[0].Times))) / float64(whole)
		if part >= least {
			fmt.Fprintf(b, "| %s%s | %s | %.0f %% |\n", strings.Repeat("&emsp;", p.Depth-phases[0].Depth), p.Name, micros(stats.Median(p.Times)), 100*part)
		}
	}
	fmt.Fprintf(b, "\nEach of %d times. What takes less than %.0f %% is left out, and what happens beside the rest is counted in it, too.\n\n", len(phases[0].Times), 100*least)
}

// steps are those of a program that tells of them itself: without its start and end, most of which are what it takes to tell.
func steps(phases []bench.Phase) (all []bench.Phase) {
	if len(phases) == 0 {
		return nil
	}
	whole := bench.Phase{Name: phases[0].Name + ", from its first step to its last", Times: slices.Clone(phases[0].Times)}
	all = append(all, whole)
	for _, p := range phases[1:] {
		if p.Name != bench.BeforeFirst && p.Name != bench.AfterLast {
			all = append(all, p)
			continue
		}
		for i, t := range p.Times {
			whole.Times[i] -= t
		}
	}
	return all
}

// usageTable says what whole programs take.
func (f *figures) usageTable(b *strings.Builder) {
	b.WriteString("| without a tracer | median, µs | of the processors, µs | page faults | waits | interruptions |\n|---|---:|---:|---:|---:|---:|\n")
	for i := range f.Usages {
		u := &f.Usages[i]
		fmt.Fprintf(b, "| %s | %s | %s | %.0f | %.0f | %.0f |\n", u.Name, micros(stats.Median(u.Wall)), micros(stats.Median(u.CPU)),
			stats.Median(u.Faults), stats.Median(u.Waits), stats.Median(u.Interruptions))
	}
	b.WriteString("\n")
}

// address is an address, or a number, in a phase's name.
var address = regexp.MustCompile(`\b([0-9a-f]+:[0-9a-f:]*|[0-9]+(\.[0-9]+)*)(/[0-9]+)?`)

// common is a phase's name as it is in all cases, whatever the address.
func common(name string) string { return address.ReplaceAllString(name, "…") }

// growthTable sets phases beside those of another case.
func growthTable(b *strings.Builder, few, many []bench.Phase, c bench.Case) {
	if len(few) == 0 || len(many) == 0 {
		return
	}
	fmt.Fprintf(b, "| attach | beside one, median µs | beside %d | grows by | of all growth |\n|---|---:|---:|---:|---:|\n", c.Containers+1)
	whole := stats.Median(many[0].Times) - stats.Median(few[0].Times)
	used := map[int]bool{}
	for i := range few {
		for j := range many {
			if used[j] || common(few[i].Name) != common(many[j].Name) || few[i].Depth != many[j].Depth {
				continue
			}
			used[j] = true
			before, after := expected(&few[i], len(few[0].Times)), expected(&many[j], len(many[0].Times))
			if part := float64(after-before) / float64(whole); part >= least || part <= -least {
				fmt.Fprintf(b, "| %s%s | %s | %s | %s | %.0f %% |\n", strings.Repeat("&emsp;", few[i].Depth-few[0].Depth), common(few[i].Name), micros(before), micros(after),
					micros(after-before), 100*part)
			}
			break
		}
	}
	b.WriteString("\n")
}

// floorTable is what the floor takes for its steps.
func (f *figures) floorTable(b *strings.Builder) {
	b.WriteString("| the floor | median, µs |\n|---|---:|\n")
	for i, name := range f.Floor.Names {
		fmt.Fprintf(b, "| %s | %s |\n", name, micros(stats.Median(f.Floor.Times[i])))
	}
	b.WriteString("\n")
}

func (f *figures) cpuText(b *strings.Builder) {
	c := &f.CPU
	fmt.Fprintf(b, "Of %d attaches without a tracer, one after the other, each took %s µs: %s µs of the processors in the kernel, and %s µs in the program itself; it let go of a\n"+
		"processor %.1f times, and made %.0f allocations of %.0f KB. By runtime/pprof (`go tool pprof -top`, and `-cum` of plumb's own functions):\n\n```\n%s\n%s```\n\n",
		c.N, micros(c.Wall), micros(c.System), micros(c.User), c.Switches, c.Allocs, c.Bytes/1e3, c.Top, c.Cumulative)
}
