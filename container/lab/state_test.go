package lab_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container/lab"
	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	testlab "plumb/test/lab"
)

func snapshot(t testing.TB, h *lab.Host) lab.State {
	t.Helper()
	s, err := lab.SnapshotNamespace(h.NS())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNothingChanged(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := addHost(t, l, "h", lab.HostOptions{})
	before := snapshot(t, h)
	for _, to := range []string{lab.NameServer4, lab.NameServer6} { // leaves neighbours, and they do not count
		if err := ping(t, h, to); err != nil {
			t.Fatal(err)
		}
	}
	if diff := lab.Diff(before, snapshot(t, h)); len(diff) != 0 {
		t.Errorf("nothing was done, but:\n%s", strings.Join(diff, "\n"))
	}
}

// Whatever may be left in a namespace, Diff names it.
func TestDiffNamespace(t *testing.T) {
	t.Parallel()
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	for _, test := range []struct {
		name  string
		leave func(t *testing.T, h *lab.Host)
		want  string // a part of a line
	}{
		{"link", do(rtnl.NewLink(rtnl.VethPair(&rtnl.Link{Name: "left0"}, &rtnl.Link{Name: "left1"}), "")), "link left0: left behind (ifi_family AF_UNSPEC, ifi_type ARPHRD_ETHER, "},
		{"link gone", do(rtnl.DelLink(&rtnl.Link{Index: 2}, "")), "link uplink0: gone (ifi_family AF_UNSPEC, ifi_type ARPHRD_ETHER, "},
		{"link down", do(rtnl.SetDown(2, "")), "link uplink0: ifi_flags is IFF_BROADCAST|IFF_MULTICAST, was IFF_UP|IFF_BROADCAST|IFF_MULTICAST"},
		{"mtu", do(rtnl.SetLink(&rtnl.Link{Index: 2, MTU: 1400}, "")), "link uplink0: IFLA_MTU is 1400, was 1500"},
		{"group", do(rtnl.SetLink(&rtnl.Link{Index: 2, Group: 7}, "")), "link uplink0: IFLA_GROUP is 7, was 0"},
		{"alias", do(rtnl.SetLink(&rtnl.Link{Index: 2, Alias: "mine"}, "")), `link uplink0: IFLA_IFALIAS is "mine", was none`},
		{"altname", do(rtnl.AddAltName(2, "another-name", "")), `link uplink0: IFLA_PROP_LIST/IFLA_ALT_IFNAME is "another-name", was none`},
		{"addrgenmode", do(rtnl.SetAddrGenMode(2, 0, "")), "link uplink0: IFLA_AF_SPEC/AF_INET6/IFLA_INET6_ADDR_GEN_MODE is IN6_ADDR_GEN_MODE_EUI64"},
		{"ipv4 conf", do(rtnl.SetConf(2, "", rtnl.Conf{ID: rtnl.ConfForwarding, Value: 1})), "link uplink0: IFLA_AF_SPEC/AF_INET/IFLA_INET_CONF/forwarding is 1, was 0"},
		{"master", master, "link uplink0: IFLA_MASTER is br0, was none"},
		{"address", do(rtnl.NewAddr(rtnl.AddrOf(2, prefix("10.0.0.1/24"), 0), "")), "address 10.0.0.1/24 local 10.0.0.1 dev uplink0: left behind"},
		{"IPv6 address", do(rtnl.NewAddr(rtnl.AddrOf(2, prefix("2001:db8:7::1/64"), 0), "")), "address 2001:db8:7::1/64 dev uplink0: left behind"},
		{"peer address", do(rtnl.NewAddr(rtnl.PeerAddrOf(2, addr("10.0.0.1"), addr("10.0.0.2"), 0), "")), "address 10.0.0.2/32 local 10.0.0.1 dev uplink0: left behind"},
		{"route", do(rtnl.NewRoute(rtnl.OnLink(2, prefix("10.9.0.0/16")), "")), "route AF_INET RTN_UNICAST 10.9.0.0/16 dev uplink0 table 254: left behind"},
		{"route in a table", do(rtnl.NewRoute(inTable(rtnl.OnLink(2, prefix("10.9.0.0/16")), 77), "")), "route AF_INET RTN_UNICAST 10.9.0.0/16 dev uplink0 table 77: left behind"},
		{"route gone", do(rtnl.DelRoute(rtnl.Via(2, rtnl.Default(addr("0.0.0.0")), addr("203.0.113.1")), "")), "route AF_INET RTN_UNICAST via 203.0.113.1 dev uplink0 table 254: gone"},
		{"IPv6 route", do(rtnl.NewRoute(rtnl.OnLink(2, prefix("2001:db8:9::/48")), "")), "route AF_INET6 RTN_UNICAST 2001:db8:9::/48 dev uplink0 table 254 metric 1024: left behind"},
		{"neighbour", do(rtnl.NewNeigh(&rtnl.Neigh{
			Family: rtnl.IPv4, Index: 2, State: unix.NUD_PERMANENT, Address: addr("203.0.113.9"), LLAddress: net.HardwareAddr{2, 0, 0, 0, 0, 1},
		}, "")), "neighbour 203.0.113.9 dev uplink0: left behind"},
		{"proxied neighbour", do(rtnl.NewNeigh(&rtnl.Neigh{
			Family: rtnl.IPv6, Index: 2, Flags: unix.NTF_PROXY, Address: addr("2001:db8::9"),
		}, "")), "neighbour 2001:db8::9 dev uplink0 NTF_PROXY: left behind"},
		{"rule", do(rtnl.NewRule(rtnl.RuleFrom(prefix("10.0.0.0/24"), 77, 1000), "")), "rule 1000 AF_INET from 10.0.0.0/24 lookup 77: left behind"},
		{"sysctl", func(t *testing.T, h *lab.Host) { sysctl(t, h, "net.ipv4.ip_forward", "1") }, "sysctl net/ipv4/ip_forward: value is 1, was 0"},
		{"link's sysctl", func(t *testing.T, h *lab.Host) { sysctl(t, h, "net.ipv6.conf.uplink0.accept_ra", "2") }, "sysctl net/ipv6/conf/uplink0/accept_ra: value is 2, was 1"},
		{"socket", listen, "socket stream, protocol TCP, at [::]:"},
		{"thread", func(t *testing.T, h *lab.Host) { occupy(t, h.NS()) }, "thread in the namespace: left behind"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := addHost(t, newLab(t), "h", lab.HostOptions{})
			before := snapshot(t, h)
			test.leave(t, h)
			mustName(t, lab.Diff(before, snapshot(t, h)), test.want)
		})
	}
}

