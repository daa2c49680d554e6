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

// idRows are the rows of the socketID that f finds.
func idRows[P any](f func(P) *socketID) wire.Table[P] {
	return wire.Table[P]{
		wire.FieldBE("idiag_sport", func(v P) *uint16 { return &f(v).SrcPort }),
		wire.FieldBE("idiag_dport", func(v P) *uint16 { return &f(v).DstPort }),
		wire.FieldBE("idiag_src[0:2]", func(v P) *half { return &f(v).Src[0] }),
		wire.FieldBE("idiag_src[2:4]", func(v P) *half { return &f(v).Src[1] }),
		wire.FieldBE("idiag_dst[0:2]", func(v P) *half { return &f(v).Dst[0] }),
		wire.FieldBE("idiag_dst[2:4]", func(v P) *half { return &f(v).Dst[1] }),
		wire.Field("idiag_if", func(v P) *uint32 { return &f(v).Interface }),
		wire.Field("idiag_cookie[0]", func(v P) *uint32 { return &f(v).Cookie[0] }),
		wire.Field("idiag_cookie[1]", func(v P) *uint32 { return &f(v).Cookie[1] }),
	}
}

var questionTable = wire.Join(
	wire.Table[*inetQuestion]{
		wire.Field("sdiag_family", func(q *inetQuestion) *family { return &q.Family }),
		wire.Field("sdiag_protocol", func(q *inetQuestion) *protocol { return &q.Protocol }),
		wire.Field("idiag_ext", func(q *inetQuestion) *uint8 { return &q.Ext }),
		wire.Pad[*inetQuestion](1),
		wire.Field("idiag_states", func(q *inetQuestion) *states { return &q.States }),
	},
	idRows(func(q *inetQuestion) *socketID { return &q.ID }),
	wire.Table[*inetQuestion]{
		wire.Unknown(func(q *inetQuestion) *[]wire.Attr { return &q.Unknown }),
	},
)

// The attributes: enum of INET_DIAG_*, which x/sys/unix does not have.
var answerTable = wire.Join(
	wire.Table[*inetAnswer]{
		wire.Field("idiag_family", func(a *inetAnswer) *family { return &a.Family }),
		wire.Field("idiag_state", func(a *inetAnswer) *state { return &a.State }),
		wire.Field("idiag_timer", func(a *inetAnswer) *uint8 { return &a.Timer }),
		wire.Field("idiag_retrans", func(a *inetAnswer) *uint8 { return &a.Retrans }),
	},
	idRows(func(a *inetAnswer) *socketID { return &a.ID }),
	wire.Table[*inetAnswer]{
		wire.Field("idiag_expires", func(a *inetAnswer) *uint32 { return &a.Expires }),
		wire.Field("idiag_rqueue", func(a *inetAnswer) *uint32 { return &a.RQueue }),
		wire.Field("idiag_wqueue", func(a *inetAnswer) *uint32 { return &a.WQueue }),
		wire.Field("idiag_uid", func(a *inetAnswer) *uint32 { return &a.UID }),
		wire.Field("idiag_inode", func(a *inetAnswer) *uint32 { return &a.Inode }),
		wire.U8(8, "INET_DIAG_SHUTDOWN", func(a *inetAnswer) *uint8 { return &a.Shutdown }),
		wire.U8(11, "INET_DIAG_SKV6ONLY", func(a *inetAnswer) *uint8 { return &a.V6Only }),
		wire.U32(15, "INET_DIAG_MARK", func(a *inetAnswer) *uint32 { return &a.Mark }),
		wire.Unknown(func(a *inetAnswer) *[]wire.Attr { return &a.Unknown }, words.Group("answer")),
	},
)

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
