package compare

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"plumb/container/bench"
	"plumb/test/lab"
)

// What whole programs take is counted of each run, and is more for a program that does more.
func TestRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := func(name string) string {
		path := filepath.Join(dir, filepath.Base(name))
		cmd := exec.Command(lab.NeedTool(t, "go"), "build", "-trimpath", "-ldflags=-s -w", "-o", path, name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, output)
		}
		return path
	}
	lab.NeedTool(t, "gcc")
	nothingC, err := Compile("floor/nothing-c.c", dir)
	check(t, err)
	replay, err := Compile("floor/replay.c", dir)
	check(t, err)
	rivals, usages := Runs(nothingC, build("plumb/test/compare/cmd/nothing"), replay)
	duel, err := bench.RunRivals(t.Context(), bench.RivalOptions{N: 3, Warmup: 1, Plumb: build("plumb/cmd/plumb"), Bare: true, More: rivals})
	check(t, err)
	if len(duel.Missing) > 0 {
		t.Fatal(duel.Missing)
	}
	for i, u := range usages {
		t.Logf("%+v", u)
		for _, n := range []int{len(u.Wall), len(u.CPU), len(u.Faults), len(u.Waits), len(u.Interruptions)} {
			if n != 4 {
				t.Errorf("%s: %d runs are counted, want 4", u.Name, n)
			}
		}
		if less := []int{-1, 0, 0, 2, 3}[i]; less >= 0 && u.Faults[0] <= usages[less].Faults[0] {
			t.Errorf("%s has %.0f page faults, and %s has %.0f", u.Name, u.Faults[0], usages[less].Name, usages[less].Faults[0])
		}
	}
}
