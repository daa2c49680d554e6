package container_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/container/netns"
)

// A racer is a plumb with sockets of its own, and a namespace to attach.
type racer struct {
	h   *container.Host
	box *clab.Host
}

func (w *town) racers(n int) []racer {
	w.t.Helper()
	var all []racer
	for i := range n {
		all = append(all, racer{w.open(), w.box(fmt.Sprintf("racer-%d", i))})
	}
	return all
}

// race has all attach at once.
func (w *town) race(all []racer, network func(i int) container.Network) (made []*container.Attachment, errs []error) {
	made, errs = make([]*container.Attachment, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, r := range all {
		wg.Go(func() { made[i], errs[i] = r.h.Attach(w.t.Context(), network(i), r.box.NS()) })
	}
	wg.Wait()
	return made, errs
}

// Several meet the same stale leases at once, in a subnet that is full of them: each gets an address of its own of either family, and none fails.
func TestReclaimRace(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	racers := w.racers(4)
	usual := container.Network{Subnet: netip.MustParsePrefix("10.0.0.0/29"), Subnet6: netip.MustParsePrefix(plumb6 + "/125")}
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		w.fill(usual)
		made, errs := w.race(racers, func(i int) container.Network {
			n := usual
			n.Name = fmt.Sprint("c", i)
			return n
		})
		holders := map[netip.Addr]string{}
		for i, a := range made {
			if errs[i] != nil {
				t.Errorf("round %d: %v", round, errs[i])
				continue
			}
			for _, addr := range []netip.Prefix{a.Addr, a.Addr6} {
				if other := holders[addr.Addr()]; other != "" {
					t.Errorf("round %d: %s has %s, and so has %s", round, other, addr, a.Name)
				}
				holders[addr.Addr()] = a.Name
				l, err := w.nat.Lease(addr.Addr())
				if err != nil || l.Comment.Name != a.Name || l.Comment.IfIndex != a.HostIndex {
					t.Errorf("round %d: the lease of %s is %+v, %v", round, addr, l, err)
				}
			}
			check(t, ping(racers[i].box, clab.NameServer4))
			check(t, ping(racers[i].box, clab.NameServer6))
		}
		for i := range racers {
			w.detach(fmt.Sprint("c", i))
		}
		w.nothingLeft()
		if t.Failed() {
			return
		}
	}
}

// fill fills a subnet of five addresses, and one of six, with the leases of containers that have ended without a word.
func (w *town) fill(n container.Network) {
	w.t.Helper()
	var spaces []*netns.NS
	for i := range 6 {
		ns := holdOpen(w.t)
		spaces = append(spaces, ns)
		n.Name, n.NoIPv4 = fmt.Sprint("gone", i), i == 5
		if n.NoIPv4 {
			n.Subnet = netip.Prefix{}
		}
		_, err := w.h.Attach(w.t.Context(), n, ns)
		must(w.t, err)
	}
	n.Name = "more"
	if _, err := w.h.Attach(w.t.Context(), n, holdOpen(w.t)); !errors.Is(err, unix.ENOSPC) {
		w.t.Errorf("one more: %v", err)
	}
	for _, ns := range spaces {
		must(w.t, ns.Close())
	}
	w.waitGone()
	if leases, err := w.nat.Leases(); err != nil || len(leases) != 11 {
		w.t.Errorf("%d leases are stale, %v", len(leases), err)
	}
}

// Several want the same address, or the same port, of somebody who has gone: one gets it, and the others are told who.
func TestReclaimOneRace(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	racers := w.racers(3)
	for what, n := range map[string]container.Network{
		"leased to c":    {Addr: netip.MustParseAddr("10.0.0.7")},
		"is leased to c": {Addr6: netip.MustParseAddr(plumb6 + "7")},
		"port 8007/tcp is published already by c": publish(t, "", "8007:7"),
	} {
		for round := range 4 {
			ns := holdOpen(t)
			gone := n
			gone.Name = "gone"
			_, err := w.h.Attach(t.Context(), gone, ns)
			must(t, err)
			w.letGo(ns, gone.Name)
			if round%2 == 1 {
				w.waitGone() // else the pair is dying
			}
			made, errs := w.race(racers, func(i int) container.Network {
				n := n
				n.Name = fmt.Sprint("c", i)
				return n
			})
			winners := 0
			for i, a := range made {
				if errs[i] == nil {
					winners++
					check(t, ping(racers[i].box, clab.NameServer4))
					check(t, ping(racers[i].box, clab.NameServer6))
					w.detach(a.Name)
				} else if !errors.Is(errs[i], unix.EEXIST) || !strings.Contains(errs[i].Error(), what) {
					t.Errorf("%s, round %d: %v", what, round, errs[i])
				}
			}
			if winners != 1 {
				t.Errorf("%s, round %d: %d got it: %v", what, round, winners, errs)
			}
			w.detach("gone")
			w.waitGone()
			w.nothingLeft()
			if t.Failed() {
				return
			}
		}
	}
}
