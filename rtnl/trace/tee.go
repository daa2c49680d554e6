package trace

import (
	"sync"

	"plumb/rtnl/wire"
)

// Tee returns a tracer that hands each event to every one of tracers, in their order, and to all of them the events in the
// same order; nil ones are left out. It is nil where none is left, so that nothing is paid for what nobody sees, and the
// tracer itself where it is the only one.
func Tee(tracers ...wire.Tracer) wire.Tracer {
	var all []wire.Tracer
	for _, t := range tracers {
		if t != nil {
			all = append(all, t)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return &tee{all: all}
}

type tee struct {
	mu  sync.Mutex
	all []wire.Tracer
}

// Trace implements wire.Tracer.
func (t *tee) Trace(e wire.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range t.all {
		one.Trace(e)
	}
}
