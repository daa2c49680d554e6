package container_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/rtnl"
	"plumb/test/lab"
)

// dropped sends a datagram from a namespace, from an address of its own where that is valid, to another, and after it one
// that arrives at the same receiver on the same way: what has not come before that was dropped.
func (w *town) dropped(from *clab.Host, source, to netip.AddrPort, receiver *clab.Host, marker netip.AddrPort) error {
	l, err := listenAgain(receiver, fmt.Sprintf("0.0.0.0:%d", to.Port()))
	if err != nil {
		return err
	}
	defer l.Close()
	bind := ":0"
	if source.IsValid() {
		bind = source.String()
	}
	attack, err := listenAgain(from, bind)
	if err != nil {
		return err
	}
	defer attack.Close()
	legit, err := from.ListenPacket("udp4", ":0")
	if err != nil {
		return err
	}
	defer legit.Close()
	// The first datagram may wait for ARP, and the attack would then overtake nothing.
	for _, s := range []struct {
		conn net.PacketConn
		to   netip.AddrPort
		text string
	}{{legit, marker, "first"}, {attack, to, "attack"}, {legit, marker, "last"}} {
		if _, err := s.conn.WriteTo([]byte(s.text), net.UDPAddrFromAddrPort(s.to)); err != nil && s.text != "attack" {
			return fmt.Errorf("send %s: %w", s.text, err)
		}
	}
	for {
		text, err := read(l)
		switch {
		case err != nil:
			return fmt.Errorf("wait for the marker: %w", err)
		case text == "attack":
			return fmt.Errorf("a datagram from %v to %s came through", source, to)
		case text == "last":
			return nil
		}
	}
}

// listenAgain listens where it has listened just now: a process that another test starts has the old socket, too, until it has its program.
func listenAgain(h *clab.Host, addr string) (net.PacketConn, error) {
	for since := time.Now(); ; {
		l, err := h.ListenPacket("udp4", addr)
		if !errors.Is(err, unix.EADDRINUSE) || time.Since(since) > waitTime {
			return l, err
		}
	}
}

func read(l net.PacketConn) (string, error) {
	l.SetReadDeadline(time.Now().Add(waitTime))
	var b [64]byte
	n, _, err := l.ReadFrom(b[:])
	return string(b[:n]), err
}

// at is an address and port.
func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// addAddr gives a namespace a further address on lo.
func (w *town) addAddr(h *clab.Host, addr string) {
	w.t.Helper()
	prefix := netip.MustParsePrefix(addr)
	must(w.t, h.Rtnl().Do(rtnl.NewAddr(rtnl.AddrOf(1, prefix, 0), "")))
	if prefix.Addr().Is6() {
		lab.AwaitLocal(w.t, h.NS(), prefix.Addr().String())
	}
}

// A forged source reaches neither the host, nor a neighbour, nor the outside.
func TestForgedSource(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, _ := w.attach(container.Network{Name: "attacker"})
	neighbour, _ := w.attach(container.Network{Name: "neighbour"})
	for _, forged := range []string{"10.0.0.3", "10.0.0.99", "192.0.2.1", "8.8.4.4"} {
		w.addAddr(box, forged+"/32")
		source := at(forged + ":6000")
		for what, c := range map[string]struct {
			receiver *clab.Host
			to       string
		}{"the gateway": {w.host, "10.0.0.1:7000"}, "the neighbour": {neighbour, "10.0.0.3:7000"}, "the outside": {w.Internet(), "8.8.8.8:7000"}} {
			if forged == "10.0.0.3" && what == "the neighbour" {
				continue // its own address, which is on the attacker's lo now
			}
			if err := w.dropped(box, source, at(c.to), c.receiver, at(c.to)); err != nil {
				t.Errorf("to %s from %s: %v", what, forged, err)
			}
		}
		must(t, box.Rtnl().Do(rtnl.DelAddr(rtnl.AddrOf(1, netip.MustParsePrefix(forged+"/32"), 0), "")))
	}
}

