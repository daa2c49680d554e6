package nat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
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

func (p *Published) published() *PublishedError {
	return &PublishedError{Proto: p.Proto, Host: p.Host, Port: p.HostPort, Name: p.Name, Target: p.Target.Addr()}
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

// portsTo are the published ports that lead to a holder's addresses. All are listed: the table alone knows which those are.
func (c *Conn) portsTo(h *Holding) ([]Published, error) {
	if h.Comment.Options&ports == 0 {
		return nil, nil
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
