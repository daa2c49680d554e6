package kernels

import (
	"fmt"
	"strings"
)

// A Step is one thing that the machine does after its boot. See the functions that make one.
type Step struct {
	Do      string   // DoLoad, DoLab, DoNetns, DoServe, DoLook, DoRun, DoStart or DoEnd
	Args    []string // of Do
	In      string   // for DoRun, DoStart and DoServe: "", the machine; LabHost; LabInternet; or the name of a Netns
	Compare bool     // for DoRun: say what is not as it was at the last Look
}

// What Steps do.
const (
	DoLoad  = "load"
	DoLab   = "lab"
	DoNetns = "netns"
	DoServe = "serve"
	DoLook  = "look"
	DoRun   = "run"
	DoStart = "start"
	DoEnd   = "end"
)

// The places that Lab adds.
const (
	LabHost     = "host"
	LabInternet = "internet"
)

// Load loads modules, in this order. Those that are no files of the kernel's are left out: it has them built in, or can do without.
func Load(modules ...string) Step { return Step{Do: DoLoad, Args: modules} }

// Lab builds a lab (container/lab) with one host.
func Lab() Step { return Step{Do: DoLab} }

// Netns makes a network namespace, and mounts it on /run/netns/NAME.
func Netns(name string) Step { return Step{Do: DoNetns, Args: []string{name}} }

// Serve answers HTTP in a place, on its port 80 of both families, as long as the machine runs.
func Serve(place string) Step { return Step{Do: DoServe, In: place} }

// Look remembers what there is in these places, on which a Run may Compare; no places: in all. The machine's mounts and processes are
// of the place "".
func Look(places ...string) Step { return Step{Do: DoLook, Args: places} }

// Run runs a program.
func Run(args ...string) Step { return Step{Do: DoRun, Args: args} }

// Start starts a program, and goes on when it has printed a line.
func Start(args ...string) Step { return Step{Do: DoStart, Args: args} }

// End ends what was started last, with SIGTERM, and waits for it.
func End() Step { return Step{Do: DoEnd} }

// Inside is s, run in a place.
func (s Step) Inside(place string) Step {
	s.In = place
	return s
}

func (s Step) String() string {
	text := strings.Join(s.Args, " ")
	if s.Do != DoRun {
		text = strings.TrimSpace(s.Do + " " + text)
	}
	if s.In != "" {
		text = "in " + s.In + ": " + text
	}
	return text
}

// A Result is what came of a Step.
type Result struct {
	Step   Step
	Err    string // the step could not be done; none after it was
	Status int    // Run and End: the exit status
	Stdout string
	Stderr string
	Left   []string // what is not as it was at the last Look, as "PLACE: what"
	Millis int      // what it took
}

func (r Result) String() string {
	text := fmt.Sprintf("%s: status %d, %d ms", r.Step, r.Status, r.Millis)
	for _, part := range []struct{ name, text string }{
		{"failed", r.Err}, {"stdout", r.Stdout}, {"stderr", r.Stderr}, {"left", strings.Join(r.Left, "\n")},
	} {
		if part.text != "" {
			text += "\n    " + part.name + ": " + strings.ReplaceAll(strings.TrimSpace(part.text), "\n", "\n        ")
		}
	}
	return text
}
