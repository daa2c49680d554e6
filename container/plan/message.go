package plan

import (
	"bytes"
	"encoding/binary"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// A message is one of those in a datagram. See rtnl/wire/doc.go for what its bytes are.
type message struct {
	typ, flags uint16
	seq        uint32
	whole      []byte // with its header, without padding
	body       []byte
}

const header = unix.SizeofNlMsghdr

func split(b []byte) ([]message, error) {
	var all []message
	for len(b) > 0 {
		if len(b) < header {
			return nil, wire.ErrTruncated
		}
		n := int(native.Uint32(b))
		if n < header || n > len(b) {
			return nil, wire.ErrTruncated
		}
		all = append(all, message{native.Uint16(b[4:]), native.Uint16(b[6:]), native.Uint32(b[8:]), b[:n], b[header:n]})
		b = b[min((n+3)&^3, len(b)):]
	}
	return all, nil
}

// asks says whether a message is known to change nothing.
func (m *message) asks(family int) bool {
	switch family {
	case unix.NETLINK_ROUTE: // of each four types the third gets: RTM_* of linux/rtnetlink.h, rtnetlink_rcv_msg in net/core/rtnetlink.c
		return m.typ >= unix.RTM_BASE && m.typ&3 == 2
	case unix.NETLINK_SOCK_DIAG:
		return m.typ == unix.SOCK_DIAG_BY_FAMILY
	case unix.NETLINK_NETFILTER:
		switch m.typ {
		case nft | unix.NFT_MSG_GETTABLE, nft | unix.NFT_MSG_GETCHAIN, nft | unix.NFT_MSG_GETRULE, nft | unix.NFT_MSG_GETSET,
			nft | unix.NFT_MSG_GETSETELEM, nft | unix.NFT_MSG_GETGEN, nft | unix.NFT_MSG_GETOBJ, nft | unix.NFT_MSG_GETFLOWTABLE,
			conntrackGet, conntrackStats:
			return true
		}
	}
	return false
}

const (
	nft            = unix.NFNL_SUBSYS_NFTABLES << 8
	conntrackGet   = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1 // IPCTNL_MSG_CT_GET, linux/netfilter/nfnetlink_conntrack.h
	conntrackStats = unix.NFNL_SUBSYS_CTNETLINK<<8 | 5 // IPCTNL_MSG_CT_GET_STATS
)

// Asks says whether a message of a family is known to change nothing: it is what a plan sends.
func Asks(family int, b []byte) bool {
	messages, err := split(b)
	return err == nil && len(messages) == 1 && messages[0].asks(family)
}

func (m *message) has(flags uint16) bool { return m.flags&flags == flags }

// attr is the payload of the first attribute of a type, in attributes; nil where there is none.
func attr(attributes []byte, typ uint16) []byte {
	var found []byte
	each(attributes, func(t uint16, payload []byte) bool {
		if t == typ {
			found = payload
		}
		return t != typ
	})
	return found
}

// each calls f for attributes until that returns false.
func each(b []byte, f func(typ uint16, payload []byte) bool) {
	for len(b) >= unix.SizeofNlAttr {
		n := int(native.Uint16(b))
		if n < unix.SizeofNlAttr || n > len(b) || !f(native.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofNlAttr:n]) {
			return
		}
		b = b[min((n+3)&^3, len(b)):]
	}
}

// rest is what comes after a fixed struct.
func rest(body []byte, size int) []byte { return body[min(size, len(body)):] }

// encode is a message of ours.
func encode(typ, flags uint16, seq uint32, body ...[]byte) []byte {
	b := make([]byte, header)
	b = append(b, bytes.Join(body, nil)...)
	native.PutUint32(b, uint32(len(b)))
	native.PutUint16(b[4:], typ)
	native.PutUint16(b[6:], flags)
	native.PutUint32(b[8:], seq)
	return append(b, make([]byte, -len(b)&3)...)
}

// refuse answers a message with an error, or acknowledges it where that is 0: struct nlmsgerr, linux/netlink.h.
func (t *transport) refuse(m *message, errno unix.Errno) {
	code := native.AppendUint32(nil, uint32(-int32(errno)))
	t.answers = append(t.answers, encode(unix.NLMSG_ERROR, unix.NLM_F_CAPPED, m.seq, code, m.whole[:header]))
}

// accept acknowledges a message that asks for it.
func (t *transport) accept(m *message) {
	if m.has(unix.NLM_F_ACK) {
		t.refuse(m, 0)
	}
}

// probe asks the kernel by a socket of its own whether something is there, and returns the refusal: 0 where it is.
func probe(by wire.Transport, typ, flags uint16, body ...[]byte) unix.Errno {
	const seq = 1 << 31 // which no Conn gets to
	if err := by.Send(encode(typ, unix.NLM_F_REQUEST|flags, seq, body...)); err != nil {
		return unix.EIO
	}
	answer := make([]byte, 1<<16)
	n, err := by.Receive(answer, false)
	if err != nil || n < header || n > len(answer) {
		return unix.EIO
	}
	if native.Uint16(answer[4:]) == unix.NLMSG_ERROR && n >= header+4 {
		return unix.Errno(-int32(native.Uint32(answer[header:])))
	}
	return 0
}

// attribute is one, as it is sent.
func attribute(typ uint16, payload []byte) []byte {
	b := native.AppendUint16(nil, uint16(unix.SizeofNlAttr+len(payload)))
	b = native.AppendUint16(b, typ)
	b = append(b, payload...)
	return append(b, make([]byte, -len(b)&3)...)
}
