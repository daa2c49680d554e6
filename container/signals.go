package container

import (
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// forwarded are the signals that are meant for what plumb runs. Those that are about plumb itself (SIGCHLD, SIGPIPE, SIGTTOU, SIGURG and faults)
// stay with it.
var forwarded = [...]os.Signal{
	unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGCONT, unix.SIGALRM,
}

// endAfter is how many INT and TERM, counted together, end a container that ignores them.
const endAfter = 3

// ForwardSignals sends the signals that this process gets on to p until p has ended or stop is called, which returns when no more is sent. PID 1 of a
// pid namespace ignores every signal from outside that it has no handler for, except SIGKILL (pid_namespaces(7)): so the third
// INT or TERM kills it, and a line on log says so.
func ForwardSignals(p *Process, log io.Writer) (stop func()) { return catchSignals().forwardTo(p, log) }

// caughtSignals are the signals that this process gets, for a process that may not be there yet.
type caughtSignals chan os.Signal

// catchSignals begins to catch them, until stop.
func catchSignals() caughtSignals {
	signals := make(caughtSignals, 16)
	for _, sig := range forwarded {
		if !signal.Ignored(sig) { // nohup means the container too
			signal.Notify(signals, sig)
		}
	}
	return signals
}

func (signals caughtSignals) stop() { signal.Stop(signals) }

// forwardTo is ForwardSignals, with those that were caught before.
func (signals caughtSignals) forwardTo(p *Process, log io.Writer) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer signals.stop()
		forward(p, signals, quit, log)
	}()
	return func() {
		select {
		case <-done:
		default:
			close(quit)
			<-done
		}
	}
}

func forward(p *Process, signals <-chan os.Signal, quit <-chan struct{}, log io.Writer) {
	what, who := "the container", "its first process"
	if p.joined {
		what, who = "the command", "it"
	}
	ends := 0
	for {
		select {
		case <-quit:
			return
		case <-p.Done():
			return
		case sig := <-signals:
			if sig == unix.SIGINT || sig == unix.SIGTERM {
				if ends++; ends == endAfter-1 {
					fmt.Fprintf(log, "plumb: %v: once more kills %s\n", sig, what)
				}
			}
			if ends >= endAfter {
				fmt.Fprintf(log, "plumb: %v a third time: killing %s (%s ignored the others)\n", sig, what, who)
				sig = unix.SIGKILL
			}
			if err := p.Signal(sig); err != nil {
				fmt.Fprintf(log, "plumb: %v\n", err)
			}
		}
	}
}
