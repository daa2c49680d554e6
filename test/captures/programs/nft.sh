# nft: a ruleset of every expression that it can write, and iptables-nft. A line that nft or the kernel does not take is left out and it is loaded again.
ip link set lo up; ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up; ip addr add 10.1.0.1/24 dev v0
cat > $DIR/big.nft <<'E'
table inet t {
	comment "a table"
	counter c1 { packets 5 bytes 6 comment "an object" }
	quota q1 { over 10 mbytes }
	limit l1 { rate 5/second burst 7 packets }
	secmark s1 { "system_u:object_r:ssh_server_packet_t:s0" }
	set s4 { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.9 } }
	set st { type ipv4_addr . inet_service; flags timeout,dynamic; size 100; timeout 60s; gc-interval 10s; elements = { 1.2.3.4 . 80 timeout 5s comment "x" } }
	set sc { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/24 . 80-90 } }
	set se { type ipv4_addr; counter; elements = { 1.1.1.1 counter packets 1 bytes 2 } }
	set si { typeof meta iifname; elements = { "lo", "v0" } }
	map m4 { type ipv4_addr : verdict; elements = { 10.0.0.1 : drop, 10.0.0.2 : jump other } }
	map mo { type inet_service : counter; elements = { 80 : "c1" } }
	map mi { type inet_service : ipv4_addr . inet_service; flags interval; elements = { 1-5 : 10.0.0.1 . 80, * : 10.0.0.2 . 81 } }
	chain other {
 comment "a chain";
 return
 }
	chain in { type filter hook input priority filter + 5; policy accept;
		iif lo accept
		iifname { "a*", "b" } counter
		ct state vmap { established : accept, related : accept, invalid : drop }
		ct mark set ct mark and 0xff or 0x5
		ct status snat,dnat counter packets 0 bytes 0
		ct direction original ct original ip saddr 1.2.3.4 ct zone 5 ct bytes > 5 ct expiration 5s ct helper "ftp"
		meta mark set meta mark xor 0x3
		meta l4proto { tcp, udp } th dport { 80, 443 } counter
		meta skuid 0 meta cpu 0 meta pkttype broadcast meta time > "2020-01-01" meta hour "10:00"-"12:00" meta day "Monday"
		meta priority set 1:2 meta nftrace set 1
		tcp flags & (syn|ack) == syn limit rate 10/minute burst 5 packets accept
		tcp option maxseg size set 1400
		tcp option mss exists tcp option sack-permitted missing
		tcp dport 80-90 tcp sport != 5 log prefix "hello " level info flags all
		log group 5 snaplen 100 queue-threshold 10 prefix "nf"
		ip saddr @s4 ip daddr vmap @m4
		ip dscp set cs1
		ip ttl set 5
		ip6 hoplimit 5 ip6 saddr fe80::/10 ip6 flowlabel 5
		ip saddr . tcp dport @sc accept
		ip saddr 10.0.0.0/8 ip protocol icmp icmp type echo-request icmp code 0
		icmpv6 type nd-neighbor-solicit
		add @st { ip saddr . tcp dport timeout 30s counter limit rate 5/second }
		update @st { ip saddr . tcp dport timeout 30s }
		delete @st { ip saddr . tcp dport }
		counter name tcp dport map @mo
		quota name q1 drop
		quota over 5 mbytes drop
		limit name l1 accept
		limit rate over 5 mbytes/second burst 1 mbytes drop
		ct count over 10 drop
		fib saddr . iif oif missing drop
		fib daddr type local accept
		socket transparent 1 socket mark 5 socket wildcard 0
		rt classid 5
rt nexthop 1.2.3.4
tcp option maxseg size set rt mtu
		jhash ip saddr mod 5 seed 0xdeadbeef offset 3 vmap { 3 : accept, 4 : drop }
		symhash mod 2 0
		numgen inc mod 2 vmap { 0 : accept, 1 : drop }
		numgen random mod 10 offset 5 5
		osf name "Linux"
		ipsec in reqid 5
		exthdr hbh exists
		rt type 0 drop
		frag id 5
		ip option lsrr exists
		sctp chunk data exists
		dccp type request
		ether saddr 02:00:00:00:00:01 vlan id 5
		@th,0,16 5 @nh,8,8 & 0xf0 == 0x10 @ll,0,8 1
		queue flags bypass,fanout to 1-3
		reject with tcp reset
		reject with icmpx admin-prohibited
		reject with icmp host-unreachable
		meta secpath exists
		meta iifgroup 5 meta oifgroup 6 meta iifkind "veth" meta sdif 1
		mark set numgen inc mod 100

		goto other
	}
	chain na { type nat hook postrouting priority srcnat; oifname "v0" masquerade random,persistent
		ip saddr 10.0.0.0/8 snat ip to 1.2.3.4-1.2.3.9:1000-2000 fully-random
		ip6 saddr fd00::/8 snat ip6 to fd01::1
		tcp dport 90 masquerade to :1024-2048
		snat ip prefix to ip saddr map { 10.141.11.0/24 : 192.168.2.0/24 }
	}
	chain dn { type nat hook prerouting priority dstnat; tcp dport 80 dnat ip to 10.0.0.2:8080
		tcp dport 81 redirect to :8081
		dnat ip to tcp dport map @mi
		udp dport 53 redirect
	}
	chain mangle { type filter hook prerouting priority mangle; tcp dport 80 tproxy ip to 127.0.0.1:8080
		tcp dport 81 tproxy to :50080
		notrack
		dup to 10.1.0.5 device v0
	}
	chain out { type route hook output priority mangle; meta mark set 5
 }
 chain sy { synproxy mss 1460 wscale 7 timestamp sack-perm
 }
}
E
nft -f $DIR/big.nft || { # what this kernel cannot: a line at a time, until it loads
 cp $DIR/big.nft $DIR/big2.nft
 for i in $(seq 60); do l=$(nft -f $DIR/big2.nft 2>&1 | grep -oE "big2.nft:[0-9]+" | head -1 | cut -d: -f2); [ -z "$l" ] && break; sed -i "${l}s/.*/#/" $DIR/big2.nft; done; nft -f $DIR/big2.nft; }
