package wire

import (
	"net"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What creates a container's two ends is the largest message that plumb sends on the way to one: RTM_NEWLINK with the
// link, its kind, and its peer. This has the same shape: rtnl has the real one.
type benchLink struct {
	Family        uint8
	Type          uint16
	Index         int32
	Flags, Change uint32
	Name          string
	MAC           net.HardwareAddr
	TxQ, RxQ      uint32
	NetNS         *uint32
	Info          *benchInfo
}

type benchInfo struct {
	Kind string
	Data any
}

type benchVeth struct{ Peer *benchLink }

var benchLinkFields = Table[*benchLink]{Rows: func(l *benchLink) Rows { return Of(l, benchLinkRows(l)) }}

func benchLinkRows(l *benchLink) Row {
	return Several(
		Field("ifi_family", &l.Family),
		Pad(1),
		Field("ifi_type", &l.Type),
		Field("ifi_index", &l.Index),
		Field("ifi_flags", &l.Flags),
		Field("ifi_change", &l.Change),
		MAC(1, "IFLA_ADDRESS", &l.MAC),
		String(3, "IFLA_IFNAME", &l.Name),
		Opt(28, "IFLA_NET_NS_FD", &l.NetNS),
		U32(31, "IFLA_NUM_TX_QUEUES", &l.TxQ),
		U32(32, "IFLA_NUM_RX_QUEUES", &l.RxQ),
	)
}

var benchVethTable = Table[*benchVeth]{Rows: func(v *benchVeth) Rows {
	return Of(v,
		Nest(1, "VETH_INFO_PEER", &v.Peer, &benchLinkFields),
	)
}}

var benchInfoTable = Table[*benchInfo]{Rows: func(i *benchInfo) Rows {
	return Of(i,
		String(1, "IFLA_INFO_KIND", &i.Kind),
		NestBy(2, "IFLA_INFO_DATA", &i.Kind, &i.Data,
			Kinds{KindOf("veth", &benchVethTable)}),
	)
}}

var benchLinkTable = Table[*benchLink]{Rows: func(l *benchLink) Rows {
	return Of(l,
		benchLinkRows(l),
		Nest(18, "IFLA_LINKINFO", &l.Info, &benchInfoTable),
	)
}}

var newBenchLink = &Message[benchLink]{Type: 16, Name: "RTM_NEWLINK", Body: &benchLinkTable}

func benchPair() *benchLink {
	fd := uint32(7)
	return &benchLink{
		Index: 77, Flags: 1, Change: 1, Name: "pl-web", MAC: net.HardwareAddr{2, 0, 10, 0, 0, 1}, TxQ: 1, RxQ: 1,
		Info: &benchInfo{Kind: "veth", Data: &benchVeth{Peer: &benchLink{
			Index: 2, Name: "eth0", MAC: net.HardwareAddr{2, 0, 10, 0, 0, 2}, TxQ: 1, RxQ: 1, NetNS: &fd,
		}}},
	}
}

func newPair(l *benchLink) Request {
	return newBenchLink.New(netlink.Acknowledge|netlink.Create|netlink.Excl, l, "create pl-web")
}

// BenchmarkEncode encodes into a buffer that is there already, as Conn does.
func BenchmarkEncode(b *testing.B) {
	l := benchPair()
	var e Encoder
	b.ReportAllocs()
	for b.Loop() {
		e.b = e.b[:0]
		r := newPair(l)
		r.appendTo(&e, r.Flags, 1)
	}
	b.SetBytes(int64(len(e.b)))
}

// BenchmarkBuildAndEncode makes the Go structs too.
func BenchmarkBuildAndEncode(b *testing.B) {
	var e Encoder
	b.ReportAllocs()
	for b.Loop() {
		e.b = e.b[:0]
		r := newPair(benchPair())
		r.appendTo(&e, r.Flags, 1)
	}
}

func BenchmarkDecode(b *testing.B) {
	bytes, err := benchLinkTable.Encode(benchPair())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var l benchLink
		if err := benchLinkTable.Decode(bytes, &l); err != nil {
			b.Fatal(err)
		}
	}
}

// An echo answers with what it has ready, and allocates nothing itself.
type echo struct {
	fake
	answer []byte
	unread bool
}

func (e *echo) Send([]byte) error { e.unread = true; return nil }

func (e *echo) Receive(b []byte, _ bool) (int, error) {
	if !e.unread {
		return 0, unix.EAGAIN
	}
	e.unread = false
	return copy(b, e.answer), nil
}

// BenchmarkDo sends four messages and reads four answers, but for what the kernel does.
func BenchmarkDo(b *testing.B) {
	do := doer(b)
	b.ReportAllocs()
	for b.Loop() {
		do()
	}
}

// doer returns what sends a group on a Conn that has sent one before.
func doer(t testing.TB) func() {
	var to received
	to.whole = make([]byte, headerSize)
	var answer []byte
	for i := range 4 {
		to.Sequence = uint32(i + 1)
		answer = append(answer, ack(to, 0, nil)...)
	}
	c, err := Dial(Config{Protocol: testProtocol, Transport: &echo{answer: answer}})
	if err != nil {
		t.Fatal(err)
	}
	l := benchPair()
	return func() {
		c.seq = 0
		if err := c.Do(newPair(l), newPair(l), newPair(l), newPair(l)); err != nil {
			t.Fatal(err)
		}
	}
}

// Sending allocates nothing beyond what the requests hold.
func TestDoDoesNotAllocate(t *testing.T) {
	do := doer(t)
	do()
	if n := testing.AllocsPerRun(100, do); n > 0 {
		t.Errorf("%v allocations for a group of four messages, want 0", n)
	}
}
