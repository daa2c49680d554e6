package bench

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What else was running: the processors' time is counted before and after, whole and by process.

// A usage is processor time, in ticks of USER_HZ, up to some moment.
type usage struct {
	busy, all, stolen uint64 // of all processors
	own               uint64 // of this process and the children that it has waited for, and of those that go on, such as a daemon
	processes         map[int]process
}

type process struct {
	name   string
	ticks  uint64
	waited uint64 // ticks of the children that it has waited for
	parent int
}

const userHZ = 100 // on every architecture that Go knows

func usageNow() usage {
	u := usage{processes: map[int]process{}}
	line, _, _ := strings.Cut(read("/proc/stat"), "\n")
	for i, word := range strings.Fields(line) { // cpu user nice system idle iowait irq softirq steal (proc_stat(5))
		n, _ := strconv.ParseUint(word, 10, 64)
		switch {
		case i == 0 || i > 8:
			continue
		case i == 8:
			u.stolen = n
		case i != 4 && i != 5:
			u.busy += n
		}
		u.all += n
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if unix.Getrusage(who, &r) == nil {
			u.own += uint64((r.Utime.Nano() + r.Stime.Nano()) / (1e9 / userHZ))
		}
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return u
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, ok := parseStat(read("/proc/" + name + "/stat")); ok {
				u.processes[pid] = p
			}
		}
	}
	for pid, p := range u.processes {
		if pid != os.Getpid() && u.ours(pid) {
			u.own += p.ticks + p.waited
		}
	}
	return u
}

// parseStat reads proc_pid_stat(5): pid (name) state ppid ... with utime, stime, cutime and cstime from 14 on. A name may hold anything.
func parseStat(text string) (p process, ok bool) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return p, false
	}
	words := strings.Fields(text[end+1:])
	if len(words) < 15 {
		return p, false
	}
	var ticks [4]uint64
	for i := range ticks {
		n, err := strconv.ParseUint(words[11+i], 10, 64)
		if err != nil {
			return p, false
		}
		ticks[i] = n
	}
	parent, err := strconv.Atoi(words[1])
	return process{text[open+1 : end], ticks[0] + ticks[1], ticks[2] + ticks[3], parent}, err == nil
}

// A Beside is what else was running while something was measured.
type Beside struct {
	Share  float64  // of the processors' time that others used
	Stolen float64  // of it that the hypervisor gave to somebody else
	Names  []string // of those that used most: "go 31 %"
	Load   string   // at the end
}

// since says what ran beside this process, and what it has started, since before.
func (before usage) since() Beside {
	now := usageNow()
	all := float64(now.all - before.all)
	b := Beside{Load: read("/proc/loadavg")}
	if all == 0 {
		return b
	}
	busy, own := float64(now.busy-before.busy), float64(now.own-before.own)
	b.Share, b.Stolen = max(busy-own, 0)/all, float64(now.stolen-before.stolen)/all
	byName := map[string]uint64{}
	for pid, p := range now.processes {
		if !now.ours(pid) {
			byName[p.name] += p.ticks - min(p.ticks, before.processes[pid].ticks)
		}
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if byName[names[i]] != byName[names[j]] {
			return byName[names[i]] > byName[names[j]]
		}
		return names[i] < names[j]
	})
	for _, name := range names[:min(len(names), 5)] {
		if share := 100 * float64(byName[name]) / all; share >= 1 {
			b.Names = append(b.Names, fmt.Sprintf("%s %.0f %%", name, share))
		}
	}
	return b
}

// ours says whether a process is this one or comes from it.
func (u *usage) ours(pid int) bool {
	for range 64 { // processes that end meanwhile could else make a ring
		switch {
		case pid == os.Getpid():
			return true
		case pid <= 1:
			return false
		}
		pid = u.processes[pid].parent
	}
	return false
}

// String is a line of it.
func (b *Beside) String() string {
	text := fmt.Sprintf("others used %.0f %% of the processors' time", 100*b.Share)
	if b.Stolen >= 0.005 {
		text += fmt.Sprintf(", and %.0f %% was not given to this machine", 100*b.Stolen)
	}
	if len(b.Names) > 0 {
		text += " (" + strings.Join(b.Names, ", ") + ")"
	}
	return text + "; load at the end " + b.Load
}

// Noisy says whether so much else was running that absolute times say little.
func (b *Beside) Noisy() bool { return b.Share+b.Stolen > 0.1 }
