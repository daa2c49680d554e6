package doctor

import (
	"os"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/sockdiag"
	"plumb/rtnl/wire"
)

// A probe does one thing that containers need, in a namespace that is thrown away.
type probe struct {
	name   string
	detail string // what it is good for
	lack   Status // what it is not to have it
	mend   string
	try    func(b *bench) error
}

// A bench is where probes work: two namespaces, and sockets in the first.
type bench struct {
	ns, peer *netns.NS
	rtnl     *rtnl.Conn
	nat      *nat.Conn
	natErr   error
}

// probes are those that need no nftables.
func probes() []probe {
	return []probe{
		{"veth", "pairs of links, the peer made in its namespace", Problem, module("veth", "VETH"), (*bench).veth},
		{"IPv6", "containers have IPv6 addresses", Warning, "boot without ipv6.disable=1, or rebuild the kernel with CONFIG_IPV6", (*bench).ipv6},
		{"forwarding of single links", "the host need not become a router", Problem, "", (*bench).forwarding},
		{"route_localnet", "published ports answer on 127.0.0.1", Warning, "", (*bench).routeLocalnet},
		{"tbf", "--rate-in and --rate-out", Warning, module("sch_tbf", "NET_SCH_TBF"), (*bench).tbf},
		{"sock_diag", "who listens on a port that is to be published (else told by /proc/net)", Warning, module("tcp_diag", "INET_DIAG"), (*bench).sockDiag},
		{"writable sysctls", "ping without privileges in containers", Warning, "mount /proc/sys writable", (*bench).pingRange},
		{"pidfd", "a process's namespace cannot come to be another's", Warning, "a kernel from Linux 5.3 on has it", (*bench).pidfd},
	}
}

// module is how a part of the kernel comes to be there.
func module(name, config string) string {
	return "modprobe " + name + ", or rebuild the kernel with CONFIG_" + config
}

// kernel makes all probes.
func (d *doctor) kernel() {
	d.group = "kernel"
	b, err := newBench()
	if err != nil {
		d.add("network namespaces", Unknown, "nothing can be tried: "+err.Error(), mendOf(err))
		return
	}
	defer b.close()
	d.ok("network namespaces", "each container has its own")
	for _, p := range probes() {
		d.probe(b, p)
	}
	if b.natErr != nil {
		d.add("nf_tables", Problem, b.natErr.Error(), module("nf_tables", "NF_TABLES"))
		return
	}
	for _, p := range nftProbes() {
		d.probe(b, p)
	}
}

func (d *doctor) probe(b *bench, p probe) {
	if err := p.try(b); err != nil {
		d.add(p.name, p.lack, p.detail+": "+err.Error(), p.mend)
		return
	}
	d.ok(p.name, p.detail)
}

func newBench() (b *bench, err error) {
	b = &bench{}
	if b.ns, err = netns.New(); err != nil {
		return nil, err
	}
	if b.peer, err = netns.New(); err == nil {
		err = b.ns.Do(func() (err error) {
			if b.rtnl, err = rtnl.Dial(wire.Config{Namespace: "probe"}); err != nil {
				return err
			}
			if b.nat, b.natErr = nat.Dial(wire.Config{Namespace: "probe"}); b.natErr == nil {
				_, b.natErr = b.nat.GenID()
			}
			return nil
		})
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// close lets go of the namespaces, and with them of all that is in them. What a Close says has no meaning for anybody.
func (b *bench) close() {
	if b.nat != nil {
		_ = b.nat.Close()
	}
	if b.rtnl != nil {
		_ = b.rtnl.Close()
	}
	if b.peer != nil {
		_ = b.peer.Close()
	}
	_ = b.ns.Close()
}

// The pair of the probes.
const (
	probeLink  = "probe0"
	probeIndex = 2
)

func (b *bench) veth() error {
	fd := uint32(b.peer.FD())
	pair := rtnl.VethPair(
		&rtnl.Link{Name: probeLink, Index: probeIndex, Group: nat.Group, Flags: unix.IFF_UP, Change: unix.IFF_UP},
		&rtnl.Link{Name: "eth0", Index: probeIndex, NetNSFd: &fd},
	)
	return b.rtnl.Do(rtnl.NewLink(pair, "create a pair of links"))
}

func (b *bench) ipv6() error {
	_, err := b.rtnl.Forwards(rtnl.IPv6)
	if err == nil {
		_, err = b.ns.ReadSysctl("net/ipv6/conf/all/disable_ipv6")
	}
	return err
}

func (b *bench) forwarding() error {
	return b.rtnl.Do(rtnl.SetConf(probeIndex, "switch forwarding on for a link", rtnl.Conf{ID: rtnl.ConfForwarding, Value: 1}))
}

func (b *bench) routeLocalnet() error {
	return b.ns.WriteSysctl("net/ipv4/conf/"+probeLink+"/route_localnet", "1")
}

func (b *bench) pingRange() error { return b.ns.WriteSysctl("net/ipv4/ping_group_range", "0 0") }

// tbf puts a token bucket filter on the link.
func (b *bench) tbf() error {
	return b.rtnl.Do(rtnl.NewQdisc(rtnl.TBFOf(probeIndex, 1<<20, 1<<14, 1<<20), "limit a link's rate"))
}

// sockDiag asks who listens.
func (b *bench) sockDiag() error {
	c, err := netns.Open(b.ns, func() (*sockdiag.Conn, error) { return sockdiag.Dial(wire.Config{}) })
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Listeners(unix.IPPROTO_TCP)
	return err
}

// pidfd finds a process's namespace by a descriptor of the process.
func (b *bench) pidfd() error {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(fd)
	ns, err := netns.FromPidfd(fd)
	if err != nil {
		return err
	}
	return ns.Close()
}
