package container_test

import (
	"slices"
	"testing"

	"plumb/container"
	"plumb/rtnl/wire"
)

// An eventLog keeps events.
type eventLog struct{ events []wire.Event }

func (l *eventLog) Trace(e wire.Event) {
	e.Message = slices.Clone(e.Message)
	l.events = append(l.events, e)
}

// BenchmarkCommands writes the commands of one further attach.
func BenchmarkCommands(b *testing.B) {
	w := newTown(b)
	w.attach(container.Network{Name: "first"})
	box := w.box("box")
	var log eventLog
	h, err := container.OpenHost(container.HostOptions{NS: w.host.NS(), Tracer: &log})
	must(b, err)
	defer h.Close()
	_, err = h.Attach(b.Context(), container.Network{Name: "web"}, box.NS())
	must(b, err)
	defer w.detach("web")
	b.ReportAllocs()
	for b.Loop() {
		c := container.NewCommands()
		for _, e := range log.events {
			c.Command(e)
		}
	}
	b.ReportMetric(float64(len(log.events)), "events")
}
