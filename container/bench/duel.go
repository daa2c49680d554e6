package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"plumb/container/bench/stats"
	"plumb/container/lab"
)

// A Rival is one way of doing a job. The first of a group is what the others of it are compared with.
type Rival struct {
	Name, Group      string
	UpName, DownName string             // what the two are called: "ADD" and "DEL"
	Begin            func(*Stage) error `json:"-"` // once, before anything is timed; may be nil. An error that is ErrMissing says what is not there
	Up               func(*Stage) error `json:"-"` // timed
	Down             func(*Stage) error `json:"-"` // timed, unless it has no name; may be nil
	Check            func(*Stage) error `json:"-"` // between the two, not timed: was the job done? May be nil
	End              func(*Stage) error `json:"-"` // once; may be nil
}

// ErrMissing is in the chain of the error of a rival that is not installed.
var ErrMissing = errors.New("not installed")

// The groups. In each, plumb is the first.
const (
	GroupNetwork   = "network of a process, by whole programs"
	GroupRun       = "a container that runs true, from the program's start to its end"
	GroupInProcess = "network of a process, by a program that is running"
)

// RivalOptions say what RunRivals measures.
type RivalOptions struct {
	N, Warmup int
	Names     []string // of rivals, as FindRivals finds them; what is not installed is left out
	More      []Rival  // the caller's own
	Bare      bool     // these alone, without plumb where it does the same
	Plumb     string   // path of the program
	Progress  func(Progress)
}

// A Measured is what a rival has taken.
type Measured struct {
	Rival
	Up, Down []time.Duration
}

// A Duel is what RunRivals has measured.
type Duel struct {
	Facts   []Fact
	Beside  Beside
	Rivals  []Measured
	Missing []Fact // who is not there, and why
}

// A Comparison is how many times as long as the first of its group a rival takes.
type Comparison struct {
	Rival, Base, What string
	Ratio             stats.Ratio
}

// Comparisons are those of all rivals with the first of their group.
func (d *Duel) Comparisons() (all []Comparison) {
	base := map[string]*Measured{}
	for i := range d.Rivals {
		r := &d.Rivals[i]
		b := base[r.Group]
		if b == nil {
			base[r.Group] = r
			continue
		}
		all = append(all, Comparison{r.Name, b.Name, r.UpName, stats.RatioOf(r.Up, b.Up)})
		if len(r.Down) > 0 && len(b.Down) > 0 {
			all = append(all,
				Comparison{r.Name, b.Name, r.DownName, stats.RatioOf(r.Down, b.Down)},
				Comparison{r.Name, b.Name, r.UpName + " + " + r.DownName, stats.RatioOf(sums(r), sums(b))})
		}
	}
	return all
}

func sums(m *Measured) []time.Duration {
	all := slices.Clone(m.Up)
	for i := range m.Down {
		all[i] += m.Down[i]
	}
	return all
}

// RivalNames are those that Names may have.
func RivalNames() (names []string) {
	for _, r := range rivals() {
		if !isPlumb(r.Name) {
			names = append(names, r.Name)
		}
	}
	return names
}

func isPlumb(name string) bool { return name == "plumb" || strings.HasPrefix(name, "plumb ") }

// FindRivals finds those that names mean: a name, or what several begin with, as cni is what cni-ptp and cni-bridge begin with, or all.
func FindRivals(names []string) (found []string, err error) {
	known := RivalNames()
	for _, n := range names {
		var means []string
		switch {
		case n == "all":
			means = known
		case slices.Contains(known, n):
			means = []string{n}
		default:
			for _, k := range known {
				if strings.HasPrefix(k, n+"-") {
					means = append(means, k)
				}
			}
		}
		if means == nil {
			return nil, fmt.Errorf("there is no %s: %s and all are", n, strings.Join(known, ", "))
		}
		found = append(found, means...)
	}
	return found, nil
}

// chosen are the rivals that were asked for, and plumb in each of their groups.
func (o *RivalOptions) chosen() []Rival {
	if o.Bare {
		return o.More
	}
	all := append(rivals(), o.More...)
	more := func(r Rival) bool { return slices.ContainsFunc(o.More, func(m Rival) bool { return m.Name == r.Name }) }
	wanted := func(r Rival) bool { return slices.Contains(o.Names, r.Name) || more(r) }
	chosen := slices.DeleteFunc(slices.Clone(all), func(r Rival) bool {
		if !isPlumb(r.Name) || more(r) {
			return !wanted(r)
		}
		return !slices.ContainsFunc(all, func(other Rival) bool { return other.Group == r.Group && !isPlumb(other.Name) && wanted(other) })
	})
	first := func(group string) int {
		return slices.IndexFunc(chosen, func(r Rival) bool { return r.Group == group })
	}
	sorted := slices.Clone(chosen)
	sort.SliceStable(sorted, func(i, j int) bool { return first(sorted[i].Group) < first(sorted[j].Group) })
	return sorted
}

// RunRivals has rivals do the job in turn, each on a host of its own in one lab. A rival that cannot is left out, and the Duel says why.
func RunRivals(ctx context.Context, o RivalOptions) (duel *Duel, err error) {
	if o.Names, err = FindRivals(o.Names); err != nil {
		return nil, err
	}
	l, err := lab.New(ctx, lab.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	dir, err := os.MkdirTemp("", "plumb-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	duel = &Duel{Facts: Facts()}
	m := meter{tell: o.Progress}
	stages, err := duel.begin(ctx, l, dir, &o, &m)
	defer func() {
		for _, s := range stages {
			err = errors.Join(err, s.end())
		}
	}()
	if err != nil {
		return nil, err
	}
	before := usageNow()
	m.begin("measure", o.N)
	for round := range o.N {
		for i := range stages {
			s := stages[(i+round)%len(stages)] // each goes first as often as the others
			if err := s.once(ctx, true); err != nil {
				return nil, fmt.Errorf("%s: %w", s.rival.Name, err)
			}
		}
		m.add(1)
	}
	duel.Beside = before.since()
	for _, s := range stages {
		duel.Rivals = append(duel.Rivals, s.Measured)
	}
	return duel, nil
}

// begin prepares a stage for each rival, and has it rehearse.
func (d *Duel) begin(ctx context.Context, l *lab.Lab, dir string, o *RivalOptions, m *meter) (stages []*Stage, err error) {
	chosen := o.chosen()
	m.begin("rehearse", len(chosen))
	for i, r := range chosen {
		host, err := l.AddHost(ctx, fmt.Sprint("rival-", i), lab.HostOptions{})
		if err != nil {
			return stages, err
		}
		s := &Stage{Host: host, Dir: fmt.Sprintf("%s/%d", dir, i), Plumb: o.Plumb, rival: r, Measured: Measured{Rival: r}}
		err = os.Mkdir(s.Dir, 0o755)
		if err == nil && r.Begin != nil {
			err = r.Begin(s)
		}
		for range max(o.Warmup, 1) {
			if err == nil {
				err = s.once(ctx, false)
			}
		}
		m.add(1)
		switch {
		case ctx.Err() != nil:
			return append(stages, s), ctx.Err()
		case err == nil:
			stages = append(stages, s)
		case isPlumb(r.Name):
			return append(stages, s), fmt.Errorf("%s: %w", r.Name, err)
		default:
			_ = s.end() // it has said already what does not work
			d.Missing = append(d.Missing, Fact{r.Name, err.Error()})
		}
	}
	return stages, nil
}
