package lab

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"plumb/container/lab"
)

// runTime is how long a tool may run.
const runTime = 30 * time.Second

// Run runs an installed tool inside the host's namespace and returns what it writes to either output. Where the tool is
// missing the test is skipped, as by NeedTool; where it fails, the test does.
func Run(t testing.TB, h *lab.Host, tool string, args ...string) string {
	t.Helper()
	output, state, err := run(h, NeedTool(t, tool), args)
	if err == nil && state.Success() {
		return output
	}
	what := tool + " " + strings.Join(args, " ")
	if err != nil {
		t.Fatalf("run %s in %s: %v\n%s", what, h.Name(), err, output)
	}
	t.Fatalf("%s in %s: %s\n%s", what, h.Name(), state, output)
	return ""
}

// run starts the tool on the thread that is in the namespace, as a process is forked from the thread that asks for it.
// Package os/exec would start goroutines in there, so the pipe is our own.
func run(h *lab.Host, path string, args []string) (string, *os.ProcessState, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	defer r.Close()
	var process *os.Process
	err = h.Do(func() (err error) {
		process, err = os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{Files: []*os.File{nil, w, w}})
		return err
	})
	w.Close()
	if err != nil {
		return "", nil, err
	}
	r.SetReadDeadline(time.Now().Add(runTime))
	output, readErr := io.ReadAll(r)
	if readErr != nil {
		process.Kill()
	}
	state, err := process.Wait()
	if readErr != nil {
		err = readErr
	}
	return string(output), state, err
}
