package sockdiag

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ListenersInProc tells what Conn.Listeners does, of the calling thread's network namespace, from /proc/net: for kernels that cannot be asked.
// It knows neither a socket's interface nor whether one of IPv6 takes IPv4, and is slow where there are many connections.
func ListenersInProc(proto uint8) ([]Socket, error) {
	var all []Socket
	for _, suffix := range []string{"", "6"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + protocol(proto).String() + suffix)
		if suffix != "" && errors.Is(err, unix.ENOENT) {
			break // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		for _, line := range strings.Split(string(text), "\n")[1:] {
			if s, st := parseLine(line); st == waiting(proto) && s.Addr.Port() != 0 {
				all = append(all, s)
			}
		}
	}
	return all, nil
}

// parseLine reads a line of /proc/net/tcp, udp, tcp6 or udp6 (get_tcp4_sock, net/ipv4/tcp_ipv4.c). The last one is empty, and of no state.
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	 0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 ...
func parseLine(line string) (s Socket, st state) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return s, 0
	}
	addr, port, _ := strings.Cut(f[1], ":")
	s.Addr = netip.AddrPortFrom(parseAddr(addr), uint16(number(port, 16)))
	s.UID, s.Inode = number(f[7], 10), number(f[9], 10)
	return s, state(number(f[3], 16))
}

// parseAddr reads an address, which is written as 32-bit numbers in the host's byte order.
func parseAddr(text string) netip.Addr {
	var b []byte
	for ; len(text) >= 8; text = text[8:] {
		b = binary.NativeEndian.AppendUint32(b, number(text[:8], 16))
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

// number is a number as the kernel writes it.
func number(text string, base int) uint32 {
	n, _ := strconv.ParseUint(text, base, 32)
	return uint32(n)
}
