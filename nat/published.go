package nat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A Published is one published port, as the table has it.
type Published struct {
	Proto    uint8
	Host     netip.Addr // not valid: all of the target's family
	HostPort uint16
	Target   netip.AddrPort
	Name     string // of the container

	set string
	key *Data
}

// Ports returns all published ports; none where plumb's table is not there. A range is as many.
func (c *Conn) Ports() ([]Published, error) {
	var all []Published
	for _, f := range []*ipFamily{&ipv4, &ipv6} {
		ports, err := c.portsOf(f)
		if err != nil {
			return nil, err
		}
		all = append(all, ports...)
	}
	return all, nil
}

func (c *Conn) portsOf(f *ipFamily) ([]Published, error) {
	var all []Published
	for _, set := range []string{f.publish, f.publishHost} {
		if c.isEmpty(set) {
			continue
		}
		elements, err := c.elements(set)
		if err != nil {
			return nil, fmt.Errorf("list the published ports: %w", err)
		}
		for i := range elements {
			if p, ok := portOf(f, set, &elements[i]); ok {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// portsTo are the published ports that lead to a holder's addresses.
func (c *Conn) portsTo(h *Holding, known []Publish) ([]Published, error) {
	if h.Comment.Options&ports == 0 {
		return nil, nil
	}
	if all := c.portsAmong(known, h); len(all) > 0 {
		return all, nil
	}
	var all []Published
	for _, addr := range h.addrs() {
		of, err := c.portsOf(familyOf(addr))
		if err != nil {
			return nil, err
		}
		for _, p := range of {
			if p.Target.Addr() == addr {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// mostAsked is how many ports are asked for by their keys: more take longer than to list some hundreds.
const mostAsked = 64

// portsAmong are the published ports of known, if all of them lead to a holder's addresses; else none.
func (c *Conn) portsAmong(known []Publish, h *Holding) []Published {
	var all []Published
	var requests []wire.Request
	var answers [mostAsked]ElementList
	for _, addr := range h.addrs() {
		f := familyOf(addr)
		for i := range known {
			p := &known[i]
			for n := uint16(0); p.concerns(f) && n < p.Count; n++ {
				if len(all) == mostAsked {
					return nil
				}
				set, key := p.mapOf(f), p.key(n)
				ask := &ElementList{Header: inet, Table: TableName, Set: set, Elements: []Element{{Key: key}}}
				r := getSetElem.New(0, ask, "get an element of set "+set).Expecting(unix.ENOENT)
				requests = append(requests, wire.Into(r, &newSetElem, &answers[len(all)]))
				all = append(all, Published{set: set, key: key, Target: netip.AddrPortFrom(addr, p.Port+n)})
			}
		}
	}
	if c.wire.Do(requests...) != nil {
		return nil
	}
	for i := range all {
		if len(answers[i].Elements) != 1 {
			return nil
		}
		is, ok := portOf(familyOf(all[i].Target.Addr()), all[i].set, &answers[i].Elements[0])
		if !ok || is.Target != all[i].Target {
			return nil
		}
		all[i] = is
	}
	return all
}

// isEmpty reports whether the kernel says that a set has no elements. Before Linux 6.17 it does not say.
func (c *Conn) isEmpty(set string) bool {
	s, err := c.Set(NFPROTO_INET, TableName, set)
	return errors.Is(err, unix.ENOENT) || err == nil && s.Count != nil && *s.Count == 0
}

// portOf reads an element of one of the maps of published ports.
func portOf(f *ipFamily, set string, e *Element) (p Published, ok bool) {
	n := int(f.addrLen)
	if e.Key == nil || e.Data == nil || len(e.Data.Value) < n+2 {
		return p, false
	}
	p = Published{set: set, key: e.Key, Name: e.UserData.Comment()}
	key := e.Key.Value
	if set == f.publishHost && len(key) >= n {
		p.Host, key = addrOf(key[:n]), key[n:]
	}
	if len(key) < 6 {
		return p, false
	}
	p.Proto, p.HostPort = key[0], binary.BigEndian.Uint16(key[4:])
	p.Target = netip.AddrPortFrom(addrOf(e.Data.Value[:n]), binary.BigEndian.Uint16(e.Data.Value[n:]))
	return p, true
}
