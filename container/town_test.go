package container_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/test/lab"
)

// waitTime bounds every wait for what should come: on a machine that has nothing to do it is there at once, on a busy one when its turn is.
const waitTime = 30 * time.Second

// A town is a sealed host with an internet, and what plumb needs to attach containers to it.
type town struct {
	*lab.Lab
	t    testing.TB
	host *clab.Host
	h    *container.Host
	nat  *nat.Conn

	mu      sync.Mutex // several plumbs may be at work at once
	notices []string
}

// note is told what a user should know.
func (w *town) note(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notices = append(w.notices, s)
}

func newTown(t testing.TB, options ...lab.Option) *town {
	t.Helper()
	return newTownWith(t, clab.HostOptions{}, options...)
}

func newTownWith(t testing.TB, o clab.HostOptions, options ...lab.Option) *town {
	t.Helper()
	l := lab.New(t, options...)
	return townOn(t, l, l.NewHostWith("host", o))
}

// townOn makes a host of a lab a town, once it is as it is to be in the end.
func townOn(t testing.TB, l *lab.Lab, host *clab.Host) *town {
	t.Helper()
	w := &town{Lab: l, t: t, host: host}
	w.h = w.open()
	var err error
	if w.nat, err = clab.Open(w.host, nat.Dial); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.nat.Close() })
	return w
}

// open is another plumb on the town's host.
func (w *town) open() *container.Host {
	w.t.Helper()
	h, err := container.OpenHost(container.HostOptions{
		NS: w.host.NS(), Tracer: w.host.Config().Tracer, Notice: w.note,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { h.Close() })
	return h
}

// box is a namespace for a container, with nothing but lo in it.
func (w *town) box(name string) *clab.Host {
	w.t.Helper()
	return w.NewHostWith(name, clab.HostOptions{NoUplink: true})
}

// attach makes a box and attaches it, until the test ends.
func (w *town) attach(n container.Network) (*clab.Host, *container.Attachment) {
	w.t.Helper()
	box := w.box(fmt.Sprintf("box-%d", len(w.Hosts())))
	a, err := w.h.Attach(w.t.Context(), n, box.NS())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.detach(n.Name) })
	w.waitRoutes6(a)
	return box, a
}

// waitRoutes6 waits until the kernel has made the route of a host end's IPv6 address, where it has one, which it does in a work queue
// (addrconf_dad_work, net/ipv6/addrconf.c).
func (w *town) waitRoutes6(a *container.Attachment) {
	w.t.Helper()
	if !a.Addr6.IsValid() || a.Addr.IsValid() {
		return
	}
	events, err := clab.Open(w.host, rtnl.Dial)
	must(w.t, err)
	defer events.Close()
	must(w.t, events.Subscribe(rtnl.GroupIPv6Route))
	ctx, cancel := context.WithTimeout(w.t.Context(), waitTime)
	defer cancel()
	next := errors.New("an event")
	for {
		routes, err := w.host.Rtnl().Routes(rtnl.IPv6)
		must(w.t, err)
		n := 0
		for i := range routes {
			if r := &routes[i]; r.Out == a.HostIndex && r.DstLen == 128 {
				n++ // to the container, and to the host end's own address
			}
		}
		if n >= 2 {
			return
		}
		if err := events.Events(ctx, func(rtnl.Event) error { return next }); !errors.Is(err, next) {
			w.t.Fatalf("the routes of %s: %v", a.HostLink, err)
		}
	}
}

func (w *town) detach(name string) {
	w.t.Helper()
	if _, err := w.h.Detach(name); err != nil {
		w.t.Errorf("detach %s: %v", name, err)
	}
}

// refused attaches what cannot be attached, and returns why. The host and the container must be as before, also at the
// end of the test.
func (w *town) refused(n container.Network) error {
	w.t.Helper()
	box := w.box(fmt.Sprintf("box-%d", len(w.Hosts())))
	before := w.picture(w.host, box)
	_, err := w.h.Attach(w.t.Context(), n, box.NS())
	if err == nil {
		w.t.Fatalf("attach %+v: no error", n)
	}
	w.same(before, w.host, box)
	return err
}

