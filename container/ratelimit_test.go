package container_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/test/lab"

	"golang.org/x/sys/unix"
)

// The limits hold within a tenth, each way, whatever the other way's is.
func TestRateIsKept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, out container.Rate }{{10e6, 100e6}, {100e6, 10e6}, {2e6, 2e6}} {
		t.Run(c.in.String()+" in "+c.out.String()+" out", func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			box, a := w.attach(container.Network{Name: "web", RateIn: c.in, RateOut: c.out})
			within(t, "in", measure(t, w.host, box, a.Addr.Addr().String(), a.MTU, c.in), c.in)
			within(t, "out", measure(t, box, w.host, a.Gateway.String(), a.MTU, c.out), c.out)
			key := nat.Element{Key: &nat.Data{Value: nat.IfName(a.HostLink)}}
			police, err := w.nat.Element(nat.NFPROTO_INET, nat.TableName, "police", key)
			must(t, err)
			if l := police.Expression.Data.(*nat.Limit); l.Rate != uint64(c.out)/8*11/10 {
				t.Errorf("the host lets %d bytes a second pass, where %s is the limit", l.Rate, c.out)
			}
		})
	}
}

// Without a limit it is the machine that limits, and it is faster: so the limits are what the other test measures.
func TestNoRate(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, a := w.attach(container.Network{Name: "web"})
	must(t, w.host.Rtnl().Do(container.LimitRequests(a.HostIndex, 0, a.MTU, "no limit")...))
	const atLeast = 150e6
	if got := measure(t, w.host, box, a.Addr.Addr().String(), a.MTU, atLeast); got < atLeast {
		t.Errorf("without a limit %s", got)
	}
}

func within(t *testing.T, way string, got, limit container.Rate) {
	t.Helper()
	if t.Logf("%s: %s of %s", way, got, limit); got < limit*9/10 || got > limit*11/10 {
		t.Errorf("%s: %s, where %s is the limit", way, got, limit)
	}
}

// measure sends TCP from one host to another, and is the rate at which it arrives, in bits of whole frames: of a frame's
// mtu+14 bytes the data are what the receiver reads, mtu-52, for an Ethernet header has 14 bytes, IPv4 20, and TCP 32 with its timestamps.
//
// The receiver counts once the bucket and the queue have been filled, in intervals of a quarter of a second, or 64 frames
// where that is longer, end to end. The median of them is what counts: an interval in which the machine stood still is slow,
// and the one after it fast. Where the median of the first four is not as expected, more are measured: so what is returned may be
// wrong only where it was so for 5 seconds.
func measure(t *testing.T, from, to *clab.Host, addr string, mtu uint32, expected container.Rate) container.Rate {
	t.Helper()
	conn := stream(t, from, to, addr)
	_, warmUp := container.Bucket(expected, mtu)
	if _, err := io.CopyN(io.Discard, conn, int64(warmUp)); err != nil {
		t.Fatal(err)
	}
	data, frame := mtu-52, mtu+14
	n := max(int64(expected)/8/4, 64*int64(data))
	var rates []container.Rate
	for begin := time.Now(); len(rates) < 20; {
		if _, err := io.CopyN(io.Discard, conn, n); err != nil {
			t.Fatal(err)
		}
		end := time.Now()
		bits := float64(n) * 8 * float64(frame) / float64(data)
		rates = append(rates, container.Rate(bits/end.Sub(begin).Seconds()))
		begin = end
		if median := lab.Median(slices.Clone(rates)); len(rates) >= 4 && median > expected*93/100 && median < expected*107/100 {
			break
		}
	}
	return lab.Median(rates)
}

// stream is the receiving end of a connection by which one host sends to an address of another as much as it can, until
// the test ends.
func stream(t *testing.T, from, to *clab.Host, addr string) net.Conn {
	t.Helper()
	l, err := to.Listen("tcp4", addr+":0")
	must(t, err)
	defer l.Close()
	sender, err := from.DialContext(t.Context(), "tcp4", l.Addr().String())
	must(t, err)
	receiver, err := l.Accept()
	must(t, err)
	must(t, receiver.SetDeadline(time.Now().Add(30*time.Second)))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 64<<10)
		for {
			if _, err := sender.Write(b); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		check(t, sender.Close())
		check(t, receiver.Close())
		<-ended
	})
	return receiver
}

// A bucket holds two frames, so that one can be collected while another waits, and what comes in between two ticks; and the numbers
// fit into the kernel's, at any rate.
func TestBucket(t *testing.T) {
	t.Parallel()
	for _, mtu := range []uint32{68, 1280, 1500, 9000, 65535} {
		for rate := container.MinRate; rate <= container.MaxRate; rate = rate*3 + 1 {
			burst, limit := container.Bucket(rate, mtu)
			perTick := uint64(rate) / 8 / 100
			if uint64(burst) < perTick+2*uint64(mtu+14) || uint64(burst) > perTick+2*uint64(mtu+14)+1 {
				t.Errorf("%s, mtu %d: a burst of %d", rate, mtu, burst)
			}
			if wait := limit - burst; limit < burst || wait < 8*mtu || wait > max(4<<20, 8*(mtu+14)) {
				t.Errorf("%s, mtu %d: %d bytes may wait", rate, mtu, wait)
			}
		}
	}
}

// The kernel takes the slowest and the fastest limit at the least and the largest MTU, and one after the other.
func TestKernelTakesAnyLimit(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	_, a := w.attach(container.Network{Name: "web"})
	for _, rate := range []container.Rate{container.MinRate, container.MaxRate, 10e6, 34_359_738_368, 34_359_738_360} {
		for _, mtu := range []uint32{68, 1500, 65535} {
			must(t, w.host.Rtnl().Do(container.LimitRequests(a.HostIndex, rate, mtu, "limit")...))
			qdiscs, err := w.host.Rtnl().Qdiscs(a.HostIndex)
			must(t, err)
			_, limit := container.Bucket(rate, mtu)
			if tbf := qdiscs[0].Options.(*rtnl.TBF); len(qdiscs) != 1 || tbf.BytesPerSecond() != uint64(rate)/8 || tbf.Parms.Limit != limit {
				t.Errorf("%s, mtu %d: the kernel has %+v", rate, mtu, tbf)
			}
		}
	}
}

// Where the kernel has no tbf, the error says what to do.
func TestLimitNotSupported(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	_, a := w.attach(container.Network{Name: "web"})
	q := rtnl.TBFOf(a.HostIndex, 1e6, 3000, 9000)
	q.Kind, q.Options = "tbfnosuch", nil
	err := w.host.Rtnl().Do(rtnl.NewQdisc(q, "limit what pl-web sends"))
	explained := container.ExplainLimit(err)
	if !errors.Is(explained, unix.ENOENT) || !strings.HasSuffix(explained.Error(), "load the module sch_tbf, or rebuild with CONFIG_NET_SCH_TBF") {
		t.Errorf("%v", explained)
	}
	for _, err := range []error{nil, unix.ENOENT, fmt.Errorf("other: %w", unix.EPERM)} {
		if got := container.ExplainLimit(err); !errors.Is(got, err) || got != err {
			t.Errorf("%v is explained as %v", err, got)
		}
	}
}
