package container_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// faults decides which of the messages that a Host sends, on all its sockets, the kernel does not know: those from number
// first on, counted from 0, and before number end. The kernel refuses them, one by one, as it does any that it does not have.
type faults struct {
	first, end int64
	sent       atomic.Int64
	lost       int64 // which of the datagrams that the kernel answers with is lost
	answers    atomic.Int64
	opened     []*faultySocket
}

// transport opens a socket in the calling thread's namespace. It is for one goroutine.
func (f *faults) transport(family int) wire.Transport {
	s := &faultySocket{faults: f, family: family}
	s.fd, s.err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	for _, option := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_GET_STRICT_CHK, unix.NETLINK_CAP_ACK} {
		if s.err == nil {
			s.err = unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, option, 1)
		}
	}
	f.opened = append(f.opened, s)
	return s
}

// leaked are the sockets that were not closed.
func (f *faults) leaked() (n int) {
	for _, s := range f.opened {
		if !s.closed {
			n++
		}
	}
	return n
}

type faultySocket struct {
	faults *faults
	family int
	fd     int
	err    error
	closed bool
}

// Message types that the kernel does not have: above RTM_MAX, and of nf_tables above NFT_MSG_MAX.
const (
	noRouteMessage  = 0xff0
	noTablesMessage = unix.NFNL_SUBSYS_NFTABLES<<8 | 0xff
)

func (s *faultySocket) Send(b []byte) error {
	if s.err != nil {
		return s.err
	}
	for rest := b; len(rest) >= 16; {
		typ := binary.NativeEndian.Uint16(rest[4:])
		if typ != unix.NFNL_MSG_BATCH_BEGIN && typ != unix.NFNL_MSG_BATCH_END || s.family == unix.NETLINK_ROUTE {
			if n := s.faults.sent.Add(1) - 1; n >= s.faults.first && n < s.faults.end {
				typ = noRouteMessage
				if s.family == unix.NETLINK_NETFILTER {
					typ = noTablesMessage
				}
				binary.NativeEndian.PutUint16(rest[4:], typ)
			}
		}
		size := (int(binary.NativeEndian.Uint32(rest)) + 3) &^ 3
		rest = rest[min(size, len(rest)):]
	}
	return unix.Sendto(s.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func (s *faultySocket) Receive(b []byte, wait bool) (int, error) {
	if wait {
		return 0, fmt.Errorf("nothing here waits: %w", os.ErrInvalid)
	}
	for {
		n, _, err := unix.Recvfrom(s.fd, b, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		if err == nil && s.faults.answers.Add(1)-1 == s.faults.lost {
			continue
		}
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

func (s *faultySocket) Control(f func(fd int)) error {
	f(s.fd)
	return nil
}

func (s *faultySocket) Join(uint32) error               { return os.ErrInvalid }
func (s *faultySocket) Grow(int) error                  { return nil }
func (s *faultySocket) SetReadDeadline(time.Time) error { return nil }

func (s *faultySocket) Close() error {
	if s.closed {
		return os.ErrClosed
	}
	s.closed = true
	return unix.Close(s.fd)
}
