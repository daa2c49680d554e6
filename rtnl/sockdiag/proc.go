package sockdiag

import (
	"encoding/binary"
	"encoding/hex"
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
	name := protocol(proto).String()
	for _, name := range []string{name, name + "6"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + name)
		if errors.Is(err, unix.ENOENT) && strings.HasSuffix(name, "6") {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if s, st, ok := parseLine(line); ok && st == waiting(proto) && s.Addr.Port() != 0 {
				all = append(all, s)
			}
		}
	}
	return all, nil
}

// parseLine reads a line of /proc/net/tcp, udp, tcp6 or udp6 (get_tcp4_sock, net/ipv4/tcp_ipv4.c):
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	 0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 ...
func parseLine(line string) (s Socket, st state, ok bool) {
	f := strings.Fields(line)
	if len(f) < 10 {
		return s, 0, false
	}
	hexAddr, hexPort, _ := strings.Cut(f[1], ":")
	addr, ok := parseAddr(hexAddr)
	port, err1 := strconv.ParseUint(hexPort, 16, 16)
	number, err2 := strconv.ParseUint(f[3], 16, 8)
	uid, err3 := strconv.ParseUint(f[7], 10, 32)
	inode, err4 := strconv.ParseUint(f[9], 10, 32)
	s = Socket{Addr: netip.AddrPortFrom(addr, uint16(port)), UID: uint32(uid), Inode: uint32(inode)}
	return s, state(number), ok && errors.Join(err1, err2, err3, err4) == nil
}

// parseAddr reads an address, which is written as 32-bit numbers in the host's byte order.
func parseAddr(text string) (netip.Addr, bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b)%4 != 0 {
		return netip.Addr{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	return netip.AddrFromSlice(b)
}
