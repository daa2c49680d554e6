package container_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/nat"
	"plumb/test/lab"
)

// serveFor attaches a container, and stays with it as a living process does, until the test ends.
func (w *town) serveFor(n container.Network, dns ...string) *clab.Host {
	w.t.Helper()
	box, a := w.attach(n)
	o := container.ServiceOptions{Network: n}
	for _, s := range dns {
		o.DNS.Servers = append(o.DNS.Servers, netip.MustParseAddr(s))
	}
	services, err := w.h.Serve(w.t.Context(), a, box.NS(), o)
	must(w.t, err)
	w.t.Cleanup(func() { check(w.t, services.Close()) })
	return box
}

// ask asks the name server that a container's resolv.conf names.
func ask(from *clab.Host, network string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, asked, _ string) (net.Conn, error) {
		return from.DialContext(ctx, cmp.Or(network, asked), "127.0.0.11:53")
	}}
}

// finds says what a name is, as a container finds it.
func (w *town) finds(from *clab.Host, network, name string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), waitTime)
	defer cancel()
	addrs, err := ask(from, network).LookupNetIP(ctx, "ip", name)
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) && dns.IsNotFound {
		return "nothing"
	}
	if err != nil {
		return err.Error()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return strings.Trim(fmt.Sprint(addrs), "[]")
}

// Containers of a network find each other by name and hostname, as they come and go; those of another network do not. Other names are asked
// of the host's resolver, and one on a loopback address is reached, which the container could not reach itself.
func TestNames(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	lab.Run(t, w.host, "ip", "addr", "add", "127.0.0.53/32", "dev", "lo")
	t.Cleanup(func() { lab.Run(t, w.host, "ip", "addr", "del", "127.0.0.53/32", "dev", "lo") })
	var stub clab.Services
	packets, err := w.host.ListenPacket("udp4", "127.0.0.53:53")
	must(t, err)
	zone := clab.Zone{}
	zone.Add("corp.example.", dnsmessage.TypeA, &dnsmessage.AResource{A: [4]byte{192, 0, 2, 7}})
	stub.ServeDNS(packets, zone)
	streams, err := w.host.Listen("tcp4", "127.0.0.53:53")
	must(t, err)
	stub.ServeDNSTCP(streams, zone)
	t.Cleanup(func() { stub.Close() })

	web := w.serveFor(container.Network{Name: "web"}, "127.0.0.53")
	db := w.serveFor(container.Network{Name: "db", Hostname: "data.example"}, clab.NameServer4)
	stranger := w.serveFor(container.Network{Name: "stranger", Network: "else"}, clab.NameServer4)
	const both = "10.0.0.3 fd70:6c75:6d62::3"
	expect := func(from *clab.Host, name, want string) {
		t.Helper()
		for _, network := range []string{"udp", "tcp"} {
			if got := w.finds(from, network, name); got != want {
				t.Errorf("%s finds %s to be %s by %s, want %s", from.Name(), name, got, network, want)
			}
		}
	}
	for _, name := range []string{"db.", "DB.", "data.example.", "data."} {
		expect(web, name, both)
	}
	expect(db, "web.", "10.0.0.2 fd70:6c75:6d62::2")
	if got := w.finds(web, "udp", "corp.example."); got != "192.0.2.7" {
		t.Errorf("the host's own resolver says of corp.example %s", got)
	}
	if got := w.finds(db, "", "google.com."); !strings.Contains(got, "8.8.8.8") {
		t.Errorf("google.com is %s", got)
	}
	if got := w.finds(stranger, "udp", "web."); got != "nothing" {
		t.Errorf("a container of another network finds web to be %s", got)
	}
	for addr, want := range map[string]string{"10.0.0.3": "db.", "fd70:6c75:6d62::3": "db.", "10.0.0.2": "web."} {
		names, err := ask(web, "udp").LookupAddr(t.Context(), addr)
		if err != nil || !slices.Equal(names, []string{want}) {
			t.Errorf("%s is %q, %v, want %s", addr, names, err, want)
		}
	}
	// Who comes is found, who goes is not found any more, who comes again has the new address.
	expect(web, "late.", "nothing")
	w.attach(container.Network{Name: "late"})
	expect(web, "late.", "10.0.0.4 fd70:6c75:6d62::4")
	w.detach("late")
	expect(web, "late.", "nothing")
	w.attach(container.Network{Name: "late", Addr: netip.MustParseAddr("10.0.0.99"), NoIPv6: true})
	expect(web, "late.", "10.0.0.99")
}

// A name that is asked for while its container comes, or goes, is not remembered as it was at that moment.
func TestNamesMeanwhile(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	web := w.serveFor(container.Network{Name: "web"}, "127.0.0.1") // where nobody answers
	const at = "10.0.0.3 fd70:6c75:6d62::3"
	look := func() { w.finds(web, "udp", "db") }
	_, err := w.interrupted("give lo the gateway's address", look).Attach(t.Context(), container.Network{Name: "db"}, w.box("db").NS())
	must(t, err)
	if got := w.finds(web, "udp", "db"); got != at {
		t.Errorf("db is %s", got)
	}
	_, err = w.interrupted("remove pl-db", look).Detach("db")
	must(t, err)
	for end := time.Now().Add(waitTime); w.finds(web, "udp", "db") == at; {
		if time.Now().After(end) {
			t.Fatal("db is found after it has gone")
		}
	}
}