// picture is what the hosts hold.
func (w *town) picture(hosts ...*clab.Host) []clab.State {
	w.t.Helper()
	var states []clab.State
	for _, h := range hosts {
		s, err := clab.SnapshotNamespace(h.NS())
		if err != nil {
			w.t.Fatal(err)
		}
		states = append(states, s)
	}
	return states
}

// same compares the hosts with a picture.
func (w *town) same(before []clab.State, hosts ...*clab.Host) {
	w.t.Helper()
	after := w.picture(hosts...)
	for i, h := range hosts {
		diff := slices.DeleteFunc(clab.Diff(before[i], after[i]), func(line string) bool {
			// What the kernel does some time after a carrier comes or goes, and connections that a relay or a service of this process has still had.
			return strings.Contains(line, "ff00::/8 dev ") || strings.Contains(line, ": rtm_flags is ") ||
				strings.HasPrefix(line, "socket stream") && strings.HasSuffix(line, ": gone")
		})
		if len(diff) > 0 {
			w.t.Errorf("%s is not as before:\n\t%s", h.Name(), strings.Join(diff, "\n\t"))
		}
	}
}

// foreign makes a link that is none of plumb's, up, until the test ends.
func (w *town) foreign(h *clab.Host, name string) (index uint32) {
	w.t.Helper()
	index = 40
	pair := rtnl.VethPair(&rtnl.Link{Index: index, Name: name}, &rtnl.Link{Index: index + 1, Name: "other-end"})
	must(w.t, h.Rtnl().Do(
		rtnl.NewLink(pair, ""), rtnl.SetAddrGenMode(index, rtnl.AddrGenModeNone, ""), rtnl.SetAddrGenMode(index+1, rtnl.AddrGenModeNone, ""),
		rtnl.SetUp(index, ""), rtnl.SetUp(index+1, ""),
	))
	w.t.Cleanup(func() { check(w.t, h.Rtnl().Do(rtnl.DelLink(&rtnl.Link{Index: index}, ""))) })
	return index
}

// link gets a link, or nil.
func (w *town) link(h *clab.Host, name string) *rtnl.Link {
	w.t.Helper()
	l, err := h.Rtnl().LinkByName(name)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// waitGone waits until the host has no link of plumb's.
func (w *town) waitGone() {
	w.t.Helper()
	w.waitGoneBut(func(*rtnl.Link) bool { return false })
}

// waitGoneBut is waitGone without the links that are to stay.
func (w *town) waitGoneBut(stay func(*rtnl.Link) bool) {
	w.t.Helper()
	events, err := clab.Open(w.host, rtnl.Dial)
	if err != nil {
		w.t.Fatal(err)
	}
	defer events.Close()
	if err := events.Subscribe(rtnl.GroupLink); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), waitTime)
	defer cancel()
	next := errors.New("an event")
	for {
		links, err := w.host.Rtnl().Links()
		if err != nil {
			w.t.Fatal(err)
		}
		left := ""
		for _, l := range links {
			if stay(&l) {
				continue
			}
			if l.Group == container.LinkGroup || l.Group>>16 == container.LinkGroup { // the latter a DetachAll's
				left += " " + l.Name
			}
		}
		if left == "" {
			return
		}
		err = events.Events(ctx, func(rtnl.Event) error { return next })
		if !errors.Is(err, next) && !errors.Is(err, unix.ENOBUFS) { // with a thousand links, some events are lost
			w.t.Fatalf("links%s are left after %s: %v", left, waitTime, err)
		}
	}
}

// forwards says whether a link of the host's forwards.
func (w *town) forwards(name string) bool {
	w.t.Helper()
	v, err := w.host.NS().ReadSysctl("net/ipv4/conf/" + name + "/forwarding")
	if err != nil {
		w.t.Fatal(err)
	}
	return v != "0"
}

