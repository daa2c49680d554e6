package container_test

import (
	"strconv"
	"testing"
	"time"

	"plumb/container"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/test/lab"
)

// BenchmarkPoolTake takes a ready network from a pool of this process and from the shared one, with a name and without, attaches a new namespace, and lays
// the floor (see BenchmarkAttach), in turn, and reports the medians of all in µs and their ratios to the floor. What makes networks ready, and removes
// them, is outside of the times:
//
//	go test -run - -bench PoolTake -benchtime 200x ./container
func BenchmarkPoolTake(b *testing.B) {
	w := newTown(b)
	w.attach(container.Network{Name: "first"})
	h, err := container.OpenHost(container.HostOptions{NS: w.host.NS()}) // without a tracer
	must(b, err)
	defer h.Close()
	pool, err := h.NewPool(container.PoolOptions{Size: 1})
	must(b, err)
	defer func() { check(b, pool.Close()) }()
	_, err = h.FillPool(b.Context(), container.PoolOptions{Size: 1})
	must(b, err)
	defer func() {
		_, err := h.DrainPool()
		check(b, err)
	}()
	shared, err := h.OpenPool()
	must(b, err)
	defer shared.Close()
	f := newFloor(b, w)
	// Each has a name of its own: the links of the last one go some 20 ms after it, and until then they have its name.
	number := 0
	next := func() container.Network {
		number++
		return container.Network{Name: "c" + strconv.Itoa(number)}
	}
	give := func(taken *container.Taken) {
		must(b, h.Release(taken.Attachment))
		must(b, taken.NetNS.Close())
	}
	own := func(named bool) func() time.Duration {
		return func() time.Duration {
			must(b, pool.Filled(b.Context()))
			n := next()
			if !named {
				n.Name = ""
			}
			start := time.Now()
			taken, err := pool.Take(b.Context(), n)
			took := time.Since(start)
			must(b, err)
			must(b, pool.Filled(b.Context()))
			give(taken)
			return took
		}
	}
	fromShared := func(named bool) func() time.Duration {
		return func() time.Duration {
			must(b, shared.Refill(b.Context()))
			n := next()
			if !named {
				n.Name = ""
			}
			start := time.Now()
			taken, err := shared.Take(b.Context(), n)
			took := time.Since(start)
			must(b, err)
			give(taken)
			return took
		}
	}
	ways := []struct {
		name string
		do   func() time.Duration
	}{
		{"floor", func() time.Duration {
			ns, err := netns.New()
			must(b, err)
			defer ns.Close()
			return f.attach(ns)
		}},
		{"attach", func() time.Duration {
			ns, err := netns.New()
			must(b, err)
			defer ns.Close()
			n := next()
			start := time.Now()
			_, err = h.Attach(b.Context(), n, ns)
			took := time.Since(start)
			must(b, err)
			w.detach(n.Name)
			return took
		}},
		{"own", own(true)},
		{"shared", fromShared(true)},
		{"own-unnamed", own(false)},
		{"shared-unnamed", fromShared(false)},
	}
	times := make([][]time.Duration, len(ways))
	for i := range ways {
		ways[i].do() // to warm up
	}
	for i := range b.N {
		for j := range ways {
			k := (i + j) % len(ways)
			w.waitGoneBut(func(l *rtnl.Link) bool { return l.Name == "pl-first" || l.LinkNetNSID == nil || *l.LinkNetNSID >= 0 })
			times[k] = append(times[k], ways[k].do())
		}
	}
	b.ReportMetric(0, "ns/op") // it would hold all that is not timed
	floor := lab.Microseconds(lab.Median(times[0]))
	for i := range ways {
		took := lab.Microseconds(lab.Median(times[i]))
		b.ReportMetric(took, ways[i].name+"-µs")
		if i > 0 {
			b.ReportMetric(took/floor, ways[i].name+"-x-floor")
		}
	}
}
