package nat_test

import "strings"

// The commands of nft that do what plumb's first attach does, one for each message, in their order. nft itself carries them out in
// TestNftMakesTheSame, so that they are more than captions.
const script = `
create table inet plumb { comment "networks of containers: plumb makes it, and removes it with the last"; }
create map inet plumb link { type ifname : ipv4_addr . ipv6_addr; comment "who is attached"; }
create set inet plumb internal { type ifname; comment "containers without a way out"; }
create set inet plumb isolate { type ifname; comment "containers that reach no other, nor are reached"; }
create set inet plumb nohost { type ifname; comment "containers that reach no service of the host"; }
create set inet plumb police { type ifname; limit rate over 15000000000 bytes/second burst 64 kbytes; comment "links that may send no more than their limit"; }
create map inet plumb lease4 { type ipv4_addr : ifname; comment "who holds which address"; }
create set inet plumb member4 { type ifname . ipv4_addr; comment "what a container may send from"; }
create set inet plumb nets4 { type ipv4_addr; flags interval; comment "the containers' subnets"; }
create set inet plumb within4 { type ipv4_addr . ipv4_addr; flags interval; comment "what a network is: from a subnet to itself"; }
create map inet plumb publish4 { type inet_proto . inet_service : ipv4_addr . inet_service; comment "ports published on all addresses"; }
create map inet plumb publish4h { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; comment "ports published on one address"; }
create set inet plumb full4 { type ipv4_addr; comment "from where on 16 addresses are all leased"; }
create set inet plumb forward4 { type ifname; comment "whose forwarding plumb has changed"; }
create map inet plumb lease6 { type ipv6_addr : ifname; comment "who holds which address"; }
create set inet plumb member6 { type ifname . ipv6_addr; comment "what a container may send from"; }
create set inet plumb nets6 { type ipv6_addr; flags interval; comment "the containers' subnets"; }
create set inet plumb within6 { type ipv6_addr . ipv6_addr; flags interval; comment "what a network is: from a subnet to itself"; }
create map inet plumb publish6 { type inet_proto . inet_service : ipv6_addr . inet_service; comment "ports published on all addresses"; }
create map inet plumb publish6h { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; comment "ports published on one address"; }
create set inet plumb full6 { type ipv6_addr; comment "from where on 16 addresses are all leased"; }
create set inet plumb forward6 { type ifname; comment "whose forwarding plumb has changed"; }
add chain inet plumb guard { type filter hook prerouting priority raw; }
add chain inet plumb prerouting { type nat hook prerouting priority dstnat; }
add chain inet plumb output { type nat hook output priority -100; }
add chain inet plumb input { type filter hook input priority filter; }
add chain inet plumb forward { type filter hook forward priority filter; }
add chain inet plumb postrouting { type nat hook postrouting priority srcnat; }
add rule inet plumb guard iifname != "lo" ip daddr 127.0.0.0/8 drop
add rule inet plumb guard iifgroup 28780 iifname . ip saddr != @member4 drop comment "forged source"
add rule inet plumb guard iifname @internal ip saddr . ip daddr != @within4 drop comment "no way out"
add rule inet plumb guard iifgroup 28780 iifname . ip6 saddr != @member6 drop comment "forged source"
add rule inet plumb guard iifname @internal ip6 daddr != fe80::/10 ip6 daddr != ff02::/16 ip6 saddr . ip6 daddr != @within6 drop comment "no way out"
add rule inet plumb guard iifgroup 28780 icmpv6 type nd-router-advert drop comment "router advertisement"
add rule inet plumb guard iifname @police drop comment "above its limit"
add rule inet plumb prerouting fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @publish4h
add rule inet plumb prerouting fib daddr type local meta nfproto ipv4 dnat ip to meta l4proto . th dport map @publish4
add rule inet plumb output fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @publish4h
add rule inet plumb output fib daddr type local meta nfproto ipv4 dnat ip to meta l4proto . th dport map @publish4
add rule inet plumb prerouting fib daddr type local dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6h
add rule inet plumb prerouting fib daddr type local meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @publish6
add rule inet plumb output fib daddr type local ip6 daddr != ::1 dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6h
add rule inet plumb output fib daddr type local ip6 daddr != ::1 dnat ip6 to meta l4proto . th dport map @publish6
add rule inet plumb input iifgroup 28780 icmpv6 type 135-136 accept comment "neighbour discovery"
add rule inet plumb input iifname @nohost ct state ! established,related drop comment "no host"
add rule inet plumb input iifgroup 28780 ct state ! established,related ip saddr . ip daddr != @within4 drop comment "not the gateway"
add rule inet plumb input iifgroup 28780 ct state ! established,related ip6 saddr . ip6 daddr != @within6 drop comment "not the gateway"
add rule inet plumb forward iifgroup != 28780 ip saddr @nets4 drop comment "forged source"
add rule inet plumb forward iifgroup != 28780 ip6 saddr @nets6 drop comment "forged source"
add rule inet plumb forward iifgroup 28780 oifgroup != 28780 ct state invalid,untracked drop comment "cannot be masqueraded"
add rule inet plumb forward oifgroup 28780 ct status dnat accept comment "published"
add rule inet plumb forward oifgroup 28780 iifgroup != 28780 ct state ! established,related drop comment "not published"
add rule inet plumb forward iifname @isolate oifgroup 28780 drop comment "isolated"
add rule inet plumb forward oifname @isolate iifgroup 28780 drop comment "isolated"
add rule inet plumb forward iifgroup 28780 oifgroup 28780 ip saddr . ip daddr != @within4 drop comment "another network"
add rule inet plumb forward iifgroup 28780 oifgroup 28780 ip6 saddr . ip6 daddr != @within6 drop comment "another network"
add rule inet plumb forward oifgroup != 28780 ip daddr @nets4 drop comment "nobody's address"
add rule inet plumb forward oifgroup != 28780 ip6 daddr @nets6 drop comment "nobody's address"
add rule inet plumb postrouting oifname . ip saddr @member4 masquerade comment "hairpin"
add rule inet plumb postrouting oifgroup 28780 ip saddr 127.0.0.0/8 masquerade
add rule inet plumb postrouting ip saddr @nets4 ip daddr != @nets4 masquerade
add rule inet plumb postrouting oifname . ip6 saddr @member6 masquerade comment "hairpin"
add rule inet plumb postrouting ip6 saddr @nets6 ip6 daddr != @nets6 masquerade
`

