package compare

import (
	"strconv"
	"time"

	"plumb/container/bench"
)

// A Usage is what whole runs of a program have taken, without a tracer: the time, and what the kernel has counted (getrusage(2)).
type Usage struct {
	Name                 string
	Wall                 []time.Duration
	CPU                  []time.Duration // of all processors. How much of it the kernel took is not known: it looks 250 times a second or so
	Faults               []float64       // pages that it has touched for the first time, and that were in memory or are empty
	Waits, Interruptions []float64       // how often it has let go of a processor, and how often one was taken from it
}

// Runs are the programs whose Usage says what the time of plumb attach goes into: those that do nothing, and those that attach. nothingC and nothingGo are
// the former, and replay is floor/replay.c, compiled. Their Usages are in the same order.
func Runs(nothingC, nothingGo, replay string) ([]bench.Rival, []Usage) {
	var l *library
	attach := bench.Rival{
		Name: "`plumb attach`",
		Begin: func(s *bench.Stage) (err error) {
			l, err = openLibrary(s.Host, false)
			return err
		},
		Up: func(s *bench.Stage) error {
			return s.Run(bench.Program{Path: s.Plumb, Args: []string{"attach", "web", "--pid", strconv.Itoa(s.PID)}})
		},
		Down: func(*bench.Stage) error { return l.detach() },
		End:  func(*bench.Stage) error { return l.close() },
	}
	floor := FloorProcess(replay)
	floor.Name = "the C program that attaches from prepared bytes"
	version := runs("`plumb version`", func(s *bench.Stage) bench.Program { return bench.Program{Path: s.Plumb, Args: []string{"version"}} })
	rivals := []bench.Rival{
		runs("a C program that does nothing", func(*bench.Stage) bench.Program { return bench.Program{Path: nothingC} }),
		floor,
		runs("a Go program that does nothing", func(*bench.Stage) bench.Program { return bench.Program{Path: nothingGo} }),
		version, attach,
	}
	usages := make([]Usage, len(rivals))
	for i := range rivals {
		usages[i].Name = rivals[i].Name
		rivals[i].Group, rivals[i].Up = bench.GroupNetwork, usages[i].counting(rivals[i].Up)
	}
	return rivals, usages
}

// runs is a rival that runs a program, and undoes nothing.
func runs(name string, program func(*bench.Stage) bench.Program) bench.Rival {
	return bench.Rival{Name: name, Up: func(s *bench.Stage) error { return s.Run(program(s)) }}
}

// counting is up, of which the kernel's count is kept.
func (u *Usage) counting(up func(*bench.Stage) error) func(*bench.Stage) error {
	return func(s *bench.Stage) error {
		if err := up(s); err != nil {
			return err
		}
		r := s.Usage
		u.Wall = append(u.Wall, s.Ran)
		u.CPU = append(u.CPU, time.Duration(r.Utime.Nano()+r.Stime.Nano()))
		u.Faults = append(u.Faults, float64(r.Minflt))
		u.Waits = append(u.Waits, float64(r.Nvcsw))
		u.Interruptions = append(u.Interruptions, float64(r.Nivcsw))
		return nil
	}
}
