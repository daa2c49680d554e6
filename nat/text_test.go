package nat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	. "plumb/nat"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// Rules as somebody may write them. Before "->" stands what nft is given, after it how it is written here, where that differs. A "?"
// before one says that it cannot be written exactly, and has no command.
const written = `
accept
drop
return
continue
counter drop
counter packets 7 bytes 700 accept
jump other
goto other
iifname "pl-web"
iifname "pl-*" drop
oifname != "eth0.5"
iif "lo" -> iif 1
iifgroup 28780 oifgroup != 28780
ip saddr 10.0.0.0/24
ip saddr 10.0.0.0/23 ip daddr 8.8.8.8
ip daddr != 8.0.0.0/7
ip daddr 10.0.0.2-10.0.0.9
ip daddr != 10.0.0.2-10.0.0.9
ip6 saddr fd00::/64 ip6 daddr != ff02::/16
ip6 daddr fe80::/10 accept
ip saddr . ip daddr @pairs drop
iifname . ip saddr != @members drop
ip saddr @addrs ip daddr != @addrs masquerade -> ip saddr @addrs ip daddr != @addrs masquerade
tcp dport 22 accept
tcp dport 1024-65535
udp sport != 53
tcp dport > 1023
tcp dport 22 tcp sport 1024 -> meta l4proto tcp @th,0,32 0x04000016
sctp dport 5
meta l4proto udp th dport 7 -> udp dport 7
th dport 7
ip protocol udp
ip saddr 10.0.0.1 tcp dport 80
tcp dport 80 ip saddr 10.0.0.1
meta l4proto tcp ip daddr 10.0.0.1 tcp dport 80
meta nfproto ipv6 drop
meta l4proto ipv6-icmp accept
icmp type echo-request
icmpv6 type nd-router-advert drop
icmpv6 type 135-136 accept
icmpv6 type != nd-router-advert
ct state new
ct state established,related accept
ct state ! established,related drop
? ct state { new, untracked }
ct state != established
ct status dnat accept
ct status seen-reply
ct mark 7
ct direction 1
meta mark 0x7 -> meta mark 7
meta mark & 0xff == 7 -> meta mark & 255 == 7
meta mark != 0
meta mark set 5
ct mark set 9
fib daddr type local
fib saddr . iif oif 0
fib daddr type != unicast drop
? ip daddr { 1.0.0.0/8, 8.8.8.0/24 }
? tcp dport { 22, 80 }
? tcp dport vmap { 22 : accept, 80 : drop }
ip saddr @addrs counter
limit rate 10/second burst 5 packets
limit rate over 3/minute burst 5 packets drop
limit rate over 1 mbytes/second burst 64 kbytes drop
limit rate 1375000 bytes/second
quota over 1000 bytes drop
log -> log level warn
log prefix "hello there " level info
log group 3
reject with tcp reset -> meta l4proto tcp reject with tcp reset
reject with icmpx port-unreachable
? reject with icmpx admin-prohibited
notrack
masquerade
masquerade random
meta l4proto tcp masquerade to :1024-2048
meta l4proto tcp redirect to :8080
dnat ip to 10.0.0.2
tcp dport 80 dnat ip to 10.0.0.2:8080
udp dport 53 dnat ip6 to [fd00::2]:5353
snat ip to 203.0.113.1 persistent
dnat ip to meta l4proto . th dport map @ports
dnat ip to ip daddr . meta l4proto . th dport map @hostports
ip saddr vmap @verdicts
meta length > 20
ip ttl 1 -> meta nfproto ipv4 @nh,64,8 1
ip dscp cs1 -> meta nfproto ipv4 @nh,8,8 & 252 == 32
ip version 4 -> meta nfproto ipv4 @nh,0,8 & 240 == 64
ip frag-off & 0x1fff != 0 -> meta nfproto ipv4 @nh,48,16 & 0x1fff != 0x0000
tcp flags syn -> meta l4proto tcp @th,104,8 & 2 != 0
tcp flags & (syn | ack) == syn -> meta l4proto tcp @th,104,8 & 18 == 2
meta pkttype host -> meta pkttype 0
meta protocol ip -> meta protocol 0x0800
meta skuid 0
udp dport 1-6 udp sport 8
ip daddr 10.0.0.1 ip saddr 10.0.0.2
meta mark set meta mark and 0xfffffffb -> meta mark set meta mark & 4294967291
ct mark set meta mark
meta priority 1:2 -> meta priority 65538
ip saddr 10.0.0.1 ip daddr 10.0.0.2 ip protocol tcp
ether saddr 02:00:00:00:00:01 -> meta iiftype 1 @ll,48,48 0x020000000001
? numgen random mod 2 0
? ct original ip saddr 10.0.0.1
ip saddr 10.0.0.1 drop comment "it's a comment; with {signs}"
iifname "a" ip saddr 10.0.0.1 udp dport 53 ct state new counter accept comment "all"
`

