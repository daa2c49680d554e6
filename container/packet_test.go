package container_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/rtnl"
	"plumb/test/lab"
)

// The tests of guards are attackers that are root in their namespace, with all capabilities. So they make their packets
// themselves, and put them on the cable by a packet socket: no address or route of their own is in the way.

// mark is in every attacking packet.
const mark = "attack"

// A forged packet: addresses and, above IP, anything.
type forged struct {
	src, dst netip.Addr
	proto    uint8
	payload  []byte // what is above IP, without a checksum
	options  []byte // of IPv4, a multiple of 4 bytes
	headers  []byte // extension headers of IPv6, each with the number of the next one in its first byte
	first    uint8  // number of the first of those
}

// bytes are the packet as it is on the cable, above Ethernet.
func (p forged) bytes() []byte {
	if p.src.Is4() {
		head := make([]byte, 20, 20+len(p.options)+len(p.payload))
		head[0], head[8], head[9] = 0x45+byte(len(p.options)/4), 64, p.proto
		src, dst := p.src.As4(), p.dst.As4()
		copy(head[12:], src[:])
		copy(head[16:], dst[:])
		head = append(head, p.options...)
		binary.BigEndian.PutUint16(head[2:], uint16(len(head)+len(p.payload)))
		binary.BigEndian.PutUint16(head[10:], ^sum(head))
		return append(head, p.upper()...)
	}
	head := make([]byte, 40)
	head[0], head[6], head[7] = 0x60, p.proto, 255
	if p.headers != nil {
		head[6] = p.first
	}
	src, dst := p.src.As16(), p.dst.As16()
	copy(head[8:], src[:])
	copy(head[24:], dst[:])
	binary.BigEndian.PutUint16(head[4:], uint16(len(p.headers)+len(p.payload)))
	return append(append(head, p.headers...), p.upper()...)
}

// upper is the payload with its checksum, where it needs one.
func (p forged) upper() []byte {
	b := bytes.Clone(p.payload)
	at, ok := map[uint8]int{unix.IPPROTO_ICMP: 2, unix.IPPROTO_ICMPV6: 2, unix.IPPROTO_UDP: 6, unix.IPPROTO_UDPLITE: 6, unix.IPPROTO_TCP: 16}[p.proto]
	if !ok {
		return b
	}
	var pseudo []byte
	if p.proto != unix.IPPROTO_ICMP { // RFC 768, RFC 8200 section 8.1: sums are the same for both layouts
		pseudo = append(p.src.AsSlice(), p.dst.AsSlice()...)
		pseudo = append(pseudo, 0, p.proto)
		pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(b)))
	}
	binary.BigEndian.PutUint16(b[at:], ^sum(append(pseudo, b...)))
	return b
}

// sum is the Internet checksum's sum (RFC 1071).
func sum(b []byte) uint16 {
	var s uint32
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// ports begins a header that has ports: those of UDP, UDP-Lite, TCP and SCTP are where they are in all of them.
func ports(proto uint8, from, to uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, from)
	b = binary.BigEndian.AppendUint16(b, to)
	switch proto {
	case unix.IPPROTO_UDP:
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(mark)))
		b = append(b, 0, 0)
	case unix.IPPROTO_UDPLITE:
		b = append(b, 0, 0, 0, 0) // the checksum covers all (RFC 3828)
	case unix.IPPROTO_TCP:
		b = append(b, 0, 0, 0, 1, 0, 0, 0, 0, 5<<4, 2 /* SYN */, 0xff, 0xff, 0, 0, 0, 0)
	case unix.IPPROTO_SCTP:
		b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // a wrong checksum: who listens on a raw socket gets it all the same
	}
	return append(b, mark...)
}

// echoRequest is a ping of the family.
func echoRequest(a netip.Addr) (proto uint8, payload []byte) {
	if a.Is4() {
		return unix.IPPROTO_ICMP, append([]byte{8, 0, 0, 0, 0, 9, 0, 9}, mark...)
	}
	return unix.IPPROTO_ICMPV6, append([]byte{128, 0, 0, 0, 0, 9, 0, 9}, mark...)
}

// attacks are one packet of each kind from an address to another.
func attacks(src, dst netip.Addr, port uint16) map[string]forged {
	proto, echo := echoRequest(src)
	all := map[string]forged{"ICMP": {src: src, dst: dst, proto: proto, payload: echo}}
	for name, proto := range map[string]uint8{"UDP": unix.IPPROTO_UDP, "TCP": unix.IPPROTO_TCP, "SCTP": unix.IPPROTO_SCTP, "UDP-Lite": unix.IPPROTO_UDPLITE} {
		all[name] = forged{src: src, dst: dst, proto: proto, payload: ports(proto, 4321, port)}
	}
	return all
}

// An injector puts packets on a cable.
type injector struct {
	fd int
	to unix.SockaddrLinklayer
}

