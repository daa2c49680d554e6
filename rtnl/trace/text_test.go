package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A little of rtnetlink and of nftables, so that the golden files change with this package alone.
type link struct {
	Family uint8
	Index  uint32
	Name   string
	MTU    uint32
	Info   *info
	Stats  []byte
}

type info struct{ Kind string }

var infoTable = wire.Table[*info]{Rows: func(i *info) wire.Rows {
	return wire.Of(i, wire.String(1, "IFLA_INFO_KIND", &i.Kind))
}}

var linkTable = wire.Table[*link]{Rows: func(l *link) wire.Rows {
	return wire.Of(l,
		wire.Field("ifi_family", &l.Family),
		wire.Pad(3),
		wire.Field("ifi_index", &l.Index),
		wire.String(3, "IFLA_IFNAME", &l.Name),
		wire.U32(4, "IFLA_MTU", &l.MTU),
		wire.Bytes(23, "IFLA_STATS64", &l.Stats),
		wire.Nest(18, "IFLA_LINKINFO", &l.Info, &infoTable),
	)
}}

func messages() map[uint16]*wire.Message[link] {
	byType := map[uint16]*wire.Message[link]{}
	for typ, name := range map[uint16]string{
		16: "RTM_NEWLINK", 17: "RTM_DELLINK", 18: "RTM_GETLINK", 19: "RTM_SETLINK",
		100: "NFNL_MSG_BATCH_BEGIN", 101: "NFNL_MSG_BATCH_END", 102: "NFT_MSG_DELTABLE",
	} {
		byType[typ] = &wire.Message[link]{Type: typ, Name: name, Body: &linkTable}
	}
	return byType
}

// kernel answers what is sent to it with one datagram of a script, if there is one left.
type kernel struct {
	script [][]byte
	queue  [][]byte
}

func (k *kernel) Send([]byte) error {
	if len(k.script) > 0 {
		k.queue, k.script = k.script[:1], k.script[1:]
	}
	return nil
}

func (k *kernel) Receive(b []byte, _ bool) (int, error) {
	if len(k.queue) == 0 {
		return 0, unix.EAGAIN
	}
	n := copy(b, k.queue[0])
	k.queue = k.queue[1:]
	return n, nil
}

func (k *kernel) Join(uint32) error               { return nil }
func (k *kernel) Grow(int) error                  { return nil }
func (k *kernel) SetReadDeadline(time.Time) error { return nil }
func (k *kernel) Close() error                    { return nil }

// An answer is struct nlmsgerr and the extended ACK, as a table: the kernel's side of what wire decodes.
type answer struct {
	Errno       int32
	Len         uint32
	Type, Flags uint16
	Seq, Port   uint32
	Msg         string
	Offset      uint32
	Policy      *maxLength
	MissType    uint32
	MissNest    uint32
}

type maxLength struct{ Type, Max uint32 }

var answerTable = wire.Table[*answer]{Rows: func(a *answer) wire.Rows {
	return wire.Of(a,
		wire.Field("error", &a.Errno),
		wire.Field("nlmsg_len", &a.Len),
		wire.Field("nlmsg_type", &a.Type),
		wire.Field("nlmsg_flags", &a.Flags),
		wire.Field("nlmsg_seq", &a.Seq),
		wire.Field("nlmsg_pid", &a.Port),
		wire.String(1, "NLMSGERR_ATTR_MSG", &a.Msg),
		wire.U32(2, "NLMSGERR_ATTR_OFFS", &a.Offset),
		wire.Nest(4, "NLMSGERR_ATTR_POLICY", &a.Policy, &wire.Table[*maxLength]{Rows: func(m *maxLength) wire.Rows {
			return wire.Of(m,
				wire.U32(1, "TYPE", &m.Type),
				wire.U32(7, "MAX_LENGTH", &m.Max),
			)
		}}),
		wire.U32(5, "NLMSGERR_ATTR_MISS_TYPE", &a.MissType),
		wire.U32(6, "NLMSGERR_ATTR_MISS_NEST", &a.MissNest),
	)
}}

// padding is a body of n bytes that hold nothing.
func padding(n int) *wire.Table[*struct{}] {
	return &wire.Table[*struct{}]{Rows: func(v *struct{}) wire.Rows { return wire.Of(v, wire.Pad(n)) }}
}

