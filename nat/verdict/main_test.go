package verdict_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/nat/verdict"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

func TestMain(m *testing.M) {
	if lab.Emulated() != "" {
		os.Exit(m.Run()) // there is no kernel to be sealed off from: those tests skip themselves
	}
	lab.Main(m)
}

// waitTime bounds every wait for what should come, and dropTime for what should not.
const (
	waitTime = 30 * time.Second
	dropTime = 150 * time.Millisecond
)

// Addresses of the place.
const (
	box4, gateway4 = "10.0.0.2", "10.0.0.1"
	box6, gateway6 = "fd70:6c75:6d62::2", "fd70:6c75:6d62::1"
	echo4, echo6   = "8.8.8.8:7", "[2001:4860:4860::8888]:7"
)

// A place is a sealed host with an internet and a container, which has both families, and whose network is made by hand: this
// package has to do with other people's rules only. Port 8080 of the host is the container's port 7.
type place struct {
	*lab.Lab
	t         testing.TB
	host, box *clab.Host
	nat       *nat.Conn
}

func newPlace(t testing.TB) *place {
	t.Helper()
	l := lab.New(t, lab.Except("neighbour "), lab.Except("route AF_INET6 ")) // the kernel makes them in its own time
	p := &place{Lab: l, t: t, host: l.NewHost("host"), box: l.NewHostWith("box", clab.HostOptions{NoUplink: true})}
	p.ip(p.host, "link add pl-web group 28780 type veth peer name eth0 netns "+p.netnsPath())
	for _, end := range []struct {
		h     *clab.Host
		lines []string
	}{
		{p.host, []string{
			"link set pl-web addrgenmode none", "link set pl-web up", // before the addresses: what goes up makes no route to a peer
			"addr add " + gateway4 + " peer " + box4 + " dev pl-web", "-6 addr add " + gateway6 + " peer " + box6 + " dev pl-web nodad",
			"-6 addr add fe80::1/64 dev pl-web nodad",
		}},
		{p.box, []string{
			"link set eth0 addrgenmode none", "link set eth0 up",
			"addr add " + box4 + "/24 dev eth0", "-6 addr add " + box6 + "/64 dev eth0 nodad", "-6 addr add fe80::2/64 dev eth0 nodad",
			"route add default via " + gateway4, "-6 route add default via " + gateway6,
		}},
	} {
		for _, line := range end.lines {
			p.ip(end.h, line)
		}
	}
	lab.AwaitUp(t, p.host.NS(), "pl-web")
	lab.AwaitLocal(t, p.host.NS(), gateway6)
	lab.AwaitLocal(t, p.box.NS(), box6)
	for _, name := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		must(t, p.host.NS().WriteSysctl(name, "1"))
	}
	p.ip(p.Internet(), "route add "+box4+" via "+p.host.Addr4().String())
	p.ip(p.Internet(), "-6 route add "+box6+" via "+p.host.Addr6().String()+" dev to-host")
	p.Expect(p.host)
	p.Expect(p.box)
	p.nft("add table inet plumb; add chain inet plumb prerouting { type nat hook prerouting priority dstnat; };" +
		"add rule inet plumb prerouting iifname uplink0 meta nfproto ipv4 tcp dport 8080 dnat ip to " + box4 + ":7;" +
		"add rule inet plumb prerouting iifname uplink0 meta nfproto ipv6 tcp dport 8080 dnat ip6 to [" + box6 + "]:7")
	t.Cleanup(func() { p.nft("flush ruleset") })
	p.nat = p.open()
	for _, h := range []*clab.Host{p.host, p.box} {
		p.serve(h)
	}
	return p
}

// open opens a socket in the host.
func (p *place) open() *nat.Conn {
	p.t.Helper()
	c, err := clab.Open(p.host, nat.Dial)
	must(p.t, err)
	p.t.Cleanup(func() { c.Close() })
	return c
}

// ownedTable is a table that drops what is forwarded, and goes with its socket.
func ownedTable() []wire.Request {
	header, drop := nat.Header{Family: nat.NFPROTO_INET}, nat.NF_DROP
	return []wire.Request{
		nat.NewTable(&nat.Table{Header: header, Name: "owned", Flags: nat.NFT_TABLE_F_OWNER}, 0),
		nat.NewChain(&nat.Chain{Header: header, Table: "owned", Name: "forward", Type: "filter", Policy: &drop, Hook: &nat.Hook{Num: nat.NF_INET_FORWARD}}, 0),
	}
}

