package bench

import (
	"slices"
	"time"

	"plumb/container/bench/stats"
)

// A Phase is a part of what an iteration does, over all of them.
type Phase struct {
	Name  string
	Depth int // within the phases before it that have less
	Kind  Kind
	Times []time.Duration // one of each iteration that had it
	After time.Duration   // median of when it began, after the iteration did

	key    string
	starts []time.Duration
}

// The phases of depth 0. Those before the tear-down add up to the set-up, and those within it that have a depth of 1.
const (
	SetUp     = "set-up"
	Ended     = "end of the process"
	TearDown  = "tear-down, as the caller sees it"
	Gone      = "tear-down, until the link is gone"
	Clone     = "clone"
	Namespace = "namespace"
	Attach    = "attach"
	Ready     = "ready"
)

// A Result is what a case has come to.
type Result struct {
	Case   Case
	Phases []Phase       // in the order in which they happen
	Took   time.Duration // of all counted rounds: N iterations, Concurrency at a time
	N      int
}

// Phase is the one of that name, at depth 0 or 1, or nil.
func (r *Result) Phase(name string) *Phase {
	for i := range r.Phases {
		if r.Phases[i].Name == name && r.Phases[i].Depth <= 1 {
			return &r.Phases[i]
		}
	}
	return nil
}

// Times are those of a phase, or nil.
func (r *Result) Times(name string) []time.Duration {
	if p := r.Phase(name); p != nil {
		return p.Times
	}
	return nil
}

// add adds an iteration, of which the first span is the earliest.
func (r *Result) add(spans []span) {
	r.N++
	at := 0 // where what is new goes: behind the phase before it
	for _, s := range spans {
		i := slices.IndexFunc(r.Phases, func(p Phase) bool { return p.key == s.key && p.Depth == s.depth })
		if i < 0 {
			i = min(at, len(r.Phases))
			r.Phases = slices.Insert(r.Phases, i, Phase{Name: s.label, Depth: s.depth, Kind: s.kind, key: s.key})
		}
		p := &r.Phases[i]
		p.Times = append(p.Times, s.took)
		p.starts = append(p.starts, s.start.Sub(spans[0].start))
		at = i + 1
	}
}

func (r *Result) finish() {
	for i := range r.Phases {
		r.Phases[i].After = stats.Median(r.Phases[i].starts)
	}
}

// A Share is what one kind of work takes of an attach.
type Share struct {
	Name string
	Kind Kind
	Time time.Duration // the sum of the medians of its phases
}

// Shares say what the time of an attach goes into. What goes on beside the rest is not counted twice: what is left over is plumb's own.
func (r *Result) Shares() []Share {
	shares := []Share{
		{"rtnetlink", KindRoute, 0}, {"nftables and connection tracking", KindTables, 0}, {"sysctls", KindSysctl, 0},
	}
	within := false
	attach := r.Phase(Attach)
	if attach == nil {
		return nil
	}
	left := stats.Median(attach.Times)
	for i := range r.Phases {
		p := &r.Phases[i]
		if p.Depth <= attach.Depth {
			within = p == attach
			continue
		}
		for j := range shares {
			if within && shares[j].Kind == p.Kind {
				took := stats.Median(p.Times) * time.Duration(len(p.Times)) / time.Duration(r.N)
				shares[j].Time += took
				left -= took
			}
		}
	}
	return append(shares, Share{"plumb itself, and what it waits for", KindOther, max(left, 0)})
}

// A Report is all that Run has measured.
type Report struct {
	Facts   []Fact
	Beside  Beside
	Command bool // whole containers
	Results []Result
}
