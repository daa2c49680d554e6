package nat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A published port is an element of publish4 or publish6 where it is one of all the host's addresses, and of publish4h or publish6h
// where it is one of a single address. A range is as many elements. What a packet's look-up costs does not depend on how many
// there are.

// A Publish says that ports of the host's lead to a container's.
type Publish struct {
	Proto    uint8      // unix.IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP
	Host     netip.Addr // the host's address; unspecified (0.0.0.0, ::) for all of that family, not valid for all of both
	HostPort uint16     // the first; 0: one that is free, which Attach chooses
	Port     uint16     // the container's first
	Count    uint16     // how many there are: 1 for a single port
}

func (p *Publish) check() error {
	last := int(max(p.HostPort, p.Port)) + int(p.Count) - 1
	if p.Port == 0 || p.Count == 0 || last > 65535 || p.Host.Zone() != "" || p.Host.Is4In6() {
		return fmt.Errorf("publish %d ports from %s port %d to port %d: that cannot be", p.Count, p.Host, p.HostPort, p.Port)
	}
	return nil
}

// String is the text that container.ParsePublish reads: 192.0.2.1:8080-8081:80-81/tcp.
func (p *Publish) String() string {
	var b strings.Builder
	if p.Host.Is6() {
		b.WriteString("[" + p.Host.String() + "]:")
	} else if p.Host.IsValid() {
		b.WriteString(p.Host.String() + ":")
	}
	side := func(first uint16) {
		b.WriteString(strconv.Itoa(int(first)))
		if p.Count > 1 && first != 0 {
			b.WriteString("-" + strconv.Itoa(int(first)+int(p.Count)-1))
		}
	}
	side(p.HostPort)
	b.WriteString(":")
	side(p.Port)
	b.WriteString("/" + ProtoName(p.Proto))
	return b.String()
}

// Clashes says whether both claim a port of the host's.
func (p *Publish) Clashes(o *Publish) bool {
	if p.Proto != o.Proto || p.HostPort == 0 || o.HostPort == 0 {
		return false
	}
	if int(p.HostPort) >= int(o.HostPort)+int(o.Count) || int(o.HostPort) >= int(p.HostPort)+int(p.Count) {
		return false
	}
	if p.Host.IsValid() && o.Host.IsValid() && p.Host.Is4() != o.Host.Is4() {
		return false
	}
	return !p.single() || !o.single() || p.Host == o.Host
}

// concerns says whether the port is one of family f.
func (p *Publish) concerns(f *ipFamily) bool { return !p.Host.IsValid() || familyOf(p.Host) == f }

// single is whether the port is one of a single address.
func (p *Publish) single() bool { return p.Host.IsValid() && !p.Host.IsUnspecified() }

// mapOf is the map that the port stands in.
func (p *Publish) mapOf(f *ipFamily) string {
	if p.single() {
		return f.publishHost
	}
	return f.publish
}

// key is the n-th port's key.
func (p *Publish) key(n uint16) *Data {
	service := serviceKey(p.Proto, p.HostPort+n)
	if p.single() {
		return &Data{Value: append(p.Host.AsSlice(), service...)}
	}
	return &Data{Value: service}
}

// serviceKey is "inet_proto . inet_service".
func serviceKey(proto uint8, port uint16) []byte {
	b := make([]byte, 8)
	b[0] = proto
	binary.BigEndian.PutUint16(b[4:], port)
	return b
}

// A portList is some ports of one Publish in one family: the elements of one message.
type portList struct {
	publish *Publish
	family  *ipFamily
	from, n uint16 // which of them
}

// maxPorts is how many ports are in one message: an attribute, such as the list of them, has at most 64 KB.
const maxPorts = 256

// planPorts adds the published ports. Each has the container's name as its comment.
func (a *Attachment) planPorts(p *plan) {
	for _, at := range a.places() {
		for i := range a.Publish {
			pub := &a.Publish[i]
			if !pub.concerns(at.ipFamily) {
				continue
			}
			for from := uint16(0); from < pub.Count; from += maxPorts {
				l := &portList{pub, at.ipFamily, from, min(maxPorts, pub.Count-from)}
				purpose := fmt.Sprintf("publish %d ports from %d on of %s", l.n, pub.HostPort+from, a.Link)
				p.add(step{kind: stepPublish, ports: l}, pub.mapOf(at.ipFamily), netlink.Excl, purpose, l.elements(at.Addr, a.Comment.Name)...)
			}
		}
	}
}

func (l *portList) elements(to netip.Addr, name string) []Element {
	comment := CommentData(name)
	all := make([]Element, l.n)
	for i := range all {
		n := l.from + uint16(i)
		target := append(to.AsSlice(), 0, 0, 0, 0)
		binary.BigEndian.PutUint16(target[len(target)-4:], l.publish.Port+n)
		all[i] = Element{Key: l.publish.key(n), Data: &Data{Value: target}, UserData: comment}
	}
	return all
}

