package nat_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	. "plumb/nat"
	"plumb/test/lab"
)

// What real traffic leaves in connection tracking is, as listed here, what conntrack lists.
func TestConnections(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	c := dialIn(t, w.host.ns)
	attachBoth(t, c, false)
	publish(t, c, unix.IPPROTO_TCP, 8080, 7001)
	probe := probe{name: "udp", from: w.a, bind: "10.0.0.2:1001", to: "192.0.2.2:7000", at: w.outside}
	probe.check(t, "", "192.0.2.1:1001")
	exchange(t, w.outside, "192.0.2.1:8080", w.a, "10.0.0.2:7001")
	run(t, w.a.ns, "busybox", "ping", "-c", "1", "192.0.2.2")
	run(t, w.host.ns, "conntrack", "-I", "-p", "sctp", "-s", "10.0.0.3", "-d", "192.0.2.2", "--sport", "1000", "--dport", "2000", "-t", "100",
		"--state", "ESTABLISHED", "--orig-vtag", "7", "--reply-vtag", "9")
	self := w.host.listen(t, "[::1]:0")
	defer self.Close()
	if _, err := self.WriteTo([]byte("to itself"), self.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	host := &place{socket: self}
	if from := host.receive(t, []byte("to itself")); from != self.LocalAddr().String() {
		t.Errorf("from the host to itself: %s", from)
	}

	list, err := c.Connections(NFPROTO_UNSPEC)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range list {
		got = append(got, describeConnection(&list[i]))
	}
	slices.Sort(got)
	want := listed(t, w.host.ns)
	if !slices.Equal(got, want) {
		t.Errorf("listed here:\n%s\nby conntrack:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, word := range []string{"ipv4 2 udp 17", "ipv4 2 tcp 6", "ipv4 2 icmp 1", "ipv4 2 sctp 132 ESTABLISHED", "ipv6 10 udp 17"} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, word) }) {
			t.Errorf("nothing of %s", word)
		}
	}
	if n, err := c.CountConnections(); err != nil || int(n) != len(list) {
		t.Errorf("%d connections are counted, %v, and %d listed", n, err, len(list))
	}
	for _, family := range []Family{NFPROTO_IPV4, NFPROTO_IPV6} {
		some, err := c.Connections(family)
		if err != nil || len(some) == 0 || slices.ContainsFunc(some, func(c Connection) bool { return c.Family != family }) {
			t.Errorf("of %v: %+v, %v", family, some, err)
		}
	}
}

// exchange makes a TCP connection from one place to the listener of another, which ends it first.
func exchange(t *testing.T, from *place, to string, at *place, listen string) {
	t.Helper()
	var l net.Listener
	if err := at.ns.Do(func() (err error) { l, err = net.Listen("tcp", listen); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var conn net.Conn
	if err := from.ns.Do(func() (err error) { conn, err = net.Dial("tcp", to); return err }); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%d bytes, %v, want the end", n, err)
	}
}

// listed are conntrack's own lines, without what changes by itself: the seconds left and the references.
func listed(t *testing.T, ns *netns.NS) []string {
	t.Helper()
	var all []string
	for _, family := range []string{"ipv4", "ipv6"} {
		// Its last line, which says how many there are, goes to stderr.
		for line := range strings.Lines(run(t, ns, "conntrack", "-L", "-f", family, "-o", "extended,id")) {
			words := strings.Fields(line)
			if len(words) < 5 || words[0] != family {
				continue
			}
			words = slices.Delete(words, 4, 5)
			words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "use=") })
			all = append(all, strings.Join(words, " "))
		}
	}
	slices.Sort(all)
	return all
}

