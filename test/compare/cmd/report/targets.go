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
}

// targets writes all that there are, each with what was measured.
func (m *measurement) targets(b *strings.Builder) {
	b.WriteString("## Targets\n\nRatios of medians of pairs, with their 95 % interval.\n\n| what | target | measured | | by |\n|---|---:|---:|---|---|\n")
	for _, t := range m.list() {
		sign, verdict := "≤", "missed"
		if t.atLeast {
			sign = "≥"
		}
		met := t.got <= t.limit
		if t.atLeast {
			met = t.got >= t.limit
		}
		switch {
		case t.limit == 0:
			verdict = ""
		case t.missing:
			verdict, t.measured = "not measured", "-"
		case met && t.sure:
			verdict = "met"
		case met:
			verdict = "met, but for the noise"
		case !t.sure:
			verdict = "missed, but for the noise"
		}
		limit := fmt.Sprintf("%s %g", sign, t.limit)
		if t.limit == 0 {
			limit = ""
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", t.what, limit, t.measured, verdict, t.command)
	}
	b.WriteString("\n" + byCommand + "\n")
}

func (m *measurement) list() []target {
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
	in := func(name string) []time.Duration { return times(m.inProcess, name, false) }
	up := func(name string) []time.Duration { return times(m.programs, name, false) }
	both := func(name string) []time.Duration { return times(m.programs, name, true) }
	plumb, run := up("plumb"), up("plumb run")
	whole, many := &m.whole.Results[0], m.many.Results
	return []target{
		atMost("in-process set-up against the floor for the same job", 1.10, in("plumb, in-process"), in("floor"), "report"),
		atMost("in-process set-up against the floor of IPv4 alone, which does less", 0, in("plumb, in-process"), in("small floor"), "report"),
		faster("in-process set-up against vishvananda + google, most of the same job", 1.8, in("vishvananda + google"), in("plumb, in-process"), "report"),
		faster("the same, where those set up IPv4 and masquerading alone", 0, in("vishvananda + google, small"), in("plumb, in-process"), "report"),
		atMost("`plumb attach` against a C program that does the same", 2.0, plumb, up("C program"), "report"),
		faster("`plumb attach` against `ip -batch` + `nft -f`", 2.6, up("ip-batch"), plumb, "bench"),
		faster("`plumb attach` against `ip` + `iptables`", 12, up("ip"), plumb, "bench"),
		faster("`plumb attach` + `detach` against CNI ptp ADD + DEL", 12, both("cni-ptp"), both("plumb"), "bench"),
		faster("`plumb run` with network, ports and DNS against runc with none", 3, up("runc"), run, "bench"),
		faster("the same against podman", 20, up("podman"), run, "bench"),
		faster("the same against docker", 20, up("docker"), run, "bench"),
		atMost("tear-down of a container as the caller sees it, against its attach", 2, whole.Times(bench.TearDown), whole.Times(bench.Attach), "bench run"),
		value("100 containers taken away at once, in ms", 60, m.all[100]),
		value("1,000 containers taken away at once, in ms", 600, m.all[1000]),
		atMost("from the pool, against the floor", 0.1, in("plumb, from the pool"), in("floor"), "report"),
		atMost("the 1,000th against the 1st, routed, with 2 ports each", 1.5, many[2].Times(bench.Attach), many[0].Times(bench.Attach), "bench many"),
		{what: "the binary, stripped, in MB", limit: 4, got: float64(m.size) / 1e6, measured: fmt.Sprintf("%.2f", float64(m.size)/1e6), sure: true, command: "build"},
		{what: "memory of a `plumb run` that waits, in MB", limit: 8, got: float64(m.resident) / 1000, measured: fmt.Sprintf("%.1f", float64(m.resident)/1000), sure: true, command: "report"},
	}
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
