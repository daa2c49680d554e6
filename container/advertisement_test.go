package container_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/rtnl"
	"plumb/test/lab"
)

// CVE-2020-10749: a container that may send raw packets makes itself the host's IPv6 router. That it is possible at all is
// seen on a pair that is not plumb's.
func TestRouterAdvertisement(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	if !w.host.Addr6().IsValid() {
		t.Skip("a kernel without IPv6")
	}
	box, a := w.attach(container.Network{Name: "attacker", NoIPv6: true})
	w.hear(a.HostIndex)
	must(t, ping(box, "10.0.0.1")) // the link carries packets
	must(t, advertise(box, a.Interface))
	if err := w.dropped(box, netip.AddrPort{}, at("192.0.2.1:7000"), w.host, at("10.0.0.1:7000")); err != nil {
		t.Error(err) // its marker came after the advertisement
	}
	if got := w.believed(a.HostIndex); len(got) > 0 {
		t.Errorf("the host has %q", got)
	}
	fd := uint32(box.NS().FD())
	pair := rtnl.VethPair(&rtnl.Link{Index: 60, Name: "open0"}, &rtnl.Link{Index: 60, Name: "open1", NetNSFd: &fd})
	must(t, w.host.Rtnl().Do(rtnl.NewLink(pair, ""), rtnl.SetUp(60, "")))
	defer w.deleteLink("open0")
	carrier, err := clab.Open(box, rtnl.Dial)
	must(t, err)
	defer carrier.Close()
	must(t, carrier.Subscribe(rtnl.GroupLink))
	must(t, box.Rtnl().Do(rtnl.SetUp(60, "")))
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	err = carrier.Events(ctx, func(e rtnl.Event) error {
		if e.Link != nil && e.Link.Index == 60 && e.Link.OperState == rtnl.OperUp {
			return errSeen
		}
		return nil
	})
	if err != errSeen {
		t.Fatal(err)
	}
	events, err := clab.Open(w.host, rtnl.Dial)
	must(t, err)
	defer events.Close()
	must(t, events.Subscribe(rtnl.GroupIPv6Route))
	must(t, advertise(box, "open1"))
	err = events.Events(ctx, func(e rtnl.Event) error {
		if e.Route != nil && e.Route.DstLen == 0 && e.Route.Out == 60 {
			return errSeen
		}
		return nil
	})
	if err != errSeen {
		t.Errorf("the advertisement does no harm where nothing keeps it out: %v: this test tests nothing", err)
	}
}

var errSeen = errors.New("seen")

// believed is what the host has of IPv6 on a link: addresses, and routes through routers.
func (w *town) believed(index uint32) (list []string) {
	w.t.Helper()
	addrs, err := w.host.Rtnl().Addrs(rtnl.IPv6, index)
	must(w.t, err)
	for _, a := range addrs {
		list = append(list, a.Address.String())
	}
	routes, err := w.host.Rtnl().Routes(rtnl.IPv6)
	must(w.t, err)
	for _, r := range routes {
		if r.Out == index && (r.Gateway.IsValid() || r.Destination().Addr().As16()[0] == 0x20) {
			list = append(list, r.Destination().String())
		}
	}
	return list
}

// A container that gives itself a link-local IPv6 address reaches nothing by it: not even by multicast, or at an address of which it
// need not ask whose it is.
func TestNoIPv6(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, a := w.attach(container.Network{Name: "web", NoIPv6: true})
	w.hear(a.HostIndex)
	l, err := w.host.ListenPacket("udp", ":7000")
	must(t, err)
	defer l.Close()
	eth0, hostEnd := w.link(box, "eth0"), w.link(w.host, "pl-web")
	source := netip.MustParsePrefix("fe80::bad/64")
	global := netip.MustParsePrefix("2001:db8:77::1/128")
	uplink := rtnl.AddrOf(w.link(w.host, "uplink0").Index, global, unix.IFA_F_NODAD)
	must(t, w.host.Rtnl().Do(rtnl.NewAddr(uplink, "")))
	defer func() { check(t, w.host.Rtnl().Do(rtnl.DelAddr(uplink, ""))) }()
	lab.AwaitLocal(t, w.host.NS(), global.Addr().String()) // else it receives nothing in any case
	must(t, box.Rtnl().Do(
		rtnl.NewAddr(rtnl.AddrOf(eth0.Index, source, unix.IFA_F_NODAD), ""),
		rtnl.NewRoute(&rtnl.Route{Family: rtnl.IPv6, DstLen: 128, Dst: global.Addr(), Out: eth0.Index, TableLow: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNICAST}, ""),
		rtnl.NewNeigh(&rtnl.Neigh{Family: rtnl.IPv6, Index: eth0.Index, State: unix.NUD_PERMANENT, Address: global.Addr(), LLAddress: hostEnd.Address}, ""),
	))
	for _, to := range []string{fmt.Sprintf("[ff02::1%%%d]:7000", eth0.Index), "[2001:db8:77::1]:7000", "10.0.0.1:7000"} {
		var c net.Conn
		must(t, box.Do(func() (err error) { c, err = net.Dial("udp", to); return err }))
		_, err := c.Write([]byte(to))
		must(t, errors.Join(err, c.Close()))
	}
	if text, err := read(l); err != nil || text != "10.0.0.1:7000" {
		t.Errorf("the first to arrive is %q, %v", text, err)
	}
}

// advertise sends a router advertisement (RFC 4861, section 4.2) by a link, with a prefix to make addresses of.
func advertise(h *clab.Host, link string) error {
	l, err := h.Rtnl().LinkByName(link)
	if err != nil {
		return err
	}
	source := netip.MustParsePrefix("fe80::bad/64")
	err = h.Rtnl().Do(rtnl.NewAddr(rtnl.AddrOf(l.Index, source, unix.IFA_F_NODAD), ""))
	if err != nil {
		return err
	}
	fd := -1
	err = h.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet6{Addr: source.Addr().As16(), ZoneId: l.Index}); err != nil {
		return err
	}
	packet := []byte{134, 0, 0, 0, 64, 0, 1800 >> 8, 1800 & 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	prefix := netip.MustParseAddr("2001:db8:bad::").As16()
	option := append([]byte{3, 4, 64, 0xc0, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0, 0, 0}, prefix[:]...)
	to := netip.MustParseAddr("ff02::1").As16()
	return unix.Sendto(fd, append(packet, option...), 0, &unix.SockaddrInet6{Addr: to, ZoneId: l.Index})
}
