package nat_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"plumb/container/netns"
	. "plumb/nat"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

var redirectTo = netip.MustParseAddrPort("127.0.0.11:5353")

func dialRedirect(ns *netns.NS, to netip.AddrPort, flags TableFlags) (*Redirect, error) {
	return netns.Open(ns, func() (*Redirect, error) { return DialRedirectWith(wire.Config{Namespace: "test"}, to, flags) })
}

func mustRedirect(t *testing.T, ns *netns.NS, to netip.AddrPort, flags TableFlags) *Redirect {
	t.Helper()
	r, err := dialRedirect(ns, to, flags)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// nft makes the same rules, in a table of nobody's.
func TestNftMakesTheSameRedirect(t *testing.T) {
	t.Parallel()
	theirs, ours := lab.NewNS(t), lab.NewNS(t)
	file := filepath.Join(t.TempDir(), "script.nft")
	if err := os.WriteFile(file, []byte(strings.Replace(redirectScript, "flags owner;", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, theirs, "nft", "-f", file)
	r := mustRedirect(t, ours, redirectTo, 0)
	defer r.Close()
	rules := func(ns *netns.NS) []Rule {
		list, err := dialIn(t, ns).Rules(NFPROTO_IPV4, RedirectTable, "")
		if err != nil || len(list) != 2 {
			t.Fatalf("%d rules, %v", len(list), err)
		}
		return list
	}
	if diff := cmp.Diff(rules(theirs), rules(ours), sameObjects); diff != "" {
		t.Errorf("other rules than nft's (-nft +plumb):\n%s", diff)
	}
	const list = "list ruleset"
	if want, got := run(t, theirs, "nft", strings.Fields(list)...), run(t, ours, "nft", strings.Fields(list)...); want != got {
		t.Errorf("nft %s, of its own:\n%s\nof plumb's:\n%s", list, want, got)
	}
}

// It runs alone: a process that another test starts has the socket, too, for a moment.
func TestRedirectGoesWithItsSocket(t *testing.T) {
	ns := lab.NewNS(t)
	c := dialIn(t, ns)
	r := mustRedirect(t, ns, redirectTo, NFT_TABLE_F_OWNER)
	table, err := c.Table(NFPROTO_IPV4, RedirectTable)
	if err != nil || table.Flags != NFT_TABLE_F_OWNER || table.Owner == 0 {
		t.Errorf("got %+v, %v, want a table with an owner", table, err)
	}
	if _, err := dialRedirect(ns, redirectTo, NFT_TABLE_F_OWNER); !errors.Is(err, unix.EPERM) {
		t.Errorf("a second one: %v, want EPERM", err)
	}
	if out, err := tryRun(t, ns, "nft", "flush", "ruleset"); err != nil {
		t.Errorf("flush the ruleset: %v: %s", err, out)
	}
	if _, err := c.Table(NFPROTO_IPV4, RedirectTable); err != nil {
		t.Errorf("after a flush by somebody else: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Table(NFPROTO_IPV4, RedirectTable); !errors.Is(err, unix.ENOENT) {
		t.Errorf("after Close: %v, want ENOENT", err)
	}
}

// A flag that no kernel knows is refused as the owner's is before Linux 5.12.
func TestRedirectWithoutOwner(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	c := dialIn(t, ns)
	const unknown = NFT_TABLE_F_OWNER | 1<<31
	left := mustRedirect(t, ns, redirectTo, unknown) // by a process that was killed
	table, err := c.Table(NFPROTO_IPV4, RedirectTable)
	if err != nil || table.Flags != 0 {
		t.Fatalf("got %+v, %v, want a table without flags", table, err)
	}
	other := netip.MustParseAddrPort("127.0.0.11:6363")
	r := mustRedirect(t, ns, other, unknown)
	if out := run(t, ns, "nft", "list", "ruleset"); strings.Contains(out, "5353") || strings.Count(out, "6363") != 2 {
		t.Errorf("the second does not replace the first:\n%s", out)
	}
	for _, r := range []*Redirect{r, left} { // the second finds nothing to remove
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Table(NFPROTO_IPV4, RedirectTable); !errors.Is(err, unix.ENOENT) {
		t.Errorf("after Close: %v, want ENOENT", err)
	}
}

// A name server of the container's own, on all addresses and port 53, can be started, and hears what is for it and no more.
func TestRedirectedTraffic(t *testing.T) {
	t.Parallel()
	for _, flags := range []TableFlags{NFT_TABLE_F_OWNER, 0} {
		t.Run(flags.String(), func(t *testing.T) {
			t.Parallel()
			ns := lab.NewNS(t)
			run(t, ns, "ip", "link", "set", "lo", "up")
			ours := serveName(t, ns, "127.0.0.11:0", "ours")
			r := mustRedirect(t, ns, ours, flags)
			defer r.Close()
			serveName(t, ns, "0.0.0.0:53", "its own")
			for to, want := range map[string]string{
				"127.0.0.11:53": "ours", ours.String(): "ours", "127.0.0.1:53": "its own",
			} {
				for _, network := range []string{"udp4", "tcp4"} {
					if got, err := askName(ns, network, to); err != nil || got != want+" as "+to {
						t.Errorf("%s to %s is answered by %q, %v, want %q", network, to, got, err, want)
					}
				}
			}
			if got, err := askName(ns, "udp4", "127.0.0.11:54"); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("another port: %q, %v", got, err)
			}
		})
	}
}

// serveName says who it is, by UDP and TCP on one port.
func serveName(t *testing.T, ns *netns.NS, at, who string) netip.AddrPort {
	t.Helper()
	var pc net.PacketConn
	var l net.Listener
	err := ns.Do(func() (err error) {
		if pc, err = net.ListenPacket("udp4", at); err == nil {
			l, err = net.Listen("tcp4", pc.LocalAddr().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 2)
	go func() {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 64)
		for {
			_, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			pc.WriteTo([]byte(who), from)
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, who)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		pc.Close()
		l.Close()
		<-done
		<-done
	})
	return netip.MustParseAddrPort(pc.LocalAddr().String())
}

// askName returns who answers, and as which address.
func askName(ns *netns.NS, network, to string) (string, error) {
	c, err := netns.Open(ns, func() (net.Conn, error) { return net.Dial(network, to) })
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if network == "udp4" {
		c.Write([]byte("who?"))
	}
	buf := make([]byte, 64)
	n, err := c.Read(buf) // a connected socket hears of nobody but whom it asked
	return string(buf[:n]) + " as " + c.RemoteAddr().String(), err
}
