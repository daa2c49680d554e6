package lab

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
	diff, err := residueOf(before)
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		return 1
	}
	if len(diff) > 0 {
		fmt.Fprintf(os.Stderr, "lab: the tests do not leave the process as it was:\n\t%s\n", strings.Join(diff, "\n\t"))
		return max(status, 1)
	}
	return status
}

// collectTime is how long the garbage collector may take.
const collectTime = 10 * time.Second

// residueOf is what is not as it was in this process.
//
// Package net keeps pipes for its next copy, until the garbage collector comes. A snapshot tells them by their size, but a user who has many pages in
// pipes already can have no large ones (pipe-user-pages-soft, pipe(7)): then what are pipes alone is looked at again once it has come.
func residueOf(before lab.State) ([]string, error) {
	for end := time.Now().Add(collectTime); ; runtime.GC() {
		after, err := lab.SnapshotProcess()
		if err != nil {
			return nil, err
		}
		diff := lab.Diff(before, after)
		other := slices.ContainsFunc(diff, func(line string) bool { return !strings.HasPrefix(line, "file pipe:[") })
		if len(diff) == 0 || other || !limitedPipes() || time.Now().After(end) {
			return diff, nil
		}
	}
}

// limitedPipes reports whether a limit on pipes holds for this process: only who has none may make one larger than the largest (F_SETPIPE_SZ, fcntl(2)).
func limitedPipes() bool {
	r, w, err := os.Pipe()
	if err != nil {
		return false
	}
	defer r.Close()
	defer w.Close()
	text, err := os.ReadFile("/proc/sys/fs/pipe-max-size")
	if err != nil {
		return false
	}
	size, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return false
	}
	_, err = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, size+1)
	return errors.Is(err, unix.EPERM)
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
