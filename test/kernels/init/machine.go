package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container/lab"
	"plumb/container/netns"
	"plumb/test/kernels"
)

// A machine is what the steps have made so far.
type machine struct {
	places   []place // the machine's own namespace comes first
	seen     []look
	services lab.Services
	started  []*program
}

// A place is a network namespace with a name.
type place struct {
	name string
	ns   *netns.NS
}

// A look is what there was in a place.
type look struct {
	place place
	state lab.State
	files []string // of the machine
}

func (m *machine) take(step kernels.Step, result *kernels.Result) (err error) {
	switch step.Do {
	case kernels.DoLoad:
		for _, name := range step.Args {
			if err := load(name); err != nil {
				return err
			}
		}
		return nil
	case kernels.DoLab:
		return m.addLab()
	case kernels.DoNetns:
		return m.addNetns(step.Args[0])
	case kernels.DoLook:
		m.seen, err = m.look(step.Args)
		return err
	case kernels.DoServe:
		return m.serve(step.In)
	case kernels.DoStart:
		return m.start(step)
	case kernels.DoRun, kernels.DoEnd:
		do := m.run
		if step.Do == kernels.DoEnd {
			do = m.end
		}
		if err := do(step, result); err != nil {
			return err
		}
		if step.Compare {
			result.Left, err = m.left()
		}
		return err
	}
	return fmt.Errorf("%q is no step", step.Do)
}

// load loads a module, compressed or not (finit_module(2)).
func load(name string) error {
	files, err := filepath.Glob("/modules/" + name + ".ko*")
	if err != nil || len(files) == 0 {
		return err // built in
	}
	f, err := os.Open(files[0])
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if filepath.Ext(files[0]) != ".ko" {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	if err := unix.FinitModule(int(f.Fd()), "", flags); err != nil && err != unix.EEXIST {
		return fmt.Errorf("load module %s: %w", name, err)
	}
	return nil
}

func (m *machine) addLab() error {
	l, err := lab.New(context.Background(), lab.Options{})
	if err != nil {
		return err
	}
	h, err := l.AddHost(context.Background(), kernels.LabHost, lab.HostOptions{})
	if err != nil {
		return err
	}
	m.places = append(m.places, place{kernels.LabHost, h.NS()}, place{kernels.LabInternet, l.Internet().NS()})
	return nil
}

// addNetns shows a new namespace as ip-netns(8) does.
func (m *machine) addNetns(name string) error {
	ns, err := netns.New()
	if err != nil {
		return err
	}
	path := "/run/netns/" + name
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		return err
	}
	if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(ns.FD()), path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount the namespace on %s: %w", path, err)
	}
	m.places = append(m.places, place{name, ns})
	return nil
}

// serve answers HTTP in a place.
func (m *machine) serve(name string) error {
	ns, err := m.namespace(name)
	if err != nil {
		return err
	}
	listener, err := netns.Open(ns, func() (net.Listener, error) { return net.Listen("tcp", ":80") })
	if err != nil {
		return err
	}
	m.services.ServeHTTP(listener)
	return nil
}

func (m *machine) namespace(name string) (*netns.NS, error) {
	for _, p := range m.places {
		if p.name == name {
			return p.ns, nil
		}
	}
	return nil, fmt.Errorf("there is no namespace %q", name)
}

// look looks at some places, or all.
func (m *machine) look(names []string) ([]look, error) {
	var list []look
	for i, p := range m.places {
		if len(names) > 0 && !slices.Contains(names, p.name) {
			continue
		}
		l := look{place: p}
		var err error
		if i == 0 {
			l.files = files()
			l.state, err = lab.Snapshot(p.ns) // with the mounts
		} else {
			l.state, err = lab.SnapshotNamespace(p.ns)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// left is what has changed since the last look, and what processes there are that should not be.
func (m *machine) left() ([]string, error) {
	var names []string
	for _, was := range m.seen {
		names = append(names, was.place.name)
	}
	now, err := m.look(names)
	if err != nil {
		return nil, err
	}
	if err := m.reap(); err != nil {
		return nil, err
	}
	left, err := processes()
	for i, was := range m.seen {
		for _, line := range lab.Diff(was.state, now[i].state) {
			left = append(left, was.place.name+": "+line)
		}
		for _, file := range now[i].files {
			if !slices.Contains(was.files, file) {
				left = append(left, was.place.name+": file "+file+": left behind")
			}
		}
	}
	return left, err
}

// files are all that are the machine's own: not the kernel's, and not /image, in which plumb run --rootfs makes mount points.
func files() []string {
	var list []string
	for _, dir := range []string{"/bin", "/etc", "/run", "/tmp", "/var"} {
		filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				list = append(list, path)
			}
			return nil
		})
	}
	entries, _ := os.ReadDir("/")
	for _, e := range entries {
		list = append(list, "/"+e.Name())
	}
	return list
}

// reap waits, as process 1 is to, for the processes whose parents have ended. One that does not end is left to who looks for such.
func (m *machine) reap() error {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil || len(fields) < 2 || fields[1] != "1" || m.knows(pid) {
			continue
		}
		if err := awaitEnd(pid, runTime); err != nil {
			return fmt.Errorf("wait for process %d: %w", pid, err)
		}
	}
	return nil
}

// knows says whether a process is one that was started here, for which its exec.Cmd waits.
func (m *machine) knows(pid int) bool {
	return slices.ContainsFunc(m.started, func(p *program) bool { return p.Process.Pid == pid })
}

// awaitEnd waits for the end of a child, but not longer than most.
func awaitEnd(pid int, most time.Duration) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	end := time.Now().Add(most)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(0, time.Until(end).Milliseconds())))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n > 0 {
			_, err = unix.Wait4(pid, nil, 0, nil)
		}
		return err
	}
}

// processes are those that are neither this one nor the kernel's own, whose parent is kthreadd, process 2 (proc_pid_stat(5)).
func processes() ([]string, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, dir := range dirs {
		text, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // it has ended
		}
		name, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if pid := filepath.Base(dir); pid == "1" || pid == "2" || len(fields) < 2 || fields[1] == "2" {
			continue
		}
		list = append(list, ": process "+name+") is there, in state "+fields[0])
	}
	return list, nil
}
