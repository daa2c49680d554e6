package compare

import (
	"errors"
	"fmt"
	"net"
	"os"

	"plumb/container/bench"
	"plumb/container/netns"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// InProcess are those that make networks in a program that is running, its sockets kept open. The floor comes first, and first of those who make the
// table, too.
// Steps, which may be nil, is given what the first one's steps take.
func InProcess(floor, small string, steps *Steps) []bench.Rival {
	return []bench.Rival{
		Floor(floor, false, steps), Library(false), Pool(true), Pool(false), SmallFloor(small), Peer(true), Peer(false),
		Floor(floor, true, nil), Library(true),
	}
}

// A peer is vishvananda/netlink and google/nftables at their best: sockets kept open, the peer made in its namespace, one queue a side, elements
// of sets instead of rules. It changes what plumb changes, element by element and route by route, but does not look what is free, and does not undo what fails.
type peer struct {
	dual   bool // or else IPv4 and masquerading alone, the small floor's job
	host   *netlink.Handle
	tables *nftables.Conn
	own    *netns.NS
	set4   *nftables.Set
	set6   *nftables.Set
	held   []heldIn
	link   *netlink.Veth
	fail   error
}

// Peer is the one or the other.
func Peer(dual bool) bench.Rival {
	p := &peer{dual: dual}
	name, what := "vishvananda + google", "the same job, but for what plumb asks"
	if !dual {
		name, what = name+", small", "IPv4 and masquerading alone"
	}
	return bench.Rival{
		Name: name, Group: bench.GroupInProcess, UpName: what,
		Begin: p.begin,
		Up:    p.up,
		Down:  func(*bench.Stage) error { return p.down() },
		End:   func(*bench.Stage) error { return p.end() },
	}
}

var (
	addr4, gateway4 = net.IPv4(10, 0, 0, 3).To4(), net.IPv4(10, 0, 0, 1).To4()
	addr6, gateway6 = net.ParseIP("fd70:6c75:6d62::3"), net.ParseIP("fe80::1")
	own6            = net.ParseIP("fe80::2")
	nearMAC, farMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

const (
	peerIndex = 0x100001
	peerName  = "pl-web"
	farIndex  = 2
)

func (p *peer) begin(s *bench.Stage) (err error) {
	if p.own, err = netns.Current(); err != nil {
		return err
	}
	return s.Host.Do(func() error {
		if p.host, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
			return err
		}
		if err = os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil { // of the thread's namespace
			return err
		}
		if p.tables, err = nftables.New(nftables.AsLasting()); err != nil {
			return err
		}
		return p.table()
	})
}

// table makes the table that stands.
func (p *peer) table() error {
	t := p.tables.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "peer"})
	p.set4 = &nftables.Set{Table: t, Name: "masq4", KeyType: nftables.TypeIPAddr, Interval: p.dual}
	p.set6 = &nftables.Set{Table: t, Name: "masq6", KeyType: nftables.TypeIP6Addr, Interval: p.dual}
	chain := p.tables.AddChain(&nftables.Chain{
		Table: t, Name: "postrouting", Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	var subnet4, subnet6 []nftables.SetElement // which all containers share; the small one has addresses, as they come
	if p.dual {
		subnet4 = []nftables.SetElement{{Key: net.IPv4(10, 0, 0, 0).To4()}, {Key: net.IPv4(10, 0, 1, 0).To4(), IntervalEnd: true}}
		subnet6 = []nftables.SetElement{{Key: net.ParseIP("fd70:6c75:6d62::")}, {Key: net.ParseIP("fd70:6c75:6d62:1::"), IntervalEnd: true}}
		p.held = heldBy(t)
	}
	err := errors.Join(p.tables.AddSet(p.set4, subnet4), p.tables.AddSet(p.set6, subnet6))
	for _, h := range p.held {
		err = errors.Join(err, p.tables.AddSet(h.set, nil))
	}
	if err != nil {
		return err
	}
	for _, r := range []struct {
		set             *nftables.Set
		proto           byte
		offset, address uint32
	}{{p.set4, unix.NFPROTO_IPV4, 12, 4}, {p.set6, unix.NFPROTO_IPV6, 8, 16}} {
		p.tables.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{r.proto}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: r.offset, Len: r.address},
			&expr.Lookup{SourceRegister: 1, SetName: r.set.Name, SetID: r.set.ID},
			&expr.Masq{},
		}})
	}
	return p.tables.Flush()
}

