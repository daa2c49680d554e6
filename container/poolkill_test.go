package container_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/container/netns"
	"plumb/rtnl"
)

// Whoever fills, empties or takes is killed right before or right after any of its messages: the pool can be filled and taken from at once, no network is
// given twice or lost, and gc or a drain leaves nothing.
func TestKilledPool(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	before := w.picture(w.host)
	step := 1
	if testing.Short() {
		step = 7
	}
	none := holdOpen(t)
	for _, order := range []string{"fill", "take", "take plain", "take unnamed", "drain"} {
		killed := 0
		for i, after := range []bool{false, true} {
			for last := i; ; last += step {
				if order != "fill" {
					w.fillPool(2)
				}
				died := w.dies(order, none, last, after)
				if died {
					killed++
				}
				w.awaitDying("web")
				w.mendPool(last)
				w.waitGone()
				_, err := w.h.GC(false) // of what has just gone the leases
				check(t, err)
				w.same(before, w.host)
				if t.Failed() {
					t.Fatalf("%s killed at datagram %d, after it %v", order, last, after)
				}
				if !died {
					break
				}
			}
		}
		t.Logf("%s: killed at %d moments", order, killed)
	}
}

// fillPool fills the shared pool.
func (w *town) fillPool(size int) {
	w.t.Helper()
	_, err := w.h.FillPool(w.t.Context(), container.PoolOptions{Size: size})
	must(w.t, err)
}

// mendPool does in turn what makes the pool good again, and removes it.
func (w *town) mendPool(turn int) {
	w.t.Helper()
	switch turn % 3 {
	case 0:
		w.fillPool(2)
		w.takeAll(2)
	case 1:
		_, err := w.h.GC(true)
		check(w.t, err)
		w.fillPool(1)
		w.takeAll(1)
	}
	_, err := w.h.DrainPool()
	check(w.t, err)
}

// takeAll takes all that is to be in the pool, and sees that each works.
func (w *town) takeAll(number int) {
	w.t.Helper()
	p, err := w.h.OpenPool()
	must(w.t, err)
	defer p.Close()
	if n, err := p.Ready(); err != nil || n != number {
		w.t.Fatalf("%d are ready, want %d: %v", n, number, err)
	}
	addrs := map[netip.Prefix]bool{}
	for i := range number {
		n := container.Network{Name: fmt.Sprintf("web%d", i)}
		if i == 0 {
			n = container.Network{Name: "web", Publish: mortalNetwork().Publish}
		}
		taken, err := p.Take(w.t.Context(), n)
		if errors.Is(err, unix.EEXIST) { // Take waits a second for who was killed, and on a busy machine the kernel may need longer
			if ending := w.link(w.host, "pl-"+n.Name); ending != nil {
				w.waitGoneBut(func(l *rtnl.Link) bool { return l.Index != ending.Index })
			}
			taken, err = p.Take(w.t.Context(), n)
		}
		must(w.t, err)
		check(w.t, pingIn(taken.NetNS, clab.NameServer4))
		check(w.t, pingIn(taken.NetNS, clab.NameServer6))
		if addrs[taken.Addr] {
			w.t.Errorf("%s is given twice", taken.Addr)
		}
		addrs[taken.Addr] = true
		defer func() {
			check(w.t, w.h.Release(taken.Attachment))
			check(w.t, taken.NetNS.Close())
		}()
	}
}

// The holder keeps nothing alive that should go, and nothing keeps the holder: it ends with its link, with the host's namespace, and when it is killed its
// networks end.
func TestPoolHolder(t *testing.T) {
	t.Parallel()
	ends := map[string]func(w *town, p *container.SharedPool){
		"drained": func(w *town, p *container.SharedPool) {
			_, err := w.h.DrainPool()
			check(w.t, err)
		},
		"its link removed": func(w *town, p *container.SharedPool) {
			must(w.t, w.host.Rtnl().Do(rtnl.DelLink(&rtnl.Link{Index: w.link(w.host, "plumb-pool").Index}, "")))
		},
		"killed": func(w *town, p *container.SharedPool) { must(w.t, unix.Kill(p.Holder(), unix.SIGKILL)) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			before := w.picture(w.host)
			w.fillPool(3)
			p, err := w.h.OpenPool()
			must(t, err)
			holder := p.Holder()
			done, stop, err := container.Ended(holder)
			must(t, err)
			defer stop()
			must(t, p.Close())
			end(w, p)
			awaitEnd(t, done)
			w.waitGone()
			_, err = w.h.GC(false)
			check(t, err)
			w.same(before, w.host)
			w.fillPool(1) // the next one stumbles on nothing
			w.takeAll(1)
			_, err = w.h.DrainPool()
			check(t, err)
		})
	}
	t.Run("the host gone", func(t *testing.T) {
		t.Parallel()
		ns, err := netns.New()
		must(t, err)
		h, err := container.OpenHost(container.HostOptions{NS: ns})
		must(t, err)
		_, err = h.FillPool(t.Context(), container.PoolOptions{Size: 2})
		must(t, err)
		p, err := h.OpenPool()
		must(t, err)
		done, stop, err := container.Ended(p.Holder())
		must(t, err)
		defer stop()
		must(t, p.Close())
		must(t, h.Close())
		must(t, ns.Close())
		awaitEnd(t, done)
	})
}

func awaitEnd(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(waitTime):
		t.Fatal("the holder lives on")
	}
}