nft -a list ruleset; nft -j list ruleset >/dev/null
nft add element inet t s4 '{ 172.16.0.0/12 }'; nft delete element inet t si '{ "lo" }'; nft get element inet t sc '{ 10.0.0.5 . 85 }'; nft reset counters; nft reset quotas; nft list counters; nft list sets; nft list maps; nft list chains; nft list table inet t; nft -a -s list chain inet t in; nft reset rules 
nft insert rule inet t other counter; nft add rule inet t other position 0 drop; nft replace rule inet t other handle 1 accept; nft rename chain inet t other other2; nft flush set inet t st; nft list meters; nft list hooks; nft list flowtables; nft list limits
nft add table netdev nd; nft 'add chain netdev nd ing { type filter hook ingress device v0 priority 0; policy accept; }'; nft 'add rule netdev nd ing ip saddr 1.2.3.4 fwd to v1'; nft 'add rule netdev nd ing dup to v1'; nft 'add chain netdev nd eg { type filter hook egress devices = { v0, v1 } priority 0; }'
nft 'add table bridge b'; nft 'add chain bridge b f { type filter hook forward priority 0; }'; nft 'add rule bridge b f ibrname "br0" ether type arp arp operation request counter'; nft 'add rule bridge b f meta ibrpvid 5'; nft 'add table arp a; add chain arp a i { type filter hook input priority 0; }; add rule arp a i arp saddr ip 1.2.3.4 drop'
nft 'add table ip x { flags dormant; }'; nft 'add ct helper ip x h { type "ftp" protocol tcp; }'; nft 'add ct timeout ip x to { protocol tcp; policy = { established: 100, close: 5 }; }'; nft 'add ct expectation ip x e { protocol tcp; dport 5; timeout 5s; size 3; }'; nft 'add synproxy ip x sp { mss 1460; wscale 7; timestamp sack-perm; }'; nft 'add flowtable ip x f { hook ingress priority 0; devices = { v0, v1 }; counter; }'; nft 'add chain ip x y; add rule ip x y flow add @f'; nft 'add rule ip x y ct helper set "h"'; nft 'add rule ip x y ct timeout set "to"';  nft 'add secmark ip x se "a:b:c:d"'
nft list ruleset >/dev/null; nft list flowtables; nft list ct helpers table ip x; nft list hooks
nft 'add rule ip x nochain drop'; nft 'add rule ip x y ip saddr @nosuch'; nft 'create table ip x'; nft delete table ip nosuch
(timeout 2 nft monitor & timeout 2 nft monitor trace & sleep 0.5; nft add table ip mon; nft 'add chain ip mon o { type filter hook output priority 0; }'; nft 'add rule ip mon o meta nftrace set 1 counter';  ping -c1 -W1 127.0.0.1; nft delete table ip mon; wait)
iptables-nft -A INPUT -p tcp --dport 80 -m conntrack --ctstate NEW -m comment --comment hi -m limit --limit 5/s -j LOG --log-prefix x; iptables-nft -t nat -A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE;  iptables-nft -A FORWARD -m addrtype --dst-type LOCAL -j REJECT; ip6tables-nft -A INPUT -p icmpv6 -j ACCEPT; iptables-nft-save; iptables-nft -L -n -v; iptables-nft -F; ebtables-nft -A FORWARD -p arp -j DROP; arptables-nft -A INPUT -j DROP
nft flush ruleset