// heldIn is what is held of a container in a set or a map.
type heldIn struct {
	set      *nftables.Set
	elements []nftables.SetElement
}

// heldBy is all of it, as plumb's table has it: what its link has, its leases, and what it may send from.
func heldBy(t *nftables.Table) []heldIn {
	name := append([]byte(peerName), make([]byte, unix.IFNAMSIZ-len(peerName))...)
	from := func(addr net.IP) []byte { return append(append([]byte{}, name...), addr...) }
	const comment, taken = "web", "web if 1048577 at 1234.567"
	ifName, ip4, ip6 := nftables.TypeIFName, nftables.TypeIPAddr, nftables.TypeIP6Addr
	has := append(append([]byte{}, addr4...), addr6...)
	return []heldIn{
		{&nftables.Set{Table: t, Name: "link", IsMap: true, KeyType: ifName, DataType: nftables.MustConcatSetType(ip4, ip6)}, []nftables.SetElement{{Key: name, Val: has, Comment: taken}}},
		{&nftables.Set{Table: t, Name: "lease4", IsMap: true, KeyType: ip4, DataType: ifName}, []nftables.SetElement{{Key: addr4, Val: name, Comment: taken}}},
		{&nftables.Set{Table: t, Name: "member4", Concatenation: true, KeyType: nftables.MustConcatSetType(ifName, ip4)}, []nftables.SetElement{{Key: from(addr4), Comment: comment}}},
		{&nftables.Set{Table: t, Name: "lease6", IsMap: true, KeyType: ip6, DataType: ifName}, []nftables.SetElement{{Key: addr6, Val: name, Comment: taken}}},
		{&nftables.Set{Table: t, Name: "member6", Concatenation: true, KeyType: nftables.MustConcatSetType(ifName, ip6)}, []nftables.SetElement{{Key: from(addr6), Comment: comment}, {Key: from(own6), Comment: comment}}},
	}
}

// must remembers the first failure.
func (p *peer) must(what string, err error) {
	if err != nil && p.fail == nil {
		p.fail = fmt.Errorf("%s: %w", what, err)
	}
}

func (p *peer) up(s *bench.Stage) error {
	p.fail = nil
	ns, err := netns.FromPID(s.PID)
	if err != nil {
		return err
	}
	defer ns.Close()
	p.pair(ns)
	p.must("elements", p.elements(true))
	inside, err := netns.Open(ns, func() (handle, error) {
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err == nil && p.dual {
			p.must("accept_ra", os.WriteFile("/proc/sys/net/ipv6/conf/eth0/accept_ra", []byte("0"), 0))
			p.must("ping", openPing())
		}
		return handle{h}, err
	})
	if err != nil {
		return err
	}
	defer inside.Close()
	p.inside(inside.Handle)
	if p.dual {
		_, err := p.host.LinkByIndex(peerIndex) // before it answers, the kernel gives the link its queue
		p.must("host's end", err)
	}
	return p.fail
}

// handle is a Handle as netns.Open wants it.
type handle struct{ *netlink.Handle }

func (h handle) Close() error {
	h.Handle.Close()
	return nil
}

// openPing opens the ping range, as far as the user namespace has groups.
func openPing() error {
	const path = "/proc/sys/net/ipv4/ping_group_range"
	err := os.WriteFile(path, []byte("0 2147483647"), 0)
	if errors.Is(err, unix.EINVAL) {
		err = os.WriteFile(path, []byte("0 0"), 0)
	}
	return err
}

