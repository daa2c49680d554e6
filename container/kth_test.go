package container_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"plumb/container"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/test/lab"
)

// BenchmarkKth attaches 1,000 new namespaces to a host, one after the other, and compares the last of them with the first, as medians of 20
// in µs; then it takes all of them away at once. An iteration is one such host. The first one, which makes the table, does not count: it would
// be in favour of the ratio. The spread is that of the ratio among the iterations.
//
//	go test -run - -bench Kth -benchtime 5x ./container
func BenchmarkKth(b *testing.B) {
	subnet := netip.MustParsePrefix("10.0.0.0/16")
	b.Run("dual stack", func(b *testing.B) { benchmarkKth(b, container.Network{Subnet: subnet}) })
	b.Run("IPv4 only", func(b *testing.B) { benchmarkKth(b, container.Network{Subnet: subnet, NoIPv6: true}) })
}

func benchmarkKth(b *testing.B, n container.Network) {
	const k, sample = 1000, 20
	var firsts, lasts, removals []time.Duration
	var ratios []float64
	for range b.N {
		w := newTown(b)
		h, err := container.OpenHost(container.HostOptions{NS: w.host.NS()}) // without a tracer
		must(b, err)
		var spaces []*netns.NS
		var times []time.Duration
		for i := range k + 1 {
			ns, err := netns.New()
			must(b, err)
			spaces = append(spaces, ns)
			n.Name = fmt.Sprint("c", i)
			start := time.Now()
			_, err = h.Attach(b.Context(), n, ns)
			times = append(times, time.Since(start))
			must(b, err)
		}
		first, last := lab.Median(times[1:1+sample]), lab.Median(times[1+k-sample:])
		firsts, lasts, ratios = append(firsts, first), append(lasts, last), append(ratios, float64(last)/float64(first))
		start := time.Now()
		names, err := h.DetachAll("")
		removals = append(removals, time.Since(start))
		must(b, err)
		if len(names) != k+1 {
			b.Errorf("%d were detached, want %d", len(names), k+1)
		}
		must(b, h.Close())
		for _, ns := range spaces {
			must(b, ns.Close())
		}
		w.namespacesGone()
	}
	slices.Sort(ratios)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(lab.Microseconds(lab.Median(firsts)), "first-µs")
	b.ReportMetric(lab.Microseconds(lab.Median(lasts)), "1000th-µs")
	b.ReportMetric(ratios[0], "least-ratio")
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(ratios[len(ratios)-1], "most-ratio")
	b.ReportMetric(lab.Median(removals).Seconds()*1000, "detach-all-ms")
}

// namespacesGone waits until the kernel has done away with the namespaces that have been closed. It does so in their order, many at a time
// (cleanup_net, net/core/net_namespace.c): a link goes early with its namespace, and that of a second one when the first has gone wholly.
func (w *town) namespacesGone() {
	w.t.Helper()
	for range 2 {
		ns, err := netns.New()
		must(w.t, err)
		fd := uint32(ns.FD())
		pair := rtnl.VethPair(&rtnl.Link{Name: "pl-last", Group: container.LinkGroup}, &rtnl.Link{Name: "eth0", NetNSFd: &fd})
		must(w.t, w.host.Rtnl().Do(rtnl.NewLink(pair, "")))
		must(w.t, ns.Close())
		w.waitGone()
	}
}
