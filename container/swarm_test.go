package container_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"plumb/container"
	clab "plumb/container/lab"
)

// Many attach and detach at once, by one Host and by another, while somebody flushes the ruleset again and again. None of it fails, who stands in the end
// has addresses of his own, and the table has them after a repair. What is to be put back of the forwarding is left out here: a flush takes the
// record of it.
func TestSwarmUnderFlushes(t *testing.T) {
	t.Parallel()
	const hosts, each, rounds = 2, 3, 4
	w := newTown(t)
	w.set(w.host, "net/ipv4/conf/uplink0/forwarding", "1")
	w.set(w.host, "net/ipv6/conf/all/forwarding", "1")
	boxes, as := make([]*clab.Host, hosts*each), make([]*container.Attachment, hosts*each)
	for i := range boxes {
		boxes[i] = w.box(fmt.Sprint("box-", i))
	}
	var comers, flusher sync.WaitGroup
	var over atomic.Bool
	for n := range hosts {
		h := w.open()
		for i := n * each; i < (n+1)*each; i++ {
			comers.Go(func() {
				network := container.Network{Name: fmt.Sprint("c", i)}
				for round := range rounds {
					a, err := h.Attach(t.Context(), network, boxes[i].NS())
					if err != nil {
						t.Errorf("attach %s, round %d: %v", network.Name, round, err)
						return
					}
					if as[i] = a; round == rounds-1 {
						return
					}
					if found, err := h.Detach(network.Name); err != nil || !found {
						t.Errorf("detach %s, round %d: found %v, %v", network.Name, round, found, err)
						return
					}
				}
			})
		}
	}
	flusher.Go(func() {
		for !over.Load() {
			nft(t, w.host, "flush ruleset")
		}
	})
	comers.Wait()
	over.Store(true)
	flusher.Wait()
	if t.Failed() {
		return
	}
	_, err := w.h.Repair()
	must(t, err)
	w.apart(boxes, as)
	for _, a := range as {
		w.detach(a.Name)
	}
	w.set(w.host, "net/ipv6/conf/all/forwarding", "0")
	w.set(w.host, "net/ipv4/conf/uplink0/forwarding", "0")
}

// Two were given the same address, as the ruleset was flushed in between. The one whose route came first has it, the other begins again, and both have a part
// in the table.
func TestSameAddressTwice(t *testing.T) {
	t.Parallel()
	for _, v6 := range []bool{false, true} {
		w := newTown(t)
		if v6 {
			w.needIPv6()
		}
		w.attach(container.Network{Name: "first"}) // so that the host forwards
		network := func(name string) container.Network { return container.Network{Name: name, NoIPv4: v6, NoIPv6: !v6} }
		early, late := w.box("early"), w.box("late")
		as := make([]*container.Attachment, 2)
		at := " forwards IPv4"
		if v6 {
			at = "see whether IPv6 is forwarded"
		}
		h := w.interrupted(at, func() {
			w.flush()
			var err error
			as[0], err = w.h.Attach(t.Context(), network("early"), early.NS())
			must(t, err)
			w.flush()
		})
		var err error
		as[1], err = h.Attach(t.Context(), network("late"), late.NS())
		must(t, err)
		for _, a := range as {
			held, err := w.nat.Holding(a.HostLink)
			if err != nil || held.Comment.IfIndex != a.HostIndex || held.IPv4 != a.Addr.Addr() || held.IPv6 != a.Addr6.Addr() {
				t.Errorf("%s has %s and %s; the table says %+v, %v", a.Name, a.Addr, a.Addr6, held, err)
			}
		}
		if as[0].Addr == as[1].Addr && as[0].Addr6 == as[1].Addr6 {
			t.Errorf("both have %s, %s", as[0].Addr, as[0].Addr6)
		}
		for _, name := range []string{"late", "early", "first"} {
			w.detach(name)
		}
	}
}