// pair makes the pair of links, and sets the host's end up.
func (p *peer) pair(ns *netns.NS) {
	attrs := netlink.NewLinkAttrs()
	attrs.Index, attrs.Name, attrs.HardwareAddr, attrs.NumTxQueues, attrs.NumRxQueues = peerIndex, peerName, nearMAC, 1, 1
	attrs.MTU, attrs.Flags = 1500, net.FlagUp
	if p.dual {
		attrs.Group, attrs.Flags = 0x706c, 0 // address generation is to be set first
	}
	p.link = &netlink.Veth{
		LinkAttrs: attrs, PeerName: "eth0", PeerHardwareAddr: farMAC, PeerNamespace: netlink.NsFd(ns.FD()), PeerNumTxQueues: 1, PeerNumRxQueues: 1,
	}
	p.must("pair", p.host.LinkAdd(p.link))
	p.must("address", p.host.AddrAdd(p.link, &netlink.Addr{IPNet: host(gateway4, 32), Peer: host(addr4, 32)}))
	if !p.dual {
		return
	}
	p.must("address generation", p.host.LinkSetIP6AddrGenMode(p.link, 1))
	p.must("alias", p.host.LinkSetAlias(p.link, "plumb web 10.0.0.3/24 eth0 at=1234.567 ns=4026532000 6=fd70:6c75:6d62::3/64"))
	p.must("up", p.host.LinkSetUp(p.link))
	p.must("route", p.host.RouteReplace(&netlink.Route{LinkIndex: peerIndex, Dst: host(addr6, 128)}))
	p.must("neighbour", p.host.NeighSet(&netlink.Neigh{LinkIndex: peerIndex, Family: unix.AF_INET6, State: unix.NUD_PERMANENT, IP: addr6, HardwareAddr: farMAC}))
}

// inside sets the container's end up.
func (p *peer) inside(h *netlink.Handle) {
	far := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: farIndex, Name: "eth0"}} // of which the index counts
	lo := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: 1, Name: "lo"}}
	if p.dual {
		p.must("address generation inside", h.LinkSetIP6AddrGenMode(far, 1))
	}
	p.must("eth0 up", h.LinkSetUp(far))
	p.must("address inside", h.AddrAdd(far, &netlink.Addr{IPNet: host(addr4, 24), Flags: unix.IFA_F_NOPREFIXROUTE}))
	p.must("gateway inside", h.RouteAdd(&netlink.Route{LinkIndex: farIndex, Dst: host(gateway4, 32), Scope: netlink.SCOPE_LINK}))
	p.must("default inside", h.RouteAdd(&netlink.Route{LinkIndex: farIndex, Gw: gateway4}))
	if p.dual {
		p.must("fe80::2 inside", h.AddrAdd(far, &netlink.Addr{IPNet: host(own6, 64), Flags: unix.IFA_F_NODAD}))
		p.must("IPv6 inside", h.AddrAdd(far, &netlink.Addr{IPNet: host(addr6, 64), Flags: unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE}))
		p.must("neighbour inside", h.NeighSet(&netlink.Neigh{LinkIndex: farIndex, Family: unix.AF_INET6, State: unix.NUD_PERMANENT, IP: gateway6, HardwareAddr: nearMAC}))
		p.must("IPv6 default inside", h.RouteAdd(&netlink.Route{LinkIndex: farIndex, Gw: gateway6}))
		p.must("receive inside", h.RouteAdd(&netlink.Route{LinkIndex: farIndex, Dst: host(addr6, 128), Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL}))
	}
	p.must("lo up", h.LinkSetUp(lo))
}

func host(ip net.IP, bits int) *net.IPNet {
	return &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, 8*len(ip))}
}

// elements adds the container to the sets, or takes it out, in one batch.
func (p *peer) elements(add bool) (err error) {
	change := p.tables.SetAddElements
	if !add {
		change = p.tables.SetDeleteElements
	}
	if !p.dual {
		err = change(p.set4, []nftables.SetElement{{Key: addr4}})
	}
	for _, h := range p.held {
		err = errors.Join(err, change(h.set, h.elements))
	}
	return errors.Join(err, p.tables.Flush())
}

func (p *peer) down() error {
	return errors.Join(p.elements(false), p.host.LinkDel(p.link))
}

func (p *peer) end() error {
	p.tables.DelTable(p.set4.Table)
	err := p.tables.Flush()
	p.host.Close()
	return errors.Join(err, p.tables.CloseLasting(), p.own.Close())
}
