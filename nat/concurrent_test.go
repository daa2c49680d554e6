package nat_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	. "plumb/nat"
	"plumb/test/lab"
)

// TestManyAtOnce lets 16 sockets attach and detach at random, so that table and leases come and go all the time: no
// address is ever held twice, nobody fails, and in the end nothing is left.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	host := lab.NewNS(t)
	var held sync.Map // address: link
	var wg sync.WaitGroup
	for n := range 16 {
		c := dialIn(t, host)
		wg.Go(func() {
			for round := range 15 {
				if err := comeAndGo(c, &held, n, round); err != nil {
					t.Errorf("socket %d, round %d: %v", n, round, err)
					return
				}
			}
		})
	}
	wg.Wait()
	c := dialIn(t, host)
	if tables, err := c.Tables(NFPROTO_UNSPEC); err != nil || len(tables) != 0 {
		leases, _ := c.Leases()
		t.Errorf("left: tables %+v, leases %+v, %v", tables, leases, err)
	}
}

func comeAndGo(c *Conn, held *sync.Map, n, round int) error {
	a := &Attachment{
		Link: fmt.Sprintf("pl-%d-%d", n, round), Comment: Comment{Name: "c", IfIndex: uint32(n), Taken: time.Duration(round) * time.Second},
		IPv4: lowest("10.0.0.2", "10.0.0.254", "10.0.0.0/24"), IPv6: lowest("fd70::2", "fd70::ffff", "fd70::/64"),
	}
	if n%4 == 0 {
		a.Options = Internal
		a.Publish = []Publish{{Proto: 6, Port: 80, Count: 3}}
	}
	if n%3 == 0 { // by chance one that is taken
		a.IPv4.Addr = netip.AddrFrom4([4]byte{10, 0, 0, byte(2 + rand.IntN(8))})
	}
	_, err := c.Attach(a)
	if leased := (*LeasedError)(nil); n%3 == 0 && errors.As(err, &leased) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	for _, l := range a.Leases() {
		if other, twice := held.LoadOrStore(l.Addr, a.Link); twice {
			return fmt.Errorf("%s has %s, which %s has", a.Link, l.Addr, other)
		}
		lease, err := c.Lease(l.Addr)
		if err != nil || *lease != l {
			return fmt.Errorf("the lease of %s is %+v, %w", l.Addr, lease, err)
		}
		held.Delete(l.Addr)
	}
	if _, err := c.Detach(a, nil); err != nil {
		return fmt.Errorf("detach: %w", err)
	}
	return nil
}

// TestLastOutMeetsNewcomer has one always be the last, and another always come: the newcomer never fails.
func TestLastOutMeetsNewcomer(t *testing.T) {
	t.Parallel()
	host := lab.NewNS(t)
	var wg sync.WaitGroup
	for n := range 2 {
		c := dialIn(t, host)
		wg.Go(func() {
			a := web()
			a.Link = fmt.Sprint("pl-", n)
			a.IPv4.Addr = netip.AddrFrom4([4]byte{10, 0, 0, byte(2 + n)})
			for round := range 60 {
				if err := attach(c, a); err != nil {
					t.Errorf("%d, round %d: attach: %v", n, round, err)
					return
				}
				if _, err := c.Detach(a, nil); err != nil {
					t.Errorf("%d, round %d: detach: %v", n, round, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if tables, err := dialIn(t, host).Tables(NFPROTO_UNSPEC); err != nil || len(tables) != 0 {
		t.Errorf("left: %+v, %v", tables, err)
	}
}
