package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"plumb/container/bench"
	"plumb/container/bench/stats"
)

// json is all of it, with every single time, in nanoseconds.
func (o benchOutput) json() jsonText {
	if o.duel != nil {
		return o.duelJSON()
	}
	var results []jsonText
	for i := range o.report.Results {
		r := &o.report.Results[i]
		var phases []jsonText
		for j := range r.Phases {
			p := &r.Phases[j]
			phases = append(phases, jsonObject(
				"name", jsonString(p.Name), "depth", jsonNumber(p.Depth), "after", jsonNumber(p.After),
				"summary", jsonSummary(p.Times), "times", jsonTimes(p.Times),
			))
		}
		c := r.Case
		results = append(results, jsonObject(
			"case", jsonObject(
				"family", jsonString(c.Family), "concurrency", jsonNumber(c.Concurrency), "containers", jsonNumber(c.Containers),
				"publish", jsonNumber(c.Publish), "cold", jsonBool(c.Cold),
			),
			"iterations", jsonNumber(r.N), "took", jsonNumber(r.Took), "itself", jsonRatio(stats.Itself(r.Times(bench.SetUp))), "phases", jsonList(phases),
		))
	}
	return jsonObject("machine", jsonFacts(o.report.Facts), "beside", jsonString(o.report.Beside.String()), "results", jsonList(results))
}

func (o benchOutput) duelJSON() jsonText {
	var rivals, ratios []jsonText
	for i := range o.duel.Rivals {
		r := &o.duel.Rivals[i]
		rivals = append(rivals, jsonObject("name", jsonString(r.Name),
			"up", jsonSummary(r.Up), "upTimes", jsonTimes(r.Up), "down", jsonSummary(r.Down), "downTimes", jsonTimes(r.Down)))
	}
	for _, c := range o.duel.Comparisons() {
		ratios = append(ratios, jsonObject("rival", jsonString(c.Rival), "what", jsonString(c.What), "ratio", jsonRatio(c.Ratio)))
	}
	return jsonObject("machine", jsonFacts(o.duel.Facts), "beside", jsonString(o.duel.Beside.String()),
		"rivals", jsonList(rivals), "ratios", jsonList(ratios), "missing", jsonFacts(o.duel.Missing))
}

func jsonFacts(facts []bench.Fact) jsonText {
	var members []jsonText
	for _, f := range facts {
		members = append(members, jsonText(f.Name), jsonString(f.Value))
	}
	return jsonObject(members...)
}

func jsonTimes(times []time.Duration) jsonText {
	var list []jsonText
	for _, t := range times {
		list = append(list, jsonNumber(t))
	}
	return jsonList(list)
}

func jsonSummary(times []time.Duration) jsonText {
	s := stats.Summarize(times)
	return jsonObject("n", jsonNumber(s.N), "min", jsonNumber(s.Min), "median", jsonNumber(s.Median), "p90", jsonNumber(s.P90),
		"p99", jsonNumber(s.P99), "max", jsonNumber(s.Max))
}

func jsonRatio(r stats.Ratio) jsonText {
	number := func(f float64) jsonText { return jsonText(fmt.Sprintf("%.4g", f)) }
	return jsonObject("pairs", jsonNumber(r.N), "median", number(r.Median), "low", number(r.Low), "high", number(r.High),
		"confidence", number(r.Sure), "meaningless", jsonBool(r.Meaningless()))
}

// gobench prints the benchmark format of Go: a line for each iteration of each phase of depth 0 and 1, of which benchstat makes the rest.
func (o benchOutput) gobench(w io.Writer) {
	fmt.Fprintf(w, "goos: %s\ngoarch: %s\npkg: plumb/container/bench\n", runtime.GOOS, runtime.GOARCH)
	line := func(name string, times []time.Duration) {
		for _, t := range times {
			fmt.Fprintf(w, "Benchmark%s 1 %d ns/op\n", name, t.Nanoseconds())
		}
	}
	if o.duel != nil {
		for i := range o.duel.Rivals {
			r := &o.duel.Rivals[i]
			line(benchName(r.Name, r.UpName), r.Up)
			line(benchName(r.Name, r.DownName), r.Down)
		}
		return
	}
	for i := range o.report.Results {
		r := &o.report.Results[i]
		for j := range r.Phases {
			if p := &r.Phases[j]; p.Depth <= 1 {
				line(benchName(p.Name, r.Case.String()), p.Times)
			}
		}
	}
}

// benchName is a benchmark's name: no spaces, and a capital after Benchmark.
func benchName(name, sub string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == ',' || r == '-' })
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "") + "/" + strings.ReplaceAll(sub, " ", "-")
}
