package compare

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"plumb/container"
	"plumb/container/bench"
)

// coldName is a rival's name.
func coldName(name string, cold bool) string {
	if cold {
		return name + ", cold"
	}
	return name
}

// groupCold is of those who make the table, too: it is absent each time.
const groupCold = bench.GroupInProcess + ", with the table to make"

// groupOf says which group a rival is in.
func groupOf(cold bool) string {
	if cold {
		return groupCold
	}
	return bench.GroupInProcess
}

// recorded is a stage on which the table stands, unless it is cold, with a script in its directory.
func recorded(s *bench.Stage, cold bool) (*library, string, error) {
	l, err := openLibrary(s.Host, cold)
	if err != nil {
		return nil, "", err
	}
	script, err := Record(s.Host, nil)
	path := filepath.Join(s.Dir, "script")
	if err == nil {
		err = os.WriteFile(path, []byte(script), 0o644)
	}
	if err != nil {
		return nil, "", errors.Join(err, l.close())
	}
	return l, path, nil
}

// Floor is floor/replay.c, compiled as program, with its sockets kept open. Where steps is not nil it is given what each of its steps takes, by what it
// is for.
func Floor(program string, cold bool, steps *Steps) bench.Rival {
	var l *library
	var p *Program
	return bench.Rival{
		Name: coldName("floor", cold), Group: groupOf(cold), UpName: "the same job from prepared bytes, in C",
		Begin: func(s *bench.Stage) (err error) {
			var script string
			if l, script, err = recorded(s, cold); err != nil {
				return err
			}
			if steps != nil {
				if err := steps.name(script); err != nil {
					return err
				}
			}
			p, err = StartProgram(s.Host, program, script)
			return err
		},
		Up: func(s *bench.Stage) (err error) {
			s.Took, err = p.Make(s.PID)
			return err
		},
		Check: func(s *bench.Stage) error {
			if steps != nil {
				steps.add(p.Steps())
			}
			return l.complete(s.PID)
		},
		Down: func(*bench.Stage) error { return l.detach() },
		End:  func(*bench.Stage) error { return errors.Join(p.Close(), l.close()) },
	}
}

// FloorProcess is the same as a whole program.
func FloorProcess(program string) bench.Rival {
	var l *library
	var script string
	return bench.Rival{
		Name: "C program", Group: bench.GroupNetwork, UpName: "attach from prepared bytes",
		Begin: func(s *bench.Stage) (err error) {
			l, script, err = recorded(s, false)
			return err
		},
		Up: func(s *bench.Stage) error {
			return s.Run(bench.Program{Path: program, Args: []string{script, strconv.Itoa(s.PID)}})
		},
		Down: func(*bench.Stage) error { return l.detach() },
		End:  func(*bench.Stage) error { return l.close() },
	}
}

// SmallFloor is floor/floor.c: IPv4 and masquerading, and no more.
func SmallFloor(program string) bench.Rival {
	var p *Program
	return bench.Rival{
		Name: "small floor", Group: bench.GroupInProcess, UpName: "IPv4 and masquerading alone, in C",
		Begin: func(s *bench.Stage) (err error) {
			p, err = StartProgram(s.Host, program, "element")
			return err
		},
		Up: func(s *bench.Stage) (err error) {
			s.Took, err = p.Make(s.PID)
			return err
		},
		End: func(*bench.Stage) error { return p.Close() },
	}
}

// Library is plumb's Host.Attach, with its sockets kept open.
func Library(cold bool) bench.Rival {
	var l *library
	return bench.Rival{
		Name: coldName("plumb, in-process", cold), Group: groupOf(cold), UpName: "Host.Attach", DownName: "Host.Detach",
		Begin: func(s *bench.Stage) (err error) {
			l, err = openLibrary(s.Host, cold)
			return err
		},
		Up:    func(s *bench.Stage) error { return l.attach(s.PID) },
		Check: func(s *bench.Stage) error { return l.complete(s.PID) },
		Down:  func(*bench.Stage) error { return l.detach() },
		End:   func(*bench.Stage) error { return l.close() },
	}
}

// Pool is plumb's Pool.Take, of a pool in this process, for a container with a name of its own, or else with the pool's.
func Pool(named bool) bench.Rival {
	var l *library
	var pool *container.Pool
	var taken *container.Taken
	number := 0
	name := "plumb, from the pool"
	if !named {
		name = "plumb, from the pool, unnamed"
	}
	return bench.Rival{
		Name: name, Group: bench.GroupInProcess, UpName: "Pool.Take",
		Begin: func(s *bench.Stage) (err error) {
			if l, err = openLibrary(s.Host, false); err == nil {
				pool, err = l.host.NewPool(container.PoolOptions{Size: 1})
			}
			return err
		},
		Up: func(s *bench.Stage) (err error) {
			var n container.Network
			if named {
				number++ // the links of the last one go some 20 ms after it, and until then they have its name
				n.Name = "c" + strconv.Itoa(number)
			}
			if err := pool.Filled(context.Background()); err != nil {
				return err
			}
			start := time.Now()
			taken, err = pool.Take(context.Background(), n)
			s.Took = time.Since(start)
			return err
		},
		Down: func(*bench.Stage) error {
			return errors.Join(pool.Filled(context.Background()), l.host.Release(taken.Attachment), taken.NetNS.Close())
		},
		End: func(*bench.Stage) error { return errors.Join(pool.Close(), l.close()) },
	}
}
