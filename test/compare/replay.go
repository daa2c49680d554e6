package compare

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumb/container"
	"plumb/container/bench"
	"plumb/container/lab"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Compile compiles a program of the floor's into dir, static, and returns its path.
func Compile(source, dir string) (string, error) {
	path := filepath.Join(dir, strings.TrimSuffix(filepath.Base(source), ".c"))
	cmd := exec.Command("gcc", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-o", path, source)
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile %s: %w\n%s", source, err, output)
	}
	return path, nil
}

// A Program is one that runs in a lab's host, reads a pid a line, and prints how long it took to make its network.
type Program struct {
	in, out *os.File
	lines   *bufio.Reader
	process *os.Process
	steps   []time.Duration // of what was made last, where it tells them
}

// StartProgram starts one.
func StartProgram(h *lab.Host, path string, args ...string) (*Program, error) {
	r, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	defer w.Close()
	p := &Program{in: in, out: out, lines: bufio.NewReader(out)}
	// A process is forked from the thread that asks for it, and that one is in the host.
	err = h.Do(func() (err error) {
		p.process, err = os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{Files: []*os.File{r, w, os.Stderr}})
		return err
	})
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	return p, nil
}

// Make has it make the network of a process, and returns how long that took by its own clock.
func (p *Program) Make(pid int) (time.Duration, error) {
	if _, err := fmt.Fprintln(p.in, pid); err != nil {
		return 0, err
	}
	line, err := p.lines.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("the program has ended: %w", err)
	}
	p.steps = p.steps[:0]
	for word := range strings.FieldsSeq(line) {
		ns, err := strconv.Atoi(word)
		if err != nil {
			return 0, fmt.Errorf("the program says %q: %w", line, err)
		}
		p.steps = append(p.steps, time.Duration(ns))
	}
	if len(p.steps) == 0 {
		return 0, errors.New("the program says nothing")
	}
	return p.steps[0], nil
}

// Steps are what it has told of what it made last: how long each step of its took.
func (p *Program) Steps() []time.Duration { return p.steps[1:] }

// Close ends it.
func (p *Program) Close() error {
	p.in.Close()
	state, err := p.process.Wait()
	if err == nil && !state.Success() {
		err = errors.New(state.String())
	}
	return errors.Join(err, p.out.Close())
}

// A library is plumb at work in a host, in which one container stays, so that the table stands, unless it is cold.
type library struct {
	host  *container.Host
	stays *netns.NS
}

func openLibrary(h *lab.Host, cold bool) (*library, error) {
	l := &library{}
	var err error
	if l.host, err = container.OpenHost(container.HostOptions{NS: h.NS()}); err != nil {
		return nil, err
	}
	if cold {
		return l, nil
	}
	if l.stays, err = netns.New(); err == nil {
		_, err = l.host.Attach(context.Background(), container.Network{Name: "stays"}, l.stays)
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// attach gives a process its network, beginning with its pid.
func (l *library) attach(pid int) error {
	ns, err := netns.FromPID(pid)
	if err != nil {
		return err
	}
	_, err = l.host.Attach(context.Background(), container.Network{Name: "web"}, ns)
	return errors.Join(err, ns.Close())
}

// detach removes a network, whoever has made it: it is found by what the kernel has of it.
func (l *library) detach() error {
	found, err := l.host.Detach("web")
	if err == nil && !found {
		err = errors.New("there is no such network")
	}
	return err
}

// complete reads back what was made for a process, by whomever: all that a whole container has.
func (l *library) complete(pid int) error {
	c, err := l.host.Container("web")
	if err != nil {
		return err
	}
	if c.State != container.Up || !c.Addr.IsValid() || !c.Addr6.IsValid() {
		return fmt.Errorf("what was made is not whole: state %q, addresses %v and %v", c.State, c.Addr, c.Addr6)
	}
	ns, err := netns.FromPID(pid)
	if err != nil {
		return err
	}
	defer ns.Close()
	inside, err := netns.Open(ns, func() (*rtnl.Conn, error) { return rtnl.Dial(wire.Config{}) })
	if err != nil {
		return err
	}
	defer inside.Close()
	for family, address := range map[rtnl.Family]netip.Prefix{rtnl.IPv4: c.Addr, rtnl.IPv6: c.Addr6} {
		addrs, err := inside.Addrs(family, farIndex)
		if err != nil {
			return err
		}
		routes, err := inside.Routes(family)
		if err != nil {
			return err
		}
		has := slices.ContainsFunc(addrs, func(a rtnl.Addr) bool { return a.Own() == address.Addr() })
		leads := slices.ContainsFunc(routes, func(r rtnl.Route) bool { return r.DstLen == 0 && r.Type == unix.RTN_UNICAST })
		if !has || !leads {
			return fmt.Errorf("what was made is not whole: inside, %s is there: %v; a default route: %v", address, has, leads)
		}
	}
	return nil
}

// Steps are what the steps of a floor have taken.
type Steps struct {
	Names []string
	Times [][]time.Duration // of each
}

// name reads the steps' names from a script.
func (s *Steps) name(script string) error {
	text, err := os.ReadFile(script)
	if err != nil {
		return err
	}
	s.Names = []string{"open the namespace, and sockets and sysctls in it"}
	for line := range strings.Lines(string(text)) {
		if label, ok := strings.CutPrefix(strings.TrimSpace(line), scriptLabel); ok {
			s.Names = append(s.Names, label)
		}
	}
	s.Names = append(s.Names, "close them")
	s.Times = make([][]time.Duration, len(s.Names))
	return nil
}

func (s *Steps) add(took []time.Duration) {
	for i := range min(len(took), len(s.Times)) {
		s.Times[i] = append(s.Times[i], took[i])
	}
}

// coldName is a rival's name.
func coldName(name string, cold bool) string {
	if cold {
		return name + ", cold"
	}
	return name
}

func (l *library) close() error {
	_, err := l.host.DetachAll("")
	if l.stays != nil {
		err = errors.Join(err, l.stays.Close())
	}
	return errors.Join(err, l.host.Close())
}

// Record attaches a namespace to a host, and removes that again, when look, which may be nil, has seen it. It returns the
// script of it.
func Record(h *lab.Host, look func(*netns.NS) error) (script string, err error) {
	r := &recorder{}
	host, err := container.OpenHost(container.HostOptions{NS: h.NS(), Tracer: r})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	ns, err := netns.New()
	if err != nil {
		return "", err
	}
	defer ns.Close()
	if _, err := host.Attach(context.Background(), container.Network{Name: "web"}, ns); err != nil {
		return "", err
	}
	script, err = r.script("web", ns)
	if err == nil && look != nil {
		err = look(ns)
	}
	_, detachErr := host.Detach("web")
	return script, errors.Join(err, detachErr)
}

// groupCold is of those who make the table, too: it is absent each time.
const groupCold = bench.GroupInProcess + ", with the table to make"

// group says which group a rival is in.
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
