package sockdiag

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A question is struct inet_diag_req_v2, linux/inet_diag.h:
//
//	struct inet_diag_req_v2 {
//		__u8  sdiag_family;            // AF_INET, AF_INET6
//		__u8  sdiag_protocol;          // IPPROTO_*
//		__u8  idiag_ext;               // which INET_DIAG_* beside those that always come, a bit for each
//		__u8  pad;
//		__u32 idiag_states;            // which states, a bit for each
//		struct inet_diag_sockid id;    // only these; 0 is any
//	};
type inetQuestion struct {
	Family   family
	Protocol protocol
	Ext      uint8
	States   states
	ID       socketID
	Unknown  []wire.Attr
}

// An answer is struct inet_diag_msg:
//
//	struct inet_diag_msg {
//		__u8  idiag_family;
//		__u8  idiag_state;
//		__u8  idiag_timer;
//		__u8  idiag_retrans;
//		struct inet_diag_sockid id;
//		__u32 idiag_expires;
//		__u32 idiag_rqueue;
//		__u32 idiag_wqueue;
//		__u32 idiag_uid;
//		__u32 idiag_inode;
//	};
type inetAnswer struct {
	Family  family
	State   state
	Timer   uint8 // which timer runs, of TCP
	Retrans uint8
	ID      socketID
	Expires uint32 // milliseconds, of the timer
	RQueue  uint32 // bytes not yet read; of a listener, connections not yet accepted
	WQueue  uint32 // bytes not yet sent; of a listener, how many may wait
	UID     uint32 // whose process made it, as the asker's user namespace numbers users
	Inode   uint32 // what /proc/PID/fd names it by

	V6Only   uint8  // of an IPv6 listener: IPV6_V6ONLY
	Shutdown uint8  // SHUT_*, plus 1
	Mark     uint32 // SO_MARK; told to CAP_NET_ADMIN
	Unknown  []wire.Attr
}

// A socketID is struct inet_diag_sockid. An IPv4 address is the first four of an address' bytes.
//
//	struct inet_diag_sockid {
//		__be16 idiag_sport;
//		__be16 idiag_dport;
//		__be32 idiag_src[4];
//		__be32 idiag_dst[4];
//		__u32  idiag_if;
//		__u32  idiag_cookie[2];
//	};
type socketID struct {
	SrcPort, DstPort uint16
	Src, Dst         [2]half
	Interface        uint32    // SO_BINDTODEVICE: the interface's index; 0 for none
	Cookie           [2]uint32 // tells sockets apart that have had the same inode
}

// A half is eight bytes of an address.
type half uint64

func (h half) String() string { return fmt.Sprintf("%#016x", uint64(h)) }

// addr is the address that two halves are, in a family.
func addr(f family, h [2]half) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(h[0]))
	binary.BigEndian.PutUint64(b[8:], uint64(h[1]))
	if f == unix.AF_INET {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b)
}

// idRows are the rows of a socketID.
func idRows(id *socketID) wire.Row {
	return wire.Several(
		wire.FieldBE("idiag_sport", &id.SrcPort),
		wire.FieldBE("idiag_dport", &id.DstPort),
		wire.FieldBE("idiag_src[0:2]", &id.Src[0]),
		wire.FieldBE("idiag_src[2:4]", &id.Src[1]),
		wire.FieldBE("idiag_dst[0:2]", &id.Dst[0]),
		wire.FieldBE("idiag_dst[2:4]", &id.Dst[1]),
		wire.Field("idiag_if", &id.Interface),
		wire.Field("idiag_cookie[0]", &id.Cookie[0]),
		wire.Field("idiag_cookie[1]", &id.Cookie[1]),
	)
}

var questionTable = wire.Table[*inetQuestion]{Rows: func(q *inetQuestion) wire.Rows {
	return wire.Of(q,
		wire.Field("sdiag_family", &q.Family),
		wire.Field("sdiag_protocol", &q.Protocol),
		wire.Field("idiag_ext", &q.Ext),
		wire.Pad(1),
		wire.Field("idiag_states", &q.States),
		idRows(&q.ID),
		wire.Unknown(&q.Unknown, wire.Group{}),
	)
}}

// The attributes: enum of INET_DIAG_*, which x/sys/unix does not have.
var answerTable = wire.Table[*inetAnswer]{Rows: func(a *inetAnswer) wire.Rows {
	return wire.Of(a,
		wire.Field("idiag_family", &a.Family),
		wire.Field("idiag_state", &a.State),
		wire.Field("idiag_timer", &a.Timer),
		wire.Field("idiag_retrans", &a.Retrans),
		idRows(&a.ID),
		wire.Field("idiag_expires", &a.Expires),
		wire.Field("idiag_rqueue", &a.RQueue),
		wire.Field("idiag_wqueue", &a.WQueue),
		wire.Field("idiag_uid", &a.UID),
		wire.Field("idiag_inode", &a.Inode),
		wire.U8(8, "INET_DIAG_SHUTDOWN", &a.Shutdown),
		wire.U8(11, "INET_DIAG_SKV6ONLY", &a.V6Only),
		wire.U32(15, "INET_DIAG_MARK", &a.Mark),
		wire.Unknown(&a.Unknown, words.Group("answer")),
	)
}}

var (
	question = wire.Message[inetQuestion]{Type: unix.SOCK_DIAG_BY_FAMILY, Name: "SOCK_DIAG_BY_FAMILY", Body: &questionTable}
	answer   = wire.Message[inetAnswer]{Type: unix.SOCK_DIAG_BY_FAMILY, Name: "SOCK_DIAG_BY_FAMILY", Body: &answerTable}
)

type family uint8

func (f family) String() string {
	switch f {
	case unix.AF_INET:
		return "AF_INET"
	case unix.AF_INET6:
		return "AF_INET6"
	}
	return strconv.Itoa(int(f))
}

type protocol uint8

func (p protocol) String() string {
	switch p {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_SCTP:
		return "sctp"
	}
	return strconv.Itoa(int(p))
}

// A state is one of TCP's, include/net/tcp_states.h. Sockets of UDP are ESTABLISHED when they are connected, and CLOSE when not.
type state uint8

const (
	stateClose  state = 7
	stateListen state = 10
)

var stateNames = [...]string{
	1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE",
	8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "NEW_SYN_RECV",
}

func (s state) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return strconv.Itoa(int(s))
}

// states are a bit for each state.
type states uint32

func (s states) String() string {
	var names wire.Names
	for i, name := range stateNames {
		if name != "" {
			names = append(names, wire.Name{Value: 1 << i, Name: name})
		}
	}
	return names.Flags(uint64(s))
}
