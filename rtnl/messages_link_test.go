package rtnl_test

import (
	"net"
	"net/netip"
	"strings"

	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// A message is one that rtnl can send: golden_test.go compares its bytes, kernel_test.go sends it.
type message struct {
	name    string
	command string   // of ip or sysctl, that does the same
	before  []string // the messages that must have been sent for this one to be possible
	run     func(c *rtnl.Conn, w *world) error
	inside  bool // it is sent in the container
	seen    seen
	ip      string // what to ask ip -j afterwards, where the message was sent
	answer  string // a JSON object that must be part of one that ip -j answers; "": none of those may hold gone
	gone    string
}

const (
	hostEnd = 5
	eth0    = 2
)

var (
	hostMAC   = net.HardwareAddr{0x02, 0x70, 0x6c, 0, 0, 1}
	insideMAC = net.HardwareAddr{0x02, 0x70, 0x6c, 0, 0, 2}
	gateway   = netip.MustParseAddr("10.0.0.1")
	address   = netip.MustParseAddr("10.0.0.2")
	gateway6  = netip.MustParseAddr("fd00::1")
	address6  = netip.MustParsePrefix("fd00::2/64")
	longName  = "pl-" + strings.Repeat("long", 8)
)

// pair makes a pair of links in one message, the peer in its own namespace and both with one queue a side: the fast form.
func pair(w *world) *rtnl.Link {
	return rtnl.VethPair(
		&rtnl.Link{
			Index: hostEnd, Flags: unix.IFF_UP, Change: unix.IFF_UP, Name: "pl-web", Address: hostMAC,
			Group: 0x706c, NumTxQueues: 1, NumRxQueues: 1,
		},
		&rtnl.Link{Index: eth0, Name: "eth0", Address: insideMAC, NumTxQueues: 1, NumRxQueues: 1, NetNSFd: &w.fd})
}

func do(r rtnlRequest) func(*rtnl.Conn, *world) error {
	return func(c *rtnl.Conn, _ *world) error { return c.Do(r("test")) }
}

type rtnlRequest = func(purpose string) wire.Request

func linkMessages() []message {
	return []message{
		{
			name: "link-pair", run: func(c *rtnl.Conn, w *world) error { return c.Do(rtnl.NewLink(pair(w), "create pl-web")) },
			command: "ip link add pl-web index 5 address 02:70:6c:00:00:01 numtxqueues 1 numrxqueues 1 group 28780 up type veth " +
				"peer index 2 name eth0 address 02:70:6c:00:00:02 numtxqueues 1 numrxqueues 1 netns /proc/self/fd/9",
			seen: link("pl-web", func(l *rtnl.Link) bool {
				return l.Index == hostEnd && l.Flags&unix.IFF_UP != 0 && l.Address.String() == hostMAC.String() && l.Group == 0x706c &&
					l.NumTxQueues == 1 && l.NumRxQueues == 1 && l.Link == eth0 && l.LinkNetNSID != nil && *l.LinkNetNSID >= 0 &&
					l.Info.Kind == "veth" && l.MTU == 1500
			}),
			ip: "-d link show dev pl-web", answer: `{"ifindex":5,"ifname":"pl-web","address":"02:70:6c:00:00:01","group":"28780","num_tx_queues":1,"num_rx_queues":1,"link_index":2}`,
		},
		{
			name: "link-bridge", command: "ip link add br0 mtu 1400 txqueuelen 50 type bridge",
			run: do(func(s string) wire.Request {
				return rtnl.NewLink(&rtnl.Link{Name: "br0", MTU: 1400, TxQueueLen: 50, Info: &rtnl.LinkInfo{Kind: "bridge"}}, s)
			}),
			seen: link("br0", func(l *rtnl.Link) bool { return l.MTU == 1400 && l.TxQueueLen == 50 && l.Info.Kind == "bridge" }),
			ip:   "link show dev br0", answer: `{"ifname":"br0","mtu":1400,"txqlen":50}`,
		},
		{
			name: "link-master", command: "ip link set dev pl-web master br0", before: []string{"link-pair", "link-bridge"},
			run: func(c *rtnl.Conn, _ *world) error {
				br := uint32(6)
				if l, err := c.LinkByName("br0"); err == nil {
					br = l.Index
				}
				return c.Do(rtnl.SetLink(&rtnl.Link{Index: hostEnd, Master: br}, "join br0"))
			},
			seen: link("pl-web", func(l *rtnl.Link) bool { return l.Master != 0 }),
			ip:   "link show dev pl-web", answer: `{"master":"br0"}`,
		},
		{
			name: "link-alias", command: "ip link set dev pl-web alias web", before: []string{"link-pair"},
			run:  do(func(s string) wire.Request { return rtnl.SetLink(&rtnl.Link{Index: hostEnd, Alias: "web"}, s) }),
			seen: link("pl-web", func(l *rtnl.Link) bool { return l.Alias == "web" }),
			ip:   "link show dev pl-web", answer: `{"ifalias":"web"}`,
		},
		{
			name: "link-rename", command: "ip link set dev pl-web name pl-other address 02:70:6c:00:00:02 mtu 9000 group 7", before: []string{"link-pair"},
			run: do(func(s string) wire.Request {
				return rtnl.SetLink(&rtnl.Link{Index: hostEnd, Name: "pl-other", MTU: 9000, Address: insideMAC, Group: 7}, s)
			}),
			seen: link("pl-other", func(l *rtnl.Link) bool {
				return l.Index == hostEnd && l.MTU == 9000 && l.Address.String() == insideMAC.String() && l.Group == 7
			}),
			ip: "link show dev pl-other", answer: `{"ifindex":5,"mtu":9000,"address":"02:70:6c:00:00:02","group":"7"}`,
		},
		{
			name: "link-forwarding", command: "sysctl -w net.ipv4.conf.pl-web.forwarding=1 net.ipv4.conf.pl-web.route_localnet=1 net.ipv4.conf.pl-web.rp_filter=0", before: []string{"link-pair"},
			run: do(func(s string) wire.Request {
				return rtnl.SetConf(hostEnd, s, rtnl.Conf{ID: rtnl.ConfForwarding, Value: 1},
					rtnl.Conf{ID: rtnl.ConfRouteLocalnet, Value: 1}, rtnl.Conf{ID: rtnl.ConfRPFilter, Value: 0})
			}),
			seen: link("pl-web", func(l *rtnl.Link) bool {
				f, _ := l.Conf().Value(rtnl.ConfForwarding)
				r, _ := l.Conf().Value(rtnl.ConfRouteLocalnet)
				return f == 1 && r == 1
			}),
			ip: "netconf show dev pl-web", answer: `{"interface":"pl-web","family":"inet","forwarding":true}`,
		},
		{
			name: "link-addrgenmode", command: "ip link set dev pl-web addrgenmode none", before: []string{"link-pair"},
			run:  do(func(s string) wire.Request { return rtnl.SetAddrGenMode(hostEnd, rtnl.AddrGenModeNone, s) }),
			seen: link("pl-web", func(l *rtnl.Link) bool { return *l.AF.Inet6.AddrGenMode == rtnl.AddrGenModeNone }),
			ip:   "-d link show dev pl-web", answer: `{"inet6_addr_gen_mode":"none"}`,
		},
		{
			name: "link-up", command: "ip link set dev eth0 up", before: []string{"link-pair"}, inside: true,
			run:  do(func(s string) wire.Request { return rtnl.SetUp(eth0, s) }),
			seen: link("eth0", func(l *rtnl.Link) bool { return l.Flags&unix.IFF_UP != 0 && l.OperState == 6 }),
			ip:   "link show dev eth0", answer: `{"operstate":"UP"}`,
		},
		{
			name: "link-down", command: "ip link set dev pl-web down", before: []string{"link-pair"},
			run:  do(func(s string) wire.Request { return rtnl.SetDown(hostEnd, s) }),
			seen: link("pl-web", func(l *rtnl.Link) bool { return l.Flags&unix.IFF_UP == 0 }),
			ip:   "link show dev pl-web", answer: `{"operstate":"DOWN"}`,
		},
		{
			name: "link-altname", command: "ip link property add dev pl-web altname " + longName, before: []string{"link-pair"},
			run: do(func(s string) wire.Request { return rtnl.AddAltName(hostEnd, longName, s) }),
			seen: link(longName, func(l *rtnl.Link) bool {
				return l.Index == hostEnd && len(l.AltNames.Names) == 1 && l.AltNames.Names[0] == longName
			}),
			ip: "link show dev pl-web", answer: `{"ifindex":5,"altnames":["` + longName + `"]}`,
		},
		{
			name: "link-altnames", command: "ip link property add dev pl-web altname " + longName + " altname pl-other", before: []string{"link-pair"},
			run:  do(func(s string) wire.Request { return rtnl.AddAltNames(hostEnd, []string{longName, "pl-other"}, s) }),
			seen: link("pl-other", func(l *rtnl.Link) bool { return l.Index == hostEnd && len(l.AltNames.Names) == 2 }),
			ip:   "link show dev pl-web", answer: `{"ifindex":5,"altnames":["` + longName + `","pl-other"]}`,
		},
		{
			name: "link-alias-by-altname", command: "ip link set dev " + longName + " alias web", before: []string{"link-pair", "link-altname"},
			run: do(func(s string) wire.Request {
				return rtnl.SetLinkNamed(longName, &rtnl.Link{Index: 77, Name: "pl-ignored", Alias: "web"}, s)
			}),
			seen: link("pl-web", func(l *rtnl.Link) bool { return l.Alias == "web" }),
			ip:   "link show dev pl-web", answer: `{"ifindex":5,"ifalias":"web"}`,
		},
		{
			name: "link-altname-delete", command: "ip link property del dev pl-web altname " + longName, before: []string{"link-pair", "link-altname"},
			run:  do(func(s string) wire.Request { return rtnl.DelAltName(hostEnd, longName, s) }),
			seen: link("pl-web", func(l *rtnl.Link) bool { return l.AltNames == nil }),
			ip:   "link", gone: longName,
		},
		{
			name: "link-delete-index", command: "ip link delete dev if5", before: []string{"link-pair"},
			run:  do(func(s string) wire.Request { return rtnl.DelLink(&rtnl.Link{Index: hostEnd}, s) }),
			seen: noLink("pl-web"), ip: "link", gone: "pl-web",
		},
		{
			name: "link-delete-name", command: "ip link delete dev pl-web", before: []string{"link-pair"},
			run:  do(func(s string) wire.Request { return rtnl.DelLink(&rtnl.Link{Name: "pl-web"}, s) }),
			seen: noLink("pl-web"), ip: "link", gone: "pl-web",
		},
		{
			name: "link-delete-group", command: "ip link delete group 28780", before: []string{"link-pair"},
			run:  do(func(s string) wire.Request { return rtnl.DelLink(&rtnl.Link{Group: 0x706c}, s) }),
			seen: noLink("pl-web"), ip: "link", gone: "pl-web",
		},
		{
			name: "link-get-name", command: "ip link show dev pl-web", before: []string{"link-pair"},
			run: func(c *rtnl.Conn, _ *world) error { _, err := c.LinkByName("pl-web"); return err },
		},
		{
			name: "link-get-altname", command: "ip link show dev " + longName, before: []string{"link-pair", "link-altname"},
			run: func(c *rtnl.Conn, _ *world) error { _, err := c.LinkByName(longName); return err },
		},
		{
			name: "link-get-index", command: "(no command of ip asks for one link by its index)", before: []string{"link-pair"},
			run: func(c *rtnl.Conn, _ *world) error { _, err := c.LinkByIndex(hostEnd); return err },
		},
		{
			name: "link-list", command: "ip link show",
			run: func(c *rtnl.Conn, _ *world) error { _, err := c.Links(); return err },
		},
		{
			name: "netconf-get", command: "sysctl net.ipv4.ip_forward",
			run: func(c *rtnl.Conn, _ *world) error { _, err := c.Forwards(rtnl.IPv4); return err },
		},
	}
}
