package lab

import (
	"encoding/binary"
	"net"

	"golang.org/x/sys/unix"
)

// serveWildcard serves a socket that is bound to every address of its namespace. Left alone the kernel
// would answer from the address that the route prefers, and a client that asked another one would not
// know the answer: so the address asked comes with each datagram (IP_PKTINFO, ip(7)) and goes with its
// answer.
func serveWildcard(u *net.UDPConn, answer func(p []byte, from net.Addr) []byte) {
	if wantDestination(u) != nil {
		return // closed already: every kernel knows these options
	}
	buf, oob := make([]byte, 65535), make([]byte, 128)
	for {
		n, oobn, _, from, err := u.ReadMsgUDPAddrPort(buf, oob)
		if lost(err) {
			return
		}
		if err != nil {
			continue
		}
		if a := answer(buf[:n], net.UDPAddrFromAddrPort(from)); a != nil {
			u.WriteMsgUDPAddrPort(a, answerFrom(oob[:oobn]), from)
		}
	}
}

func wantDestination(u *net.UDPConn) error {
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var set4, set6 error
	err = raw.Control(func(fd uintptr) {
		set4 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		set6 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	})
	if err != nil {
		return err
	}
	if set4 != nil && set6 != nil {
		return set4
	}
	return nil
}

// answerFrom turns the control messages of a datagram into those of its answer.
func answerFrom(oob []byte) []byte {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			// struct in_pktinfo, linux/in.h: ipi_ifindex, ipi_spec_dst (our address), ipi_addr (the header's).
			info := &unix.Inet4Pktinfo{Spec_dst: [4]byte(m.Data[4:8])}
			return unix.PktInfo4(info)
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			// struct in6_pktinfo, linux/ipv6.h: ipi6_addr, ipi6_ifindex, without which a link-local
			// address means nothing.
			info := &unix.Inet6Pktinfo{Addr: [16]byte(m.Data[:16]), Ifindex: binary.NativeEndian.Uint32(m.Data[16:20])}
			if info.Addr[0] != 0xfe {
				info.Ifindex = 0
			}
			return unix.PktInfo6(info)
		}
	}
	return nil
}
