package container_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/test/lab"
)

// publish is a Network that publishes what -p would.
func publish(t testing.TB, name string, ports ...string) container.Network {
	t.Helper()
	n := container.Network{Name: name}
	for _, text := range ports {
		p, err := container.ParsePublish(text)
		must(t, err)
		n.Publish = append(n.Publish, p)
	}
	return n
}

// serve6 is serve in IPv6, on any port.
func serveOn(t testing.TB, h *clab.Host, port string) {
	t.Helper()
	var s clab.Services
	l, err := h.Listen("tcp", ":"+port)
	must(t, err)
	s.ServeEcho(l)
	p, err := h.ListenPacket("udp", ":"+port)
	must(t, err)
	s.ServePacketEcho(p)
	t.Cleanup(func() { s.Close() })
}

// A published port is reached from the LAN, from the internet, from the host by each of its addresses and by 127.0.0.1, from a neighbour, from another
// network and from the container itself, by TCP and UDP in both families. The container sees who asks.
func TestPublish(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, other := l.NewHost("host"), l.NewHost("other")
	lan := l.NewLAN(host, other)
	w := townOn(t, l, host)
	n := publish(t, "web", "8080:7", "8080:7/udp", "127.0.0.1:9090:7", lan.Addr4[0].String()+":9191:7")
	n.Uplinks = []string{clab.UplinkName, lan.Name} // the LAN's link must forward
	box, _ := w.attach(n)
	serveOn(t, box, "7")
	neighbour, _ := w.attach(container.Network{Name: "neighbour"})
	stranger, _ := w.attach(container.Network{Name: "stranger", Network: "else"})
	h4, h6 := w.host.Addr4().String(), w.host.Addr6().String()
	const hidden = "" // the asker's address is replaced
	for _, c := range []struct {
		from     *clab.Host
		to, seen string
	}{
		{w.Internet(), h4, "203.0.113.1"},
		{w.Internet(), "[" + h6 + "]", hidden},
		{other, lan.Addr4[0].String(), lan.Addr4[1].String()},
		{other, "[" + lan.Addr6[0].String() + "]", lan.Addr6[1].String()},
		{w.host, h4, hidden},
		{w.host, "[" + h6 + "]", hidden},
		{w.host, "127.0.0.1", "10.0.0.1"},
		{w.host, "127.1.2.3", "10.0.0.1"},
		{w.host, lan.Addr4[0].String(), hidden},
		{w.host, "10.0.0.1", hidden},
		{neighbour, h4, "10.0.0.3"},
		{neighbour, "[" + h6 + "]", "fd70:6c75:6d62::3"},
		{neighbour, "10.0.0.1", "10.0.0.3"},
		{stranger, h4, "10.0.1.2"},
		{stranger, "[" + h6 + "]", "fd70:6c75:6d62:1::2"},
		{box, h4, "10.0.0.1"},
		{box, "[" + h6 + "]", "fd70:6c75:6d62::1"},
		{box, "10.0.0.1", "10.0.0.1"},
	} {
		for _, network := range []string{"tcp", "udp"} {
			who, err := echo(c.from, network, c.to+":8080")
			if err != nil || c.seen != hidden && who != c.seen {
				t.Errorf("%s from %s to %s: it sees %q, %v, want %s", network, c.from.Name(), c.to, who, err, c.seen)
			}
		}
	}
	// One address of the host's, and no other.
	for _, c := range []struct {
		from *clab.Host
		to   string
		open bool
	}{
		{w.host, "127.0.0.1:9090", true},
		{w.host, h4 + ":9090", false},
		{w.Internet(), h4 + ":9090", false},
		{other, lan.Addr4[0].String() + ":9090", false},
		{w.host, lan.Addr4[0].String() + ":9191", true},
		{other, lan.Addr4[0].String() + ":9191", true},
		{w.host, "127.0.0.1:9191", false},
		{w.Internet(), h4 + ":9191", false},
	} {
		if _, err := echo(c.from, "tcp", c.to); (err == nil) != c.open {
			t.Errorf("from %s to %s: %v, want open %v", c.from.Name(), c.to, err, c.open)
		}
	}
}