// sendsLoopback makes a namespace send what is for 127.0.0.0/8 to a gateway.
func (w *town) sendsLoopback(h *clab.Host, gateway string) {
	w.t.Helper()
	must(w.t, h.Rtnl().Do(rtnl.DelAddr(rtnl.AddrOf(1, netip.MustParsePrefix("127.0.0.1/8"), 0), "")))
	lab.Run(w.t, h, "ip", "route", "add", "127.0.0.0/8", "via", gateway)
	w.t.Cleanup(func() {
		lab.Run(w.t, h, "ip", "route", "flush", "127.0.0.0/8")
		lab.Run(w.t, h, "ip", "addr", "add", "127.0.0.1/8", "dev", "lo", "scope", "host")
	})
}

// CVE-2020-8558: what is bound to the host's 127.0.0.1 is reached neither from a container nor from a neighbour in the LAN,
// even where route_localnet would let them.
func TestLoopbackIsUnreachable(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, other := l.NewHost("host"), l.NewHost("other")
	lan := l.NewLAN(host, other)
	must(t, host.NS().WriteSysctl("net/ipv4/conf/"+lan.Name+"/route_localnet", "1"))
	l.Expect(host)
	w := townOn(t, l, host)
	box, a := w.attach(container.Network{Name: "attacker"})
	w.set(w.host, "net/ipv4/conf/"+a.HostLink+"/route_localnet", "1")
	w.sendsLoopback(box, "10.0.0.1")
	w.sendsLoopback(other, lan.Addr4[0].String())
	for _, c := range []struct {
		from   *clab.Host
		marker string
	}{{box, "10.0.0.1:7000"}, {other, lan.Addr4[0].String() + ":7000"}} {
		for _, to := range []string{"127.0.0.1:7000", "127.1.2.3:7000"} {
			if err := w.dropped(c.from, netip.AddrPort{}, at(to), w.host, at(c.marker)); err != nil {
				t.Errorf("from %s: %v", c.from.Name(), err)
			}
		}
	}
	// Without the rules it would: the attack is a real one.
	w.flush()
	if err := w.dropped(box, netip.AddrPort{}, at("127.0.0.1:7000"), w.host, at("10.0.0.1:7000")); err == nil || !strings.Contains(err.Error(), "came through") {
		t.Errorf("the attack without rules: %v", err)
	}
	_, err := w.h.Repair()
	must(t, err)
}

// snmp reads a counter of a namespace: /proc/net/snmp has a line of names and a line of numbers for each protocol.
func snmp(t testing.TB, h *clab.Host, protocol, name string) (value string) {
	t.Helper()
	var text []byte
	must(t, h.Do(func() (err error) { text, err = os.ReadFile("/proc/thread-self/net/snmp"); return err }))
	var names []string
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] != protocol+":" {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		return f[slices.Index(names, name)]
	}
	t.Fatalf("no counter %s of %s", name, protocol)
	return ""
}

