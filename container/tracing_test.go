package container_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"plumb/container"
	"plumb/container/netns"
	"plumb/rtnl/trace"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// BenchmarkTraced attaches in turn without a tracer, with one that writes lines to nowhere at once, and with those of --trace=short and
// --trace=text as the program has them, behind a queue and with commands, to a file. It reports the
// medians in µs and how much more the latter take, in percent:
//
//	go test -run - -bench Traced -benchtime 500x ./container
func BenchmarkTraced(b *testing.B) {
	w := newTown(b)
	w.attach(container.Network{Name: "first"})
	file, err := os.Create(filepath.Join(b.TempDir(), "trace"))
	must(b, err)
	defer file.Close()
	queue := trace.NewQueue(trace.Short(file, trace.Options{Commands: container.NewCommands()}), nil) // as cmd/plumb has it
	defer queue.Close()
	text := trace.NewQueue(trace.Text(file, trace.Options{Commands: container.NewCommands()}), nil)
	defer text.Close()
	tracers := []wire.Tracer{nil, trace.Short(io.Discard, trace.Options{}), queue, text}
	names := []string{"off", "short", "short-to-file", "text-to-file"}
	hosts := make([]*container.Host, len(tracers))
	for i, t := range tracers {
		hosts[i], err = container.OpenHost(container.HostOptions{NS: w.host.NS(), Tracer: t})
		must(b, err)
		defer hosts[i].Close()
	}
	times := make([][]time.Duration, len(tracers))
	for n := range b.N + 1 {
		for i := range hosts {
			i = (i + n) % len(hosts)
			ns, err := netns.New()
			must(b, err)
			start := time.Now()
			_, err = hosts[i].Attach(b.Context(), container.Network{Name: "web"}, ns)
			took := time.Since(start)
			must(b, err)
			w.detach("web")
			must(b, ns.Close())
			if n > 0 { // the first warms up
				times[i] = append(times[i], took)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	off := lab.Microseconds(lab.Median(times[0]))
	for i, name := range names {
		took := lab.Microseconds(lab.Median(times[i]))
		b.ReportMetric(took, name+"-µs")
		if i > 0 {
			b.ReportMetric(100*(took/off-1), name+"-%")
		}
	}
}
