package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A Fact is what is to be known of the machine, and how it is known.
type Fact struct{ Name, Value string }

// Facts say what machine this is. What cannot be found out is "unknown".
func Facts() []Fact {
	return []Fact{
		{"kernel", kernel()},
		{"HZ", tick()},
		{"CPU", fmt.Sprintf("%d × %s (%s)", runtime.NumCPU(), cpuModel(), runtime.GOARCH)},
		{"clock", read("/sys/devices/system/clocksource/clocksource0/current_clocksource")},
		{"governor", governor()},
		{"load", read("/proc/loadavg")},
		{"plumb", "built by " + runtime.Version()},
	}
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return unknown
	}
	text := func(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }
	return text(u.Release[:]) + " " + text(u.Version[:])
}

const unknown = "unknown"

// tick is how often a second the kernel's timer ticks. AT_CLKTCK, which sysconf(_SC_CLK_TCK) gives, is not that but USER_HZ, the unit of what the
// kernel tells. The coarse clocks go on once a tick, and their resolution says so (LOW_RES_NSEC, include/linux/hrtimer_defs.h).
func tick() string {
	var resolution unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &resolution); err != nil || resolution.Nano() <= 0 {
		return unknown
	}
	ns := resolution.Nano()
	return fmt.Sprintf("%d (a tick of %.1f ms, by the resolution of CLOCK_MONOTONIC_COARSE)", (1e9+ns/2)/ns, float64(ns)/1e6)
}

// read is what a file of the kernel's says, in a line.
func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return unknown
	}
	return string(bytes.TrimSpace(b))
}

func governor() string {
	if g := read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"); g != unknown {
		return g
	}
	return "unknown (the kernel shows no cpufreq here, as in most virtual machines)"
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return unknown
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}
