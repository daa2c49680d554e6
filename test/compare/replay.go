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
