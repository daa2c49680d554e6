package ping

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A failure is why a request got no reply: struct sock_extended_err, linux/errqueue.h, and what belongs
// to it.
type failure struct {
	echo                  // the request, as the error quotes it; not of a local failure
	local      bool       // this host's kernel could not send it
	errno      unix.Errno // ee_errno
	kind, code byte       // ee_type, ee_code: of the ICMP error
	info       uint32     // ee_info: an MTU for instance
	from       netip.Addr // who sent the ICMP error
}

// failed takes the next failure of this socket's requests from its error queue, and returns unix.EAGAIN
// when it is empty: ip(7), IP_RECVERR.
func (s *socket) failed() (failure, error) {
	buf := make([]byte, 128) // the quoted request begins with its header; its payload does not matter
	for {
		n, oobn, _, _, err := unix.Recvmsg(s.fd, buf, s.oob[:], unix.MSG_ERRQUEUE)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return failure{}, err
		}
		f, ok := extendedError(s.oob[:oobn])
		if !ok {
			continue
		}
		if f.local {
			return f, nil
		}
		if f.echo, ok = parseEcho(buf[:n]); ok && (!s.raw || f.id == s.id) && s.isRequest(f.echo) {
			return f, nil
		}
	}
}

// isRequest keeps errors about other packets than requests away, which a raw socket sees too.
func (s *socket) isRequest(quoted echo) bool {
	if s.v6 {
		return quoted.kind == icmpv6EchoRequest
	}
	return quoted.kind == icmpEchoRequest
}

// extendedError finds the error in the control messages:
//
//	struct sock_extended_err {
//		__u32 ee_errno;
//		__u8  ee_origin, ee_type, ee_code, ee_pad;
//		__u32 ee_info;
//		__u32 ee_data;
//	};
//	struct sockaddr_in or sockaddr_in6 follows: SO_EE_OFFENDER
func extendedError(oob []byte) (failure, bool) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return failure{}, false
	}
	const size = 16
	for _, m := range messages {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !v4 && !v6 || len(m.Data) < size {
			continue
		}
		f := failure{
			errno: unix.Errno(binary.NativeEndian.Uint32(m.Data)),
			kind:  m.Data[5], code: m.Data[6],
			info: binary.NativeEndian.Uint32(m.Data[8:]),
		}
		switch m.Data[4] {
		case unix.SO_EE_ORIGIN_LOCAL:
			f.local = true
			return f, true
		case unix.SO_EE_ORIGIN_ICMP, unix.SO_EE_ORIGIN_ICMP6:
			f.from = offender(m.Data[size:])
			return f, true
		}
	}
	return failure{}, false
}

// offender reads struct sockaddr_in (address at 4) or sockaddr_in6 (at 8).
func offender(b []byte) netip.Addr {
	if len(b) < 2 {
		return netip.Addr{}
	}
	switch family := binary.NativeEndian.Uint16(b); {
	case family == unix.AF_INET && len(b) >= 8:
		return netip.AddrFrom4([4]byte(b[4:8]))
	case family == unix.AF_INET6 && len(b) >= 24:
		return netip.AddrFrom16([16]byte(b[8:24]))
	}
	return netip.Addr{}
}
