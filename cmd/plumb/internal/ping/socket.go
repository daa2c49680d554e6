package ping

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"plumb/cmd/plumb/internal/lookup"
)

// A socket sends echo requests to one address and receives what comes back. It is non-blocking, so that
// one loop can wait for it and for everything else by poll(2): a channel would need goroutines for that,
// and Go's poller gives up on a socket which has nothing but its error queue to show.
type socket struct {
	fd  int
	v6  bool
	raw bool
	id  uint16 // of a raw socket; a datagram socket's is the kernel's affair
	to  unix.Sockaddr
	buf []byte
	oob [512]byte
}

// openSocket opens an ICMP datagram socket, icmp(7), which needs no privilege but a group within
// net.ipv4.ping_group_range, or else a raw one, which needs CAP_NET_RAW.
func openSocket(v6 bool, size int) (*socket, error) {
	family, proto := unix.AF_INET, unix.IPPROTO_ICMP
	if v6 {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	s := &socket{v6: v6, buf: make([]byte, size+headerLen+60+1)} // the longest IP header, and a byte to see what is too long
	var err error
	s.fd, err = unix.Socket(family, unix.SOCK_DGRAM|flags, proto)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPROTONOSUPPORT) {
		refused := err
		if s.fd, err = unix.Socket(family, unix.SOCK_RAW|flags, proto); errors.Is(err, unix.EPERM) && errors.Is(refused, unix.EACCES) {
			return nil, errGroup()
		}
		s.raw, s.id = true, uint16(rand.Uint32())
	}
	if errors.Is(err, unix.EAFNOSUPPORT) && v6 {
		return nil, fmt.Errorf("open a socket: this kernel has no IPv6 (%w)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open a socket for ICMP: %w", err)
	}
	if err := s.setOptions(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func errGroup() error {
	return fmt.Errorf("the kernel lets group %d open no socket for ICMP (%w): sysctl net.ipv4.ping_group_range has to contain it (\"0 2147483647\" is everyone), or this process needs CAP_NET_RAW",
		os.Getegid(), unix.EACCES)
}

// setOptions asks for what recvmsg tells beside the packet: its time, its time to live, and errors.
func (s *socket) setOptions() error {
	type option struct {
		name       string
		level, opt int
	}
	options := []option{{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS}}
	if s.v6 {
		options = append(options, option{"IPV6_RECVERR", unix.IPPROTO_IPV6, unix.IPV6_RECVERR},
			option{"IPV6_RECVHOPLIMIT", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT})
	} else {
		options = append(options, option{"IP_RECVERR", unix.IPPROTO_IP, unix.IP_RECVERR},
			option{"IP_RECVTTL", unix.IPPROTO_IP, unix.IP_RECVTTL})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(s.fd, o.level, o.opt, 1); err != nil {
			return fmt.Errorf("setsockopt %s: %w", o.name, err)
		}
	}
	if !s.raw {
		return nil
	}
	// A raw socket sees all ICMP of the host: have the kernel keep everything but replies away. A set bit
	// is a type that is kept away, raw(7) and RFC 3542, section 3.2.
	if s.v6 {
		var f unix.ICMPv6Filter
		for i := range f.Data {
			f.Data[i] = ^uint32(0)
		}
		f.Data[icmpv6EchoReply>>5] &^= 1 << (icmpv6EchoReply & 31)
		return unix.SetsockoptICMPv6Filter(s.fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &f)
	}
	const icmpFilter = 1 // ICMP_FILTER, linux/icmp.h
	return unix.SetsockoptInt(s.fd, unix.SOL_RAW, icmpFilter, ^(1 << icmpEchoReply))
}

// setTTL limits how many hops a request travels.
func (s *socket) setTTL(ttl int) error {
	level, unicast, multicast := unix.IPPROTO_IP, unix.IP_TTL, unix.IP_MULTICAST_TTL
	if s.v6 {
		level, unicast, multicast = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_MULTICAST_HOPS
	}
	err := errors.Join(unix.SetsockoptInt(s.fd, level, unicast, ttl), unix.SetsockoptInt(s.fd, level, multicast, ttl))
	if err != nil {
		return fmt.Errorf("set a time to live of %d: %w", ttl, err)
	}
	return nil
}

func (s *socket) close() { unix.Close(s.fd) }

func (s *socket) send(seq uint16, size int) error {
	return unix.Sendto(s.fd, echoRequest(s.v6, s.raw, s.id, seq, size), 0, s.to)
}

// A packet is a reply.
type packet struct {
	echo
	from netip.Addr
	ttl  int       // -1 if the kernel did not say
	at   time.Time // when the kernel received it, by its wall clock; zero if it did not say
	size int       // of the ICMP message, in bytes
	cut  bool      // it was longer than what was sent
}

// receive returns the next reply to this socket's requests, and unix.EAGAIN when there is none. Any other
// error belongs to a request before: the error queue tells more of it.
func (s *socket) receive() (packet, error) {
	for {
		n, oobn, flags, from, err := unix.Recvmsg(s.fd, s.buf, s.oob[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return packet{}, err
		}
		p := packet{from: lookup.SockaddrAddr(from), ttl: -1, cut: flags&unix.MSG_TRUNC != 0}
		msg, ok := s.buf[:n], true
		if s.raw && !s.v6 {
			msg, p.ttl, ok = stripIPv4(msg)
		}
		if ok {
			p.echo, ok = parseEcho(msg)
		}
		if !ok || p.kind != echoReplyType(s.v6) || s.raw && p.id != s.id {
			continue
		}
		p.size = len(msg)
		p.readControl(s.oob[:oobn])
		return p, nil
	}
}

// readControl reads the control messages of ip(7), ipv6(7) and socket(7) that setOptions asked for.
func (p *packet) readControl(oob []byte) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for _, m := range messages {
		is := func(level, kind int32, size int) bool {
			return m.Header.Level == level && m.Header.Type == kind && len(m.Data) >= size
		}
		switch {
		case is(unix.IPPROTO_IP, unix.IP_TTL, 4), is(unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, 4):
			p.ttl = int(binary.NativeEndian.Uint32(m.Data))
		case is(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 16): // struct timespec of a 64-bit kernel
			p.at = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		case is(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 8): // and of a 32-bit one
			p.at = time.Unix(int64(binary.NativeEndian.Uint32(m.Data)), int64(binary.NativeEndian.Uint32(m.Data[4:])))
		}
	}
}

// wait returns when the socket or the bell has something to say, or at the time until; a zero until is
// never.
func (s *socket) wait(bell int, until time.Time) (rang bool, err error) {
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(bell), Events: unix.POLLIN}}
	for {
		var timeout *unix.Timespec
		if !until.IsZero() {
			ts := unix.NsecToTimespec(int64(max(0, time.Until(until))))
			timeout = &ts
		}
		switch _, err := unix.Ppoll(fds, timeout, nil); {
		case err == unix.EINTR: // the Go runtime's own signals
			continue
		case err != nil:
			return false, fmt.Errorf("poll: %w", err)
		}
		return fds[1].Revents != 0, nil
	}
}
