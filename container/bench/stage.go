package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"plumb/container/lab"

	"golang.org/x/sys/unix"
)

// A Stage is where a rival performs.
type Stage struct {
	Measured
	Host  *lab.Host
	Dir   string // for its files
	Plumb string // path of plumb
	PID   int    // of a process that waits in a network namespace with nothing in it; a new one each time, but for the group GroupRun

	Took time.Duration // Up and Down may set it, where they know better than the clock around them how long they took

	Ran   time.Duration  // what the programs took that Up, or Down, has run
	Usage syscall.Rusage // of the one that was run last: what the kernel has counted of it

	rival   Rival
	waiting *os.Process
}

// quiet is how long the kernel is left alone after each: it goes on with the namespaces of what has ended, and holds meanwhile what the
// next one needs. Nothing tells when it is done.
const quiet = 60 * time.Millisecond

// once has the rival do its job, and undo it.
func (s *Stage) once(ctx context.Context, counts bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.rival.Group != GroupRun {
		if err := s.startWaiting(); err != nil {
			return err
		}
		defer s.endWaiting()
	}
	defer time.Sleep(quiet)
	up, err := s.timed(s.rival.Up)
	if err == nil && s.rival.Check != nil {
		err = s.rival.Check(s)
	}
	var down time.Duration
	if s.rival.Down != nil {
		took, downErr := s.timed(s.rival.Down)
		down, err = took, errors.Join(err, downErr)
	}
	if err == nil && counts {
		s.Measured.Up = append(s.Measured.Up, up)
		if s.rival.DownName != "" {
			s.Measured.Down = append(s.Measured.Down, down)
		}
	}
	return err
}

// timed says how long something takes: by what it says itself, or by the programs that it runs, or by the clock around it.
func (s *Stage) timed(do func(*Stage) error) (time.Duration, error) {
	s.Took, s.Ran = 0, 0
	start := time.Now()
	err := do(s)
	took := time.Since(start)
	switch {
	case s.Took > 0:
		took = s.Took
	case s.Ran > 0:
		took = s.Ran
	}
	return took, err
}

// startWaiting starts a process that waits: this program's command that does nothing else.
func (s *Stage) startWaiting() error {
	p, err := os.StartProcess(s.Plumb, []string{"plumb", "bench", "wait-inside"}, &os.ProcAttr{
		Files: []*os.File{nil, nil, os.Stderr},
		Sys:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET},
	})
	if err != nil {
		return err
	}
	s.waiting, s.PID = p, p.Pid
	time.Sleep(quiet / 6) // while it is being loaded it would take its part of the machine
	return nil
}

func (s *Stage) endWaiting() {
	s.waiting.Kill()
	s.waiting.Wait() // it was killed, and says so
}

func (s *Stage) end() error {
	if s.rival.End == nil {
		return nil
	}
	return s.rival.End(s)
}

// A Program is another program, to be run on the stage's host.
type Program struct {
	Path  string
	Args  []string // without the program's name
	Env   []string // besides PATH
	Stdin string   // path of a file; "" for nothing
	Mount bool     // in a mount namespace of its own
}

// Run runs a program to its end, on the stage's host. What it prints is in the error, where it fails.
func (s *Stage) Run(p Program) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	in := null
	if p.Stdin != "" {
		if in, err = os.Open(p.Stdin); err != nil {
			return err
		}
		defer in.Close()
	}
	out, err := os.Create(s.Dir + "/output") // not a pipe, for which somebody would have to wait
	if err != nil {
		return err
	}
	defer out.Close()
	attr := &os.ProcAttr{
		Files: []*os.File{in, out, out},
		Env:   append([]string{"PATH=" + path, "HOME=" + s.Dir}, p.Env...), Sys: &syscall.SysProcAttr{},
	}
	if p.Mount {
		attr.Sys.Unshareflags = unix.CLONE_NEWNS
	}
	var process *os.Process
	var start time.Time
	// A process is forked from the thread that asks for it, and that one is in the host.
	if err := s.Host.Do(func() (err error) {
		start = time.Now()
		process, err = os.StartProcess(p.Path, append([]string{base(p.Path)}, p.Args...), attr)
		return err
	}); err != nil {
		return err
	}
	state, err := process.Wait()
	s.Ran += time.Since(start)
	if err == nil {
		s.Usage = *state.SysUsage().(*syscall.Rusage)
	}
	if err == nil && !state.Success() {
		said, _ := os.ReadFile(out.Name())
		err = fmt.Errorf("%s: %v: %s", base(p.Path), state, lastLine(said))
	}
	return err
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func lastLine(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(lines[len(lines)-1])
}

// path is where a root looks for programs.
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// find finds a program in directories with colons between them.
func find(name, dirs string) (string, error) {
	for dir := range strings.SplitSeq(dirs, ":") {
		if info, err := os.Stat(dir + "/" + name); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return dir + "/" + name, nil
		}
	}
	return "", fmt.Errorf("%w: there is no program %s", ErrMissing, name)
}

// needs finds programs that a rival is made of.
func needs(names ...string) error {
	for _, name := range names {
		if _, err := find(name, path); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a program.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
