package compare

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"plumb/container/bench"
	containerlab "plumb/container/lab"
	"plumb/container/netns"
	"plumb/test/lab"
)

// build compiles one of the floor's programs.
func compile(t testing.TB, source string) string {
	t.Helper()
	lab.NeedTool(t, "gcc")
	path, err := Compile(source, t.TempDir())
	check(t, err)
	return path
}

// What the floor makes is what plumb has made, to the last alias, neighbour, sysctl and element, whichever namespace it is for; and plumb finds
// it, and takes it away.
func TestReplay(t *testing.T) {
	program, waits := compile(t, "floor/replay.c"), buildFloor(t)
	for name, cold := range map[string]bool{"warm": false, "cold": true} {
		t.Run(name, func(t *testing.T) { testReplay(t, program, waits, cold) })
	}
}

func testReplay(t *testing.T, program, waits string, cold bool) {
	h := lab.New(t).NewHost("host")
	l, err := openLibrary(h, cold)
	check(t, err)
	defer func() { check(t, l.close()) }()
	var host, inside containerlab.State
	var inode uint64
	script, err := Record(h, func(ns *netns.NS) (err error) {
		_, inode = ns.ID()
		host, inside, err = look(h, ns)
		return err
	})
	check(t, err)
	path := filepath.Join(t.TempDir(), "script")
	check(t, os.WriteFile(path, []byte(script), 0o644))
	p, err := StartProgram(h, program, path)
	check(t, err)
	defer func() { check(t, p.Close()) }()
	processes := newNursery(t, waits)
	for range 3 {
		pid := processes.pid()
		took, err := p.Make(pid)
		check(t, err)
		if took <= 0 {
			t.Errorf("it took %v", took)
		}
		compareNetworks(t, h, pid, inode, host, inside)
		check(t, l.complete(pid))
		check(t, l.detach())
	}
	// As a whole program, which begins with nothing open.
	pid := processes.pid()
	lab.Run(t, h, program, path, strconv.Itoa(pid))
	compareNetworks(t, h, pid, inode, host, inside)
	check(t, l.detach())
}

// look takes pictures of the host and of the container.
func look(h *containerlab.Host, ns *netns.NS) (host, inside containerlab.State, err error) {
	host, err = containerlab.SnapshotNamespace(h.NS())
	if err == nil {
		inside, err = containerlab.SnapshotNamespace(ns)
	}
	return host, inside, err
}

// compareNetworks compares what process pid has been given with pictures of what plumb had given to the namespace of that inode.
func compareNetworks(t *testing.T, h *containerlab.Host, pid int, inode uint64, host, inside containerlab.State) {
	t.Helper()
	ns, err := netns.FromPID(pid)
	check(t, err)
	defer ns.Close()
	hostNow, insideNow, err := look(h, ns)
	check(t, err)
	_, own := ns.ID()
	before, after := "ns="+strconv.FormatUint(inode, 10), "ns="+strconv.FormatUint(own, 10)
	var left []string
	for _, line := range append(containerlab.Diff(host, hostNow), containerlab.Diff(inside, insideNow)...) {
		if program.MatchString(line) { // of the program itself
			continue
		}
		if strings.Contains(line, before) && strings.Contains(line, after) && strings.Count(line, "ns=") == 2 {
			continue // the link says whose namespace it is: as it should
		}
		left = append(left, line)
	}
	if len(left) > 0 {
		t.Errorf("what the floor has made is not what plumb had made:\n\t%s", strings.Join(left, "\n\t"))
	}
}

var program = regexp.MustCompile(`^(socket|thread) `)

// All that are compared in one program do the job in turn.
func TestInProcess(t *testing.T) {
	floor, small := compile(t, "floor/replay.c"), compile(t, "floor/floor.c")
	exe := filepath.Join(t.TempDir(), "plumb")
	c := &town{t: t, plumb: exe}
	c.build()
	var steps Steps
	duel, err := bench.RunRivals(t.Context(), bench.RivalOptions{N: 2, Plumb: exe, Bare: true, More: InProcess(floor, small, &steps)})
	check(t, err)
	if len(duel.Missing) > 0 {
		t.Errorf("not measured: %v", duel.Missing)
	}
	for i := range duel.Rivals {
		if r := &duel.Rivals[i]; len(r.Up) != 2 || r.Up[0] <= 0 {
			t.Errorf("%s took %v", r.Name, r.Up)
		}
	}
	for i, name := range steps.Names { // one more is that of the rehearsal
		if name == "" || len(steps.Times[i]) != 3 {
			t.Errorf("the floor's step %q took %v", name, steps.Times[i])
		}
	}
	if len(steps.Names) < 6 {
		t.Errorf("the floor's steps are %q", steps.Names)
	}
}