// attachScript is the same for the elements of an attach.
const attachScript = `
create element inet plumb link { "pl-web" comment "web if 1234 at 5678.123 with internal,isolate,no-host,ports,rate" : 10.0.0.2 . fd70::2 }
create element inet plumb lease4 { 10.0.0.2 comment "web if 1234 at 5678.123" : "pl-web" }
add element inet plumb member4 { "pl-web" . 10.0.0.2 comment "web" }
create element inet plumb lease6 { fd70::2 comment "web if 1234 at 5678.123" : "pl-web" }
add element inet plumb member6 { "pl-web" . fd70::2 comment "web", "pl-web" . fe80::2 comment "web" }
add element inet plumb nets4 { 10.0.0.0/24 comment "front" }
add element inet plumb within4 { 10.0.0.0/24 . 10.0.0.0/24 }
add element inet plumb nets6 { fd70::/64 comment "front" }
add element inet plumb within6 { fd70::/64 . fd70::/64 }
add element inet plumb internal { "pl-web" comment "web" }
add element inet plumb isolate { "pl-web" comment "web" }
add element inet plumb nohost { "pl-web" comment "web" }
add element inet plumb police { "pl-web" limit rate over 1375000 bytes/second burst 64 kbytes comment "web" }
create element inet plumb publish4 { tcp . 8080 comment "web" : 10.0.0.2 . 80, tcp . 8081 comment "web" : 10.0.0.2 . 81 }
create element inet plumb publish4h { 192.0.2.1 . udp . 53 comment "web" : 10.0.0.2 . 5353 }
create element inet plumb publish6 { tcp . 8080 comment "web" : fd70::2 . 80, tcp . 8081 comment "web" : fd70::2 . 81 }
create element inet plumb publish6h { 2001:db8::1 . udp . 53 comment "web" : fd70::2 . 5353 }
`

// redirectScript is the same for a name server's table. No command of nft asks for an owner: the socket that has the table goes when
// nft ends; in a session of nft -i it would stay.
const redirectScript = `
create table ip plumb-names { flags owner; }
add chain ip plumb-names output { type nat hook output priority -100; }
add rule ip plumb-names output ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:5353
add rule ip plumb-names output ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:5353
`

func commands(script string) []string { return strings.Split(strings.TrimSpace(script), "\n") }
