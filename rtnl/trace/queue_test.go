package trace

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"plumb/rtnl/wire"
)

// A list remembers events.
type list struct{ events []wire.Event }

func (l *list) Trace(e wire.Event) { l.events = append(l.events, e) }

// Events come out in the order of their times, with the messages that they had when they came.
func TestQueueOrders(t *testing.T) {
	t.Parallel()
	var l list
	flushed := 0
	q := NewQueue(&l, func() { flushed++ })
	now := time.Now().Add(time.Hour) // too young to be handed on before it closes
	message := []byte("message 0")
	for _, i := range []int{3, 1, 2, 5, 4, 2} {
		message[8] = byte('0' + i)
		q.Trace(wire.Event{Time: now.Add(time.Duration(i)), Message: message, Purpose: fmt.Sprint(i)})
	}
	message[8] = 'x'
	q.Close()
	var got []string
	for i := range l.events {
		e := &l.events[i]
		if want := "message " + e.Purpose; string(e.Message) != want {
			t.Errorf("%q, want %q", e.Message, want)
		}
		got = append(got, e.Purpose)
	}
	if want := []string{"1", "2", "2", "3", "4", "5"}; !slices.Equal(got, want) || flushed == 0 {
		t.Errorf("got %q, want %q; flushed %d times", got, want, flushed)
	}
}

// Nothing is lost of what several goroutines trace, and what one has traced is in its order.
func TestQueueConcurrently(t *testing.T) {
	t.Parallel()
	var l list
	q := NewQueue(&l, nil)
	const each = 2000
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range each {
				q.Trace(wire.Event{Time: time.Now(), Namespace: fmt.Sprint(g), Latency: time.Duration(i), Message: make([]byte, 100)})
				if i%500 == 0 {
					q.Flush()
				}
			}
		})
	}
	group.Wait()
	q.Close()
	next := map[string]time.Duration{}
	for i := range l.events {
		e := &l.events[i]
		if e.Latency != next[e.Namespace] {
			t.Fatalf("event %d of goroutine %s came as number %d", e.Latency, e.Namespace, next[e.Namespace])
		}
		next[e.Namespace]++
	}
	if len(l.events) != 4*each {
		t.Errorf("%d events of %d", len(l.events), 4*each)
	}
}

// What has come is handed on by itself, though nothing comes after it; and at once where somebody waits for it.
func TestQueueHandsOn(t *testing.T) {
	t.Parallel()
	came := make(chan string, 1)
	q := NewQueue(tracerFunc(func(e wire.Event) { came <- e.Purpose }), nil)
	defer q.Close()
	wire.Step(q, "host", "one", time.Now(), nil)
	if got := <-came; got != "one" {
		t.Errorf("got %q", got)
	}
	q.Trace(wire.Event{Time: time.Now().Add(time.Hour), Purpose: "two"})
	q.Flush()
	select {
	case got := <-came:
		if got != "two" {
			t.Errorf("got %q", got)
		}
	default:
		t.Error("Flush returned, and the event was not handed on")
	}
}

// Tracing costs who traces next to no allocation: a message is copied.
func TestQueueAllocations(t *testing.T) {
	q := NewQueue(tracerFunc(func(wire.Event) {}), nil)
	defer q.Close()
	message := make([]byte, 100)
	if n := testing.AllocsPerRun(10000, func() { q.Trace(wire.Event{Message: message}) }); n > 1 {
		t.Errorf("%v allocations for an event", n)
	}
}

// And a line of the short form costs none.
func TestShortAllocations(t *testing.T) {
	m := messages()
	protocol := &wire.Protocol{Name: "NETLINK_TEST", Lookup: func(typ uint16) *wire.Info { return m[typ].Info() }}
	message := encode(t, m[16], 5, &link{Name: "pl-web"}, 7)
	tracer := Short(nowhere{}, Options{})
	trace := func() {
		tracer.Trace(wire.Event{Namespace: "host", Protocol: protocol, Message: message, Purpose: "create pl-web", Latency: 12345})
	}
	trace()
	if n := testing.AllocsPerRun(100, trace); n > 0 {
		t.Errorf("%v allocations for a line", n)
	}
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