// An internal container finds its neighbours, and its resolver is no way out (CVE-2024-29018).
func TestInternalNames(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.serveFor(container.Network{Name: "box", Internal: true}, clab.NameServer4)
	w.attach(container.Network{Name: "other"})
	if got := w.finds(box, "udp", "other."); got != "10.0.0.3 fd70:6c75:6d62::3" {
		t.Errorf("other is %s", got)
	}
	if got := w.finds(box, "udp", "google.com."); strings.Contains(got, "8.8.8.8") || !strings.Contains(got, "server misbehaving") {
		t.Errorf("google.com is %s", got)
	}
}

// A name server of the container's own has port 53 for itself.
func TestOwnNameServer(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box := w.serveFor(container.Network{Name: "box"}, clab.NameServer4)
	for _, listen := range []func() error{
		func() error {
			l, err := box.Listen("tcp4", "0.0.0.0:53")
			if err == nil {
				defer l.Close()
				if got := w.finds(box, "udp", "box."); got != "10.0.0.2 fd70:6c75:6d62::2" {
					return fmt.Errorf("box is %s", got)
				}
			}
			return err
		},
		func() error {
			l, err := box.ListenPacket("udp4", "0.0.0.0:53")
			if err == nil {
				l.Close()
			}
			return err
		},
	} {
		check(t, listen())
	}
}

// What is published is reached by ::1 as long as a process stays, over IPv6 to the container, or over IPv4 where it has no other.
func TestLoopback6(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	for i, n := range []container.Network{publish(t, "both", "8080:7", "8080:7/udp", "[::1]:9090:7"), publish(t, "four", "8181:7")} {
		n.NoIPv6 = i == 1 && len(n.Publish) == 1
		box, a := w.attach(n)
		serveOn(t, box, "7")
		services, err := w.h.Serve(t.Context(), a, box.NS(), container.ServiceOptions{Network: n})
		must(t, err)
		for j := range a.Publish {
			p := &a.Publish[j]
			network := map[uint8]string{6: "tcp", 17: "udp"}[p.Proto]
			to := fmt.Sprintf("[::1]:%d", p.HostPort)
			if _, err := echo(w.host, network, to); err != nil {
				t.Errorf("%s %s: %v", n.Name, to, err)
			}
			if p.Host.IsValid() {
				if _, err := echo(w.host, network, fmt.Sprintf("127.0.0.1:%d", p.HostPort)); err == nil {
					t.Errorf("%s is reached by 127.0.0.1, too", p)
				}
			}
		}
		var published *nat.PublishedError // and not the process that relays
		if err := w.refused(publish(t, "other", fmt.Sprintf("%d:7", a.Publish[0].HostPort))); !errors.As(err, &published) || published.Name != n.Name {
			t.Errorf("its port is refused so: %v", err)
		}
		must(t, services.Close())
		if _, err := echo(w.host, "tcp", fmt.Sprintf("[::1]:%d", a.Publish[0].HostPort)); err == nil {
			t.Error("a port is relayed that nobody serves any more")
		}
	}
}

// gc gives back what killed processes left, removes links that nobody finishes, and leaves the living alone.
func TestGC(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	box, _ := w.attach(container.Network{Name: "web"})
	w.fabricate("killed", "10.0.0.9", 4711, 0)
	w.halfMade("half", w.box("half"), 77)
	done, err := w.h.GC(false)
	must(t, err)
	if !slices.Equal(done.Leases, []string{"10.0.0.9 killed"}) || !slices.Equal(done.Links, []string{"pl-half"}) || done.Repaired != nil {
		t.Errorf("done: %+v", done)
	}
	check(t, ping(box, "8.8.8.8"))
	w.flush()
	done, err = w.h.GC(true)
	if err != nil || !slices.Equal(done.Repaired, []string{"web"}) || done.Leases != nil || done.Links != nil {
		t.Errorf("done after a flush: %+v, %v", done, err)
	}
	check(t, ping(box, "8.8.8.8"))
	if done, err = w.h.GC(true); err != nil || done.Repaired != nil || done.Leases != nil || done.Links != nil {
		t.Errorf("done where nothing is to do: %+v, %v", done, err)
	}
}

// What is listed is what there is.
func TestContainers(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	n := publish(t, "web", "8080:7")
	n.Network, n.Hostname, n.Isolate, n.RateIn = "front", "web.example", true, 10_000_000
	box, a := w.attach(n)
	_, inode := box.NS().ID()
	check(t, ping(box, "8.8.8.8"))
	list, err := w.h.Containers()
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("listed %+v", list)
	}
	c := list[0]
	if c.Name != "web" || c.Hostname != "web.example" || c.Network != "front" || !c.Isolate || c.Internal || c.NoHost || c.State != container.Up ||
		c.Addr != a.Addr || c.Addr6 != a.Addr6 || c.Gateway != a.Gateway || c.Gateway6 != a.Gateway6 || c.NetNS != inode ||
		c.RateIn != 10_000_000 || c.RateOut != 0 || !slices.Equal(c.Publish, a.Publish) || c.HostIndex != a.HostIndex || c.Age < 0 || c.Age > waitTime {
		t.Errorf("listed %+v, attached %+v", c, a)
	}
	inside := w.link(box, "eth0")
	counted, err := box.Rtnl().LinkByIndex(inside.Index)
	must(t, err)
	if c.RxBytes == 0 || c.TxBytes == 0 || c.RxPackets > counted.Stats.RxPackets || c.TxPackets > counted.Stats.TxPackets {
		t.Errorf("it has received %d and sent %d packets, by its own count %+v", c.RxPackets, c.TxPackets, counted.Stats)
	}
	if _, err := w.h.Container("none"); err == nil || !strings.Contains(err.Error(), "nothing named none is attached") {
		t.Errorf("one that is not there: %v", err)
	}
}
