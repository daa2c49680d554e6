package trace

import (
	"sort"
	"sync"
	"time"

	"plumb/rtnl/wire"
)

// A Queue hands events on to a tracer later, on a goroutine of its own. Who is traced does not wait for what the tracer makes of
// them, so that the times are those of the work; and it hands them on in the order of their times, though they come from several
// goroutines, each of which takes the time of its events itself.
type Queue struct {
	to    wire.Tracer
	flush func()

	mu      sync.Mutex // guards what follows
	events  []wire.Event
	bytes   []byte // the events' messages are copied to its end
	waiting bool   // the goroutine has been woken, or is about to look again

	wake    chan struct{}      // an event has come
	hurry   chan chan struct{} // somebody waits for all that has come to be handed on
	closing chan struct{}
	done    chan struct{}
}

// queueTime is how long an event waits for those that happened before it and come later.
const queueTime = 2 * time.Millisecond

// NewQueue starts a queue before a tracer. flush is called whenever some events have been handed on; it may be nil. The caller calls Close.
func NewQueue(to wire.Tracer, flush func()) *Queue {
	if flush == nil {
		flush = func() {}
	}
	q := &Queue{
		to: to, flush: flush, wake: make(chan struct{}, 1), hurry: make(chan chan struct{}),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	go q.run()
	return q
}

// Trace implements wire.Tracer.
func (q *Queue) Trace(e wire.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(e.Message); n > 0 {
		const chunk = 64 << 10
		if cap(q.bytes)-len(q.bytes) < n {
			q.bytes = make([]byte, 0, max(n, chunk))
		}
		start := len(q.bytes)
		q.bytes = append(q.bytes, e.Message...)
		e.Message = q.bytes[start : start+n : start+n]
	}
	q.events = append(q.events, e)
	if !q.waiting {
		q.waiting = true
		q.wakeUp()
	}
}

// wakeUp has the goroutine look for events, if that is not to be done already.
func (q *Queue) wakeUp() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Flush returns when all that has come has been handed on. It is not called after Close.
func (q *Queue) Flush() {
	done := make(chan struct{})
	q.hurry <- done
	<-done
}

// Close hands on all that has come, and ends the queue.
func (q *Queue) Close() {
	close(q.closing)
	<-q.done
}

func (q *Queue) run() {
	defer close(q.done)
	timer := time.NewTimer(queueTime)
	defer timer.Stop()
	var batch []wire.Event
	for {
		waiter, closing := q.await(timer)
		batch = q.take(batch[:0], closing || waiter != nil)
		for i := range batch {
			q.to.Trace(batch[i])
		}
		if len(batch) > 0 {
			q.flush()
		}
		if waiter != nil {
			close(waiter)
		}
		if closing {
			return
		}
	}
}

// await waits until events have come, and then for those that belong before them. Or somebody waits for them, or the queue is closing.
func (q *Queue) await(timer *time.Timer) (waiter chan struct{}, closing bool) {
	select {
	case <-q.wake:
	case waiter = <-q.hurry:
		return waiter, false
	case <-q.closing:
		return nil, true
	}
	timer.Reset(queueTime)
	select {
	case <-timer.C:
	case waiter = <-q.hurry:
	case <-q.closing:
		closing = true
	}
	return waiter, closing
}

// take takes the events that nothing is likely to come before any more, or all, in the order of their times.
func (q *Queue) take(batch []wire.Event, all bool) []wire.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	sort.SliceStable(q.events, func(i, j int) bool { return q.events[i].Time.Before(q.events[j].Time) })
	n := len(q.events)
	if !all {
		young := time.Now().Add(-queueTime / 2)
		n = sort.Search(n, func(i int) bool { return q.events[i].Time.After(young) })
	}
	batch = append(batch, q.events[:n]...)
	rest := copy(q.events, q.events[n:])
	clear(q.events[rest:])
	q.events = q.events[:rest]
	if q.waiting = rest > 0; q.waiting {
		q.wakeUp()
	}
	return batch
}
