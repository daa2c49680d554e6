package container_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// BenchmarkKth attaches new namespaces in turn to a host that has a container and to one that has 960, up to 1,000, and compares the medians of
// these 40 each, in µs: so nothing else that the machine does at the time is in the ratio. An iteration is one such pair of hosts. The first
// container of a host, which makes the table, does not count: it would be in favour of the ratio. What an attach takes when no other namespace is
// on the machine is "alone". The spread is that of the ratio among the iterations. In the end all are taken away at once.
//
// "links alone" is the same without plumb: pairs of links with the addresses, routes and neighbours that an attach gives them, and nothing more. What
// that takes at the 1,000th is the kernel's, whoever asks for it.
//
//	go test -run - -bench Kth -benchtime 5x ./container
func BenchmarkKth(b *testing.B) {
	n := container.Network{Subnet: netip.MustParsePrefix("10.0.0.0/16")}
	b.Run("dual stack", func(b *testing.B) { benchmarkKth(b, func() *row { return newRow(b, n) }) })
	b.Run("links alone", func(b *testing.B) { benchmarkKth(b, func() *row { return newBareRow(b) }) })
	n.NoIPv6 = true
	b.Run("IPv4 only", func(b *testing.B) { benchmarkKth(b, func() *row { return newRow(b, n) }) })
}

func benchmarkKth(b *testing.B, newRow func() *row) {
	const k, sample = 1000, 40
	var alone, firsts, lasts, removals []time.Duration
	var ratios []float64
	for range b.N {
		few, many := newRow(), newRow()
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
	attachTo func(number int, ns *netns.NS) error
	detach   func() (number int, err error) // all
	spaces   []*netns.NS
}

func newRow(b *testing.B, n container.Network) *row {
	b.Helper()
	r := &row{town: newTown(b)}
	h, err := container.OpenHost(container.HostOptions{NS: r.host.NS()}) // without a tracer
	must(b, err)
	r.attachTo = func(number int, ns *netns.NS) error {
		n.Name = fmt.Sprint("c", number)
		_, err := h.Attach(b.Context(), n, ns)
		return err
	}
	r.detach = func() (int, error) {
		names, err := h.DetachAll("")
		return len(names), errors.Join(err, h.Close())
	}
	return r
}

// newBareRow is a row of pairs of links only.
func newBareRow(b *testing.B) *row {
	b.Helper()
	r := &row{town: newTown(b)}
	dial := func() (*rtnl.Conn, error) { return rtnl.Dial(wire.Config{}) }
	host, err := netns.Open(r.host.NS(), dial)
	must(b, err)
	gateway4, gateway6, own6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1"), netip.MustParsePrefix("fe80::2/64")
	const group, near, far = 7, 1000, 2
	r.attachTo = func(number int, ns *netns.NS) error {
		inside, err := netns.Open(ns, dial)
		if err != nil {
			return err
		}
		defer inside.Close()
		fd, index := uint32(ns.FD()), near+uint32(number)
		high, low := byte(number>>8)+1, byte(number)
		addr4, addr6 := netip.AddrFrom4([4]byte{10, 0, high, low}), netip.AddrFrom16([16]byte{0: 0xfd, 14: high, 15: low})
		nearMAC, farMAC := net.HardwareAddr{2, 0, 0, 1, high, low}, net.HardwareAddr{2, 0, 0, 2, high, low}
		known := func(index uint32, addr netip.Addr, mac net.HardwareAddr) wire.Request {
			return rtnl.NewNeigh(&rtnl.Neigh{Family: rtnl.IPv6, Index: index, State: unix.NUD_PERMANENT, Address: addr, LLAddress: mac}, "")
		}
		pair := rtnl.VethPair(&rtnl.Link{Index: index, Name: fmt.Sprint("bare", number), Address: nearMAC, Group: group, NumTxQueues: 1, NumRxQueues: 1},
			&rtnl.Link{Index: far, Name: "eth0", Address: farMAC, NetNSFd: &fd, NumTxQueues: 1, NumRxQueues: 1})
		return errors.Join(
			host.Do(rtnl.NewLink(pair, ""), rtnl.SetAddrGenMode(index, rtnl.AddrGenModeNone, "")),
			host.Do(rtnl.SetUp(index, ""),
				rtnl.NewAddr(rtnl.PeerAddrOf(index, gateway4, addr4, 0), ""),
				rtnl.NewRoute(rtnl.OnLink(index, netip.PrefixFrom(addr6, 128)), ""), known(index, addr6, farMAC)),
			inside.Do(rtnl.SetAddrGenMode(far, rtnl.AddrGenModeNone, ""), rtnl.SetUp(far, ""),
				rtnl.NewAddr(rtnl.AddrOf(far, netip.PrefixFrom(addr4, 16), unix.IFA_F_NOPREFIXROUTE), ""),
				rtnl.NewRoute(rtnl.OnLink(far, netip.PrefixFrom(gateway4, 32)), ""),
				rtnl.NewRoute(rtnl.Via(far, rtnl.Default(gateway4), gateway4), ""),
				rtnl.NewAddr(rtnl.AddrOf(far, own6, unix.IFA_F_NODAD), ""),
				rtnl.NewAddr(rtnl.AddrOf(far, netip.PrefixFrom(addr6, 64), unix.IFA_F_NODAD|unix.IFA_F_NOPREFIXROUTE), ""), known(far, gateway6, nearMAC),
				rtnl.NewRoute(rtnl.Via(far, rtnl.Default(gateway6), gateway6), "")),
			inside.Do(rtnl.SetUp(1, "")),
		)
	}
	r.detach = func() (int, error) {
		return len(r.spaces), errors.Join(host.Do(rtnl.DelLink(&rtnl.Link{Group: group}, "")), host.Close())
	}
	return r
}

// attach attaches so many more, and returns what each took.
func (r *row) attach(number int) (times []time.Duration) {
	r.t.Helper()
	for range number {
		ns, err := netns.New()
		must(r.t, err)
		start := time.Now()
		err = r.attachTo(len(r.spaces), ns)
		times = append(times, time.Since(start))
		r.spaces = append(r.spaces, ns)
		must(r.t, err)
	}
	return times
}

// end takes all away, and returns what that took.
func (r *row) end() time.Duration {
	r.t.Helper()
	start := time.Now()
	number, err := r.detach()
	took := time.Since(start)
	must(r.t, err)
	if number != len(r.spaces) {
		r.t.Errorf("%d were detached, want %d", number, len(r.spaces))
	}
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