// netnsPath is the box's namespace, as a child of this process sees it.
func (p *place) netnsPath() string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), p.box.NS().FD())
}

func (p *place) ip(h *clab.Host, line string) {
	p.t.Helper()
	lab.Run(p.t, h, "ip", strings.Fields(line)...)
}

func (p *place) nft(script string) {
	p.t.Helper()
	p.file("nft", script, "-f")
}

// file gives a program a file of its own.
func (p *place) file(program, content string, args ...string) {
	p.t.Helper()
	name := filepath.Join(p.t.TempDir(), "rules")
	must(p.t, os.WriteFile(name, []byte(content), 0o600))
	lab.Run(p.t, p.host, program, append(args, name)...)
}

// sh runs a line of a shell.
func (p *place) sh(line string) {
	p.t.Helper()
	lab.Run(p.t, p.host, "sh", "-c", line)
}

// load loads other people's rules of testdata, by the program that they load them by.
func (p *place) load(files ...string) {
	p.t.Helper()
	for _, name := range files {
		path := filepath.Join("testdata", name)
		switch filepath.Ext(name) {
		case ".nft":
			lab.Run(p.t, p.host, "nft", "-f", path)
		case ".v4":
			lab.Run(p.t, p.host, "iptables-nft-restore", "--noflush", path)
		case ".v6":
			lab.Run(p.t, p.host, "ip6tables-nft-restore", path)
		}
	}
}

// container is the place's, as it is asked about.
func (p *place) container() verdict.Container {
	index := func(name string) uint32 {
		l, err := p.host.Rtnl().LinkByName(name)
		must(p.t, err)
		return l.Index
	}
	uplink := verdict.Link{Name: clab.UplinkName, Index: index(clab.UplinkName)}
	return verdict.Container{
		Link: verdict.Link{Name: "pl-web", Index: index("pl-web"), Group: nat.Group},
		Ways: []verdict.Way{
			{Addr: netip.MustParseAddr(box4), Gateway: netip.MustParseAddr(gateway4), Uplink: uplink, UplinkAddr: p.host.Addr4()},
			{Addr: netip.MustParseAddr(box6), Gateway: netip.MustParseAddr(gateway6), Uplink: uplink, UplinkAddr: p.host.Addr6()},
		},
	}
}

// serve runs echo services on ports 7 and 53.
func (p *place) serve(h *clab.Host) {
	p.t.Helper()
	var s clab.Services
	for _, port := range []string{":7", ":53"} {
		l, err := h.Listen("tcp", port)
		must(p.t, err)
		s.ServeEcho(l)
		u, err := h.ListenPacket("udp", port)
		must(p.t, err)
		s.ServePacketEcho(u)
	}
	p.t.Cleanup(func() { s.Close() })
}

// echo asks an echo service.
func echo(from *clab.Host, network, to string, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	var c net.Conn
	c, err := from.DialContext(ctx, network, to)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(wait))
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 256))
	return err
}

// A trial is some real packets and their answers.
type trial struct {
	name string
	try  func(wait time.Duration) error
}

// trials are real packets of everything that is asked about.
func (p *place) trials() []trial {
	at := func(a string, port string) string { return net.JoinHostPort(a, port) }
	t := func(name string, from *clab.Host, network, to string) trial {
		return trial{name + " " + network + " " + to, func(wait time.Duration) error { return echo(from, network, to, wait) }}
	}
	return []trial{
		t("out", p.box, "tcp", echo4), t("out", p.box, "udp", echo4), t("out", p.box, "tcp", echo6), t("out", p.box, "udp", echo6),
		t("published", p.Internet(), "tcp", at(p.host.Addr4().String(), "8080")),
		t("published", p.Internet(), "tcp", at(p.host.Addr6().String(), "8080")),
		t("gateway", p.box, "udp", at(gateway4, "53")), t("gateway", p.box, "tcp", at(gateway6, "53")),
		t("host", p.host, "tcp", at(box4, "7")), t("host", p.host, "tcp", at(box6, "7")),
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
