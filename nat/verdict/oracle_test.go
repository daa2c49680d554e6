package verdict_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/nat"
	"plumb/nat/verdict"
)

// Rules, each with a counter and nothing after it: the kernel says by its counter whether a packet has matched. An "x" before one is that
// it need not be told beforehand; all others must be.
const nftRules = `
iifname "pl-web"
iifname "pl-*"
iifname != "pl-web"
iifname { "pl-web", "eth7" }
oifname "uplink0"
iifgroup 28780
iifgroup != 28780
oifgroup 0x706c
iif lo
ip saddr 10.0.0.0/24
ip saddr 10.0.0.0/23 ip daddr 8.8.8.8
ip daddr != 8.0.0.0/7
ip daddr { 1.0.0.0/8, 8.8.8.0/24 }
ip daddr { 1.0.0.0/8, 9.9.9.0/24 }
ip daddr != { 1.0.0.0/8, 9.9.9.0/24 }
ip saddr . ip daddr { 10.0.0.2 . 8.8.8.8 }
ip saddr . udp dport { 10.0.0.0/24 . 1-100 }
ip saddr . udp dport { 10.0.0.0/24 . 8-100 }
udp dport 7
udp dport 1-6
udp dport != 1-6
udp dport > 6
udp dport < 7
udp dport <= 7
udp sport 40001
tcp dport 7
meta l4proto { tcp, udp }
meta l4proto { tcp, icmp }
ip protocol udp
ip version 4
ip frag-off & 0x1fff != 0
meta nfproto ipv6
meta nfproto ipv4
ip6 saddr ::/0
ct state new
ct state established,related
ct state { new, untracked }
ct state invalid
ct state != established
ct status dnat
ct status seen-reply
ct direction original
ct direction reply
x ct mark 0
x ct mark 7
meta mark 0
meta mark & 0xff == 7
meta mark != 0
meta pkttype host
meta protocol ip
meta protocol ip6
meta skuid 0
fib saddr . iif oif 0
fib saddr . iif oif missing
fib saddr . iif oif exists
fib daddr type local
fib daddr type unicast
x meta length > 20
x ip ttl 1
x meta cpu 0
x limit rate 1/second
x ip dscp cs1
x numgen random mod 2 0
iifname "pl-web" oifname "uplink0" ip saddr 10.0.0.2 udp dport 7 ct state new
meta mark set 5
meta mark 5
meta mark set meta mark and 0xfffffffb
meta mark 1
`

const iptablesRules = `
-i pl-+
! -i pl-web
-i uplink0
-o uplink0 -s 10.0.0.0/24
-s 10.0.0.2 ! -d 8.8.8.8
-p udp --dport 7
-p udp -m udp ! --sport 1:40000
-p udp -m multiport --dports 1,5:9
-p udp -m multiport ! --dports 1,5:9
-p udp -m multiport --ports 50000,40001
-p tcp --syn
-m conntrack --ctstate NEW
-m conntrack --ctstate RELATED,ESTABLISHED
-m conntrack ! --ctstate NEW,UNTRACKED
-m conntrack --ctstate DNAT
-m conntrack --ctstate INVALID
-m conntrack --ctstatus SEEN_REPLY
-m conntrack --ctdir ORIGINAL
-m conntrack --ctdir REPLY
x -m conntrack --ctproto udp
-m state --state NEW
-m state --state ESTABLISHED
-m addrtype --dst-type LOCAL
-m addrtype ! --dst-type LOCAL
-m addrtype --src-type UNICAST --dst-type UNICAST
-m devgroup --src-group 0x706c
-m devgroup ! --src-group 0x706c
-m devgroup --dst-group 0x706c
-m devgroup --src-group 0x7000/0xff00
-m mark --mark 0
-m mark ! --mark 0x1/0x1
-m connmark --mark 0/0
-m iprange --src-range 10.0.0.1-10.0.0.9
-m iprange ! --dst-range 8.8.8.8-8.8.8.9
-m physdev --physdev-is-bridged
-m physdev ! --physdev-is-bridged
-m pkttype --pkt-type unicast
-m pkttype --pkt-type broadcast
-m comment --comment hello
-p icmp
-p icmp --icmp-type echo-request
x -m limit --limit 1/min
x -m hashlimit --hashlimit-above 1/min --hashlimit-name x
x -m recent --name x --rcheck
x -m ttl --ttl-lt 2
x -m length --length 1:30
-j MARK --set-mark 5
-m mark --mark 5
-j MARK --set-xmark 0x1/0x5
-m mark --mark 1
`

