package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A Socket is one that waits for what anybody may send.
type Socket struct {
	Addr      netip.AddrPort // what it is bound to; 0.0.0.0 or :: for all addresses
	Interface uint32         // the index of the interface that it is bound to (SO_BINDTODEVICE); 0 for none
	V6Only    bool           // of an IPv6 socket: it takes no IPv4
	Inode     uint32         // see Holder
	UID       uint32         // the user whose process made it
}

// ErrUnsupported is in the chain of an error that says that the kernel does not tell of the sockets of a protocol.
var ErrUnsupported = errors.New("this kernel cannot be asked who listens")

// Listeners are the sockets of a protocol, IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP, in both families: those that listen, or, with
// UDP, those that are bound and not connected. Where the kernel has no SCTP there are none of it. The error wraps ErrUnsupported where it
// has no module for the protocol.
func (c *Conn) Listeners(proto uint8) ([]Socket, error) {
	var all []Socket
	for _, f := range []family{unix.AF_INET, unix.AF_INET6} {
		list, err := wire.Dump(c.wire, ask(f, proto), &answer)
		if err != nil {
			if missing(err) && (proto == unix.IPPROTO_SCTP || f == unix.AF_INET6) {
				continue
			}
			return nil, explain(proto, err)
		}
		for i := range list {
			if a := &list[i]; a.State == waiting(proto) && a.ID.SrcPort != 0 {
				all = append(all, a.socket())
			}
		}
	}
	return all, nil
}

func ask(f family, proto uint8) wire.Request {
	q := &inetQuestion{Family: f, Protocol: protocol(proto), States: 1 << waiting(proto)}
	return question.New(0, q, "list who listens with "+protocol(proto).String())
}

// waiting is the state of a socket that waits for anybody.
func waiting(proto uint8) state {
	if proto == unix.IPPROTO_UDP {
		return stateClose
	}
	return stateListen
}

func (a *inetAnswer) socket() Socket {
	return Socket{
		Addr:      netip.AddrPortFrom(addr(a.Family, a.ID.Src), a.ID.SrcPort),
		Interface: a.ID.Interface, V6Only: a.V6Only != 0, Inode: a.Inode, UID: a.UID,
	}
}

// missing reports whether err is what the kernel says of a protocol, or of a family, that it has no module for
// (inet_diag_lock_handler, net/ipv4/inet_diag.c; sock_diag_rcv_msg, net/core/sock_diag.c: EINVAL before 5.8).
func missing(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) }

func explain(proto uint8, err error) error {
	if missing(err) {
		p := protocol(proto).String()
		return fmt.Errorf("%w: load the module %s_diag, or rebuild with CONFIG_INET_DIAG: %w", ErrUnsupported, p, err)
	}
	return err
}