// CVE-2020-8558: a port published on 127.0.0.1 is the host's alone, though its DNAT would lead there whoever sends to 127.0.0.1.
func TestLoopbackPublishIsTheHostsAlone(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	host, other := l.NewHost("host"), l.NewHost("other")
	lan := l.NewLAN(host, other)
	w := townOn(t, l, host)
	box, a := w.attach(publish(t, "web", "127.0.0.1:8080:7000/udp"))
	attacker, _ := w.attach(container.Network{Name: "attacker"})
	if v, err := w.host.NS().ReadSysctl("net/ipv4/conf/" + a.HostLink + "/route_localnet"); v != "1" || err != nil {
		t.Errorf("route_localnet of %s is %s, %v: the attack is not a real one", a.HostLink, v, err)
	}
	w.sendsLoopback(other, lan.Addr4[0].String())
	w.sendsLoopback(attacker, "10.0.0.1")
	socket, err := box.ListenPacket("udp4", ":7000")
	must(t, err)
	defer socket.Close()
	for _, from := range []*clab.Host{other, attacker} {
		c, err := from.ListenPacket("udp4", ":0")
		must(t, err)
		for range 2 { // the first may wait for ARP
			_, err = c.WriteTo([]byte("attack"), net.UDPAddrFromAddrPort(at("127.0.0.1:8080")))
			must(t, errors.Join(err))
		}
		must(t, c.Close())
	}
	mine, err := w.host.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	defer mine.Close()
	_, err = mine.WriteTo([]byte("mine"), net.UDPAddrFromAddrPort(at("127.0.0.1:8080")))
	must(t, err)
	if text, err := read(socket); text != "mine" || err != nil {
		t.Errorf("the container receives %q first, %v", text, err)
	}
}

// Ranges, and host ports that are chosen.
func TestPublishRanges(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, a := w.attach(publish(t, "web", "8000-8999:1000-1999", "7", "7-8/udp", "0:9"))
	if len(a.Publish) != 4 || a.Publish[1].HostPort < 49152 || a.Publish[2].HostPort < 49152 || a.Publish[3].HostPort < 49152 {
		t.Fatalf("published are %+v", a.Publish)
	}
	for _, port := range []string{"1000", "1500", "1999", "7", "8", "9"} {
		serveOn(t, box, port)
	}
	to := func(port uint16) string { return netip.AddrPortFrom(w.host.Addr4(), port).String() }
	for _, c := range []struct {
		network, to string
	}{{"tcp", to(8000)}, {"tcp", to(8500)}, {"tcp", to(8999)}, {"tcp", to(a.Publish[1].HostPort)}, {"udp", to(a.Publish[2].HostPort + 1)}, {"tcp", to(a.Publish[3].HostPort)}} {
		if _, err := echo(w.Internet(), c.network, c.to); err != nil {
			t.Errorf("%s to %s: %v", c.network, c.to, err)
		}
	}
	if _, err := echo(w.Internet(), "udp", to(8000)); err == nil {
		t.Error("a TCP port is published for UDP, too")
	}
	link := w.link(w.host, "pl-web")
	if !strings.Contains(link.Alias, " p=8000-8999:1000-1999/tcp") {
		t.Errorf("the alias is %q", link.Alias)
	}
	ports, err := w.nat.Ports()
	if err != nil || len(ports) != 2*(1000+1+2+1) {
		t.Errorf("the table has %d ports, %v", len(ports), err)
	}
}

// More than fits into the alias stands in further names, and Repair reads it there.
func TestManyPorts(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	var ports []string
	for i := range 100 {
		ports = append(ports, fmt.Sprintf("%d:%d", 8000+2*i, 1000+3*i))
	}
	n := publish(t, "web", ports...)
	box, a := w.attach(n)
	serveOn(t, box, "1297")
	w.flush()
	if repaired, err := w.h.Repair(); err != nil || !slices.Equal(repaired, []string{"web"}) {
		t.Fatalf("repaired %q, %v", repaired, err)
	}
	list, err := w.h.Containers()
	if err != nil || len(list) != 1 || !slices.Equal(list[0].Publish, a.Publish) {
		t.Errorf("listed %+v, %v", list, err)
	}
	if _, err := echo(w.Internet(), "tcp", w.host.Addr4().String()+":8198"); err != nil {
		t.Error(err)
	}
}