// What the kernel's counters say of real packets and their answers is what was said beforehand.
func TestCountersAgree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, table, script string
		family              nat.Family
		rules               string
	}{
		{"nft", "asked", "", nat.NFPROTO_INET, nftRules},
		{"iptables", "filter", "", nat.NFPROTO_IPV4, iptablesRules},
	} {
		for _, answers := range []bool{false, true} {
			for _, proto := range []uint8{unix.IPPROTO_UDP, unix.IPPROTO_ICMP} {
				name := c.name + "/" + map[uint8]string{unix.IPPROTO_UDP: "udp", unix.IPPROTO_ICMP: "icmp"}[proto]
				if answers {
					name += "/answers"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					agree(t, newPlace(t), c.family, c.table, c.rules, answers, proto)
				})
			}
		}
	}
}

// agree loads the rules, sends one packet, and compares.
func agree(t *testing.T, p *place, f nat.Family, table, rules string, answers bool, proto uint8) {
	chain, unwanted := "forward", "iifname != pl-web"
	if answers {
		unwanted = "oifname != pl-web"
	}
	if f == nat.NFPROTO_IPV4 {
		chain, unwanted = "FORWARD", strings.NewReplacer("iifname != ", "! -i ", "oifname != ", "! -o ").Replace(unwanted)
	} else {
		p.nft("add table inet asked; add chain inet asked forward { type filter hook forward priority 0; }")
	}
	add := func(rule string) {
		if f == nat.NFPROTO_IPV4 {
			p.sh("iptables -A FORWARD " + rule)
		} else {
			p.nft("add rule inet asked forward " + rule)
		}
	}
	if f == nat.NFPROTO_IPV4 {
		add(unwanted + " -j ACCEPT")
	} else {
		add(unwanted + " accept")
	}
	before := len(p.rulesOf(f, table, chain))
	lines := strings.Split(strings.TrimSpace(rules), "\n")
	for _, line := range lines {
		rule := strings.TrimPrefix(line, "x ")
		switch {
		case f == nat.NFPROTO_IPV4:
			add(rule)
		case strings.Contains(rule, " set "):
			add("counter " + rule)
		default:
			add(rule + " counter")
		}
	}
	asked := packet(p, answers, proto)
	rs, err := verdict.Read(p.nat)
	must(t, err)
	said := rs.Matches(&asked, f, table, chain)
	must(t, send(p, proto))
	all := p.rulesOf(f, table, chain)
	if len(all) != before+len(lines) {
		t.Fatalf("%d rules for %d lines", len(all)-before, len(lines))
	}
	for i, r := range all[before:] {
		line, counted, got := lines[i], counter(r) > 0, said[r.Handle]
		switch {
		case got == "maybe" && !strings.HasPrefix(line, "x ") && proto == unix.IPPROTO_UDP:
			t.Errorf("%s (%s): may match", line, r.Text())
		case got == "yes" && !counted, got == "no" && counted:
			t.Errorf("%s (%s): said %s, counted %d", line, r.Text(), got, counter(r))
		}
	}
}

func (p *place) rulesOf(f nat.Family, table, chain string) []nat.Rule {
	p.t.Helper()
	rules, err := p.nat.Rules(f, table, chain)
	must(p.t, err)
	return rules
}

func counter(r nat.Rule) uint64 {
	for _, e := range r.Expressions {
		if c, ok := e.Data.(*nat.Counter); ok {
			return c.Packets
		}
	}
	return 0
}

// packet is the one that send sends, or its answer.
func packet(p *place, answer bool, proto uint8) verdict.Packet {
	who := p.container()
	q := verdict.Packet{
		Way: []nat.HookNum{nat.NF_INET_FORWARD}, In: who.Link, Out: who.Ways[0].Uplink, Proto: proto, Reply: answer,
		Src: netip.MustParseAddr(box4), Dst: netip.MustParseAddr("8.8.8.8"), SrcPort: 40001, DstPort: 7,
	}
	if proto == unix.IPPROTO_ICMP {
		q.SrcPort, q.DstPort = 8, 0
	}
	if answer {
		q.In, q.Out, q.Src, q.Dst, q.SrcPort, q.DstPort = q.Out, q.In, q.Dst, q.Src, q.DstPort, q.SrcPort
		if proto == unix.IPPROTO_ICMP {
			q.SrcPort, q.DstPort = 0, 0
		}
	}
	return q
}

// send sends one packet, and waits for its answer.
func send(p *place, proto uint8) error {
	if proto == unix.IPPROTO_ICMP {
		return ping(p)
	}
	c, err := p.box.ListenPacket("udp4", ":40001")
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(echo4))); err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(waitTime))
	_, _, err = c.ReadFrom(make([]byte, 128))
	return err
}

// ping sends an echo request by a raw socket: RFC 792.
func ping(p *place) error {
	fd := -1
	err := p.box.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(waitTime.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return err
	}
	request := []byte{8, 0, 0, 0, 0, 1, 0, 1}
	binary.BigEndian.PutUint16(request[2:], ^uint16(0x0802))
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrInet4{Addr: [4]byte{8, 8, 8, 8}}); err != nil {
		return err
	}
	_, _, err = unix.Recvfrom(fd, make([]byte, 128), 0)
	return err
}
