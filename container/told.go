package container

import (
	"io"
	"os"
	"strings"
	"time"

	"plumb/rtnl/wire"
)

// A container's process is no place for a tracer. Where its parent has one, the process reports its steps, too, and the parent
// tells them when it hears of them.

// did reports a step that began at start and ends now. Its words are joined.
func (p *initProcess) did(start time.Time, words ...string) {
	if p.spec.Trace { // a parent that is not there is noticed elsewhere
		_ = initReport{Stage: strings.Join(words, ""), Step: true, Took: time.Since(start)}.frame().send(os.NewFile(socketFD, "parent"))
	}
}

// listen returns where the reports come from that are no steps. Steps are told to a tracer as soon as they come, by a goroutine that ends when the
// process has closed its end of the socket: p.heard is closed then.
func (p *Process) listen(tracer wire.Tracer, namespace string) {
	const most = 4 // about to exec, or a failure, and the end
	reports := make(chan heardReport, most)
	p.heard = make(chan struct{})
	p.next = func() (initReport, error) {
		r, ok := <-reports
		if !ok {
			return initReport{}, io.EOF
		}
		return r.report, r.err
	}
	go func() {
		defer close(p.heard)
		defer close(reports)
		about, command := time.Time{}, "" // since when it is about to exec what
		for n := 0; n < most; {
			r, err := receiveReport(p.reports)
			switch {
			case err == nil && r.Step:
				wire.Step(tracer, namespace, r.Stage, time.Now().Add(-r.Took), nil)
				continue
			case err == nil && r.Exec:
				about, command = time.Now(), r.Stage
			case err != nil && !about.IsZero() && execed(err):
				wire.Step(tracer, namespace, "execve "+command, about, nil)
			}
			reports <- heardReport{r, err}
			if n++; err != nil {
				return
			}
		}
	}()
}

type heardReport struct {
	report initReport
	err    error
}