// A port that is taken is an error that names the holder, and leaves nothing.
func TestPublishConflicts(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.attach(publish(t, "web", "8080:80", w.host.Addr4().String()+":9090:90"))
	l, err := w.host.Listen("tcp4", "0.0.0.0:8443")
	must(t, err)
	defer l.Close()
	u, err := w.host.ListenPacket("udp", w.host.Addr4().String()+":5353")
	must(t, err)
	defer u.Close()
	self := fmt.Sprintf("(process %d) listens on", unix.Getpid())
	for _, c := range []struct {
		ports []string
		errno unix.Errno
		want  string
	}{
		{[]string{"8080:81"}, unix.EEXIST, "port 8080/tcp is published already by web (10.0.0.2), on all addresses: detach it first, or publish another port with --publish"},
		{[]string{"8070-8090:8070-8090"}, unix.EEXIST, "port 8080/tcp is published already by web"},
		{[]string{"127.0.0.1:8080:81"}, unix.EEXIST, "port 8080/tcp is published already by web"},
		{[]string{"9090:81"}, unix.EEXIST, "port 9090/tcp is published already by web (10.0.0.2), on " + w.host.Addr4().String()},
		{[]string{"8443:81"}, unix.EADDRINUSE, "port 8443/tcp: "},
		{[]string{"8443:81"}, unix.EADDRINUSE, self + " 0.0.0.0:8443: end it, or publish another port with --publish"},
		{[]string{"1-9000:1-9000", "5353:53/udp"}, unix.EADDRINUSE, " listens on "},
		{[]string{"5353:53/udp"}, unix.EADDRINUSE, self + " " + w.host.Addr4().String() + ":5353"},
	} {
		if err := w.refused(publish(t, "other", c.ports...)); !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.ports, err, c.want)
		}
	}
	// What is in nobody's way.
	w.attach(publish(t, "other", "8080:81/udp", "127.0.0.1:9090:81", "[::1]:9090:81", "127.0.0.1:5353:53/udp"))
	w.detach("other")
	// A holder that was killed is in nobody's way either.
	ns := holdOpen(t)
	_, err = w.h.Attach(t.Context(), publish(t, "killed", "7070:70"), ns)
	must(t, err)
	w.letGo(ns, "killed")
	w.attach(publish(t, "next", "7070:70"))
}

// With a thousand ports there, another one costs as much as with none, for the packets and for the attach (BenchmarkPublish has the figures): here
// it is counted how many messages an attach sends.
func TestOthersPortsCostNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	count := func() int64 {
		h, f := w.faulty(1<<60, 1<<60)
		f.answers.Store(0)
		box := w.box(fmt.Sprintf("box-%d", len(w.Hosts())))
		_, err := h.Attach(t.Context(), publish(t, "one", "7777:77"), box.NS())
		must(t, err)
		must(t, h.Close())
		n := f.answers.Load()
		w.detach("one")
		return n
	}
	w.attach(container.Network{Name: "first"})
	before := count()
	w.attach(publish(t, "many", "10000-10999:10000-10999"))
	if after := count(); after > before+4 {
		t.Errorf("an attach takes %d answers with 1,000 ports published, %d without", after, before)
	}
}

// What a client has sent before the port was published does not keep the rest from it, nor does what it has sent to an older container.
func TestStaleConnections(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.attach(container.Network{Name: "first"}) // so that connections are tracked
	client, err := w.Internet().ListenPacket("udp4", ":4000")
	must(t, err)
	defer client.Close()
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(w.host.Addr4(), 5000))
	for _, name := range []string{"one", "two", "three"} {
		_, err = client.WriteTo([]byte("before "+name), to)
		must(t, err)
		box, a := w.attach(publish(t, name, "5000:7000/udp"))
		socket, err := box.ListenPacket("udp4", ":7000")
		must(t, err)
		_, err = client.WriteTo([]byte("to "+name), to)
		must(t, err)
		if text, err := read(socket); text != "to "+name || err != nil {
			t.Errorf("%s, %s, receives %q, %v", name, a.Addr, text, err)
		}
		must(t, socket.Close())
		w.detach(name)
		left := lab.Run(t, w.host, "conntrack", "-L", "-p", "udp")
		if strings.Contains(left, a.Addr.Addr().String()) {
			t.Errorf("after %s has gone there is\n%s", name, left)
		}
	}
}

// SCTP is published as TCP and UDP are. The kernel need have none of its own: what is sent is an INIT chunk in a raw socket.
func TestPublishSCTP(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, _ := w.attach(publish(t, "web", "9899:7000/sctp"))
	raw, err := rawIP(box, unix.IPPROTO_SCTP)
	must(t, err)
	defer unix.Close(raw)
	out, err := rawIP(w.Internet(), unix.IPPROTO_SCTP)
	must(t, err)
	defer unix.Close(out)
	init := []byte{0x0f, 0xa0, 0x26, 0xab, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0x10, 0, 0, 1, 0, 1, 0, 0, 0, 1} // RFC 9260, 3.3.2
	binary.LittleEndian.PutUint32(init[8:], crc32.Checksum(init, crc32.MakeTable(crc32.Castagnoli)))                               // RFC 9260, appendix A
	must(t, unix.Sendto(out, init, 0, &unix.SockaddrInet4{Addr: w.host.Addr4().As4()}))
	tv := unix.NsecToTimeval(waitTime.Nanoseconds())
	must(t, unix.SetsockoptTimeval(raw, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	b := make([]byte, 128)
	n, err := unix.Read(raw, b)
	if err != nil || n != 20+len(init) || b[22] != 7000>>8 || b[23] != 7000&0xff {
		t.Errorf("the container receives % x, %v", b[:max(n, 0)], err)
	}
}

func rawIP(h *clab.Host, proto int) (fd int, err error) {
	err = h.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
		return err
	})
	return fd, err
}
