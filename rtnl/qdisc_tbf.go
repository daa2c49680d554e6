package rtnl

import (
	"math"

	"plumb/rtnl/wire"
)

// The token bucket filter holds a link to a rate (tc-tbf(8)): tokens come in at the rate, a packet takes one for each of
// its bytes, and waits where there are not enough. Its attributes are TCA_TBF_* of linux/pkt_sched.h, and these structs:
//
//	struct tc_tbf_qopt {
//		struct tc_ratespec rate;
//		struct tc_ratespec peakrate;
//		__u32              limit;    // bytes that may wait
//		__u32              buffer;   // how long the rate takes to fill the bucket
//		__u32              mtu;      // the same of the peakrate
//	};
//
//	struct tc_ratespec {
//		unsigned char  cell_log;
//		__u8           linklayer;    // TC_LINKLAYER_*
//		unsigned short overhead;
//		short          cell_align;
//		unsigned short mpu;
//		__u32          rate;         // bytes a second
//	};

// TBF is TCA_OPTIONS of a tbf. Rates are in bytes a second.
type TBF struct {
	Parms    *TBFParms
	Rate64   uint64 // where Parms.Rate has no room for it
	PeakRate uint64 // the same of Parms.PeakRate
	Burst    uint32 // bytes in a full bucket; takes the place of Parms.Buffer, by which the kernel tells it
	PeakSize uint32 // bytes in the bucket of the peak rate
	Rest     []wire.Attr
}

var tbfTable = wire.Table[*TBF]{Rows: func(t *TBF) wire.Rows {
	return wire.Of(t,
		wire.Struct(tcaTBFParms, "TCA_TBF_PARMS", &t.Parms, &tbfParmsTable),
		wire.U64(tcaTBFRate64, "TCA_TBF_RATE64", &t.Rate64),
		wire.U64(tcaTBFPRate64, "TCA_TBF_PRATE64", &t.PeakRate),
		wire.U32(tcaTBFBurst, "TCA_TBF_BURST", &t.Burst),
		wire.U32(tcaTBFPBurst, "TCA_TBF_PBURST", &t.PeakSize),
		wire.Unknown(&t.Rest, words.Group("tbf")),
	)
}}

// Attributes of linux/pkt_sched.h, which golang.org/x/sys does not have. The last ones are of Linux 3.14.
const (
	tcaTBFParms   = 1
	tcaTBFRTab    = 2
	tcaTBFPTab    = 3
	tcaTBFRate64  = 4
	tcaTBFPRate64 = 5
	tcaTBFBurst   = 6
	tcaTBFPBurst  = 7
	tcaTBFPad     = 8
)

// TBFParms is struct tc_tbf_qopt.
type TBFParms struct {
	Rate     RateSpec
	PeakRate RateSpec
	Limit    uint32 // bytes that may wait; what comes then is dropped
	Buffer   uint32 // ticks of 64 ns (PSCHED_SHIFT, net/pkt_sched.h): how long the rate takes to fill the bucket
	MTU      uint32 // the same of the peak rate
}

var tbfParmsTable = wire.Table[*TBFParms]{Rows: func(p *TBFParms) wire.Rows {
	return wire.Of(p,
		rateSpecRows("rate.", &p.Rate),
		rateSpecRows("peakrate.", &p.PeakRate),
		wire.Field("limit", &p.Limit),
		wire.Field("buffer", &p.Buffer),
		wire.Field("mtu", &p.MTU),
	)
}}

// RateSpec is struct tc_ratespec.
type RateSpec struct {
	CellLog   uint8
	LinkLayer LinkLayer
	Overhead  uint16 // bytes that each packet costs besides its own
	CellAlign int16
	MPU       uint16 // bytes that each packet costs at least
	Rate      uint32 // bytes a second; all bits are set where it is more
}

func rateSpecRows(prefix string, r *RateSpec) wire.Row {
	return wire.Several(
		wire.Field(prefix+"cell_log", &r.CellLog),
		wire.Field(prefix+"linklayer", &r.LinkLayer),
		wire.Field(prefix+"overhead", &r.Overhead),
		wire.Field(prefix+"cell_align", &r.CellAlign),
		wire.Field(prefix+"mpu", &r.MPU),
		wire.Field(prefix+"rate", &r.Rate),
	)
}

// A LinkLayer says what a packet costs on the wire: TC_LINKLAYER_*, linux/pkt_sched.h.
type LinkLayer uint8

// LinkLayerEthernet is a link whose packets cost their bytes. With no link layer said, the kernel looks for the tables
// of old and says in its answer that they are missing (tbf_change, net/sched/sch_tbf.c).
const LinkLayerEthernet LinkLayer = 1

func (l LinkLayer) String() string {
	return wire.Names{
		{Value: 0, Name: "TC_LINKLAYER_UNAWARE"},
		{Value: 1, Name: "TC_LINKLAYER_ETHERNET"},
		{Value: 2, Name: "TC_LINKLAYER_ATM"},
	}.Enum(uint64(l))
}

// TBFOf describes a tbf at the root of what the link with this index sends. The rate is in bytes a second; burst is
// how many bytes may go at once after a pause, at least a whole frame's; limit is how many may wait.
func TBFOf(index uint32, rate uint64, burst, limit uint32) *Qdisc {
	tbf := &TBF{Burst: burst, Parms: &TBFParms{
		Rate:  RateSpec{LinkLayer: LinkLayerEthernet, Rate: uint32(min(rate, math.MaxUint32))},
		Limit: limit,
	}}
	if rate > math.MaxUint32 {
		tbf.Rate64 = rate
	}
	return &Qdisc{Index: index, Handle: 1 << 16, Parent: QdiscRoot, Kind: "tbf", Options: tbf}
}

// BytesPerSecond is the rate that the filter holds to.
func (t *TBF) BytesPerSecond() uint64 {
	if t.Rate64 != 0 || t.Parms == nil {
		return t.Rate64
	}
	return uint64(t.Parms.Rate.Rate)
}
