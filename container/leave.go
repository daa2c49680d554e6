package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"plumb/nat"

	"golang.org/x/sys/unix"
)

// leave is called when leases have been given back, which were of these places, as far as the caller knows: an address with its subnet each, or not valid. What
// killed processes left must not keep the table.
func (h *Host) leave(places ...netip.Prefix) (err error) {
	tell := h.story()
	tell.next("see whether it was the last", "with the last container goes plumb's table, and what was switched on for containers is put back")
	defer func() { tell.end(err) }()
	var leased uint32 // how many leases there are of the family that has most; 0 also where the kernel does not say, before Linux 6.17
	empty := true
	for _, name := range []string{"lease4", "lease6"} {
		set, err := h.nat.Set(nat.NFPROTO_INET, nat.TableName, name)
		if errors.Is(err, unix.ENOENT) {
			return nil // somebody else was the last
		}
		if err != nil {
			return err
		}
		empty = empty && set.Count != nil && *set.Count == 0
		if set.Count != nil {
			leased = max(leased, *set.Count)
		}
	}
	if !empty {
		if err := h.sweep(leased, places); err != nil {
			return err
		}
	}
	_, err = h.nat.Leave(h.switchForwarding)
	return err
}

// sweepAll looks at all leases, and takes those out of the table that are stale, or about to be.
func (h *Host) sweepAll() error {
	leases, err := h.nat.Leases()
	if err != nil {
		return fmt.Errorf("read the leases: %w", err)
	}
	for i := range leases {
		if _, err := h.reclaim(&leases[i], true); err != nil {
			return err
		}
	}
	return nil
}

// enough is how many leases that are not stale end a sweep.
const enough = 8

// sweep looks at leases at random, and takes those out of the table that are stale, until it has met a few that are not.
// Where only stale ones are left it so removes them all, and where many are held it costs next to nothing.
func (h *Host) sweep(leased uint32, places []netip.Prefix) error {
	if alive, err := h.sample(leased, places); alive || err != nil {
		return err
	}
	leases, err := h.nat.Leases()
	if err != nil {
		return fmt.Errorf("read the leases: %w", err)
	}
	met := 0
	for _, i := range rand.Perm(len(leases)) {
		if done, err := h.meet(&leases[i], &met); done || err != nil {
			return err
		}
	}
	return nil
}

// meet takes a lease out of the table if it is stale, and else counts it. done says that enough were met.
func (h *Host) meet(lease *nat.Lease, met *int) (done bool, err error) {
	free, err := h.reclaim(lease, false)
	if err == nil && !free {
		*met++
	}
	return *met == enough, err
}

// sample is a sweep of some of the lowest addresses of a subnet, as those most likely to be leased, so that nobody need list a thousand leases. It is false
// where it has not met enough that are not stale.
func (h *Host) sample(leased uint32, places []netip.Prefix) (alive bool, err error) {
	const many = 64 // to list fewer takes no longer than to ask for some
	places = slices.DeleteFunc(places, func(p netip.Prefix) bool { return !p.IsValid() })
	if leased < many || len(places) == 0 {
		return false, nil
	}
	place := places[rand.IntN(len(places))]
	first, _ := hosts(place.Masked())
	room := 1 << min(place.Addr().BitLen()-place.Bits(), 16)
	numbers := rand.Perm(min(room, int(leased)))
	met := 0
	for _, n := range numbers[:min(len(numbers), 4*enough)] {
		lease, err := h.nat.Lease(nth(first, uint32(n)))
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("read a lease: %w", err)
		}
		if done, err := h.meet(lease, &met); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// nth is the address n after the first of a subnet.
func nth(first netip.Addr, n uint32) netip.Addr {
	b := first.AsSlice()
	low := b[len(b)-4:]
	binary.BigEndian.PutUint32(low, binary.BigEndian.Uint32(low)+n)
	addr, _ := netip.AddrFromSlice(b)
	return addr
}
