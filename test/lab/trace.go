package lab

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"plumb/rtnl/trace"
	"plumb/rtnl/wire"
)

// maxEvents is how many messages are remembered for the log of a test that fails: the last ones.
const maxEvents = 2000

// A memory is a tracer that remembers.
type memory struct {
	mu      sync.Mutex
	events  []wire.Event
	dropped int
}

// Trace implements wire.Tracer.
func (m *memory) Trace(e wire.Event) {
	e.Message = slices.Clone(e.Message)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.events) == maxEvents {
		m.events = slices.Delete(m.events, 0, maxEvents/2)
		m.dropped += maxEvents / 2
	}
	m.events = append(m.events, e)
}

// log shows what is remembered, a line for each message, or all of each with -v.
func (m *memory) log(t testing.TB) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var text bytes.Buffer
	tracer := trace.Short(&text, trace.Options{})
	if testing.Verbose() {
		tracer = trace.Text(&text, trace.Options{})
	}
	for _, e := range m.events {
		tracer.Trace(e)
	}
	t.Logf("the lab's netlink messages, without the first %d (-v shows all of each):\n%s", m.dropped, text.String())
}