func (w *town) set(h *clab.Host, sysctl, value string) {
	w.t.Helper()
	if err := h.NS().WriteSysctl(sysctl, value); err != nil {
		w.t.Fatal(err)
	}
}

// ping sends an ICMP echo from a namespace and waits for its reply.
func ping(from *clab.Host, to string) error { return pingFor(from, to, waitTime) }

func pingFor(from *clab.Host, to string, wait time.Duration) error {
	fd, family, proto := -1, unix.AF_INET, unix.IPPROTO_ICMP
	if netip.MustParseAddr(to).Is6() {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	err := from.Do(func() (err error) {
		fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, proto)
		return err
	})
	if err != nil {
		return err
	}
	return pingOn(fd, to, wait)
}

func pingOn(fd int, to string, wait time.Duration) error {
	defer unix.Close(fd)
	tv := unix.NsecToTimeval(wait.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return err
	}
	request := []byte{8, 0, 0, 0, 0, 0, 0, 1, 'p', 'l', 'u', 'm', 'b'} // RFC 792: echo, sequence number 1
	answer := byte(0)
	var addr unix.Sockaddr
	if a := netip.MustParseAddr(to); a.Is4() {
		addr = &unix.SockaddrInet4{Addr: a.As4()}
	} else {
		addr = &unix.SockaddrInet6{Addr: a.As16()}
		request[0], answer = 128, 129 // RFC 4443, section 4
	}
	if err := unix.Connect(fd, addr); err != nil {
		return fmt.Errorf("ping %s: %w", to, err)
	}
	if _, err := unix.Write(fd, request); err != nil {
		return fmt.Errorf("ping %s: %w", to, err)
	}
	reply := make([]byte, 64)
	n, err := unix.Read(fd, reply)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Read(fd, reply)
	}
	if err != nil || n != len(request) || reply[0] != answer || binary.BigEndian.Uint16(reply[6:]) != 1 {
		return fmt.Errorf("ping %s: no reply: %w", to, err)
	}
	return nil
}

// resolve asks the internet's name server, from a namespace.
func resolve(from *clab.Host, name string) (string, error) {
	return resolveBy(from, clab.NameServer4, name)
}

func resolveBy(from *clab.Host, server, name string) (string, error) {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return from.DialContext(ctx, "udp", net.JoinHostPort(server, "53"))
	}}
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	addrs, err := r.LookupNetIP(ctx, "ip4", name)
	if err != nil {
		return "", err
	}
	return addrs[0].String(), nil
}

// whoAmI asks an HTTP server of the internet whom it sees.
func whoAmI(from *clab.Host) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	var b bytes.Buffer
	if _, err := clab.Get(ctx, from.DialContext, "http://"+clab.NameServer4+"/", &b); err != nil {
		return "", err
	}
	text := strings.TrimPrefix(b.String(), "you are ")
	who, _, _ := strings.Cut(text, ",")
	ap, err := netip.ParseAddrPort(who)
	return ap.Addr().String(), err
}

// echo asks an echo service, by UDP or TCP, and returns whom that sees.
func echo(from *clab.Host, network, to string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	conn, err := from.DialContext(ctx, network, to)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(waitTime))
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return "", err
	}
	buf := make([]byte, 256)
	n, err := conn.Read(buf)
	if err != nil {
		return "", err
	}
	who := strings.Fields(string(buf[:n]))[0]
	return netip.MustParseAddrPort(who).Addr().String(), nil
}

// serve runs echo services on port 7 of all a namespace's addresses.
func serve(t testing.TB, h *clab.Host) {
	t.Helper()
	var s clab.Services
	l, err := h.Listen("tcp", ":7")
	if err != nil {
		t.Fatal(err)
	}
	s.ServeEcho(l)
	p, err := h.ListenPacket("udp", ":7")
	if err != nil {
		t.Fatal(err)
	}
	s.ServePacketEcho(p)
	t.Cleanup(func() { s.Close() })
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
