package nat_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	. "plumb/nat"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

var errSeen = errors.New("seen")

// subscribed is a Conn that is told of what happens in a namespace.
func subscribed(t testing.TB, ns *netns.NS) *Conn {
	t.Helper()
	c := dialIn(t, ns)
	if err := c.Subscribe(); err != nil {
		t.Fatal(err)
	}
	return c
}

// commit returns the events of the next commit, without the generation that ends it.
func commit(t *testing.T, c *Conn) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got []string
	err := c.Events(ctx, func(e Event) error {
		if e.Kind == KindGeneration {
			return errSeen
		}
		got = append(got, e.String())
		return nil
	})
	if !errors.Is(err, errSeen) {
		t.Fatalf("%v, after %q", err, got)
	}
	return got
}

// What nft does to a ruleset is told, in the words of nft.
func TestEventsOfNft(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	c := subscribed(t, ns)
	for _, step := range []struct {
		command string
		want    []string
	}{
		{"add table inet plumb", []string{"+table inet plumb"}},
		{"add chain inet plumb guard", []string{"+chain inet plumb guard"}},
		{"add rule inet plumb guard drop", []string{"+rule inet plumb guard"}},
		{"add set inet plumb member4 { type ipv4_addr; }", []string{"+set inet plumb member4"}},
		{"add element inet plumb member4 { 10.0.0.2, 10.0.0.3 }", []string{"+elements inet plumb member4", "+elements inet plumb member4"}},
		{"delete element inet plumb member4 { 10.0.0.2 }", []string{"-elements inet plumb member4"}},
		{"flush set inet plumb member4", []string{"-elements inet plumb member4"}},
		{"add counter inet plumb n", []string{"+other inet plumb n"}},
		{"delete counter inet plumb n", []string{"-other inet plumb n"}},
		{"flush chain inet plumb guard", []string{"-rule inet plumb guard"}},
		{"delete set inet plumb member4", []string{"-set inet plumb member4"}},
		{"delete chain inet plumb guard", []string{"-chain inet plumb guard"}},
		{"delete table inet plumb", []string{"-table inet plumb"}},
		{"add table ip6 other", []string{"+table ip6 other"}},
		{"add chain ip6 other c", []string{"+chain ip6 other c"}},
		{"flush ruleset", []string{"-chain ip6 other c", "-table ip6 other"}},
	} {
		run(t, ns, "nft", step.command)
		got := commit(t, c)
		// Two elements of a commit may come as one event.
		if !slices.Equal(slices.Compact(got), slices.Compact(step.want)) {
			t.Errorf("nft %s: told %q, want %q", step.command, got, step.want)
		}
	}
}

// What plumb does is told, and whose table it is when somebody takes it away.
func TestEventsOfPlumb(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	watch, c := subscribed(t, ns), dialIn(t, ns)
	a := web()
	if err := attach(c, a); err != nil {
		t.Fatal(err)
	}
	made := commit(t, watch)
	for _, want := range []string{"+table inet plumb", "+chain inet plumb guard", "+rule inet plumb prerouting", "+set inet plumb lease4", "+elements inet plumb lease4"} {
		if !slices.Contains(made, want) {
			t.Errorf("not told of %s: %q", want, made)
		}
	}
	b := web()
	b.IPv4.Addr, b.Link = b.IPv4.Addr.Next(), "pl-b"
	if err := attach(c, b); err != nil {
		t.Fatal(err)
	}
	for _, e := range commit(t, watch) {
		if !strings.HasPrefix(e, "+elements inet plumb ") {
			t.Errorf("a second attach makes %s", e)
		}
	}
	run(t, ns, "nft", "flush", "ruleset")
	gone := commit(t, watch)
	if !slices.Contains(gone, "-table inet plumb") || slices.ContainsFunc(gone, func(e string) bool { return e[0] == '+' }) {
		t.Errorf("nft flush ruleset: told %q", gone)
	}
}

// destroy, of newer kernels and newer nft, is told as what it is.
func TestEventsOfDestroy(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	c := subscribed(t, ns)
	run(t, ns, "nft", "add table inet plumb")
	if out, err := tryRun(t, ns, "nft", "destroy table inet plumb"); err != nil {
		t.Skipf("nft or the kernel has no destroy (Linux 6.3): %s", out)
	}
	commit(t, c)
	if got := commit(t, c); !slices.Equal(got, []string{"-table inet plumb"}) {
		t.Errorf("told %q", got)
	}
}

// A burst that does not fit in the receive buffer is told as ENOBUFS, and what comes after it is told again.
func TestEventsLost(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	watch, c := subscribed(t, ns), dialIn(t, ns)
	populate(t, c, 600) // the buffer counts more than a message's bytes
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	told := 0
	err := watch.Events(ctx, func(Event) error { told++; return nil })
	if !errors.Is(err, unix.ENOBUFS) {
		t.Fatalf("%v after %d events, want ENOBUFS", err, told)
	}
	run(t, ns, "nft", "add table ip after")
	err = watch.Events(ctx, func(e Event) error {
		if e.Kind == KindTable && e.Table == "after" {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		t.Errorf("after a burst: %v", err)
	}
}

func TestEventsEnd(t *testing.T) {
	t.Parallel()
	c := subscribed(t, lab.NewNS(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Events(ctx, func(e Event) error { return fmt.Errorf("an event: %s", e) }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

func FuzzEvent(f *testing.F) {
	for _, r := range CreateRequests() {
		b, err := r.Encode(1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(binary.NativeEndian.Uint16(b[4:]), b[16:])
	}
	f.Add(uint16(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN), []byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, typ uint16, body []byte) {
		e, ok, err := ParseEvent(typ, body)
		if err != nil && !errors.Is(err, wire.ErrTruncated) {
			t.Errorf("%v is not ErrTruncated", err)
		}
		if !ok && e != (Event{}) && err != nil || ok && typ>>8 != unix.NFNL_SUBSYS_NFTABLES {
			t.Errorf("type %#x is %+v, %v, %v", typ, e, ok, err)
		}
	})
}

// BenchmarkWatched is an attach and its end, told to n subscribers who are waiting for it.
func BenchmarkWatched(b *testing.B) {
	for _, n := range []int{0, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ns := lab.NewNS(b)
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, n)
			for range n {
				w := subscribed(b, ns)
				go func() { ended <- w.Events(ctx, func(Event) error { return nil }) }()
			}
			c := dialIn(b, ns)
			populate(b, c, 1)
			a := numbered(1)
			b.ResetTimer()
			for range b.N {
				if err := attach(c, a); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Reclaim(&a.Leases()[0]); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			cancel()
			for range n {
				if err := <-ended; !errors.Is(err, context.Canceled) && !errors.Is(err, unix.ENOBUFS) {
					b.Error(err)
				}
			}
		})
	}
}
