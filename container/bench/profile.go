package bench

import (
	"slices"
	"time"

	"plumb/rtnl/wire"
)

// A Profile is a tracer that says what the time of something goes into that is done again and again: by its steps and messages, as Run says it of an
// attach.
type Profile struct {
	seen   *recorder
	name   string
	result Result
}

// The phases of depth 1 that no event is in: of a program that is run, its start and its end are in them.
const (
	BeforeFirst = "before the first of it"
	AfterLast   = "after the last of it"
)

// NewProfile is of what is done for a container of that name, which is left out of what it says.
func NewProfile(name string) *Profile { return &Profile{seen: newRecorder(), name: name} }

// Trace implements wire.Tracer.
func (p *Profile) Trace(e wire.Event) { p.seen.Trace(e) }

// Begin begins a turn, for a container of another name: what was seen before is no part of it.
func (p *Profile) Begin(name string) {
	p.name = name
	p.seen.take(p.name, 1)
}

// Done ends a turn, which began at start and took so long.
func (p *Profile) Done(what string, start time.Time, took time.Duration) {
	end := start.Add(took)
	seen := slices.DeleteFunc(p.seen.take(p.name, 1), func(s span) bool { return s.start.After(end) }) // of what goes on after it
	spans := []span{{key: what, label: what, start: start, took: took}}
	if len(seen) > 0 {
		first, last := seen[0].start, start
		for i := range seen {
			if to := seen[i].start.Add(seen[i].took); to.After(last) {
				last = to
			}
		}
		spans = append(spans, span{key: BeforeFirst, label: BeforeFirst, depth: 1, start: start, took: first.Sub(start)})
		spans = append(spans, seen...)
		spans = append(spans, span{key: AfterLast, label: AfterLast, depth: 1, start: last, took: max(end.Sub(last), 0)})
	}
	p.result.add(spans)
}

// Result is what all turns have come to.
func (p *Profile) Result() *Result {
	p.result.finish()
	return &p.result
}