// answered is an NLMSG_ERROR: NLM_F_CAPPED, and NLM_F_ACK_TLVS where there is something to say.
func answered(t testing.TB, seq uint32, a answer) []byte {
	t.Helper()
	flags := netlink.Capped
	if a.Msg != "" || a.MissType != 0 || a.Offset != 0 {
		flags |= netlink.AcknowledgeTLVs
	}
	a.Len, a.Seq = 16, seq
	return encode(t, &wire.Message[answer]{Type: uint16(netlink.Error), Body: &answerTable}, flags, &a, seq)
}

func encode[T any](t testing.TB, m *wire.Message[T], flags netlink.HeaderFlags, v *T, seq uint32) []byte {
	t.Helper()
	r := m.New(0, v, "")
	r.Flags = flags
	b, err := r.Encode(seq)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A counter is a Commander that counts what it sees, and knows two commands for each third message that is sent.
type counter struct{ seen, sent int }

func (c *counter) Command(e wire.Event) string {
	c.seen++
	if !e.Sent {
		return ""
	}
	if c.sent++; c.sent%3 != 0 {
		return ""
	}
	return fmt.Sprintf("ip link set dev %d up\nip \"evil\x1b[2J\"", c.seen)
}

// A clock replaces an event's times: each is 100 µs after the one before.
type clock struct {
	wire.Tracer
	now time.Time
}

func (c *clock) Trace(e wire.Event) {
	c.now = c.now.Add(100 * time.Microsecond)
	if e.Latency > 0 {
		e.Latency = 42 * time.Microsecond
	}
	e.Time = c.now
	c.Tracer.Trace(e)
}

// play sends some groups of messages, refused and not, with a tracer.
func play(t *testing.T, tracer wire.Tracer) {
	t.Helper()
	m := messages()
	script := [][]byte{
		bytes.Join([][]byte{
			answered(t, 1, answer{}),
			answered(t, 2, answer{Errno: -int32(unix.EOPNOTSUPP), Type: 16, Msg: "veth not supported by this kernel", Offset: 48}),
			answered(t, 3, answer{Errno: -int32(unix.ERANGE), Type: 16, Msg: "Attribute failed policy validation", Offset: 24, Policy: &maxLength{11, 15}}),
			answered(t, 4, answer{Errno: -int32(unix.ENODEV), Type: 17}),
		}, nil),
		bytes.Join([][]byte{
			encode(t, m[16], netlink.Multi, &link{Index: 1, Name: "lo", MTU: 65536, Stats: make([]byte, 192)}, 5),
			encode(t, m[16], netlink.Multi, &link{Index: 2, Name: "evil\x1b[2J\n"}, 5),
			encode(t, &wire.Message[struct{}]{Type: 99, Body: padding(5)}, netlink.Multi, &struct{}{}, 5),
			encode(t, &wire.Message[struct{}]{Type: uint16(netlink.Done), Body: padding(4)}, netlink.Multi, &struct{}{}, 5),
		}, nil),
		answered(t, 7, answer{Msg: "a warning"}),
		answered(t, 9, answer{Errno: -int32(unix.EINVAL), Type: 16, MissType: 1, MissNest: 24}),
		answered(t, 11, answer{Errno: -int32(unix.ENOENT), Type: 102, Offset: 20}),
	}
	protocol := &wire.Protocol{Name: "NETLINK_TEST", Lookup: func(typ uint16) *wire.Info { return m[typ].Info() }}
	c, err := wire.Dial(wire.Config{Protocol: protocol, Namespace: "host", Tracer: tracer, Transport: &kernel{script: script}})
	if err != nil {
		t.Fatal(err)
	}
	part := wire.Begin(tracer, "host", "make the links", "a pair, of which one end is the container's")
	defer func() { part.End(unix.ENODEV) }()
	const add = netlink.Acknowledge | netlink.Create | netlink.Excl
	err = c.Do(
		m[16].New(add, &link{Index: 7, Name: "pl-web", Info: &info{"veth"}}, "create pl-web"),
		m[16].New(add, &link{Name: "pl-db", Info: &info{"veth"}}, "create pl-db"),
		m[19].New(netlink.Acknowledge|netlink.Replace, &link{Name: "a-name-that-is-too-long"}, "rename pl-web"),
		m[17].New(netlink.Acknowledge, &link{Index: 9}, "delete the old pair"))
	if len(wire.Refusals(err)) != 3 {
		t.Fatalf("got %v, want three refusals", err)
	}
	inner := wire.Begin(tracer, "host", "look", "what there is")
	wire.Step(tracer, "host", "setns web", time.Now().Add(-time.Millisecond), nil)
	if links, err := wire.Dump(c, m[18].New(0, &link{}, "list links"), m[16]); len(links) != 2 || err != nil {
		t.Fatalf("got %v, %v; want two links", links, err)
	}
	inner.End(nil)
	wire.Step(tracer, "web", "sysctl net.ipv4.ip_forward=1", time.Now().Add(-time.Millisecond), unix.EROFS)
	if err := c.Do(m[100].New(0, &link{}, "a transaction"),
		m[102].New(netlink.Acknowledge|0x100, &link{Index: 3}, "delete the table"),
		m[101].New(0, &link{}, "")); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(m[16].New(netlink.Acknowledge, &link{Info: &info{}}, "create a link of no kind")); err == nil {
		t.Fatal("it was made")
	}
	if err := c.Do(m[100].New(0, &link{}, "another transaction"),
		m[102].New(netlink.Acknowledge, &link{Index: 3}, "delete the table again"),
		m[101].New(0, &link{}, "")); err == nil {
		t.Fatal("it was done")
	}
	tracer.Trace(wire.Event{Namespace: "host", Message: []byte{1, 2, 3}, Protocol: protocol})
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, tracer := range map[string]func(b *bytes.Buffer) wire.Tracer{
		"text":           func(b *bytes.Buffer) wire.Tracer { return Text(b, Options{}) },
		"short":          func(b *bytes.Buffer) wire.Tracer { return Short(b, Options{}) },
		"color":          func(b *bytes.Buffer) wire.Tracer { return Text(b, Options{Color: true}) },
		"json":           func(b *bytes.Buffer) wire.Tracer { return JSON(b, Options{Commands: &counter{}}) },
		"commands":       func(b *bytes.Buffer) wire.Tracer { return Text(b, Options{Commands: &counter{}}) },
		"bytes":          func(b *bytes.Buffer) wire.Tracer { return Text(b, Options{Bytes: true}) },
		"short-commands": func(b *bytes.Buffer) wire.Tracer { return Short(b, Options{Commands: &counter{}}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			play(t, &clock{tracer(&got), time.Unix(0, 0)})
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(name, "short") && binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
				t.Skip("the file shows bytes as a little-endian machine has them")
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("not as in %s (-want +got); -update writes it anew:\n%s", file, diff)
			}
			if name != "color" && strings.ContainsRune(got.String(), '\x1b') {
				t.Error("an escape sequence in a trace without colour")
			}
		})
	}
}

