package main

import (
	"fmt"
	"strings"
	"time"

	"plumb/container/bench"
	"plumb/container/bench/stats"
)

// A target is what plumb is to reach: at most so much, or at least.
type target struct {
	what     string
	limit    float64 // 0: no target, but to be known
	atLeast  bool
	got      float64
	measured string // got, with its interval
	sure     bool   // the whole interval is on one side
	missing  bool   // it could not be measured
	command  string
	profile  string // which one says what takes the time
}

// verdict says whether it is reached.
func (t *target) verdict() (text string, missed bool) {
	met := t.got <= t.limit
	if t.atLeast {
		met = t.got >= t.limit
	}
	switch {
	case t.limit == 0:
		return "", false
	case t.missing:
		return "not measured", false
	case met && t.sure:
		return "met", false
	case met:
		return "met, but for the noise", false
	case !t.sure:
		return "missed, but for the noise", true
	}
	return "missed", true
}

// targets writes all that there are, each with what was measured.
func (f *figures) targets(b *strings.Builder) {
	b.WriteString("## Targets\n\nRatios of medians of pairs, with their 95 % interval.\n\n| what | target | measured | | by |\n|---|---:|---:|---|---|\n")
	for _, t := range f.list() {
		sign := "≤"
		if t.atLeast {
			sign = "≥"
		}
		verdict, _ := t.verdict()
		if t.missing {
			t.measured = "-"
		}
		limit := fmt.Sprintf("%s %g", sign, t.limit)
		if t.limit == 0 {
			limit = ""
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", t.what, limit, t.measured, verdict, t.command)
	}
	b.WriteString("\n" + byCommand + "\n")
}

func (f *figures) list() []target {
	times := func(d *bench.Duel, name string, both bool) []time.Duration {
		for i := range d.Rivals {
			if r := &d.Rivals[i]; r.Name == name {
				all := append([]time.Duration(nil), r.Up...)
				for j := range r.Down {
					if both {
						all[j] += r.Down[j]
					}
				}
				return all
			}
		}
		return nil
	}
	in := func(name string) []time.Duration { return times(f.InProcess, name, false) }
	up := func(name string) []time.Duration { return times(f.Programs, name, false) }
	both := func(name string) []time.Duration { return times(f.Programs, name, true) }
	plumb, run := up("plumb"), up("plumb run")
	whole, many := &f.Whole.Results[0], f.Many.Results
	all := []target{
		atMost("in-process set-up against the floor for the same job", 1.10, in("plumb, in-process"), in("floor"), "report"),
		atMost("in-process set-up against the floor of IPv4 alone, which does less", 0, in("plumb, in-process"), in("small floor"), "report"),
		atMost("the same with the table to make, against a floor that makes it", 0, in("plumb, in-process, cold"), in("floor, cold"), "report"),
		faster("in-process set-up against vishvananda + google, the same job", 1.8, in("vishvananda + google"), in("plumb, in-process"), "report"),
		faster("the same, where those set up IPv4 and masquerading alone", 0, in("vishvananda + google, small"), in("plumb, in-process"), "report"),
		atMost("`plumb attach` against a C program that does the same", 2.0, plumb, up("C program"), "report"),
		faster("`plumb attach` against `ip -batch` + `nft -f`", 2.6, up("ip-batch"), plumb, "bench"),
		faster("`plumb attach` against `ip` + `iptables`", 12, up("ip"), plumb, "bench"),
		faster("the same, where `ip` makes the peer in its place", 0, up("ip-inplace"), plumb, "bench"),
		faster("`plumb attach` + `detach` against CNI ptp ADD + DEL", 12, both("cni-ptp"), both("plumb"), "bench"),
		faster("the same, where the plugins masquerade by nftables", 12, both("cni-ptp-nft"), both("plumb"), "bench"),
		faster("`plumb run` with network, ports and DNS against runc with none", 3, up("runc"), run, "bench"),
		faster("the same against podman", 20, up("podman"), run, "bench"),
		faster("the same against docker", 20, up("docker"), run, "bench"),
		atMost("tear-down of a container as the caller sees it, against its attach", 2, whole.Times(bench.TearDown), whole.Times(bench.Attach), "bench run"),
		value("100 containers taken away at once, in ms", 60, f.All[100]),
		value("1,000 containers taken away at once, in ms", 600, f.All[1000]),
		atMost("from the pool, with a name of its own, against the floor", 0.1, in("plumb, from the pool"), in("floor"), "report"),
		atMost("from the pool, with the pool's name", 0.1, in("plumb, from the pool, unnamed"), in("floor"), "report"),
		atMost("the 1,000th against the 1st, routed, with 2 ports each", 1.5, many[2].Times(bench.Attach), many[0].Times(bench.Attach), "bench many"),
		{what: "the binary, stripped, in MB", limit: 4, got: float64(f.Size) / 1e6, measured: fmt.Sprintf("%.2f", float64(f.Size)/1e6), sure: true, command: "build"},
		{what: "memory of a `plumb run` that waits, in MB", limit: 8, got: float64(f.Resident.All) / 1000, measured: fmt.Sprintf("%.1f", float64(f.Resident.All)/1000), sure: true, command: "report"},
	}
	for i := range all {
		all[i].profile = profileOf(all[i].what)
	}
	return all
}

// profileOf is the profile of what a target is of.
func profileOf(what string) string {
	for _, p := range []struct{ of, profile string }{
		{"in-process", "in-process"},
		{"the same, where those set up", "in-process"},
		{"the same with the table", "in-process"},
		{"`plumb attach` + `detach`", "detach"},
		{"the same, where the plugins", "detach"},
		{"`plumb attach`", "attach"},
		{"the same, where `ip`", "attach"},
		{"`plumb run`", "run"},
		{"the same against", "run"},
		{"tear-down of a container", "tear-down"},
		{"100 ", "all"},
		{"1,000 ", "all"},
		{"from the pool", "take"},
		{"the 1,000th", "many"},
		{"the binary", "binary"},
		{"memory", "memory"},
	} {
		if strings.HasPrefix(what, p.of) {
			return p.profile
		}
	}
	return ""
}

func atMost(what string, limit float64, times, base []time.Duration, command string) target {
	r := stats.RatioOf(times, base)
	return target{
		what: what, limit: limit, got: r.Median, measured: r.String(), sure: r.High <= limit || r.Low > limit, missing: r.N == 0, command: command,
	}
}

// faster says how many times as long the other takes.
func faster(what string, limit float64, other, own []time.Duration, command string) target {
	t := atMost(what, limit, other, own, command)
	t.atLeast = true
	return t
}

// value is a time in ms, from its least to its most.
func value(what string, limit float64, times []time.Duration) target {
	s := stats.Summarize(times)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return target{
		what: what, limit: limit, got: ms(s.Median), measured: fmt.Sprintf("%.1f (%.1f to %.1f)", ms(s.Median), ms(s.Min), ms(s.Max)),
		sure: ms(s.Max) <= limit || ms(s.Min) > limit, command: "report",
	}
}
