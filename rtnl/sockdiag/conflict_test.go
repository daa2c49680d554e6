package sockdiag_test

import (
	"net/netip"
	"testing"

	"plumb/rtnl/sockdiag"
)

func TestConflict(t *testing.T) {
	t.Parallel()
	socket := func(addr string, only bool) sockdiag.Socket {
		return sockdiag.Socket{Addr: netip.MustParseAddrPort(addr), V6Only: only}
	}
	other := socket("0.0.0.0:81", false)
	bound := socket("0.0.0.0:80", false)
	bound.Interface = 7
	for _, test := range []struct {
		name   string
		socket sockdiag.Socket
		// Which publishes of port 80 it is in the way of.
		all4, all6, one4, lo4, one6, lo6 bool
	}{
		{"all of IPv4", socket("0.0.0.0:80", false), true, false, true, true, false, false},
		{"all of both", socket("[::]:80", false), true, true, true, true, true, true},
		{"all of IPv6", socket("[::]:80", true), false, true, false, false, true, true},
		{"all of IPv4, as IPv6", socket("[::ffff:0.0.0.0]:80", false), true, false, true, true, false, false},
		{"127.0.0.1", socket("127.0.0.1:80", false), true, false, false, true, false, false},
		{"::1", socket("[::1]:80", false), false, true, false, false, false, true},
		{"192.0.2.1", socket("192.0.2.1:80", false), true, false, true, false, false, false},
		{"192.0.2.1, as IPv6", socket("[::ffff:192.0.2.1]:80", false), true, false, true, false, false, false},
		{"192.0.2.9", socket("192.0.2.9:80", false), true, false, false, false, false, false},
		{"2001:db8::1", socket("[2001:db8::1]:80", true), false, true, false, false, true, false},
		{"all of one interface", bound, true, false, true, true, false, false},
		{"another port", socket("[::]:8080", false), false, false, false, false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sockets := []sockdiag.Socket{other, test.socket}
			for _, publish := range []struct {
				name string
				addr netip.Addr
				v6   bool
				want bool
			}{
				{"all of IPv4", netip.Addr{}, false, test.all4},
				{"all of IPv6", netip.Addr{}, true, test.all6},
				{"192.0.2.1", netip.MustParseAddr("192.0.2.1"), false, test.one4},
				{"192.0.2.1, as IPv6", netip.MustParseAddr("::ffff:192.0.2.1"), true, test.one4},
				{"127.0.0.1", netip.MustParseAddr("127.0.0.1"), false, test.lo4},
				{"2001:db8::1", netip.MustParseAddr("2001:db8::1"), true, test.one6},
				{"::1", netip.MustParseAddr("::1"), true, test.lo6},
			} {
				got := sockdiag.Conflict(sockets, publish.addr, publish.v6, 80)
				if (got != nil) != publish.want || got != nil && got != &sockets[1] {
					t.Errorf("published on %s: in the way is %+v, want %v", publish.name, got, publish.want)
				}
			}
		})
	}
	if got := sockdiag.Conflict(nil, netip.Addr{}, false, 80); got != nil {
		t.Errorf("of no sockets %+v is in the way", got)
	}
}