// injector of a namespace's link, to the link with that address at the other end.
func newInjector(t testing.TB, h *clab.Host, link string, mac net.HardwareAddr) *injector {
	t.Helper()
	l, err := h.Rtnl().LinkByName(link)
	must(t, err)
	i := &injector{to: unix.SockaddrLinklayer{Ifindex: int(l.Index), Halen: 6}}
	copy(i.to.Addr[:], mac)
	lab.MustDo(t, h, func() (err error) {
		i.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	t.Cleanup(func() { unix.Close(i.fd) })
	return i
}

// attacker is the injector of a container.
func (w *town) attacker(box *clab.Host, a *container.Attachment) *injector {
	w.t.Helper()
	w.hear(a.HostIndex)
	return newInjector(w.t, box, a.Interface, w.link(w.host, a.HostLink).Address)
}

// hear has the host receive what comes to IPv6's multicast addresses by a host end, which an attach has it not do: so a rule alone keeps it out.
func (w *town) hear(index uint32) {
	w.t.Helper()
	if w.host.Addr6().IsValid() {
		r := rtnl.Multicast(index)
		r.Priority = index // one of its own, as there may be others' routes
		must(w.t, w.host.Rtnl().Do(rtnl.NewRoute(r, "")))
	}
}

func (i *injector) send(p forged) error {
	kind := uint16(unix.ETH_P_IP)
	if !p.src.Is4() {
		kind = unix.ETH_P_IPV6
	}
	i.to.Protocol = kind<<8 | kind>>8
	if err := unix.Sendto(i.fd, p.bytes(), 0, &i.to); err != nil {
		return fmt.Errorf("inject a packet from %s to %s: %w", p.src, p.dst, err)
	}
	return nil
}

// A listener hears all packets of some protocols that a namespace takes as its own, after its firewall: by raw sockets, raw(7).
type listener struct {
	fds []int
	t   testing.TB
}

func listen(t testing.TB, h *clab.Host) *listener {
	t.Helper()
	l := &listener{t: t}
	lab.MustDo(t, h, func() error {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			for _, proto := range []int{unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6, unix.IPPROTO_UDP, unix.IPPROTO_TCP, unix.IPPROTO_SCTP, unix.IPPROTO_UDPLITE} {
				fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
				if err != nil {
					return err
				}
				l.fds = append(l.fds, fd)
			}
		}
		return nil
	})
	t.Cleanup(func() {
		for _, fd := range l.fds {
			unix.Close(fd)
		}
	})
	return l
}

// until reads until a packet with the text has come. attacked says whether an attack has come by then; came is false where the
// text has not within waitTime.
func (l *listener) until(text string) (attacked, came bool) {
	l.t.Helper()
	polls := make([]unix.PollFd, len(l.fds))
	for i, fd := range l.fds {
		polls[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	for end := time.Now().Add(waitTime); ; {
		for _, fd := range l.fds {
			for {
				b := make([]byte, 2048)
				n, err := unix.Read(fd, b)
				if errors.Is(err, unix.EAGAIN) {
					break
				}
				if !errors.Is(err, unix.EINTR) {
					must(l.t, err)
				}
				attacked = attacked || bytes.Contains(b[:max(n, 0)], []byte(mark))
				came = came || bytes.Contains(b[:max(n, 0)], []byte(text))
			}
		}
		if came || time.Now().After(end) {
			return attacked, came
		}
		if _, err := unix.Poll(polls, int(time.Until(end).Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			l.t.Fatal(err)
		}
	}
}

const follower = "follow"

// follow is a packet that may pass, to be sent after an attack.
func follow(src, dst string) forged {
	a := netip.MustParseAddr(src)
	proto, payload := echoRequest(a)
	return forged{src: a, dst: netip.MustParseAddr(dst), proto: proto, payload: bytes.Replace(payload, []byte(mark), []byte(follower), 1)}
}

// keptOut sends an attack, and after it what may pass by the same way, and sees that only that comes.
func (l *listener) keptOut(from *injector, p, after forged) error {
	for _, p := range []forged{p, after} {
		if err := from.send(p); err != nil {
			return err
		}
	}
	attacked, came := l.until(follower)
	switch {
	case attacked:
		return fmt.Errorf("protocol %d from %s to %s comes through", p.proto, p.src, p.dst)
	case !came:
		return fmt.Errorf("protocol %d from %s to %s: what may pass did not come after it", p.proto, p.src, p.dst)
	}
	return nil
}

// comes sends an attack, and sees that it comes.
func (l *listener) comes(from *injector, p forged) error {
	if err := from.send(p); err != nil {
		return err
	}
	if _, came := l.until(mark); !came {
		return fmt.Errorf("protocol %d from %s to %s does not come: this attack tests nothing", p.proto, p.src, p.dst)
	}
	return nil
}
