package lab

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"plumb/container/lab"
)

// runCompared runs the package's tests and fails where they do not leave this process as it was: open files, mounts, and threads
// in other network namespaces. All tests share these, and may run in parallel, so it can only be asked once they
// have all ended.
func runCompared(m *testing.M) int {
	before, err := lab.SnapshotProcess()
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		return 1
	}
	status := m.Run()
	if flagged("fuzz", "cpuprofile", "trace") {
		return status // the first ends in the middle of things, the others leave their files open
	}
	after, err := lab.SnapshotProcess()
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		return 1
	}
	if diff := lab.Diff(before, after); len(diff) > 0 {
		fmt.Fprintf(os.Stderr, "lab: the tests do not leave the process as it was:\n\t%s\n", strings.Join(diff, "\n\t"))
		return max(status, 1)
	}
	return status
}

// flagged reports whether go test was given one of the flags.
func flagged(names ...string) bool {
	for _, name := range names {
		if f := flag.Lookup("test." + name); f != nil && f.Value.String() != "" {
			return true
		}
	}
	return false
}
