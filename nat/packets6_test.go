package nat_test

import (
	"fmt"
	"os"
	"testing"

	. "plumb/nat"
	"plumb/test/lab"
)

// IPv6 has the same rules, and neighbour discovery beside them, which has to come through from an address of the container's
// link that is in member6.
func TestPackets6(t *testing.T) {
	t.Parallel()
	w := &town{host: newPlace(t, "2001:db8::1"), outside: newPlace(t, "2001:db8::2"), a: newPlace(t, "fd70::2")}
	for _, link := range []struct {
		name string
		to   *place
	}{{"uplink", w.outside}, {"pl-a", w.a}} {
		w.host.ip(t, fmt.Sprintf("link add %s type veth peer name eth0 netns /proc/%d/fd/%d", link.name, os.Getpid(), link.to.ns.FD()))
		setSysctl(t, w.host, "net/ipv6/conf/"+link.name+"/accept_dad", "0")
		setSysctl(t, link.to, "net/ipv6/conf/eth0/accept_dad", "0")
	}
	setSysctl(t, w.host, "net/ipv6/conf/all/forwarding", "1")
	w.outside.ip(t, "link set eth0 up\n addr add 2001:db8::2/64 dev eth0 nodad\n route add fd70::/64 via 2001:db8::1")
	w.a.ip(t, "link set eth0 addrgenmode none\n link set eth0 up\n addr add fe80::2/64 dev eth0 nodad\n addr add fe80::99/64 dev eth0 nodad\n addr add fd70::2/64 dev eth0 nodad noprefixroute\n addr add fd70::99/128 dev eth0 nodad")
	w.host.ip(t, `link set uplink up
		addr add 2001:db8::1/64 dev uplink nodad
		link set pl-a group 28780 up
		addr add fe80::1/64 dev pl-a nodad
		addr add fd70::1 peer fd70::2/128 dev pl-a nodad`)
	w.a.ip(t, "route add default via fe80::1 dev eth0")
	lab.AwaitUp(t, w.outside.ns, "eth0")
	lab.AwaitUp(t, w.a.ns, "eth0")
	for p, addrs := range map[*place][]string{w.host: {"2001:db8::1", "fd70::1"}, w.outside: {"2001:db8::2"}, w.a: {"fd70::2", "fd70::99"}} {
		for _, a := range addrs {
			lab.AwaitLocal(t, p.ns, a)
		}
	}

	a := web()
	a.Link, a.IPv4, a.IPv6 = "pl-a", Place{}, at("fd70::2", "fd70::/64")
	c := dialIn(t, w.host.ns)
	probes := []probe{
		{"container to outside is masqueraded", w.a, "[fd70::2]:1001", "[2001:db8::2]:7000", w.outside, "[2001:db8::1]:1001", "[fd70::2]:1001"},
		{"container to gateway", w.a, "[fd70::2]:1002", "[fd70::1]:7000", w.host, "[fd70::2]:1002", "[fd70::2]:1002"},
		{"container to the host's other address", w.a, "[fd70::2]:1012", "[2001:db8::1]:7000", w.host, "", "[fd70::2]:1012"},
		{"host to container", w.host, "[fd70::1]:1003", "[fd70::2]:7000", w.a, "[fd70::1]:1003", "[fd70::1]:1003"},
		{"forged source to outside", w.a, "[fd70::99]:1004", "[2001:db8::2]:7000", w.outside, "", "[fd70::99]:1004"},
		{"outside to container", w.outside, "[2001:db8::2]:1005", "[fd70::2]:7000", w.a, "", "[2001:db8::2]:1005"},
	}
	for _, p := range probes {
		p.check(t, "without rules: ", p.open)
	}
	// What neighbour discovery has found is forgotten, so that it has to do it again with the rules.
	for _, p := range []*place{w.host, w.a} {
		p.ip(t, "neigh flush all")
	}
	if err := attach(c, a); err != nil {
		t.Fatal(err)
	}
	for _, p := range probes {
		p.check(t, "", p.seen)
	}
}
