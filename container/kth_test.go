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

// BenchmarkKth attaches new namespaces in turn to a host that has a container and to one that has 960, up to 1,000, and compares the medians of
// these 40 each, in µs: so nothing else that the machine does at the time is in the ratio. An iteration is one such pair of hosts. The first
// container of a host, which makes the table, does not count: it would be in favour of the ratio. What an attach takes when no other namespace is
// on the machine is "alone". The spread is that of the ratio among the iterations. In the end all are taken away at once.
//
//	go test -run - -bench Kth -benchtime 5x ./container
func BenchmarkKth(b *testing.B) {
	subnet := netip.MustParsePrefix("10.0.0.0/16")
	b.Run("dual stack", func(b *testing.B) { benchmarkKth(b, container.Network{Subnet: subnet}) })
	b.Run("IPv4 only", func(b *testing.B) { benchmarkKth(b, container.Network{Subnet: subnet, NoIPv6: true}) })
}

func benchmarkKth(b *testing.B, n container.Network) {
	const k, sample = 1000, 40
	var alone, firsts, lasts, removals []time.Duration
	var ratios []float64
	for range b.N {
		few, many := newRow(b, n), newRow(b, n)
		few.attach(1)
		alone = append(alone, lab.Median(many.attach(1 + sample)[1:]))
		many.attach(k - 1 - 2*sample)
		var first, last []time.Duration
		for range sample {
			first = append(first, few.attach(1)...)
			last = append(last, many.attach(1)...)
		}
		firsts, lasts = append(firsts, lab.Median(first)), append(lasts, lab.Median(last))
		ratios = append(ratios, float64(lab.Median(last))/float64(lab.Median(first)))
		few.end()
		removals = append(removals, many.end())
	}
	slices.Sort(ratios)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(lab.Microseconds(lab.Median(alone)), "alone-µs")
	b.ReportMetric(lab.Microseconds(lab.Median(firsts)), "first-µs")
	b.ReportMetric(lab.Microseconds(lab.Median(lasts)), "1000th-µs")
	b.ReportMetric(ratios[0], "least-ratio")
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(ratios[len(ratios)-1], "most-ratio")
	b.ReportMetric(lab.Median(removals).Seconds()*1000, "detach-all-ms")
}

// A row is a host to which one container after the other is attached.
type row struct {
	*town
	plain  *container.Host // without a tracer
	n      container.Network
	spaces []*netns.NS
}

func newRow(b *testing.B, n container.Network) *row {
	b.Helper()
	r := &row{town: newTown(b), n: n}
	var err error
	r.plain, err = container.OpenHost(container.HostOptions{NS: r.host.NS()})
	must(b, err)
	return r
}

// attach attaches so many more, and returns what each took.
func (r *row) attach(number int) (times []time.Duration) {
	r.t.Helper()
	for range number {
		ns, err := netns.New()
		must(r.t, err)
		r.n.Name = fmt.Sprint("c", len(r.spaces))
		r.spaces = append(r.spaces, ns)
		start := time.Now()
		_, err = r.plain.Attach(r.t.Context(), r.n, ns)
		times = append(times, time.Since(start))
		must(r.t, err)
	}
	return times
}

// end takes all away, and returns what that took.
func (r *row) end() time.Duration {
	r.t.Helper()
	start := time.Now()
	names, err := r.plain.DetachAll("")
	took := time.Since(start)
	must(r.t, err)
	if len(names) != len(r.spaces) {
		r.t.Errorf("%d were detached, want %d", len(names), len(r.spaces))
	}
	must(r.t, r.plain.Close())
	for _, ns := range r.spaces {
		must(r.t, ns.Close())
	}
	r.namespacesGone()
	return took
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
