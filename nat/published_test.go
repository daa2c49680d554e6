package nat_test

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	. "plumb/nat"
)

// Whatever who gives an address back believes to be published of it, all goes that is, and nothing of others.
func TestReclaimPublished(t *testing.T) {
	t.Parallel()
	tcp := func(host string, from, to, count uint16) Publish {
		p := Publish{Proto: unix.IPPROTO_TCP, HostPort: from, Port: to, Count: count}
		if host != "" {
			p.Host = netip.MustParseAddr(host)
		}
		return p
	}
	has := []Publish{tcp("", 8080, 80, 2), tcp("192.0.2.1", 443, 443, 1), tcp("2001:db8::1", 443, 443, 1)}
	others := tcp("", 9090, 80, 1)
	for name, known := range map[string][]Publish{
		"all":              has,
		"nothing":          nil,
		"another's":        {others},
		"another's, too":   append([]Publish{others}, has...),
		"another target":   {tcp("", 8080, 81, 2)},
		"what is not":      {tcp("", 8080, 80, 3)},
		"more than is fit": {tcp("", 8000, 80, 200)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConn(t)
			one, other := web(), web()
			one.IPv6, one.Publish = at("fd00::2", "fd00::/64"), has
			other.Link, other.IPv4.Addr, other.Publish = "pl-other", netip.MustParseAddr("10.0.0.3"), []Publish{others}
			if err := attach(c, one, other); err != nil {
				t.Fatal(err)
			}
			if removed, err := c.Reclaim(&one.Leases()[0], known...); err != nil || !removed {
				t.Fatal(removed, err)
			}
			left, err := c.Ports()
			if err != nil || len(left) != 1 || left[0].HostPort != others.HostPort {
				t.Errorf("%+v are published, %v; want %d alone", left, err, others.HostPort)
			}
			if leases, err := c.Leases(); err != nil || len(leases) != 1 {
				t.Errorf("%+v, %v", leases, err)
			}
		})
	}
}
