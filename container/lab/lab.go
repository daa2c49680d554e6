package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Options say what is special about a lab. The zero value is the ordinary one.
type Options struct {
	Tracer wire.Tracer // sees every netlink message of the lab's, and those of Conns that Open made; nil for none
	Zone   Zone        // what the name server knows; nil for Internet()
}

// The lab's name servers, which are the addresses of google.com, too.
const (
	NameServer4 = "8.8.8.8"
	NameServer6 = "2001:4860:4860::8888"
)

// EchoPort is where the internet echoes, by UDP and by TCP (RFC 862).
const EchoPort = 7

// internetAddrs are what the internet has on its loopback link. All its services answer on all of them.
func internetAddrs() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr(NameServer4), netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("1.1.1.1"),
		netip.MustParseAddr(NameServer6), netip.MustParseAddr("2001:4860:4860::8844"), netip.MustParseAddr("2606:4700:4700::1111"),
	}
}

// A Lab is a sealed internet with hosts. Its methods may be called from several goroutines.
type Lab struct {
	options  Options
	ipv6     bool // the kernel has it
	services Services
	internet *Host

	mu      sync.Mutex
	closed  bool
	hosts   []*Host
	uplinks int // how many were ever made: a number is not used again, nor are the index and the addresses that go with it
	lans    int
}

// HasIPv6 says whether the kernel has IPv6: not where it was started with ipv6.disable=1.
func HasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}

// New builds an internet without hosts. It needs CAP_SYS_ADMIN and CAP_NET_ADMIN (unix.EPERM otherwise) in the
// user namespace of the calling process, and nothing else of it: its own network namespace stays as it is.
func New(ctx context.Context, options Options) (*Lab, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if options.Zone == nil {
		options.Zone = Internet()
	}
	l := &Lab{options: options, ipv6: HasIPv6()}
	var err error
	if l.internet, err = l.newHost("internet"); err == nil {
		err = l.buildInternet(ctx)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build the lab's internet: %w", err), l.Close())
	}
	return l, nil
}

// buildInternet makes the new namespace the internet: a router that holds well-known addresses, and servers.
func (l *Lab) buildInternet(ctx context.Context) error {
	n := l.internet
	forward := []sysctl{{"net/ipv4/ip_forward", "1"}}
	requests := []wire.Request{rtnl.SetUp(loopback, "set lo of the internet up")}
	if l.ipv6 {
		forward = append(forward, sysctl{"net/ipv6/conf/all/forwarding", "1"})
	}
	var addrs []netip.Addr
	for _, a := range internetAddrs() {
		if a.Is6() {
			addrs = append(addrs, a)
		}
		if a.Is4() || l.ipv6 {
			addr := rtnl.AddrOf(loopback, netip.PrefixFrom(a, a.BitLen()), unix.IFA_F_NODAD)
			requests = append(requests, rtnl.NewAddr(addr, "give the internet "+a.String()))
		}
	}
	if err := n.Do(func() error { return n.writeSysctls(forward) }); err != nil {
		return err
	}
	if !l.ipv6 {
		addrs = nil
	}
	if err := l.build(ctx, []step{{end: end{host: n}, requests: requests, addrs: addrs}}); err != nil {
		return err
	}
	return l.serve()
}

// serve opens the servers' sockets, each for all addresses of both families.
func (l *Lab) serve() error {
	for _, s := range []struct {
		port  string
		serve func(net.Listener)
	}{
		{":53", func(s net.Listener) { l.services.ServeDNSTCP(s, l.options.Zone) }},
		{":80", l.services.ServeHTTP},
		{":" + strconv.Itoa(EchoPort), l.services.ServeEcho},
	} {
		listener, err := l.internet.Listen("tcp", s.port)
		if err != nil {
			return err
		}
		s.serve(listener)
	}
	for _, s := range []struct {
		port  string
		serve func(net.PacketConn)
	}{
		{":53", func(s net.PacketConn) { l.services.ServeDNS(s, l.options.Zone) }},
		{":" + strconv.Itoa(EchoPort), l.services.ServePacketEcho},
	} {
		conn, err := l.internet.ListenPacket("udp", s.port)
		if err != nil {
			return err
		}
		s.serve(conn)
	}
	return nil
}

// Internet is the namespace between the hosts. Its Addr4 and Addr6 are the name server's.
func (l *Lab) Internet() *Host { return l.internet }

// Hosts are the lab's hosts, in the order in which they were added.
func (l *Lab) Hosts() []*Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Host(nil), l.hosts...)
}

// Close ends the services and lets go of all sockets and namespaces of the lab; the kernel then ends what is in them. Sockets that
// were given to the caller (DialContext, Listen) stay the caller's: one that stays open keeps its namespace alive. It
// returns all errors, joined; a second Close does nothing.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	errs := []error{l.services.Close()}
	for _, h := range l.hosts {
		errs = append(errs, h.close())
	}
	if l.internet != nil {
		errs = append(errs, l.internet.close())
	}
	return errors.Join(errs...)
}

// newHost makes a namespace that is the same on every machine, with nothing in it.
func (l *Lab) newHost(name string) (*Host, error) {
	start := time.Now()
	ns, err := netns.New()
	wire.Step(l.options.Tracer, name, "unshare(CLONE_NEWNET)", start, err)
	if err != nil {
		return nil, err
	}
	h := &Host{lab: l, name: name, ns: ns}
	err = ns.Do(func() error {
		if err := h.writeSysctls(baseline()); err != nil {
			return err
		}
		start := time.Now()
		h.rtnl, err = rtnl.Dial(h.Config())
		wire.Step(l.options.Tracer, name, "setns "+name+" by descriptor "+strconv.Itoa(ns.FD())+": socket(AF_NETLINK): NETLINK_ROUTE", start, err)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// A sysctl is a file below /proc/sys and its value.
type sysctl struct{ path, value string }

// baseline are the sysctls that a new namespace takes from the machine's first one: devinet_init_net (net/ipv4/devinet.c)
// copies "all" and "default" of IPv4 unless net.core.devconf_inherit_init_net says otherwise, so
// that on a host with Docker a new namespace forwards from its birth. And ping_group_range, which most distributions
// open: to group 0 alone, the one that every user namespace of plumb's has.
func baseline() []sysctl {
	return []sysctl{
		{"net/ipv4/ip_forward", "0"},
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
		{"net/ipv4/conf/all/route_localnet", "0"},
		{"net/ipv4/conf/default/route_localnet", "0"},
		{"net/ipv4/ping_group_range", "0 0"},
	}
}

// writeSysctls sets sysctls of the calling thread's namespace, which is the host's.
func (h *Host) writeSysctls(list []sysctl) error {
	for _, s := range list {
		start := time.Now()
		err := s.write()
		wire.Step(h.lab.options.Tracer, h.name, "sysctl "+strings.ReplaceAll(s.path, "/", ".")+"="+s.value, start, err)
		if err != nil {
			return fmt.Errorf("set sysctl %s to %q: %w", s.path, s.value, err)
		}
	}
	return nil
}

func (s sysctl) write() error {
	fd, err := unix.Open("/proc/sys/"+s.path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(s.value))
	return err
}