const writtenTable = `
table inet t {
	set addrs { type ipv4_addr; flags interval; }
	set pairs { type ipv4_addr . ipv4_addr; }
	set members { type ifname . ipv4_addr; }
	map ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
	map hostports { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
	map verdicts { type ipv4_addr : verdict; }
	chain other { }
	chain plain { }
	chain pre { type nat hook prerouting priority dstnat; }
	chain post { type nat hook postrouting priority srcnat; }
	chain raw { type filter hook prerouting priority raw; }
}
`

// chainFor is a chain in which a rule may stand.
func chainFor(rule string) string {
	switch {
	case strings.Contains(rule, "dnat"), strings.Contains(rule, "redirect"):
		if strings.Contains(rule, "status dnat") {
			return "plain"
		}
		return "pre"
	case strings.Contains(rule, "masquerade"), strings.Contains(rule, "snat"):
		return "post"
	case strings.Contains(rule, "notrack"):
		return "raw"
	}
	return "plain"
}

// nft makes the same expressions of a rule as it is written here as of the rule that it is made of.
func TestRulesAreWrittenAsNftReadsThem(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	run(t, ns, "nft", writtenTable)
	c := dialIn(t, ns)
	last := func(chain string) *Rule {
		t.Helper()
		rules, err := c.Rules(NFPROTO_INET, "t", chain)
		if err != nil || len(rules) == 0 {
			t.Fatalf("the rules of chain %s: %v, %v", chain, rules, err)
		}
		return &rules[len(rules)-1]
	}
	for _, line := range commands(written) {
		given, inexact := strings.CutPrefix(line, "? ")
		given, want, differs := strings.Cut(given, " -> ")
		if !differs {
			want = given
		}
		chain := chainFor(given)
		run(t, ns, "nft", "add rule inet t "+chain+" "+given)
		r := last(chain)
		command := ruleCommand(t, *r)
		if inexact {
			if command != "" {
				t.Errorf("%s: has a command: %s", given, command)
			}
			continue
		}
		if want := "nft " + fmt.Sprintf("add rule inet t %s %s", chain, want); command != pasted(want) {
			t.Errorf("%s:\n got %s\nwant %s (%s)", given, command, pasted(want), r.Text())
			continue
		}
		run(t, ns, "nft", "add rule inet t "+chain+" "+want)
		if diff := cmp.Diff(r.Expressions, last(chain).Expressions); diff != "" {
			t.Errorf("%s: nft makes of it (-first +again):\n%s", want, diff)
		}
	}
}

// ruleCommand is the command for a message that adds a rule at a chain's end.
func ruleCommand(t *testing.T, r Rule) string {
	t.Helper()
	r.Handle, r.Position, r.Unknown = 0, 0, nil
	b, err := NewRule(&r, netlink.Append).Encode(1)
	if err != nil {
		t.Fatal(err)
	}
	var c Commands
	return c.Command(wire.Event{Namespace: "host", Protocol: Protocol, Sent: true, Message: b})
}
