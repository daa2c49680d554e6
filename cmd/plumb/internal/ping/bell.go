package ping

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A bell wakes a poll(2) when a context ends or a report is asked for: eventfd(2).
type bell struct {
	fd      int
	reports atomic.Int32 // asked for, and not yet written
	stop    chan struct{}
	wg      sync.WaitGroup
}

func newBell(ctx context.Context, report <-chan os.Signal) (*bell, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	b := &bell{fd: fd, stop: make(chan struct{})}
	b.wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				b.ring()
				return
			case _, open := <-report:
				if !open {
					report = nil
					continue
				}
				b.reports.Add(1)
				b.ring()
			case <-b.stop:
				return
			}
		}
	})
	return b, nil
}

// ring makes fd readable. It cannot fail short of 2^64 rings.
func (b *bell) ring() { unix.Write(b.fd, binary.NativeEndian.AppendUint64(nil, 1)) }

// quiet makes fd unreadable until the next ring.
func (b *bell) quiet() { unix.Read(b.fd, make([]byte, 8)) }

// close ends the goroutine, and waits for it.
func (b *bell) close() {
	close(b.stop)
	b.wg.Wait()
	unix.Close(b.fd)
}