// describeConnection is such a line.
func describeConnection(c *Connection) string {
	words := []string{map[Family]string{NFPROTO_IPV4: "ipv4 2", NFPROTO_IPV6: "ipv6 10"}[c.Family]}
	number := c.Orig.Proto.Number
	name := map[uint8]string{1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}[number]
	words = append(words, fmt.Sprintf("%s %d", name, number))
	if p := c.Told.Proto; p != nil && p.TCP != nil {
		words = append(words, p.TCP.State.String())
	} else if p != nil && p.SCTP != nil {
		words = append(words, p.SCTP.State.String())
	}
	words = append(words, describeTuple(c.Orig))
	const seenReply, assured = 1 << 1, 1 << 2
	if c.Status&seenReply == 0 {
		words = append(words, "[UNREPLIED]")
	}
	words = append(words, describeTuple(c.Reply))
	if c.Status&assured != 0 {
		words = append(words, "[ASSURED]")
	}
	return strings.Join(append(words, fmt.Sprintf("mark=%d id=%d", c.Mark, c.ID)), " ")
}

func describeTuple(t *Tuple) string {
	text := fmt.Sprintf("src=%s dst=%s", t.IP.Src, t.IP.Dst)
	switch p := t.Proto; {
	case p.SrcPort != nil:
		return text + fmt.Sprintf(" sport=%d dport=%d", *p.SrcPort, *p.DstPort)
	case p.ICMPID != nil:
		return text + fmt.Sprintf(" type=%d code=%d id=%d", *p.ICMPType, *p.ICMPCode, *p.ICMPID)
	case p.ICMPv6ID != nil:
		return text + fmt.Sprintf(" type=%d code=%d id=%d", *p.ICMPv6Type, *p.ICMPv6Code, *p.ICMPv6ID)
	}
	return text
}

// publish sends a port of the host to one of 10.0.0.2.
func publish(t *testing.T, c *Conn, proto byte, port, to uint16) {
	t.Helper()
	element := Element{
		Key:  &Data{Value: Concat([]byte{proto}, Port(port))},
		Data: &Data{Value: Concat(netip.MustParseAddr("10.0.0.2").AsSlice(), Port(to))},
	}
	list := &ElementList{Header: Header{Family: NFPROTO_INET}, Table: TableName, Set: "publish4", Elements: []Element{element}}
	if err := c.Batch(NewElements(list, 0)); err != nil {
		t.Fatal(err)
	}
}

// A client that has been sending since before its port was published is not seen by the container until what connection tracking remembers
// of it is flushed.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	for name, listing := range map[string]bool{"filtered by the kernel": false, "listed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			c := dialIn(t, w.host.ns)
			if listing {
				c.ListToFlush()
			}
			attachBoth(t, c, false)
			onHost := w.host.listen(t, "0.0.0.0:5000")
			client := w.outside.listen(t, "192.0.2.2:3333")
			send := func(text string) {
				t.Helper()
				if _, err := client.WriteTo([]byte(text), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:5000"))); err != nil {
					t.Fatal(err)
				}
			}
			host := &place{ns: w.host.ns, socket: onHost}
			seen := func(what string, at *place, text string) {
				t.Helper()
				if from := at.receive(t, []byte(text)); from != "192.0.2.2:3333" {
					t.Fatalf("%s: %s sees %q", what, at.addr, from)
				}
			}
			send("one")
			seen("before it is published", host, "one")
			publish(t, c, unix.IPPROTO_UDP, 5000, 7000)
			send("two")
			seen("it is published, and the connection is stale", host, "two")
			flow := Flow{Proto: unix.IPPROTO_UDP, First: 5000, Last: 5000, Hosts: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
			if err := c.FlushConnections(flow); err != nil {
				t.Fatal(err)
			}
			send("three")
			seen("flushed", w.a, "three")
			// And back: the container is gone, its entry would go on to send to it.
			list := &ElementList{Header: Header{Family: NFPROTO_INET}, Table: TableName, Set: "publish4", Elements: []Element{{Key: &Data{Value: Concat([]byte{unix.IPPROTO_UDP}, Port(5000))}}}}
			if err := c.Batch(DelElements(list)); err != nil {
				t.Fatal(err)
			}
			send("four")
			seen("no longer published, and the connection is stale", w.a, "four")
			if err := c.FlushConnections(Flow{Addr: netip.MustParseAddr("10.0.0.2")}); err != nil {
				t.Fatal(err)
			}
			send("five")
			seen("flushed again", host, "five")
		})
	}
}

