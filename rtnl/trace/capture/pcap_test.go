package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// message is one of n bytes, of this machine's byte order.
func message(typ, flags uint16, seq uint32, n int) []byte {
	order := binary.NativeEndian
	b := make([]byte, n)
	order.PutUint32(b, uint32(n))
	order.PutUint16(b[4:], typ)
	order.PutUint16(b[6:], flags)
	order.PutUint32(b[8:], seq)
	return b
}

// cooked is a packet with the link header of a family.
func cooked(way, family uint16, data ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, way)
	b = append(b, 3, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	return append(binary.BigEndian.AppendUint16(b, family), data...)
}

var (
	someTime = time.Unix(1_700_000_000, 123_456_000)
	request  = message(18, 0x301, 1, 20)
	done     = message(3, 2, 1, 20)
)

// pcapOf is a file of packets, in a byte order, with a magic number that says what the unit of time is.
func pcapOf(order binary.AppendByteOrder, magic, link uint32, packets ...[]byte) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = append(b, make([]byte, 12)...)
	b = order.AppendUint32(b, link)
	for _, p := range packets {
		fraction := uint32(someTime.Nanosecond())
		if magic == pcapMicro {
			fraction /= 1000
		}
		b = order.AppendUint32(b, uint32(someTime.Unix()))
		b = order.AppendUint32(b, fraction)
		b = order.AppendUint32(b, uint32(len(p)))
		b = order.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// ngBlock is a block of a pcapng file.
func ngBlock(order binary.AppendByteOrder, typ uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	n := uint32(len(body) + 12)
	b := order.AppendUint32(nil, typ)
	b = order.AppendUint32(b, n)
	return order.AppendUint32(append(b, body...), n)
}

func ngSectionOf(order binary.AppendByteOrder) []byte {
	b := order.AppendUint32(nil, ngOrder)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(b, 0)
	return ngBlock(order, ngSection, append(b, 255, 255, 255, 255, 255, 255, 255, 255))
}

func ngInterfaceOf(order binary.AppendByteOrder, link uint16, name string, resolution byte) []byte {
	b := order.AppendUint16(nil, link)
	b = append(b, 0, 0, 0, 0, 4, 0)
	b = order.AppendUint16(b, ngName)
	b = order.AppendUint16(b, uint16(len(name)))
	b = append(b, name...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = order.AppendUint16(b, ngResolution)
	b = order.AppendUint16(b, 1)
	b = append(b, resolution, 0, 0, 0, 0, 0, 0, 0)
	return ngBlock(order, ngInterface, b)
}

func ngPacketOf(order binary.AppendByteOrder, in uint32, units uint64, data []byte) []byte {
	b := order.AppendUint32(nil, in)
	b = order.AppendUint32(b, uint32(units>>32))
	b = order.AppendUint32(b, uint32(units))
	b = order.AppendUint32(b, uint32(len(data)))
	b = order.AppendUint32(b, uint32(len(data)))
	return ngBlock(order, ngPacket, append(b, data...))
}

// Files of every kind hold the same: a request and its answer, as nlmon gives them, all outgoing.
func TestFiles(t *testing.T) {
	t.Parallel()
	in := cooked(packetOutgoing, 0, request...)
	out := cooked(packetOutgoing, 0, done...)
	any := [][]byte{{}, {}}
	for i, data := range [][]byte{request, done} {
		any[i] = append([]byte{0, 0, 0, 0, 0, 0, 0, 9, 3, 0x38, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, data...)
	}
	micro := uint64(someTime.UnixMicro())
	files := map[string][]byte{}
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		files[name+" µs"] = pcapOf(order, pcapMicro, linkNetlink, in, out)
		files[name+" ns"] = pcapOf(order, pcapNano, linkNetlink, in, out)
		files[name+" any"] = pcapOf(order, pcapNano, linkCooked, in, cooked(0, 8)[:15], out)
		files[name+" any, version 2"] = pcapOf(order, pcapNano, linkCooked2, any...)
		files[name+" pcapng"] = bytes.Join([][]byte{
			ngSectionOf(order), ngBlock(order, 0xbad, []byte("some other block")), ngInterfaceOf(order, linkNetlink, "nlmon0", 6),
			ngPacketOf(order, 0, micro, in), ngPacketOf(order, 0, micro, out),
		}, nil)
		files[name+" pcapng, units of 2^-20 s and ns"] = bytes.Join([][]byte{
			ngSectionOf(order), ngInterfaceOf(order, 1, "eth0", 6), ngSectionOf(order), ngInterfaceOf(order, linkNetlink, "", 0x80|20),
			ngPacketOf(order, 0, uint64(someTime.Unix())<<20|(123_456<<20/1_000_000+1), in),
			ngSectionOf(order), ngInterfaceOf(order, linkNetlink, "nlmon0", 9), ngPacketOf(order, 0, uint64(someTime.UnixNano()), out),
		}, nil)
	}
	for name, file := range files {
		packets, err := collect(t, open(t, string(file)))
		if len(packets) != 2 || err != nil {
			t.Errorf("%s: %d packets, %v", name, len(packets), err)
			continue
		}
		for i, want := range [][]byte{request, done} {
			p := packets[i]
			if p.Family != 0 || p.Sent != (i == 0) || !bytes.Equal(p.Data, want) || p.Missing != 0 || p.Time.Sub(someTime).Abs() > time.Microsecond {
				t.Errorf("%s: packet %d is %+v", name, i, p)
			}
		}
	}
}

// Of several interfaces the name is there, for each may be in a network namespace of its own.
func TestInterfaces(t *testing.T) {
	t.Parallel()
	order := binary.LittleEndian
	file := bytes.Join([][]byte{
		ngSectionOf(order), ngInterfaceOf(order, linkNetlink, "one", 6), ngInterfaceOf(order, 1, "eth0", 6), ngInterfaceOf(order, linkNetlink, "", 6),
		ngPacketOf(order, 0, 0, cooked(0, 0, request...)), ngPacketOf(order, 1, 0, []byte("a frame")), ngPacketOf(order, 2, 0, cooked(0, 12, request...)),
		ngBlock(order, ngSimple, append(order.AppendUint32(nil, 36), cooked(0, 0, request...)...)),
	}, nil)
	packets, err := collect(t, open(t, string(file)))
	if err != nil || len(packets) != 3 || packets[0].Namespace != "one" || packets[1].Namespace != "interface 2" || !packets[2].Time.IsZero() {
		t.Errorf("got %+v, %v", packets, err)
	}
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	order := binary.LittleEndian
	whole := pcapOf(order, pcapNano, linkNetlink, cooked(0, 0, request...))
	large := append([]byte(nil), whole...)
	order.PutUint32(large[pcapHeader+8:], 1<<31)
	section := ngSectionOf(order)
	for _, test := range []struct {
		name, file, want string
	}{
		{"no packet", string(whole[:pcapHeader]), ""},
		{"cut in the header", string(whole[:pcapHeader-1]), errCutOff.Error()},
		{"cut in a packet's header", string(whole[:pcapHeader+5]), "packet 1: " + errCutOff.Error()},
		{"cut in a packet", string(whole[:len(whole)-1]), "packet 1: " + errCutOff.Error()},
		{"a large packet", string(large), "packet 1: it says that it has 2147483648 bytes"},
		{"Ethernet", string(pcapOf(order, pcapNano, 1)), "a link of type 1, and netlink's is 253"},
		{"gzip", "\x1f\x8b\x08\x00", "compressed"},
		{"cut in a block", string(section[:len(section)-1]), "block 1: " + errCutOff.Error()},
		{"no byte order", string(section[:8]) + strings.Repeat("x", 20), "block 1: it does not say"},
		{"a length of 0", string(section) + "\x06\x00\x00\x00\x00\x00\x00\x00", "block 2: it says that it has 0 bytes"},
		{"Ethernet in pcapng", string(section) + string(ngInterfaceOf(order, 1, "eth0", 6)), "a link of type 1"},
		{"no such interface", string(section) + string(ngPacketOf(order, 0, 0, nil)), "block 2: a packet of interface 0"},
		{"a short block", string(section) + string(ngBlock(order, ngPacket, nil)), "block 2: it has only 0 bytes"},
	} {
		s, err := Open(strings.NewReader(test.file))
		if err == nil {
			_, err = collect(t, s)
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}

// The files are of tcpdump 4.99, which listened to an nlmon of Linux 6.1, and to all links, while ip and nft were at work.
func TestNlmon(t *testing.T) {
	t.Parallel()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the files are from a little-endian machine")
	}
	const (
		beginning = "→0/18 ←0/16 ←0/16 ←0/3 →0/16 ←0/2"
		rule      = "→12/16 →12/2566 →12/17 "
		refused   = "→12/16 →12/2562 →12/17 ←12/2 "
	)
	for _, file := range []string{"nlmon", "nlmon-64", "any"} {
		f, err := os.Open(filepath.Join("testdata", file+".pcap"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s, err := Open(f)
		if err != nil {
			t.Fatal(err)
		}
		packets, err := collect(t, s)
		all := types(packets)
		missing := 0
		for _, p := range packets {
			missing += p.Missing
		}
		switch {
		case err != nil:
			t.Errorf("%s: %v", file, err)
		case (missing > 0) != (file == "nlmon-64"):
			t.Errorf("%s: %d bytes are missing", file, missing)
		case file == "nlmon-64":
			if len(packets) != 8 || packets[1].Missing != 2796-48 {
				t.Errorf("%s: %d packets, the second is %+v", file, len(packets), packets[1])
			}
		case !strings.HasPrefix(all, beginning) || file == "nlmon" && !(strings.Contains(all, rule) && strings.Contains(all, refused)):
			t.Errorf("%s: %s", file, all)
		}
	}
}

// What is appended is read back, with its note; what is too large for libpcap is cut off.
func TestAppendPcap(t *testing.T) {
	t.Parallel()
	p := Packet{Time: someTime, Family: 12, Sent: true, Data: message(0xa00, 5, 7, 27), Note: &Note{Namespace: "host", Purpose: "a\n\\b"}}
	large := Packet{Time: someTime, Family: 12, Sent: true, Data: message(0xa00, 5, 7, MaxPacket)}
	file := AppendPcap(AppendPcap(PcapHeader(), &p), &large)
	packets, err := collect(t, open(t, string(file)))
	if len(packets) != 2 || err != nil {
		t.Fatalf("%d packets, %v", len(packets), err)
	}
	got := packets[0]
	if !got.Time.Equal(someTime) || got.Family != 12 || !got.Sent || !bytes.HasPrefix(got.Data, p.Data) || got.Note == nil || *got.Note != *p.Note {
		t.Errorf("got %+v", got)
	}
	if got := packets[1]; len(got.Data) != MaxPacket-cookedSize || got.Missing != cookedSize || !got.Sent {
		t.Errorf("got %d bytes, %d missing", len(got.Data), got.Missing)
	}
}

func TestNote(t *testing.T) {
	t.Parallel()
	for _, n := range []Note{
		{},
		{Namespace: "host", Purpose: "remove table inet plumb\n", Latency: 32300},
		{Purpose: `a \n b` + "\nplumb\n", Error: "read-only\nfile system", Errno: 30},
	} {
		for size := range 9 {
			data := bytes.Repeat([]byte("x"), size)
			got, note := cutNote(n.Append(append([]byte(nil), data...)))
			if note == nil || *note != n || !bytes.Equal(got, data) {
				t.Errorf("%+v after %q: got %+v and %q", n, data, note, got)
			}
		}
	}
	if data, note := cutNote([]byte("plumb\nplumb\nplumb\nplumb\n")); note != nil || len(data) != 24 {
		t.Errorf("got %q, %v", data, note)
	}
}

// A told is a tracer that keeps what it is told.
type told []wire.Event

func (l *told) Trace(e wire.Event) {
	e.Message = bytes.Clone(e.Message)
	*l = append(*l, e)
}

// packets is a source of what is in it.
type packets []Packet

func (p *packets) Next() (Packet, error) {
	if len(*p) == 0 {
		return Packet{}, errEnd
	}
	first := (*p)[0]
	*p = (*p)[1:]
	return first, nil
}

var errEnd = errors.New("the end")

func options() Options {
	return Options{Protocol: func(int) *wire.Protocol { return nil }, Family: AnyFamily}
}

func TestPlayJoins(t *testing.T) {
	t.Parallel()
	refusal := message(2, 0x100, 7, 36)
	refusal[16], refusal[17], refusal[18], refusal[19] = 0xed, 0xff, 0xff, 0xff // -ENODEV
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		refusal[16], refusal[19] = 0xff, 0xed
	}
	copy(refusal[20:], message(18, 1, 7, 16))
	s := packets{
		{Time: someTime, Sent: true, Socket: "a", Data: append(message(18, 1, 7, 20), message(18, 1, 8, 20)...)},
		{Time: someTime, Sent: true, Socket: "b", Data: message(99, 1, 7, 16)},
		{Time: someTime.Add(time.Second), Socket: "a", Data: append(refusal, message(3, 0, 8, 20)...)},
		{Time: someTime.Add(time.Second), Socket: "b", Data: done},
		{Time: someTime.Add(time.Second), Socket: "b", Data: message(3, 0, 7, 20)},
		{Family: AnyFamily, Data: message(0xa00, 0, 0, 20)},
		{Family: AnyFamily, Data: message(20, 0, 0, 20)},
		{Family: 0, Data: message(16, 0, 0, 40)[:30], Missing: 10},
		{Family: 0, Data: []byte{1, 2, 3}},
	}
	var got told
	if err := Play(&s, options(), &got); err == nil || !strings.Contains(err.Error(), errEnd.Error()) {
		t.Errorf("got %v", err)
	}
	if len(got) != 11 {
		t.Fatalf("%d events", len(got))
	}
	if e := got[3]; e.Latency != time.Second || e.Err == nil || e.Err.Err != unix.ENODEV || len(e.Err.Sent) != 20 || !bytes.Equal(e.Err.Sent, got[0].Message) {
		t.Errorf("a refusal is %+v", e)
	}
	if e := got[4]; e.Latency != time.Second || e.Err != nil {
		t.Errorf("an end is %+v", e)
	}
	if got[5].Latency != 0 || got[6].Latency != time.Second {
		t.Errorf("answers to nothing, and to another socket's: %v, %v", got[5].Latency, got[6].Latency)
	}
	if a, b := got[7].Protocol.Name, got[8].Protocol.Name; a != "NETLINK_NETFILTER" || b != "NETLINK_ROUTE" {
		t.Errorf("guessed %s and %s", a, b)
	}
	if e := got[9]; len(e.Message) != 30 || binary.NativeEndian.Uint32(e.Message) != 30 || !strings.Contains(e.Purpose, "10 bytes before its end") {
		t.Errorf("cut short: %+v", e)
	}
	if len(got[10].Message) != 3 {
		t.Errorf("what is no message: %+v", got[10])
	}
}

func TestPlayOtherByteOrder(t *testing.T) {
	t.Parallel()
	b := message(18, 1, 7, 20)
	for i, j := 0, 3; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	var got told
	if err := Play(&packets{{Data: b}}, options(), &got); !errors.Is(err, errByteOrder) || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

// However many requests there are, not all are kept.
func TestPlayForgets(t *testing.T) {
	t.Parallel()
	p := player{options: options(), tracer: new(told), protocols: map[int]*wire.Protocol{}, asked: map[exchange]*asked{}}
	for i := range 3 * maxAsked {
		p.packet(&Packet{Sent: true, Data: message(18, 1, uint32(i), 20)})
	}
	p.packet(&Packet{Sent: true, Data: message(18, 1, 1, maxAskedSize+1)})
	if len(p.asked) != 1 || len(p.order) != 1 || p.size != maxAskedSize+1 {
		t.Errorf("%d requests of %d bytes", len(p.asked), p.size)
	}
}

// Whatever a file holds, it is read to an end, and what is in it fits into it.
func FuzzOpen(f *testing.F) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		f.Add(pcapOf(order, pcapMicro, linkNetlink, cooked(4, 0, request...), cooked(0, 0, done...)))
		f.Add(pcapOf(order, pcapNano, linkCooked2, request))
		f.Add(bytes.Join([][]byte{
			ngSectionOf(order), ngInterfaceOf(order, linkNetlink, "nlmon0", 6), ngPacketOf(order, 0, 1, cooked(4, 0, request...)),
			ngBlock(order, ngSimple, append(order.AppendUint32(nil, 36), cooked(0, 0, request...)...)),
		}, nil))
	}
	f.Add(AppendPcap(PcapHeader(), &Packet{Family: 2, Note: &Note{Purpose: "a step", Error: "no", Errno: 1}}))
	f.Add([]byte("sendto(3, \"\\20\\0\\0\\0\\3\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0\", 16, 0, {sa_family=AF_NETLINK}, 12) = 16\n"))
	f.Add([]byte(hex.EncodeToString(request)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Open(bytes.NewReader(b))
		if err != nil {
			return
		}
		var got told
		_ = Play(s, options(), &got)
		size := 0
		for _, e := range got {
			size += len(e.Message)
			if e.Protocol != nil {
				_, _ = e.Protocol.View(e.Message)
			}
		}
		if size > len(b) {
			t.Errorf("%d bytes of messages in %d", size, len(b))
		}
	})
}
