package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// An interruptible is a context that SIGINT, SIGTERM and SIGHUP end, once it has been asked anything. Until then they are ignored, and lost: what does not wait is done
// to its end, in a few milliseconds, and what waits for a name or an address after all does so for a second at most. To catch them Go starts a thread, and changes threads twice for each signal, and again to let go of it.
type interruptible func() context.Context

func newInterruptible() interruptible {
	signals := []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP}
	signal.Ignore(signals...)
	return sync.OnceValue(func() context.Context {
		ctx, _ := signal.NotifyContext(context.Background(), signals...) // until this process ends
		return ctx
	})
}

// Deadline implements context.Context, as the others do.
func (i interruptible) Deadline() (time.Time, bool) { return i().Deadline() }
func (i interruptible) Done() <-chan struct{}       { return i().Done() }
func (i interruptible) Err() error                  { return i().Err() }
func (i interruptible) Value(key any) any           { return i().Value(key) }