// From outside, a neighbour in the LAN who gives himself a route to the containers reaches none of their ports, nor
// their ICMP. What they have asked for comes through.
func TestOutsideIsKeptOut(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, other := l.NewHost("host"), l.NewHost("other")
	lan := l.NewLAN(host, other)
	w := townOn(t, l, host)
	box, _ := w.attach(container.Network{Name: "web", Uplinks: []string{clab.UplinkName, lan.Name}})
	must(t, other.Rtnl().Do(rtnl.NewRoute(rtnl.Via(w.link(other, lan.Name).Index, netip.MustParsePrefix("10.0.0.0/24"), lan.Addr4[0]), "")))
	w.Expect(other)
	serve(t, box)

	inside, err := box.ListenPacket("udp4", ":7000")
	must(t, err)
	defer inside.Close()
	asked, err := other.ListenPacket("udp4", ":9000")
	must(t, err)
	defer asked.Close()
	_, err = inside.WriteTo([]byte("question"), net.UDPAddrFromAddrPort(netip.AddrPortFrom(lan.Addr4[1], 9000)))
	must(t, err)
	asked.SetReadDeadline(time.Now().Add(waitTime))
	b := make([]byte, 64)
	_, who, err := asked.ReadFrom(b)
	must(t, err)
	if !strings.HasPrefix(who.String(), lan.Addr4[0].String()+":") {
		t.Errorf("the neighbour sees %s, want the host's %s", who, lan.Addr4[0])
	}
	segments := snmp(t, box, "Tcp", "InSegs")
	uninvited, err := other.ListenPacket("udp4", ":0")
	must(t, err)
	defer uninvited.Close()
	_, err = uninvited.WriteTo([]byte("attack"), net.UDPAddrFromAddrPort(at("10.0.0.2:7000")))
	must(t, err)
	for _, attack := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := other.DialContext(ctx, "tcp", "10.0.0.2:7"); return err },
		func(context.Context) error { return pingFor(other, "10.0.0.2", time.Millisecond) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond) // it is sent at once
		if err := attack(ctx); err == nil {
			t.Error("an answer to what was not asked for")
		}
		cancel()
	}
	_, err = asked.WriteTo([]byte("answer"), who)
	must(t, err)
	// The answer comes by the same way after all the rest: what is not there by now was dropped.
	if text, err := read(inside); text != "answer" || err != nil {
		t.Errorf("the container receives %q first, %v", text, err)
	}
	if n := snmp(t, box, "Icmp", "InEchos"); n != "0" {
		t.Errorf("%s pings came through", n)
	}
	if n := snmp(t, box, "Tcp", "InSegs"); n != segments {
		t.Errorf("%s TCP segments came through, %s before", n, segments)
	}
}

// Traffic that is not a container's passes, or does not, as it did without containers: the host's own services, and what
// it forwards between two other links.
func TestOthersTraffic(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, x, y := l.NewHost("host"), l.NewHost("x"), l.NewHost("y")
	lanX, lanY := l.NewLAN(host, x), l.NewLAN(host, y)
	w := townOn(t, l, host)
	for _, r := range []struct {
		h       *clab.Host
		link    string
		to      netip.Prefix
		gateway netip.Addr
	}{{x, lanX.Name, lanY.Net4, lanX.Addr4[0]}, {y, lanY.Name, lanX.Net4, lanY.Addr4[0]}} {
		must(t, r.h.Rtnl().Do(rtnl.NewRoute(rtnl.Via(w.link(r.h, r.link).Index, r.to, r.gateway), "")))
		w.Expect(r.h)
	}
	for _, h := range []*clab.Host{y, w.host} {
		serve(t, h)
	}
	forward := func(value string) {
		for _, lan := range []string{lanX.Name, lanY.Name} {
			w.set(w.host, "net/ipv4/conf/"+lan+"/forwarding", value)
		}
	}
	toY := lanY.Addr4[1].String()
	compare := func(when string) {
		t.Helper()
		forward("1")
		for _, network := range []string{"udp", "tcp"} {
			if who, err := echo(x, network, toY+":7"); err != nil || who != lanX.Addr4[1].String() {
				t.Errorf("%s: %s from x to y: it sees %q, %v", when, network, who, err)
			}
			for _, addr := range []string{lanX.Addr4[0].String(), lanY.Addr4[0].String(), w.host.Addr4().String()} {
				if who, err := echo(x, network, addr+":7"); err != nil && addr != w.host.Addr4().String() || err == nil && who != lanX.Addr4[1].String() && addr != w.host.Addr4().String() {
					t.Errorf("%s: %s from x to the host's %s: it sees %q, %v", when, network, addr, who, err)
				}
			}
		}
		check(t, ping(x, toY))
		forward("0")
		n := snmp(t, y, "Icmp", "InEchos")
		if err := pingFor(x, toY, time.Millisecond); err == nil {
			t.Errorf("%s: a ping passes a host that does not forward", when)
		}
		if now := snmp(t, y, "Icmp", "InEchos"); now != n {
			t.Errorf("%s: a ping passed a host that does not forward", when)
		}
	}
	compare("before")
	w.attach(container.Network{Name: "web"})
	compare("with a container")
	w.detach("web")
	compare("after")
}
