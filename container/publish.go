package container

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"plumb/nat"

	"golang.org/x/sys/unix"
)

// A Publish says that ports of the host's lead to a container's.
type Publish = nat.Publish

// maxPublished is how many ports one container may publish: more would not be told by the kernel in one answer.
const maxPublished = 16384

// ParsePublish reads [HOSTIP:][HOSTPORT[-HOSTPORT]:]PORT[-PORT][/tcp|udp|sctp]. An IPv6 address stands in brackets. Without a host
// port, or with 0, one that is free is chosen when the container is attached.
func ParsePublish(text string) (Publish, error) {
	p := Publish{Proto: unix.IPPROTO_TCP}
	rest, proto, given := strings.Cut(text, "/")
	if given {
		var ok bool
		if p.Proto, ok = parseProto(proto); !ok {
			return p, fmt.Errorf("%q is not a protocol: tcp, udp and sctp are", proto)
		}
	}
	host, hostPort, port, err := splitPublish(rest)
	if err != nil {
		return p, err
	}
	if host != "" {
		if p.Host, err = netip.ParseAddr(host); err != nil || p.Host.Zone() != "" {
			return p, fmt.Errorf("%q is not an address of the host's, such as 192.0.2.1 or [2001:db8::1]", host)
		}
		p.Host = p.Host.Unmap()
	}
	first, last, err := parsePorts(port)
	if err != nil {
		return p, err
	}
	if first == 0 {
		return p, errors.New("0 is no port of a container's")
	}
	p.Port, p.Count = first, last-first+1
	if hostPort == "" || hostPort == "0" {
		return p, nil
	}
	hostFirst, hostLast, err := parsePorts(hostPort)
	switch {
	case err != nil:
		return p, err
	case hostFirst == 0:
		return p, errors.New("port 0, which means a free one, cannot begin a range")
	case hostLast-hostFirst != last-first:
		return p, fmt.Errorf("%d ports of the host for %d of the container: both sides need as many", int(hostLast)-int(hostFirst)+1, p.Count)
	}
	p.HostPort = hostFirst
	return p, nil
}

// splitPublish splits HOSTIP:HOSTPORT:PORT, of which the first two may be missing.
func splitPublish(text string) (host, hostPort, port string, err error) {
	if bracketed, ok := strings.CutPrefix(text, "["); ok {
		var found bool
		if host, text, found = strings.Cut(bracketed, "]:"); !found || host == "" {
			return "", "", "", errors.New("an IPv6 address stands in brackets, with a colon behind them: [2001:db8::1]:8080:80")
		}
		if !strings.Contains(text, ":") {
			text = ":" + text
		}
	}
	parts := strings.Split(text, ":")
	switch {
	case len(parts) > 3 || host != "" && len(parts) > 2:
		return "", "", "", errors.New("there are too many colons; an IPv6 address stands in brackets: [2001:db8::1]:8080:80")
	case len(parts) == 3:
		if host = parts[0]; host == "" {
			return "", "", "", errors.New("there is no address before the first colon")
		}
		return host, parts[1], parts[2], nil
	case len(parts) == 2:
		return host, parts[0], parts[1], nil
	}
	return "", "", parts[0], nil
}

// parsePorts reads a port, or a range of ports.
func parsePorts(text string) (first, last uint16, err error) {
	low, high, isRange := strings.Cut(text, "-")
	a, err := strconv.ParseUint(low, 10, 16)
	b := a
	if err == nil && isRange {
		b, err = strconv.ParseUint(high, 10, 16)
	}
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("%q is not a port from 1 to 65535, or a range of ports such as 8000-8010", text)
	case b < a:
		return 0, 0, fmt.Errorf("the range %s ends before it begins", text)
	}
	return uint16(a), uint16(b), nil
}

func parseProto(name string) (proto uint8, ok bool) {
	for _, p := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP} {
		if nat.ProtoName(p) == strings.ToLower(name) {
			return p, true
		}
	}
	return 0, false
}

// checkPublish sees that what is published is of a family that the container has, that no two are of one port, and that they are
// not more than a link can tell.
func checkPublish(n Network) error {
	total := 0
	for i := range n.Publish {
		p := &n.Publish[i]
		switch {
		case p.Host.Is4() && n.NoIPv4:
			return &FlagError{"publish", p.String(), "the container has no IPv4: --subnet is off"}
		case p.Host.Is6() && n.NoIPv6:
			return &FlagError{"publish", p.String(), "the container has no IPv6: --subnet6 is off"}
		case p.Host.IsMulticast():
			return &FlagError{"publish", p.String(), "a host has no multicast address of its own"}
		}
		total += int(p.Count)
		for j := range i {
			if o := &n.Publish[j]; p.Clashes(o) {
				return &FlagError{"publish", p.String(), "it claims a port of " + o.String() + " once more"}
			}
		}
	}
	if total > maxPublished {
		return &FlagError{"publish", n.Publish[0].String(), fmt.Sprintf("%d ports in all, %d is the most", total, maxPublished)}
	}
	return nil
}

// loopback says whether the host is to reach the port by 127.0.0.1, or with v6 by ::1.
func loopback(p *Publish, v6 bool) bool {
	if p.Host.IsValid() && p.Host.Is6() != v6 {
		return false
	}
	return !p.Host.IsValid() || p.Host.IsUnspecified() || p.Host.IsLoopback()
}
