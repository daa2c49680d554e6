# ip and bridge: every kind of link, address, route, rule, neighbour and next hop that they can ask for, whether the kernel has it or not.
ip link set lo up
ip link add v0 type veth peer name v1
ip link add br0 type bridge vlan_filtering 1 mcast_snooping 1 ageing_time 200 forward_delay 400 stp_state 1 nf_call_iptables 0
ip link set v0 master br0; ip link set v0 up; ip link set v1 up; ip link set br0 up
ip link set v0 type bridge_slave cost 5 priority 3 hairpin on guard on learning off mcast_flood off isolated on neigh_suppress on
bridge vlan add dev v0 vid 10 pvid untagged; bridge vlan add dev v0 vid 20-30; bridge vlan show; bridge -s vlan show
bridge link set dev v0 learning on; bridge link show; bridge -d link show
bridge fdb add 02:00:00:00:00:99 dev v0 master static; bridge fdb show; bridge fdb get 02:00:00:00:00:99 br br0
bridge mdb add dev br0 port v0 grp 239.1.1.1 permanent; bridge -d mdb show
ip link add link v1 name v1.10 type vlan id 10 gvrp on egress-qos-map 1:2 ingress-qos-map 3:4
ip link add link v1 name v1.ad type vlan proto 802.1ad id 11
ip link add vx0 type vxlan id 42 local 10.9.0.1 remote 10.9.0.2 dstport 4789 srcport 32000 33000 ttl 5 nolearning l2miss
ip link add vx1 type vxlan external dstport 4790 vnifilter
ip link add gn0 type geneve id 43 remote 10.9.0.3
ip link add link v1 name mv0 type macvlan mode bridge; ip link add link v1 name mt0 type macvtap mode vepa; ip link add link v1 name iv0 type ipvlan mode l2
ip link add bd0 type bond mode 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4 arp_ip_target 10.1.1.1
ip link add bd1 type bond mode active-backup arp_interval 100 arp_ip_target 10.1.1.1,10.1.1.2
ip link add d0 type dummy; ip link add ifb0 type ifb; ip link add vrf0 type vrf table 77
ip link add gre1 type gre local 10.9.0.1 remote 10.9.0.2 ttl 64 key 5 csum; ip link add gt1 type gretap local 10.9.0.1 remote 10.9.0.2
ip link add es1 type erspan seq key 100 local 10.9.0.1 remote 10.9.0.2 erspan_ver 1 erspan 123
ip link add g6 type ip6gre local fd00::1 remote fd00::2 key 7; ip link add ipip1 type ipip local 10.9.0.1 remote 10.9.0.2; ip link add sit1 type sit local 10.9.0.1 remote 10.9.0.2; ip link add t6 type ip6tnl local fd00::1 remote fd00::2 encaplimit 3; ip link add vt1 type vti local 10.9.0.1 remote 10.9.0.2 key 6
ip link add wg0 type wireguard; ip link add xf0 type xfrm dev v1 if_id 7; ip link add link v1 ms0 type macsec port 11 encrypt on
ip link add hs0 type hsr slave1 v0 slave2 v1 supervision 45 version 1; ip link add team0 type team; ip link add can0 type vcan; ip link add nk0 type netkit; ip link add bu0 type bareudp dstport 6635 ethertype ip
ip tuntap add tun0 mode tun; ip tuntap add tap0 mode tap; ip tuntap list
ip link set v1 alias "an alias" ; ip link property add dev v1 altname the-other-end; ip link set v1 mtu 1400 txqueuelen 77 address 02:00:00:00:00:11 group 5
ip link set v1 addrgenmode random; ip link set br0 type bridge mcast_querier 1
ip link set v1 vf 0 mac 02:00:00:00:00:12 vlan 5
ip -d link show; ip -d -s -s link show; ip link show master br0; ip link show type veth; ip -d link show the-other-end; ip stats show
ip addr add 10.1.0.1/24 brd + dev v1 label v1:x; ip addr add 10.1.0.9 peer 10.1.0.10/32 dev v1 scope link noprefixroute; ip addr add fd00:1::1/64 dev v1 nodad preferred_lft 100 valid_lft 200; ip addr add fd00:1::2/64 dev v1 metric 500
ip addr change 10.1.0.1/24 dev v1 valid_lft 500 preferred_lft 400
ip addr; ip -6 addr show; ip maddr; ip addrlabel list; ip addrlabel add prefix fd99::/16 label 99; ip token list
ip route add 10.2.0.0/16 via 10.1.0.2 metric 5 mtu lock 1300 advmss 1200 rtt 30ms window 1000 initcwnd 20 hoplimit 30 quickack 1 congctl cubic features ecn
ip route add 10.3.0.0/16 nexthop via 10.1.0.2 dev v1 weight 3 nexthop via 10.1.0.3 dev v1 weight 2 onlink
ip route add 10.4.0.0/16 encap ip id 100 dst 10.9.0.9 ttl 3 dev vx1; ip route add 10.4.1.0/24 encap mpls 100/200 via 10.1.0.2; ip -6 route add fd00:4::/64 encap seg6 mode encap segs fd00:1::5,fd00:1::6 dev v1; ip -6 route add fd00:5::1 encap seg6local action End.X nh6 fd00:1::7 dev v1
ip route add 10.5.0.0/16 via inet6 fe80::5 dev v1; ip route add blackhole 10.6.0.0/16; ip route add unreachable 10.7.0.0/16 proto static; ip route add throw 10.8.0.0/16 table 99; ip route add 10.10.0.0/16 dev v1 src 10.1.0.1 scope link tos 0x10 realm 5
ip -6 route add fd00:9::/64 via fd00:1::3 dev v1 pref high expires 300; ip -6 route add fd00:a::/64 nexthop via fd00:1::3 dev v1 nexthop via fd00:1::4 dev v1
ip nexthop add id 1 via 10.1.0.2 dev v1; ip nexthop add id 2 via 10.1.0.3 dev v1; ip nexthop add id 3 group 1,2/2,5; ip nexthop add id 4 blackhole; ip nexthop add id 5 group 1/2 type resilient buckets 8 idle_timer 60; ip nexthop add id 6 via fd00:1::9 dev v1; ip nexthop add id 7 via 10.1.0.9 dev v1 fdb
ip route add 10.11.0.0/16 nhid 3; ip nexthop; ip nexthop bucket list id 5; ip -d nexthop
ip route show table all; ip -d -s route; ip -6 -d route show table all; ip route get 10.2.3.4 from 10.1.0.1 uid 5; ip route get 10.3.3.4 ipproto tcp sport 5 dport 6 mark 7; ip -6 route get fd00:9::1; ip route get fibmatch 10.11.1.1; ip route get 240.0.0.9
ip rule add from 10.1.0.0/24 lookup 99 pref 100; ip rule add to 10.2.0.0/24 fwmark 0x5/0xff iif v1 oif v1 table 98 pref 101 suppress_prefixlength 0; ip rule add uidrange 5-6 ipproto tcp sport 1-2 dport 3-4 prohibit; ip rule add goto 32766 pref 102; ip rule add l3mdev pref 103; ip rule add tun_id 5 lookup 5 pref 104; ip -6 rule add from fd00::/8 dsfield 0x10 lookup 97; ip rule; ip -6 rule; ip rule show table 99
ip neigh add 10.1.0.2 lladdr 02:00:00:00:00:22 dev v1 nud permanent; ip neigh add proxy 10.1.0.77 dev v1; ip neigh add fd00:1::3 lladdr 02:00:00:00:00:23 dev v1 nud reachable router; ip neigh add 10.1.0.5 dev v1 use managed; ip -s neigh; ip neigh show proxy; ip neigh get 10.1.0.2 dev v1; ip ntable show; ip ntable change name arp_cache dev v1 reachable 50000
ip netconf; ip netns list-id; ip -6 netconf show dev v1; ip mroute; ip tunnel show; ip l2tp show tunnel; ip macsec show; ip fou show; ip ila list; ip ioam namespace show; ip mptcp endpoint show; ip tcp_metrics show; ip xfrm state; ip monitor help
bridge vlan add dev vx1 vid 5 tunnel_info id 5; bridge vni add dev vx1 vni 100-110 group 239.1.1.2; bridge vni show; bridge vlan global show; bridge vlan global set dev br0 vid 10 mcast_snooping 0; bridge vlan tunnelshow
ip link set v0 nomaster; ip addr del 10.1.0.9/32 dev v1; ip route del 10.2.0.0/16; ip rule del pref 100; ip neigh del 10.1.0.2 dev v1; ip nexthop del id 3; ip link del br0; ip link del v1; ip addr flush dev lo
