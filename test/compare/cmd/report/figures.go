package main

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"

	"plumb/container/bench"
	"plumb/test/compare"
)

// figures are all that the report tells of. They are kept, so that the page can be written anew without measuring, and a test sees that it is what this
// program makes of them.
type figures struct {
	N       int
	Started time.Time
	Took    time.Duration

	Whole     *bench.Report // containers, from clone to end
	Networks  *bench.Report // by family, and cold
	Many      *bench.Report // beside containers that are there
	AtOnce    *bench.Report // that come at once
	InProcess *bench.Duel
	Programs  *bench.Duel
	All       map[int][]time.Duration // to take away so many at once
	Size      int64                   // of the binary
	Resident  memory                  // of a plumb run that waits

	Profiles map[string]*bench.Result
	Usages   []compare.Usage // of whole programs: what plumb attach is made of
	Floor    compare.Steps
	CPU      cpuProfile
	Packages []packageSize
	Sections []packageSize
}

// memory is resident memory, in KiB: all, what is the process's alone, and what are pages of the program's file, which all that run it share.
type memory struct{ All, Anonymous, File int }

// save writes figures, compressed, with times to a tenth of a microsecond.
func (f *figures) save(path string) (err error) {
	f.round()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}()
	w, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(w).Encode(f); err != nil {
		return err
	}
	return w.Close()
}

func load(path string) (*figures, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	f := &figures{}
	return f, json.NewDecoder(r).Decode(f)
}

// round leaves out what no table needs: digits, and the messages of all but the cases that are told in detail.
func (f *figures) round() {
	round := func(times []time.Duration) {
		for i := range times {
			times[i] = times[i].Round(time.Microsecond / 10)
		}
	}
	result := func(r *bench.Result, deep bool) {
		kept := r.Phases[:0]
		for _, p := range r.Phases {
			if deep || p.Depth <= 1 {
				round(p.Times)
				kept = append(kept, p)
			}
		}
		r.Phases = kept
	}
	for _, r := range []*bench.Report{f.Whole, f.Networks, f.Many, f.AtOnce} {
		for i := range r.Results {
			result(&r.Results[i], i == 0 && r != f.AtOnce || r == f.Many && i == len(r.Results)-1)
		}
	}
	for _, p := range f.Profiles {
		result(p, true)
	}
	for _, d := range []*bench.Duel{f.InProcess, f.Programs} {
		for i := range d.Rivals {
			round(d.Rivals[i].Up)
			round(d.Rivals[i].Down)
		}
	}
	for i := range f.Usages {
		round(f.Usages[i].Wall)
		round(f.Usages[i].CPU)
	}
	for _, times := range slices.Concat(f.Floor.Times, [][]time.Duration{f.All[100], f.All[1000]}) {
		round(times)
	}
}
