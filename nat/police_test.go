package nat_test

import (
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	clab "plumb/container/lab"
	. "plumb/nat"
	"plumb/test/lab"

	"github.com/mdlayher/netlink"
)

// makePolice makes plumb's table with nothing in it but the set, and the rule with a counter before its verdict.
func makePolice(t *testing.T, c *Conn, elements ...Element) {
	t.Helper()
	h := Header{Family: NFPROTO_INET}
	set, rule := PoliceSet(), PoliceGuard()
	set.Header, set.Table, set.ID, rule.Header, rule.Table = h, TableName, 1, h, TableName
	rule.Expressions = slices.Insert(rule.Expressions, len(rule.Expressions)-1, Exprs(&Counter{})...)
	err := c.Batch(
		NewTable(&Table{Header: h, Name: TableName}, netlink.Excl), NewSet(&set, netlink.Excl),
		NewChain(&Chain{Header: h, Table: TableName, Name: rule.Chain, Type: "filter", Hook: &Hook{Num: NF_INET_PRE_ROUTING, Priority: -300}}, 0),
		NewRule(&rule, netlink.Append),
		NewElements(&ElementList{Header: h, Table: TableName, Set: set.Name, Elements: elements}, netlink.Excl),
	)
	if err != nil {
		t.Fatal(err)
	}
}

const policeScript = `table inet plumb {
	set police {
		type ifname
		limit rate over 15000000000 bytes/second burst 64 kbytes
		comment "links that may send no more than their limit"
		elements = { "pl-web" limit rate over 1375000 bytes/second burst 64 kbytes comment "web" }
	}

	chain guard {
		type filter hook prerouting priority raw; policy accept;
		iifname @police counter packets 0 bytes 0 drop comment "above its limit"
	}
}
`

// nft lists what plumb has made as its user would write it, and reads that list, which then makes the same.
func TestNftReadsPolice(t *testing.T) {
	t.Parallel()
	ours, theirs := lab.NewNS(t), lab.NewNS(t)
	c := dialIn(t, ours)
	makePolice(t, c, PoliceElement("pl-web", 1_250_000, "web"))
	if got := run(t, ours, "nft", "list", "ruleset"); got != policeScript {
		t.Errorf("nft lists\n%s\nand not\n%s", got, policeScript)
	}
	file := filepath.Join(t.TempDir(), "police.nft")
	if err := os.WriteFile(file, []byte(policeScript), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, theirs, "nft", "-f", file)
	if got := run(t, theirs, "nft", "list", "ruleset"); got != policeScript {
		t.Errorf("nft reads its own list as\n%s", got)
	}
	e, err := c.Element(NFPROTO_INET, TableName, "police", Element{Key: &Data{Value: IfName("pl-web")}})
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := e.Expression.Data.(*Limit); !ok || l.Rate != 1_375_000 || l.Type != NFT_LIMIT_PKT_BYTES || l.Flags.String() != "over" {
		t.Errorf("the element's limit is %+v", e.Expression)
	}
}

// The kernel takes a limit that is larger than any, as the largest.
func TestPoliceTakesAnyRate(t *testing.T) {
	t.Parallel()
	makePolice(t, newConn(t), PoliceElement("a", 8000, ""), PoliceElement("b", 12_500_000_000, ""), PoliceElement("c", math.MaxUint64/2, ""))
}

