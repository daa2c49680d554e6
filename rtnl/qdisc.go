package rtnl

import (
	"fmt"
	"strconv"
	"strings"

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A qdisc, or queueing discipline, is the queue that packets wait in before a link sends them, and what says when
// they may go (tc(8)). RTM_NEWQDISC, RTM_DELQDISC and RTM_GETQDISC carry this struct (linux/rtnetlink.h) and the
// attributes TCA_*:
//
//	struct tcmsg {
//		unsigned char  tcm_family;
//		unsigned char  tcm__pad1;
//		unsigned short tcm__pad2;
//		int            tcm_ifindex;
//		__u32          tcm_handle;
//		__u32          tcm_parent;
//		__u32          tcm_info;    // of a qdisc that the kernel tells of: how often it is referred to
//	};
//
// What only one kind has is in TCA_OPTIONS, and described in the file of the kind's name.

// A Qdisc is a queueing discipline. What is zero is not sent.
type Qdisc struct {
	Family   Family
	Index    uint32 // of the link
	Handle   QdiscHandle
	Parent   QdiscHandle
	RefCount uint32

	Kind         string // "tbf", "fq_codel", ...
	Options      any    // *TBF where Kind is "tbf"; wire.Raw for a kind that this package does not know
	Stats        *QdiscStats
	HWOffload    *uint8 // 1: the hardware does it
	IngressBlock uint32 // the number of a block of filters that it shares with others
	EgressBlock  uint32
	Rest         []wire.Attr
}

var qdiscTable = wire.Table[*Qdisc]{Rows: func(q *Qdisc) wire.Rows {
	return wire.Of(q,
		wire.Field("tcm_family", &q.Family),
		wire.Pad(3),
		wire.Field("tcm_ifindex", &q.Index),
		wire.Field("tcm_handle", &q.Handle),
		wire.Field("tcm_parent", &q.Parent),
		wire.Field("tcm_info", &q.RefCount),

		wire.String(unix.TCA_KIND, "TCA_KIND", &q.Kind),
		wire.NestBy(unix.TCA_OPTIONS, "TCA_OPTIONS",
			&q.Kind,
			&q.Options,
			wire.Kinds{wire.KindOf("tbf", &tbfTable)}),
		wire.Nest(unix.TCA_STATS2, "TCA_STATS2", &q.Stats, &qdiscStatsTable),
		wire.Opt(unix.TCA_HW_OFFLOAD, "TCA_HW_OFFLOAD", &q.HWOffload),
		wire.U32(unix.TCA_INGRESS_BLOCK, "TCA_INGRESS_BLOCK", &q.IngressBlock),
		wire.U32(unix.TCA_EGRESS_BLOCK, "TCA_EGRESS_BLOCK", &q.EgressBlock),
		wire.Unknown(&q.Rest, words.Group("qdisc")),
	)
}}

// A QdiscHandle names a qdisc by its upper 16 bits, and a class of it by the lower ones (TC_H_MAJ and TC_H_MIN,
// linux/pkt_sched.h). In hexadecimal, 1:0 is a qdisc and 1:1 a class of it.
type QdiscHandle uint32

// Parents that are no class: the link itself.
const (
	QdiscRoot    QdiscHandle = 0xffffffff // TC_H_ROOT: what the link sends
	QdiscIngress QdiscHandle = 0xfffffff1 // TC_H_INGRESS, and TC_H_CLSACT: filters only, of what it receives too
)

func (h QdiscHandle) String() string {
	switch h {
	case 0:
		return "TC_H_UNSPEC"
	case QdiscRoot:
		return "TC_H_ROOT"
	case QdiscIngress:
		return "TC_H_INGRESS"
	}
	return fmt.Sprintf("%x:%x", uint32(h)>>16, uint32(h)&0xffff)
}

// UnmarshalText reads what String writes: TC_H_ROOT, or two hexadecimal numbers with a colon between them, such as 1:10.
func (h *QdiscHandle) UnmarshalText(text []byte) error {
	for _, named := range []QdiscHandle{0, QdiscRoot, QdiscIngress} {
		if named.String() == string(text) {
			*h = named
			return nil
		}
	}
	major, minor, ok := strings.Cut(string(text), ":")
	upper, err := strconv.ParseUint(major, 16, 16)
	lower, minorErr := strconv.ParseUint(minor, 16, 16)
	if !ok || err != nil || minorErr != nil {
		return fmt.Errorf("%q is no handle: TC_H_ROOT, or MAJOR:MINOR in hexadecimal, is needed", text)
	}
	*h = QdiscHandle(upper<<16 | lower)
	return nil
}

var (
	newQdisc = wire.Message[Qdisc]{Type: unix.RTM_NEWQDISC, Name: "RTM_NEWQDISC", Body: &qdiscTable}
	delQdisc = wire.Message[Qdisc]{Type: unix.RTM_DELQDISC, Name: "RTM_DELQDISC", Body: &qdiscTable}
	getQdisc = wire.Message[Qdisc]{Type: unix.RTM_GETQDISC, Name: "RTM_GETQDISC", Body: &qdiscTable}
)

// NewQdisc puts a qdisc in the place of what its Parent has. With the handle of one that is there already, of the same
// kind, it changes that one. ENOENT means that the kernel does not have the kind, or the handle's qdisc, or its class.
//
// On a link that is up it comes in the place of one that packets may be in, which the kernel first waits out
// (dev_deactivate_many, net/sched/sch_generic.c): it costs 45 µs there, and 5 before IFF_UP, on Linux 6.18.
func NewQdisc(q *Qdisc, purpose string) wire.Request {
	return newQdisc.New(netlink.Acknowledge|netlink.Create|netlink.Replace, q, purpose)
}

// DelQdisc removes the qdisc that a parent has: the link then has a default one again. ENOENT means that there is
// none but that one; EINVAL, that it has another handle or kind than q says.
func DelQdisc(q *Qdisc, purpose string) wire.Request {
	return delQdisc.New(netlink.Acknowledge, q, purpose)
}

// Qdiscs lists the qdiscs of the link with this index, or of all links where it is 0. The kernel tells of all in
// any case.
func (c *Conn) Qdiscs(index uint32) ([]Qdisc, error) {
	all, err := wire.Dump(c.Conn, getQdisc.New(0, &Qdisc{Index: index}, "list qdiscs"), &newQdisc)
	if err != nil || index == 0 {
		return all, err
	}
	var own []Qdisc
	for i := range all {
		if all[i].Index == index {
			own = append(own, all[i])
		}
	}
	return own, nil
}
