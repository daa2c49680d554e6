package nat_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"plumb/container/netns"
	. "plumb/nat"
	"plumb/test/lab"
)

// A place is a network namespace with a UDP socket on port 7000 of all addresses.
type place struct {
	ns     *netns.NS
	addr   string // its own
	socket *net.UDPConn
}

func newPlace(t *testing.T, addr string) *place {
	t.Helper()
	p := &place{ns: lab.NewNS(t), addr: addr}
	all := netip.IPv4Unspecified()
	if strings.Contains(addr, ":") {
		all = netip.IPv6Unspecified()
	}
	p.ip(t, "link set lo up")
	p.socket = p.listen(t, netip.AddrPortFrom(all, 7000).String())
	return p
}

func (p *place) listen(t *testing.T, addr string) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	err := p.ns.Do(func() (err error) {
		network := "udp4"
		if strings.HasPrefix(addr, "[") {
			network = "udp6"
		}
		c, err = net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ip runs ip(8) with each line of commands.
func (p *place) ip(t *testing.T, commands string) {
	t.Helper()
	for line := range strings.Lines(commands) {
		if line = strings.TrimSpace(line); line != "" {
			run(t, p.ns, "ip", strings.Fields(line)...)
		}
	}
}

// A town is a host with two containers, and an outside beside it that has a route to the containers' subnet, as a
// neighbour in the host's LAN can give itself.
type town struct{ host, outside, a, b *place }

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{newPlace(t, "192.0.2.1"), newPlace(t, "192.0.2.2"), newPlace(t, "10.0.0.2"), newPlace(t, "10.0.0.3")}
	connect := func(name string, to *place, settings string) {
		w.host.ip(t, fmt.Sprintf("link add %s type veth peer name eth0 netns /proc/%d/fd/%d", name, os.Getpid(), to.ns.FD()))
		w.host.ip(t, settings)
	}
	connect("uplink", w.outside, "addr add 192.0.2.1/24 dev uplink\n link set uplink up")
	w.outside.ip(t, "addr add 192.0.2.2/24 dev eth0\n link set eth0 up\n route add 10.0.0.0/24 via 192.0.2.1")
	// To send to 127.0.0.1 over the wire, the outside must not know it as its own.
	w.outside.ip(t, "route del local 127.0.0.1 dev lo table local\n route del local 127.0.0.0/8 dev lo table local\n route add 127.0.0.1/32 via 192.0.2.1")
	for i, c := range []*place{w.a, w.b} {
		name, addr := "pl-"+string(rune('a'+i)), c.addr
		connect(name, c, "link set "+name+" group 28780 up\n addr add 10.0.0.1 peer "+addr+"/32 dev "+name)
		c.ip(t, "addr add "+addr+"/24 dev eth0 noprefixroute\n link set eth0 up\n  route add 10.0.0.1 dev eth0 scope link\n route add default via 10.0.0.1")
	}
	lab.AwaitUp(t, w.host.ns, "uplink", "pl-a", "pl-b")
	for _, key := range []string{"ip_forward", "conf/uplink/route_localnet", "conf/pl-a/route_localnet"} {
		setSysctl(t, w.host, "net/ipv4/"+key, "1")
	}
	return w
}

func setSysctl(t *testing.T, p *place, name, value string) {
	t.Helper()
	if err := p.ns.WriteSysctl(name, value); err != nil {
		t.Fatal(err)
	}
}

// A probe is one datagram, and the source that its receiver sees: "" when it must not come through. open is what the receiver
// sees without plumb's rules.
type probe struct {
	name       string
	from       *place
	bind, to   string
	at         *place
	seen, open string
}

func TestPackets(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.a.ip(t, "addr add 10.0.0.99/32 dev eth0")
	probes := []probe{
		{"container to outside is masqueraded", w.a, "10.0.0.2:1001", "192.0.2.2:7000", w.outside, "192.0.2.1:1001", "10.0.0.2:1001"},
		{"container to neighbour", w.a, "10.0.0.2:1002", "10.0.0.3:7000", w.b, "10.0.0.2:1002", "10.0.0.2:1002"},
		{"host to container", w.host, "10.0.0.1:1003", "10.0.0.2:7000", w.a, "10.0.0.1:1003", "10.0.0.1:1003"},
		{"container to gateway", w.a, "10.0.0.2:1004", "10.0.0.1:7000", w.host, "10.0.0.2:1004", "10.0.0.2:1004"},
		{"container to the host's other address", w.a, "10.0.0.2:1011", "192.0.2.1:7000", w.host, "", "10.0.0.2:1011"},
		{"forged source to host", w.a, "10.0.0.99:1005", "10.0.0.1:7000", w.host, "", ""},
		{"forged source to neighbour", w.a, "10.0.0.99:1006", "10.0.0.3:7000", w.b, "", "10.0.0.99:1006"},
		{"forged source to outside", w.a, "10.0.0.99:1007", "192.0.2.2:7000", w.outside, "", "10.0.0.99:1007"},
		{"outside to container", w.outside, "192.0.2.2:1008", "10.0.0.2:7000", w.a, "", "192.0.2.2:1008"},
		{"outside to the host's loopback", w.outside, "192.0.2.2:1009", "127.0.0.1:7000", w.host, "", "192.0.2.2:1009"},
		{"outside to the host", w.outside, "192.0.2.2:1010", "192.0.2.1:7000", w.host, "192.0.2.2:1010", "192.0.2.2:1010"},
	}
	setSysctl(t, w.host, "net/ipv4/conf/all/rp_filter", "0")
	for _, p := range probes {
		if p.open != "" {
			p.check(t, "without rules: ", p.open)
		}
	}
	c := dialIn(t, w.host.ns)
	attachBoth(t, c, false)
	for _, p := range probes {
		p.check(t, "", p.seen)
	}
}

func TestPublishedPorts(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	c := dialIn(t, w.host.ns)
	attachBoth(t, c, false)
	element := Element{
		Key:  &Data{Value: Concat([]byte{17}, Port(8080))},
		Data: &Data{Value: Concat([]byte{10, 0, 0, 2}, Port(7000))}, UserData: CommentData("web"),
	}
	list := &ElementList{Header: Header{Family: NFPROTO_INET}, Table: TableName, Set: "publish4", Elements: []Element{element}}
	if err := c.Batch(NewElements(list, 0)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []probe{
		{name: "from outside", from: w.outside, bind: "192.0.2.2:1001", to: "192.0.2.1:8080", at: w.a, seen: "192.0.2.2:1001"},
		{name: "from the neighbour", from: w.b, bind: "10.0.0.3:1002", to: "192.0.2.1:8080", at: w.a, seen: "10.0.0.3:1002"},
		{name: "from itself", from: w.a, bind: "10.0.0.2:1003", to: "192.0.2.1:8080", at: w.a, seen: "10.0.0.1:1003"},
		{name: "from the host", from: w.host, bind: "192.0.2.1:1004", to: "192.0.2.1:8080", at: w.a, seen: "192.0.2.1:1004"},
		{name: "from the host's loopback", from: w.host, bind: "127.0.0.1:1005", to: "127.0.0.1:8080", at: w.a, seen: "10.0.0.1:1005"},
	} {
		p.check(t, "", p.seen)
	}
}

func TestInternalContainer(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	c := dialIn(t, w.host.ns)
	attachBoth(t, c, true)
	for _, p := range []probe{
		{name: "to the gateway", from: w.a, bind: "10.0.0.2:1001", to: "10.0.0.1:7000", at: w.host, seen: "10.0.0.2:1001"},
		{name: "to a neighbour", from: w.a, bind: "10.0.0.2:1002", to: "10.0.0.3:7000", at: w.b, seen: "10.0.0.2:1002"},
		{name: "to the host's address", from: w.a, bind: "10.0.0.2:1003", to: "192.0.2.1:7000", at: w.host},
		{name: "to outside", from: w.a, bind: "10.0.0.2:1004", to: "192.0.2.2:7000", at: w.outside},
		{name: "from the host", from: w.host, bind: "10.0.0.1:1005", to: "10.0.0.2:7000", at: w.a, seen: "10.0.0.1:1005"},
	} {
		p.check(t, "", p.seen)
	}
}

func attachBoth(t *testing.T, c *Conn, internal bool) {
	t.Helper()
	a, b := web(), web()
	a.Link, b.Link, b.IPv4.Addr = "pl-a", "pl-b", netip.MustParseAddr("10.0.0.3")
	if internal {
		a.Options = Internal
	}
	if err := attach(c, a, b); err != nil {
		t.Fatal(err)
	}
}

// check sends the probe and, after it, a datagram from the receiver to itself: what has not come by then does not come, since the
// kernel carries a datagram over a veth pair within the call that sends it.
func (p *probe) check(t *testing.T, when, want string) {
	t.Helper()
	text := []byte(when + p.name)
	from := p.from.listen(t, p.bind)
	defer from.Close()
	for range 2 { // the first may wait for ARP
		if _, err := from.WriteToUDPAddrPort(text, netip.MustParseAddrPort(p.to)); err != nil && want != "" {
			t.Errorf("%s%s: send: %v", when, p.name, err)
		}
	}
	seen := ""
	if want != "" {
		seen = p.at.receive(t, text)
	} else {
		self := p.at.listen(t, netip.AddrPortFrom(netip.MustParseAddr(p.at.addr), 0).String())
		defer self.Close()
		stop := []byte("stop")
		if _, err := self.WriteToUDPAddrPort(stop, netip.AddrPortFrom(netip.MustParseAddr(p.at.addr), 7000)); err != nil {
			t.Fatal(err)
		}
		seen = p.at.receive(t, text, stop)
	}
	if seen != want {
		t.Errorf("%s%s: the receiver sees source %q, want %q", when, p.name, seen, want)
	}
}

// receive waits for a datagram that says text, and returns its source; "" when one of ends comes first.
func (p *place) receive(t *testing.T, text []byte, ends ...[]byte) string {
	t.Helper()
	p.socket.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		var b [128]byte
		n, from, err := p.socket.ReadFromUDPAddrPort(b[:])
		if err != nil {
			return err.Error()
		}
		if bytes.Equal(b[:n], text) {
			return from.String()
		}
		for _, end := range ends {
			if bytes.Equal(b[:n], end) {
				return ""
			}
		}
	}
}