// A PublishedError says that a port is published already. errors.Is(err, unix.EEXIST) is true of it.
type PublishedError struct {
	Proto  uint8
	Host   netip.Addr // of the one that is published; not valid: all addresses
	Port   uint16
	Name   string // of the container that it leads to
	Target netip.Addr
}

func (e *PublishedError) Error() string {
	where := "all addresses"
	if e.Host.IsValid() {
		where = e.Host.String()
	}
	return fmt.Sprintf("port %d/%s is published already by %s (%s), on %s", e.Port, ProtoName(e.Proto), e.Name, e.Target, where)
}

// Unwrap returns unix.EEXIST.
func (e *PublishedError) Unwrap() error { return unix.EEXIST }

// ProtoName is the name of a protocol that has ports, in lower case.
func ProtoName(proto uint8) string {
	switch proto {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_SCTP:
		return "sctp"
	}
	return fmt.Sprint(proto)
}

// choosePorts chooses host ports where none is given, and refuses those that a port of all addresses and one of a single address would
// both claim. What is in the way in the same map the kernel itself refuses (NLM_F_EXCL). The caller's batch carries the
// generation id of before.
func (c *Conn) choosePorts(a *Attachment) error {
	for i := range a.Publish {
		p := &a.Publish[i]
		if p.HostPort == 0 {
			if err := c.chooseFree(a, i); err != nil {
				return err
			}
			continue
		}
		taken, err := c.across(a, p)
		if err != nil {
			return err
		}
		if taken != nil {
			return taken.published()
		}
	}
	return nil
}

// The ports that are not assigned (RFC 6335, section 6), of which free ones are chosen.
const firstDynamic, lastDynamic = 49152, 65535

// chooseFree chooses a host port for the i-th Publish: at random, so that with many containers the first try most often does.
func (c *Conn) chooseFree(a *Attachment, i int) error {
	p := &a.Publish[i]
	room := lastDynamic - firstDynamic + 2 - int(p.Count)
	if room < 1 {
		return fmt.Errorf("publish %d ports: %d is the most where the host's are to be chosen", p.Count, lastDynamic-firstDynamic+1)
	}
	for range 256 {
		p.HostPort = uint16(firstDynamic + rand.IntN(room))
		free, err := c.isFree(a, i)
		if err != nil || free {
			return err
		}
	}
	p.HostPort = 0
	return fmt.Errorf("publish port %d/%s: no host port is free from %d to %d: %w", p.Port, ProtoName(p.Proto), firstDynamic, lastDynamic, unix.EADDRINUSE)
}

// isFree reports whether the i-th Publish of a is in nobody's way.
func (c *Conn) isFree(a *Attachment, i int) (bool, error) {
	p := &a.Publish[i]
	for n := range p.Count {
		if a.Avoid != nil && a.Avoid(p.Proto, p.HostPort+n) {
			return false, nil
		}
	}
	for j := range a.Publish {
		o := &a.Publish[j]
		if j != i && p.Clashes(o) {
			return false, nil
		}
	}
	for _, at := range a.places() {
		if !p.concerns(at.ipFamily) {
			continue
		}
		taken, err := c.takenIn(p, at.ipFamily, p.mapOf(at.ipFamily))
		if err != nil || taken != nil {
			return false, err
		}
	}
	taken, err := c.across(a, p)
	return taken == nil && err == nil, err
}

// across finds what is published on a single address where p is for all, or the other way round.
func (c *Conn) across(a *Attachment, p *Publish) (*Published, error) {
	for _, at := range a.places() {
		f := at.ipFamily
		if !p.concerns(f) {
			continue
		}
		if p.single() {
			all := *p
			all.Host = netip.Addr{}
			if taken, err := c.takenIn(&all, f, f.publish); err != nil || taken != nil {
				return taken, err
			}
			continue
		}
		if c.isEmpty(f.publishHost) {
			continue
		}
		elements, err := c.elements(f.publishHost)
		if err != nil {
			return nil, fmt.Errorf("list the published ports: %w", err)
		}
		for i := range elements {
			o, ok := portOf(f, f.publishHost, &elements[i])
			if ok && o.Proto == p.Proto && o.HostPort >= p.HostPort && o.HostPort-p.HostPort < p.Count {
				return &o, nil
			}
		}
	}
	return nil, nil
}

// takenIn finds the first port of p that a map has already.
func (c *Conn) takenIn(p *Publish, f *ipFamily, set string) (*Published, error) {
	if c.isEmpty(set) {
		return nil, nil
	}
	for n := range p.Count {
		e, err := c.Element(NFPROTO_INET, TableName, set, Element{Key: p.key(n)})
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("see who has published port %d: %w", p.HostPort+n, err)
		}
		if o, ok := portOf(f, set, e); ok {
			return &o, nil
		}
	}
	return nil, nil
}