// lines fails the test when a Write is not a whole number of lines.
type lines struct {
	t      *testing.T
	events int
}

func (l *lines) Write(b []byte) (int, error) {
	if l.events++; len(b) == 0 || b[len(b)-1] != '\n' {
		l.t.Errorf("written in pieces: %q", b)
	}
	return len(b), nil
}

func TestConcurrently(t *testing.T) {
	t.Parallel()
	w := &lines{t: t}
	tracer := Text(w, Options{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				wire.Step(tracer, "host", "step", time.Now(), nil)
			}
		})
	}
	group.Wait()
	if w.events != 800 {
		t.Errorf("%d events in 800 were written", w.events)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestBrokenWriter(t *testing.T) {
	t.Parallel()
	play(t, Text(broken{}, Options{}))
}

// Whatever a message is, its trace is lines of printable text.
func FuzzText(f *testing.F) {
	m := messages()
	f.Add(encode(f, m[16], 5, &link{Name: "lo", Info: &info{"veth"}, Stats: []byte{1}}, 1), 24)
	f.Add(answered(f, 1, answer{Errno: -22, Msg: "no"}), 0)
	f.Add([]byte("no message"), 20)
	protocol := &wire.Protocol{Lookup: func(typ uint16) *wire.Info { return wire.Find(typ, m[16].Info()) }}
	f.Fuzz(func(t *testing.T, b []byte, offset int) {
		var w bytes.Buffer
		for _, tracer := range []wire.Tracer{Text(&w, Options{}), Short(&w, Options{}), JSON(&w, Options{})} {
			tracer.Trace(wire.Event{Protocol: protocol, Message: b, Namespace: string(b), Purpose: string(b)})
			tracer.Trace(wire.Event{Protocol: protocol, Message: b, Err: &wire.Error{Op: "x", Sent: b, Offset: offset}})
		}
		for _, r := range w.String() {
			if r != '\n' && r < ' ' || r == 0x7f {
				t.Fatalf("a control character %q in %q", r, w.String())
			}
		}
	})
}