// A link whose other end is down, or is not up yet, marks its routes (RTNH_F_LINKDOWN).
func TestCarrierIsNoChange(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h := addHost(t, l, "h", lab.HostOptions{})
	before := snapshot(t, h)
	peer, err := l.Internet().Rtnl().LinkByName("to-h")
	if err != nil {
		t.Fatal(err)
	}
	events, err := lab.Open(h, rtnl.Dial)
	if err != nil {
		t.Fatal(err)
	}
	if err := events.Subscribe(rtnl.GroupLink); err != nil {
		t.Fatal(err)
	}
	do(rtnl.SetDown(peer.Index, ""))(t, l.Internet())
	err = events.Events(t.Context(), func(e rtnl.Event) error {
		if e.Link != nil && e.Link.Name == lab.UplinkName && e.Link.Flags&unix.IFF_RUNNING == 0 {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		t.Fatal(err)
	}
	if err := events.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := lab.Diff(before, snapshot(t, h)); len(diff) > 0 {
		t.Errorf("the carrier is gone, but so is more:\n%s", strings.Join(diff, "\n"))
	}
}

var errSeen = errors.New("seen")

func mustName(t *testing.T, diff []string, want string) {
	t.Helper()
	for _, line := range diff {
		if strings.Contains(line, want) {
			return
		}
	}
	t.Errorf("Diff does not say %q, but:\n%s", want, strings.Join(diff, "\n"))
}

func do(requests ...wire.Request) func(t *testing.T, h *lab.Host) {
	return func(t *testing.T, h *lab.Host) {
		t.Helper()
		if err := h.Rtnl().Do(requests...); err != nil {
			t.Fatal(err)
		}
	}
}

func master(t *testing.T, h *lab.Host) {
	do(
		rtnl.NewLink(&rtnl.Link{Name: "br0", Index: 9, Info: &rtnl.LinkInfo{Kind: "bridge"}}, ""),
		rtnl.SetLink(&rtnl.Link{Index: 2, Master: 9}, ""),
	)(t, h)
}

func inTable(r *rtnl.Route, table uint32) *rtnl.Route {
	r.TableLow, r.Table = rtnl.Table8(table), table
	return r
}

func sysctl(t *testing.T, h *lab.Host, name, value string) {
	t.Helper()
	if err := h.NS().WriteSysctl(name, value); err != nil {
		t.Fatal(err)
	}
}

func listen(t *testing.T, h *lab.Host) {
	l, err := h.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

// occupy leaves a thread in the namespace until the test ends.
func occupy(t *testing.T, ns *netns.NS) {
	there, leave, left := make(chan error), make(chan struct{}), make(chan struct{})
	var stay func()
	stay = func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// Go never ends the main thread: it would stay in the namespace. While it is locked, another has to come.
			go stay()
			<-left
			runtime.UnlockOSThread()
			return
		}
		defer close(left) // still locked: the thread ends with the goroutine
		there <- ns.Enter()
		<-leave
	}
	go stay()
	t.Cleanup(func() {
		close(leave)
		<-left
	})
	if err := <-there; err != nil {
		t.Fatal(err)
	}
}

// Each object of a ruleset is named, and so is a change of one.
func TestDiffRuleset(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, before, leave, want string }{
		{"table", "", `add table inet y`, "nft table inet y: left behind"},
		{"table gone", "", `delete table inet x`, "nft table inet x: gone"},
		{"chain", "", `add chain inet x c`, "nft chain inet x c: left behind"},
		{
			"policy", `add chain inet x c { type filter hook input priority 0; policy accept; }`,
			`add chain inet x c { policy drop; }`, "nft chain inet x c: NFTA_CHAIN_POLICY is drop, was accept",
		},
		{
			"rule", `add chain inet x c`, `add rule inet x c tcp dport 80 counter accept comment "mine"`,
			`nft rule inet x c: meta cmp payload cmp counter immediate #`,
		},
		{"set", "", `add set inet x s { type ipv4_addr; }`, "nft set inet x s: left behind"},
		{
			"element", `add set inet x s { type ipv4_addr; }`, `add element inet x s { 10.0.0.2 comment "web" }`,
			`nft element inet x s 0x0a000002: left behind (NFTA_SET_ELEM_USERDATA 0:"web"`,
		},
		{
			"map's value", `add map inet x m { type ipv4_addr : mark; elements = { 10.0.0.2 : 1 }; }`,
			`delete element inet x m { 10.0.0.2 }; add element inet x m { 10.0.0.2 : 2 }`, "nft element inet x m 0x0a000002: NFTA_SET_ELEM_DATA/NFTA_DATA_VALUE is 0x02000000, was 0x01000000",
		},
		{"object", "", `add counter inet x n`, "nft object inet x n: left behind"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := addHost(t, newLab(t), "h", lab.HostOptions{})
			testlab.Run(t, h, "nft", "add table inet x; "+test.before)
			before := snapshot(t, h)
			testlab.Run(t, h, "nft", test.leave)
			mustName(t, lab.Diff(before, snapshot(t, h)), test.want)
		})
	}
}

