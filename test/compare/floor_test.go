package compare

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	containerlab "plumb/container/lab"
	"plumb/test/lab"

	"golang.org/x/sys/unix"
)

// buildFloor compiles floor/floor.c and returns the program's path.
func buildFloor(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "floor")
	cmd := exec.Command(lab.NeedTool(t, "gcc"), "-O2", "-Wall", "-Wextra", "-Werror", "-o", path, "floor/floor.c")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compile floor.c: %v\n%s", err, output)
	}
	return path
}

// A floor is the C program at work in a host of the lab's.
type floor struct {
	t       testing.TB
	in      *os.File
	out     *bufio.Reader
	process *os.Process
}

// startFloor starts the program. How is "table" or "element"; see floor.c.
func startFloor(t testing.TB, h *containerlab.Host, path, how string) *floor {
	t.Helper()
	r, in, err := os.Pipe()
	check(t, err)
	out, w, err := os.Pipe()
	check(t, err)
	f := &floor{t: t, in: in, out: bufio.NewReader(out)}
	// A process is forked from the thread that asks for it, and that one is in the host.
	lab.MustDo(t, h, func() error {
		f.process, err = os.StartProcess(path, []string{"floor", how}, &os.ProcAttr{Files: []*os.File{r, w, os.Stderr}})
		return err
	})
	r.Close()
	w.Close()
	t.Cleanup(func() {
		in.Close() // it ends, and takes its table away
		if state, err := f.process.Wait(); err != nil || !state.Success() {
			t.Errorf("floor: %v %v", state, err)
		}
		out.Close()
	})
	return f
}

// make makes the network of process pid, looks whether it is there, removes it, and returns how long the first of these took.
func (f *floor) make(pid int) time.Duration {
	_, err := fmt.Fprintln(f.in, pid)
	check(f.t, err)
	line, err := f.out.ReadString('\n')
	if err != nil {
		f.t.Fatalf("the floor has ended: %v", err)
	}
	ns, err := strconv.Atoi(strings.TrimSpace(line))
	check(f.t, err)
	return time.Duration(ns)
}

// A nursery makes processes that wait in network namespaces of their own. It ends them many at a time: the kernel takes
// some 20 ms to take a namespace apart, and holds meanwhile what the next network needs.
type nursery struct {
	t       testing.TB
	path    string
	waiting []*exec.Cmd
}

const nurserySize = 64

// quiet is how long the kernel is left alone after the processes have ended. Nothing tells when it is done with their namespaces.
const quiet = 200 * time.Millisecond

func newNursery(t testing.TB, floorPath string) *nursery {
	n := &nursery{t: t, path: floorPath}
	t.Cleanup(n.end)
	return n
}

// pid is that of a new process. It waits by now: one that is still being loaded would take its part of the machine.
func (n *nursery) pid() int {
	if len(n.waiting) == nurserySize {
		n.end()
		time.Sleep(quiet)
	}
	cmd := exec.Command(n.path, "wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	_, err := cmd.StdinPipe()
	check(n.t, err)
	ready, err := cmd.StdoutPipe()
	check(n.t, err)
	check(n.t, cmd.Start())
	_, err = ready.Read(make([]byte, 1))
	check(n.t, err)
	n.waiting = append(n.waiting, cmd)
	return cmd.Process.Pid
}

func (n *nursery) end() {
	for _, cmd := range n.waiting {
		check(n.t, cmd.Process.Kill())
		cmd.Wait() // it was killed, and says so
	}
	n.waiting = nil
}

func TestFloor(t *testing.T) {
	path := buildFloor(t)
	for _, how := range []string{"table", "element"} {
		t.Run(how, func(t *testing.T) {
			h := lab.New(t).NewHost("floor")
			processes := newNursery(t, path)
			f := startFloor(t, h, path, how)
			for range 3 {
				if took := f.make(processes.pid()); took <= 0 {
					t.Errorf("a network in %v", took)
				}
			}
		})
	}
}