// tracked is a namespace with connections of all sorts.
func tracked(t testing.TB) *netns.NS {
	t.Helper()
	ns := lab.NewNS(t)
	for _, args := range []string{
		"-p udp -s 10.0.0.2 -d 8.8.8.8 --sport 1000 --dport 53 -t 100",
		"-p udp -s 10.0.0.3 -d 8.8.8.8 --sport 1000 --dport 53 -t 100",
		"-p udp -s 10.0.0.3 -d 10.0.0.2 --sport 1001 --dport 53 -t 100",
		"-p udp -s 203.0.113.9 -d 192.0.2.1 --sport 1002 --dport 53 -t 100",
		"-p udp -s 203.0.113.9 -d 192.0.2.7 --sport 1002 --dport 53 -t 100",
		"-p udp -s 203.0.113.9 -d 192.0.2.1 --sport 53 --dport 1002 -t 100",
		"-p udp -s 203.0.113.9 -d 192.0.2.1 --sport 1002 --dport 54 -t 100",
		"-p udp -s 203.0.113.9 -d 192.0.2.1 --sport 1003 --dport 5353 -t 100 --dst-nat 10.0.0.2",
		"-p udp -s 203.0.113.9 -d 192.0.2.1 --sport 1004 --dport 5353 -t 100 --dst-nat 10.0.0.3",
		"-p udp -s 10.0.0.4 -d 203.0.113.9 --sport 1005 --dport 80 -t 100 --src-nat 10.0.0.2",
		"-p tcp -s 10.0.0.2 -d 8.8.8.8 --sport 1000 --dport 53 -t 100 --state ESTABLISHED",
		"-p tcp -s 203.0.113.9 -d 192.0.2.1 --sport 1000 --dport 53 -t 100 --state ESTABLISHED",
		"-p sctp -s 203.0.113.9 -d 10.0.0.2 --sport 1000 --dport 53 -t 100 --state ESTABLISHED --orig-vtag 7 --reply-vtag 9",
		"-p icmp -s 10.0.0.2 -d 8.8.8.8 --icmp-type 8 --icmp-code 0 --icmp-id 7 -t 100",
		"-p icmp -s 10.0.0.20 -d 8.8.8.8 --icmp-type 8 --icmp-code 0 --icmp-id 7 -t 100",
		"-p udp -s 10.0.0.2 -d 8.8.8.9 --sport 1000 --dport 53 -t 100 --zone 5",
		"-p udp -s fd70::2 -d 2001:db8::9 --sport 1000 --dport 53 -t 100",
		"-p udp -s fd70::3 -d 2001:db8::9 --sport 1000 --dport 53 -t 100",
		"-p udp -s 2001:db8::9 -d 2001:db8::1 --sport 1000 --dport 53 -t 100",
		"-p tcp -s 2001:db8::9 -d fd70::2 --sport 1000 --dport 80 -t 100 --state ESTABLISHED",
		"-p icmpv6 -s fd70::2 -d 2001:db8::9 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 7 -t 100",
	} {
		run(t, ns, "conntrack", append([]string{"-I"}, strings.Fields(args)...)...)
	}
	return ns
}