// What counts packets, and the generation of the ruleset, are no change.
func TestCountersAreNoChange(t *testing.T) {
	t.Parallel()
	h := addHost(t, newLab(t), "h", lab.HostOptions{})
	testlab.Run(t, h, "nft", `add table inet x; add counter inet x n; add set inet x s { type ipv4_addr; counter; };
		add element inet x s { 8.8.8.8 };
		add chain inet x c { type filter hook output priority 0; policy accept; };
		add rule inet x c ip daddr @s counter name n; add rule inet x c counter; add rule inet x c limit rate 5/second`)
	before := snapshot(t, h)
	if err := ping(t, h, lab.NameServer4); err != nil {
		t.Fatal(err)
	}
	testlab.Run(t, h, "nft", `add table inet y`)
	testlab.Run(t, h, "nft", `delete table inet y`)
	if diff := lab.Diff(before, snapshot(t, h)); len(diff) != 0 {
		t.Errorf("packets were counted, but nothing was done:\n%s", strings.Join(diff, "\n"))
	}
}

// The tests that run beside this one open and close files of the same process: only what must be named is looked at.
func TestDiffProcess(t *testing.T) {
	t.Parallel()
	process := func() lab.State {
		s, err := lab.SnapshotProcess()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	dir := t.TempDir()
	before := process()
	f, err := os.Create(dir + "/left")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	occupy(t, ns)
	diff := lab.Diff(before, process())
	mustName(t, diff, "file "+dir+"/left")
	mustName(t, diff, "mount "+dir+": left behind (type tmpfs, source none, root /, ")
	mustName(t, diff, "thread in "+ns.String()+": left behind")
	mustName(t, diff, "file "+ns.String()+": left behind")
	mustName(t, lab.Diff(process(), before), "mount "+dir+": gone")
}

func BenchmarkSnapshot(b *testing.B) {
	h := addHost(b, newLab(b), "h", lab.HostOptions{})
	for b.Loop() {
		if _, err := lab.Snapshot(h.NS()); err != nil {
			b.Fatal(err)
		}
	}
}
