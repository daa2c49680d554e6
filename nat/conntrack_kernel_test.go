package nat_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	. "plumb/nat"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// An oldKernel is a socket to a kernel that does not know CTA_FILTER: it is given another number, which none knows. Such a
// kernel passes over the attribute, and must not take what is left for "flush all".
type oldKernel struct{ wire.Transport }

func (o *oldKernel) Send(b []byte) error {
	b = slices.Clone(b)
	for message := b; len(message) > 0; {
		n := int(binary.NativeEndian.Uint32(message))
		const ctaFilter, header = 25, 16 + 4
		for attr := message[header:n]; len(attr) > 0; {
			length, typ := int(binary.NativeEndian.Uint16(attr)), binary.NativeEndian.Uint16(attr[2:])
			if typ&0x3fff == ctaFilter {
				binary.NativeEndian.PutUint16(attr[2:], 99)
			}
			attr = attr[min((length+3)&^3, len(attr)):]
		}
		message = message[min((n+3)&^3, len(message)):]
	}
	return o.Transport.Send(b)
}

func dialOld(t *testing.T, ns *netns.NS) *Conn {
	t.Helper()
	var c *Conn
	err := ns.Do(func() error {
		socket, err := wire.Brief(unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		c, err = Dial(wire.Config{Transport: &oldKernel{socket}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFlushOnOldKernel(t *testing.T) {
	t.Parallel()
	ns := tracked(t)
	c := dialOld(t, ns)
	before := listed(t, ns)
	flows := []Flow{{Addr: netip.MustParseAddr("10.0.0.20")}, {Proto: 17, First: 54, Last: 54}}
	if err := c.FlushConnections(flows...); err != nil {
		t.Fatal(err)
	}
	if !c.Lists() {
		t.Error("the next flush asks the kernel for the same again")
	}
	want := slices.DeleteFunc(before, func(l string) bool { return strings.Contains(l, "=10.0.0.20 ") || strings.Contains(l, "dport=54 [") })
	if got := listed(t, ns); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("left:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What has gone since it was listed is no error, and what has come in its place stays.
func TestForgetWhatHasChanged(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	c := dialIn(t, ns)
	insert := func(port string) {
		t.Helper()
		run(t, ns, "conntrack", "-I", "-p", "udp", "-s", "10.0.0.2", "-d", "10.0.0.3", "--sport", port, "--dport", "53", "-t", "100")
	}
	insert("1")
	insert("2")
	insert("3")
	list, err := c.Connections(NFPROTO_IPV4)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	run(t, ns, "conntrack", "-D", "-p", "udp", "--sport", "1")
	// The id is made of the entry's address in memory and of the tuples (nf_ct_get_id), and may come again with them.
	before := listed(t, ns)
	for slices.Equal(listed(t, ns), before) {
		run(t, ns, "conntrack", "-D", "-p", "udp", "--sport", "2")
		insert("2")
	}
	if err := c.Forget(list...); err != nil {
		t.Error(err)
	}
	if left := listed(t, ns); len(left) != 1 || !strings.Contains(left[0], " sport=2 ") {
		t.Errorf("left: %q", left)
	}
}

func TestFlowsThatCannotBe(t *testing.T) {
	t.Parallel()
	c := newConn(t)
	a := netip.MustParseAddr("10.0.0.2")
	for _, test := range []struct {
		flow Flow
		want string
	}{
		{Flow{}, "flush connections: protocol 0, ports 0 to 0"},
		{Flow{Proto: 17}, "flush connections: protocol 17, ports 0 to 0"},
		{Flow{First: 1, Last: 2}, "flush connections: protocol 0, ports 1 to 2"},
		{Flow{Proto: 17, First: 2, Last: 1}, "flush connections: protocol 17, ports 2 to 1"},
		{Flow{Proto: 17, First: 1, Last: 2, Hosts: []netip.Addr{a, {}}}, "flush connections: no address, where the host's should be"},
		{Flow{Proto: 17, First: 1, Last: 2, Addr: a}, "flush connections: 10.0.0.2 and ports in one flow"},
		{Flow{Addr: a, Hosts: []netip.Addr{a}}, "flush connections: 10.0.0.2 and ports in one flow"},
	} {
		if err := c.FlushConnections(Flow{Addr: a}, test.flow); err == nil || err.Error() != test.want {
			t.Errorf("%+v: %v, want %s", test.flow, err, test.want)
		}
	}
}

func TestKernelWithoutCtnetlink(t *testing.T) {
	t.Parallel()
	c, err := Dial(wire.Config{Transport: &refuser{errno: unix.EINVAL}})
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"flush":        func() error { return c.FlushConnections(Flow{Addr: netip.MustParseAddr("10.0.0.2")}) },
		"flush listed": func() error { return c.FlushConnections(Flow{Addr: netip.MustParseAddr("fd70::2")}) },
		"count":        func() error { _, err := c.CountConnections(); return err },
		"list":         func() error { _, err := c.Connections(NFPROTO_UNSPEC); return err },
	} {
		if err := ask(); !errors.Is(err, ErrNoTracking) || !errors.Is(err, unix.EINVAL) {
			t.Errorf("%s says %v", name, err)
		}
	}
}

// firstPort is where the connections of busy begin.
const firstPort = 10000

// busy makes n connections in a namespace, by datagrams to itself.
func busy(t testing.TB, ns *netns.NS, n int) {
	t.Helper()
	var socket *net.UDPConn
	err := ns.Do(func() (err error) {
		if err := lab.LoopbackUp(); err != nil {
			return err
		}
		socket, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for i := range n {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, byte(i >> 14)}), uint16(firstPort+i&(1<<14-1)))
		if _, err := socket.WriteToUDPAddrPort([]byte("x"), to); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
			t.Fatal(err)
		}
	}
}

// More connections than fit in one datagram of the list, and more than are removed in one send.
func TestFlushMany(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	c := dialIn(t, ns)
	if err := attach(c, web()); err != nil { // so that connections are tracked
		t.Fatal(err)
	}
	const n = 1000
	busy(t, ns, n)
	if count, err := c.CountConnections(); err != nil || count != n {
		t.Fatalf("%d connections, %v, want %d", count, err, n)
	}
	if err := c.FlushConnections(Flow{Proto: 17, First: firstPort + 1, Last: 65535}); err != nil {
		t.Fatal(err)
	}
	if left := listed(t, ns); len(left) != 1 || !strings.Contains(left[0], fmt.Sprintf("dport=%d ", firstPort)) {
		t.Errorf("%d are left: %q", len(left), left[:min(len(left), 3)])
	}
}

// BenchmarkFlush is the flush of an attachment with a published port, in a namespace with n connections of others.
func BenchmarkFlush(b *testing.B) {
	v4, v6 := Flow{Addr: netip.MustParseAddr("10.0.0.2")}, Flow{Addr: netip.MustParseAddr("fd70::2")}
	port := Flow{Proto: 17, First: 53, Last: 53, Hosts: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	for _, flows := range []struct {
		name  string
		flows []Flow
	}{{"address", []Flow{v4}}, {"address+port", []Flow{v4, port}}, {"both families", []Flow{v4, v6}}, {"both families+port", []Flow{v4, v6, port}}} {
		for _, n := range []int{0, 1, 10000} {
			b.Run(fmt.Sprintf("%s/%d", flows.name, n), func(b *testing.B) {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				ns := lab.NewNS(b)
				c := dialIn(b, ns)
				if err := attach(c, web()); err != nil {
					b.Fatal(err)
				}
				busy(b, ns, n)
				b.ReportAllocs()
				for b.Loop() {
					if err := c.FlushConnections(flows.flows...); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