// Who keeps to the limit by a filter of its own is never dropped, and fills it; who removed the filter is held to about the limit.
func TestPolice(t *testing.T) {
	t.Parallel()
	const limit int64 = 2_500_000 // bytes a second
	for name, test := range map[string]func(t *testing.T, w *policed){
		"shaped": func(t *testing.T, w *policed) {
			run(t, w.box.NS(), "tc", "qdisc", "add", "dev", w.link, "root", "tbf", "rate", "20mbit", "burst", "28k", "limit", "150k")
			t.Cleanup(func() { run(t, w.box.NS(), "tc", "qdisc", "del", "dev", w.link, "root") })
			const data, frame = 1448, 1514
			w.arrives(t, w.tcp(t), limit*data/frame, 0.9, 1.1)
			if n := w.dropped(t); n != 0 {
				t.Errorf("%d packets of who keeps to the limit were dropped", n)
			}
		},
		"unshaped": func(t *testing.T, w *policed) {
			const data, packet = 1400, 1428
			w.arrives(t, w.udp(t), limit*data/packet, 1, 1.2)
			if w.dropped(t) == 0 {
				t.Error("nothing of who does not keep to the limit was dropped")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newPoliced(t, uint64(limit)))
		})
	}
}

// A policed is a host that holds another to a limit.
type policed struct {
	host, box *clab.Host
	link      string // between the two, of both
	addr      string // the host's on it
	conn      *Conn
}

func newPoliced(t *testing.T, limit uint64) *policed {
	t.Helper()
	l := lab.New(t)
	w := &policed{host: l.NewHost("host"), box: l.NewHost("box")}
	lan := l.NewLAN(w.host, w.box)
	w.link, w.addr = lan.Name, lan.Addr4[0].String()
	w.conn = dialIn(t, w.host.NS())
	makePolice(t, w.conn, PoliceElement(w.link, limit, "box"))
	t.Cleanup(func() {
		if err := w.conn.Batch(DelTable(&Table{Header: Header{Family: NFPROTO_INET}, Name: TableName})); err != nil {
			t.Error(err)
		}
	})
	return w
}

// dropped is how many packets the rule has dropped.
func (w *policed) dropped(t *testing.T) uint64 {
	t.Helper()
	rules, err := w.conn.Rules(NFPROTO_INET, TableName, "guard")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range rules[0].Expressions {
		if c, ok := e.Data.(*Counter); ok {
			return c.Packets
		}
	}
	t.Fatal("the rule has no counter")
	return 0
}

// arrives reads what is sent, once the first two seconds' worth have arrived, in quarters of a second's worth. Their median
// is what counts; where it is not as expected, as on a machine that stood still, more are read, up to 20.
func (w *policed) arrives(t *testing.T, r io.Reader, expected int64, least, most float64) {
	t.Helper()
	if _, err := io.CopyN(io.Discard, r, 2*expected); err != nil {
		t.Fatal(err)
	}
	var ratios []float64
	for begin := time.Now(); len(ratios) < 20; {
		n, err := io.CopyN(io.Discard, r, expected/4)
		if err != nil {
			t.Fatal(err)
		}
		end := time.Now()
		ratios = append(ratios, float64(n)/end.Sub(begin).Seconds()/float64(expected))
		begin = end
		if median := lab.Median(slices.Clone(ratios)); len(ratios) >= 4 && median > least && median < most {
			t.Logf("%.3f of the limit arrives", median)
			return
		}
	}
	t.Errorf("%.3f of the limit arrives", lab.Median(ratios))
}

// tcp is the host's end of a connection by which the box sends what it can.
func (w *policed) tcp(t *testing.T) io.Reader {
	t.Helper()
	l, err := w.host.Listen("tcp4", w.addr+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sender, err := w.box.DialContext(t.Context(), "tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	w.flood(t, sender, receiver, 64<<10)
	return receiver
}

// udp is the same by datagrams of 1400 bytes, which nothing slows down.
func (w *policed) udp(t *testing.T) io.Reader {
	t.Helper()
	l, err := w.host.ListenPacket("udp4", w.addr+":0")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := w.box.DialContext(t.Context(), "udp4", l.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	receiver := l.(*net.UDPConn)
	w.flood(t, sender, receiver, 1400)
	return receiver
}

// flood writes size bytes again and again, until the test ends.
func (w *policed) flood(t *testing.T, sender, receiver net.Conn, size int) {
	t.Helper()
	if err := receiver.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, size); ; {
			if _, err := sender.Write(b); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		sender.Close()
		receiver.Close()
		<-ended
	})
}
