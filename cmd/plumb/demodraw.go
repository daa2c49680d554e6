package main

import (
	"fmt"
	"os"
	"strings"

	"plumb/container/lab"
	"plumb/container/netns"
	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// draw draws what the kernel says is there: nothing of the picture is remembered.
func (d *demo) draw() (string, error) {
	var drawing lab.Drawing
	for _, n := range []struct {
		name  string
		ns    *netns.NS
		peers map[string]string
	}{
		{"the internet", d.lab.Internet().NS(), nil},
		{"the host", d.machine.NS(), map[string]string{lab.UplinkName: "the internet/to-host", d.attachment.HostLink: "the container/" + d.attachment.Interface}},
		{"the container", d.process.NetNS(), nil},
	} {
		box, err := drawNamespace(n.ns, n.name, n.peers)
		if err != nil {
			return "", err
		}
		drawing.Namespaces = append(drawing.Namespaces, box)
	}
	rules, err := d.rules()
	if err != nil {
		return "", err
	}
	drawing.Namespaces[1].Notes = rules
	utf8 := strings.Contains(strings.ToUpper(os.Getenv("LC_ALL")+os.Getenv("LC_CTYPE")+os.Getenv("LANG")), "UTF")
	return lab.Draw(drawing, !utf8), nil
}

// drawNamespace reads a namespace's links, addresses and default routes.
func drawNamespace(ns *netns.NS, name string, peers map[string]string) (box lab.DrawnNamespace, err error) {
	box.Name = name
	var c *rtnl.Conn
	err = ns.Do(func() (err error) {
		c, err = rtnl.Dial(wire.Config{})
		return err
	})
	if err != nil {
		return box, err
	}
	defer c.Close()
	links, err := c.Links()
	if err != nil {
		return box, err
	}
	addrs, err := c.Addrs(unix.AF_UNSPEC, 0)
	if err != nil {
		return box, err
	}
	names := map[uint32]string{}
	for _, l := range links {
		names[l.Index] = l.Name
		link := lab.DrawnLink{Name: l.Name, Peer: peers[l.Name]}
		for i := range addrs {
			if addrs[i].Index == l.Index {
				link.Addrs = append(link.Addrs, drawAddr(&addrs[i]))
			}
		}
		box.Links = append(box.Links, link)
	}
	routes, err := c.Routes(unix.AF_UNSPEC)
	for _, r := range routes {
		if r.Table == unix.RT_TABLE_MAIN && r.DstLen == 0 && r.Gateway.IsValid() {
			box.Routes = append(box.Routes, fmt.Sprintf("default via %s dev %s", r.Gateway, names[r.Out]))
		}
	}
	return box, err
}

func drawAddr(a *rtnl.Addr) string {
	if a.Local.IsValid() && a.Local != a.Address {
		return fmt.Sprintf("%s peer %s", a.Local, a.Address)
	}
	return fmt.Sprintf("%s/%d", a.Address, a.PrefixLen)
}

// rules tells of table inet plumb: its leases, and its chains with how many rules each has.
func (d *demo) rules() (lines []string, err error) {
	conn, err := lab.Open(d.machine, nat.Dial)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	chains, err := conn.Chains(nat.NFPROTO_INET)
	if err != nil {
		return nil, err
	}
	var words []string
	for _, c := range chains {
		rules, err := conn.Rules(nat.NFPROTO_INET, nat.TableName, c.Name)
		if err != nil {
			return nil, err
		}
		words = append(words, fmt.Sprintf("%s %d", c.Name, len(rules)))
	}
	lines = append(lines, "nftables table inet "+nat.TableName+", rules by chain:", "  "+strings.Join(words, ", "))
	leases, err := conn.Leases()
	for _, l := range leases {
		lines = append(lines, fmt.Sprintf("lease of %s: %s, link %s", l.Addr, l.Comment.Name, l.Link))
	}
	return lines, err
}