// What is flushed is what matches, judged by conntrack's lines, and nothing else: by the kernel, and by listing.
func TestFlushConnections(t *testing.T) {
	t.Parallel()
	v4, v6 := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd70::2")
	hosts := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	has := func(a netip.Addr) func(string) bool {
		return func(line string) bool { return strings.Contains(line, "="+a.String()+" ") }
	}
	sentTo := func(line, addr string, port int) bool {
		first, _, _ := strings.Cut(line, " [")
		words := strings.Fields(first)
		return words[2] == "udp" && (addr == "" || words[5] == "dst="+addr) && words[7] == fmt.Sprintf("dport=%d", port)
	}
	for _, test := range []struct {
		name    string
		flows   []Flow
		flushed func(line string) bool
		n       int
	}{
		{"nothing", nil, func(string) bool { return false }, 0},
		{"an IPv4 address", []Flow{{Addr: v4}}, has(v4), 8},
		{"the same in IPv6", []Flow{{Addr: netip.AddrFrom16(v4.As16())}}, has(v4), 8},
		{"an IPv6 address", []Flow{{Addr: v6}}, has(v6), 3},
		{"both", []Flow{{Addr: v4}, {Addr: v6}}, func(l string) bool { return has(v4)(l) || has(v6)(l) }, 11},
		{"an address that nobody has", []Flow{{Addr: netip.MustParseAddr("10.9.9.9")}}, func(string) bool { return false }, 0},
		{"a port, wherever", []Flow{{Proto: 17, First: 53, Last: 53}}, func(l string) bool { return sentTo(l, "", 53) }, 9},
		{"a port of the host", []Flow{{Proto: 17, First: 53, Last: 53, Hosts: hosts}}, func(l string) bool {
			return sentTo(l, "192.0.2.1", 53) || sentTo(l, "2001:db8::1", 53)
		}, 2},
		{"ports of the host", []Flow{{Proto: 17, First: 53, Last: 54, Hosts: hosts[:1]}}, func(l string) bool {
			return sentTo(l, "192.0.2.1", 53) || sentTo(l, "192.0.2.1", 54)
		}, 2},
		{"more ports than the kernel is asked for", []Flow{{Proto: 17, First: 1, Last: 65535, Hosts: hosts[:1]}}, func(l string) bool {
			return strings.Contains(l, "udp 17") && strings.Contains(strings.SplitN(l, "sport", 2)[0], "dst=192.0.2.1 ")
		}, 5},
		{"what an address has begun and is not translated", []Flow{{Addr: v4, Subnet: netip.PrefixFrom(v4, 24), Untranslated: true}}, func(l string) bool {
			return strings.Contains(strings.SplitN(l, "sport", 2)[0], " src=10.0.0.2 ") || strings.Contains(l, "icmp") && strings.Contains(l, " src=10.0.0.2 ")
		}, 4},
		{"what an address has begun, and is translated", []Flow{{Addr: netip.MustParseAddr("10.0.0.4"), Untranslated: true}}, func(string) bool { return false }, 0},
		{"ports of the host that are not translated", []Flow{
			{Proto: 17, First: 53, Last: 53, Hosts: hosts, Untranslated: true}, {Proto: 17, First: 5353, Last: 5353, Hosts: hosts, Untranslated: true},
		}, func(l string) bool { return sentTo(l, "192.0.2.1", 53) || sentTo(l, "2001:db8::1", 53) }, 2},
		{"an attachment", []Flow{{Addr: v4}, {Addr: v6}, {Proto: 17, First: 5353, Last: 5353, Hosts: hosts}}, func(l string) bool {
			return has(v4)(l) || has(v6)(l) || sentTo(l, "192.0.2.1", 5353)
		}, 12},
	} {
		for _, listing := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/listing=%v", test.name, listing), func(t *testing.T) {
				t.Parallel()
				ns := tracked(t)
				c := dialIn(t, ns)
				if listing {
					c.ListToFlush()
				}
				before := listed(t, ns)
				if err := c.FlushConnections(test.flows...); err != nil {
					t.Fatal(err)
				}
				want := slices.DeleteFunc(slices.Clone(before), test.flushed)
				if flushed := len(before) - len(want); flushed != test.n {
					t.Errorf("%d are to be flushed, want %d of\n%s", flushed, test.n, strings.Join(before, "\n"))
				}
				if got := listed(t, ns); !slices.Equal(got, want) {
					t.Errorf("left:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		}
	}
}
