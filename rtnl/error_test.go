package rtnl_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// What the kernel refuses, and what is said of it.
func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		request func(w *world) wire.Request
		errno   unix.Errno
		path    string
		text    string // in the error's text
	}{
		{"a name that is taken", func(w *world) wire.Request {
			return rtnl.NewLink(rtnl.VethPair(&rtnl.Link{Name: "pl-web"}, &rtnl.Link{}), "create pl-web")
		}, unix.EEXIST, "", "create pl-web: file exists (EEXIST)"},
		{"an index that is taken", func(w *world) wire.Request {
			return rtnl.NewLink(rtnl.VethPair(&rtnl.Link{Index: hostEnd, Name: "other"}, &rtnl.Link{}), "create other")
		}, unix.EEXIST, "", "create other: "},
		{"a peer's index that is taken", func(w *world) wire.Request {
			return rtnl.NewLink(rtnl.VethPair(&rtnl.Link{Index: 77, Name: "other"}, &rtnl.Link{Index: hostEnd}), "create other")
		}, unix.EBUSY, "", "create other: "},
		{
			"no such link", func(*world) wire.Request { return rtnl.SetUp(77, "set link 77 up") },
			unix.ENODEV, "", "set link 77 up: no such device (ENODEV)",
		},
		{"an alias that is too long", func(*world) wire.Request {
			return rtnl.SetLink(&rtnl.Link{Index: hostEnd, Alias: strings.Repeat("a", 256)}, "describe pl-web")
		}, unix.ERANGE, "IFALIAS", "describe pl-web: IFALIAS: "},
		{"a bad name", func(*world) wire.Request {
			return rtnl.SetLink(&rtnl.Link{Index: hostEnd, Name: strings.Repeat("n", 16)}, "rename pl-web")
		}, unix.ERANGE, "IFNAME", "rename pl-web: IFNAME: "},
		{"a bad name of the peer", func(*world) wire.Request {
			return rtnl.NewLink(rtnl.VethPair(&rtnl.Link{Name: "x"}, &rtnl.Link{Name: strings.Repeat("n", 16)}), "create x")
		}, unix.ERANGE, "LINKINFO/INFO_DATA/VETH_INFO_PEER/IFNAME", "create x: LINKINFO/INFO_DATA/VETH_INFO_PEER/IFNAME: "},
		{"a peer that is up", func(*world) wire.Request {
			return rtnl.NewLink(rtnl.VethPair(&rtnl.Link{Name: "x"}, &rtnl.Link{Flags: unix.IFF_UP, Change: unix.IFF_UP}), "create x")
		}, unix.ENOTCONN, "", "create x: "},
		{"a kind that there is not", func(*world) wire.Request {
			return rtnl.NewLink(&rtnl.Link{Name: "x", Info: &rtnl.LinkInfo{Kind: "nosuchkind"}}, "create x")
		}, unix.EOPNOTSUPP, "", "create x: Unknown device type (EOPNOTSUPP)"},
		{"an address twice", func(*world) wire.Request {
			return rtnl.NewAddr(rtnl.PeerAddrOf(hostEnd, gateway, address, 0), "address pl-web")
		}, unix.EEXIST, "", "(EEXIST)"},
		{"a gateway that is nowhere", func(*world) wire.Request {
			return rtnl.NewRoute(rtnl.Via(hostEnd, prefix("10.5.0.0/16"), prefix("192.0.2.1/32").Addr()), "route")
		}, unix.ENETUNREACH, "", "route: Nexthop has invalid gateway (ENETUNREACH)"},
		{
			"no such route", func(*world) wire.Request {
				return rtnl.DelRoute(rtnl.OnLink(hostEnd, prefix("10.5.0.0/16")), "unroute")
			},
			unix.ESRCH, "", "(ESRCH)",
		},
		{"no such address", func(*world) wire.Request {
			return rtnl.DelAddr(rtnl.AddrOf(hostEnd, prefix("10.5.0.1/16"), 0), "unaddress")
		}, unix.EADDRNOTAVAIL, "", "(EADDRNOTAVAIL)"},
		{"no such neighbour", func(*world) wire.Request {
			return rtnl.DelNeigh(&rtnl.Neigh{Family: rtnl.IPv4, Index: hostEnd, Address: gateway}, "forget")
		}, unix.ENOENT, "", "(ENOENT)"},
		{
			"no such rule", func(*world) wire.Request { return rtnl.DelRule(rtnl.RuleFrom(prefix("10.5.0.0/16"), 9, 9), "unrule") },
			unix.ENOENT, "", "(ENOENT)",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if err := w.conn.Do(rtnl.NewLink(pair(w), "pair"), rtnl.NewAddr(rtnl.PeerAddrOf(hostEnd, gateway, address, 0), "addr")); err != nil {
				t.Fatal(err)
			}
			err := w.conn.Do(test.request(w))
			if !errors.Is(err, test.errno) {
				t.Fatalf("%v, want %s", err, unix.ErrnoName(test.errno))
			}
			if e := wire.Refusals(err)[0]; e.Path != test.path {
				t.Errorf("the path is %q, want %q (%v)", e.Path, test.path, err)
			}
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("%q has no %q", err, test.text)
			}
		})
	}
}

func TestNoSuchLink(t *testing.T) {
	t.Parallel()
	_, c := newHost(t, "host")
	for name, get := range map[string]func() (*rtnl.Link, error){
		"get link web: ":              func() (*rtnl.Link, error) { return c.LinkByName("web") },
		"get link " + longName + ": ": func() (*rtnl.Link, error) { return c.LinkByName(longName) },
		"get link 77: ":               func() (*rtnl.Link, error) { return c.LinkByIndex(77) },
	} {
		if l, err := get(); !errors.Is(err, unix.ENODEV) || err.Error() != name+"no such device (ENODEV)" {
			t.Errorf("%+v, %v", l, err)
		}
	}
}

// 255 bytes of alias fit, and come back whole.
func TestLongestAlias(t *testing.T) {
	t.Parallel()
	_, c := newHost(t, "host")
	alias := strings.Repeat("é", 127) + "."
	if err := c.Do(rtnl.SetLink(&rtnl.Link{Index: 1, Alias: alias}, "describe lo")); err != nil {
		t.Fatal(err)
	}
	if l, err := c.LinkByIndex(1); err != nil || l.Alias != alias {
		t.Errorf("%+v, %v", l, err)
	}
}

// rtnetlink goes on after a message that it refuses.
func TestGroupGoesOn(t *testing.T) {
	t.Parallel()
	_, c := newHost(t, "host")
	bridge := func(name string) wire.Request {
		return rtnl.NewLink(&rtnl.Link{Name: name, Info: &rtnl.LinkInfo{Kind: "bridge"}}, "create "+name)
	}
	err := c.Do(bridge("one"), bridge("one"), bridge("three"), bridge("four"))
	refused := wire.Refusals(err)
	if len(refused) != 1 || refused[0].Index != 1 || !errors.Is(err, unix.EEXIST) {
		t.Fatalf("%v, want EEXIST of message 1", err)
	}
	links, err := c.Links()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Name)
	}
	if want := []string{"lo", "one", "three", "four"}; !slices.Equal(names, want) {
		t.Errorf("the links are %q, want %q", names, want)
	}
}
