package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What every sort of payload is, once.
const sampleWords = `# linux/sample.h
group thing SAMPLE_
. family u8 enum family
. pad pad:3
. bits be32 flags bit
1 NAME str
2 KIND str
3 DATA by SAMPLE_KIND data
4 LIST list item
5 IP ip
6 MAC mac
7 AGE u64 in ms
8 RATE s32
9 MASK u32 hex
10 HOPS hops hop
11 PAIRS structs pair
12 ARRAY array be16
13 ANY uint
14 STATS nest stats
15 FLAG flag
16 =OTHER_NAME text

group item ITEM_
1 ID u8

group stats STATS_
1 APP by SAMPLE_KIND app

group hop -
. len u16
. flags u8
. hops u8
5 SAMPLE_IP ip

group pair -
. a be16
. b u16

enum family AF_
0 UNSPEC 2 INET

enum bit B_
1 ONE
2 TWO

kinds data
one,uno nest item
two u32
* hex

kinds app
one nest pair

messages SMP_ 7
1 NEWTHING thing
2 DELTHING
`

func bytesOf(typ uint16, data ...byte) []byte {
	var e Encoder
	copy(e.attr(typ, len(data)), data)
	return e.b
}

func n32(n uint32) []byte { return native.AppendUint32(nil, n) }

// flatten writes nodes as lines.
func flatten(b *strings.Builder, nodes []Node, indent string) {
	for _, n := range nodes {
		b.WriteString(strings.TrimRight(indent+n.Name+" "+n.Value, " ") + "\n")
		flatten(b, n.Children, indent+"  ")
	}
}

func TestWordsShow(t *testing.T) {
	t.Parallel()
	d := NewDictionary(sampleWords)
	body := []byte{2, 0, 0, 0, 0, 0, 0, 5}
	for _, a := range [][]byte{
		bytesOf(3, bytesOf(1, 9)...), // before what says its meaning
		bytesOf(1, 'a', 0), bytesOf(2, 'u', 'n', 'o', 0),
		bytesOf(4, append(bytesOf(1, bytesOf(1, 1)...), bytesOf(2|flagNested, bytesOf(1, 2)...)...)...),
		bytesOf(5, 10, 0, 0, 1), bytesOf(5, 1, 2, 3), bytesOf(6, 2, 0, 0, 0, 0, 0xff),
		bytesOf(7, native.AppendUint64(nil, 1500)...), bytesOf(8, n32(0xfffffffe)...), bytesOf(9, n32(255)...),
		bytesOf(10, append(append(append(native.AppendUint16(nil, 12), 1, 2), bytesOf(5, 10, 0, 0, 2)...), 1)...),
		bytesOf(11, append(native.AppendUint16([]byte{0, 80}, 3), 1)...),
		bytesOf(12, append(bytesOf(0, 0, 80), bytesOf(0, 1, 187)...)...),
		bytesOf(13, 7), bytesOf(14, bytesOf(1, 0, 22, 0, 0)...), bytesOf(15), bytesOf(16, 'x'), bytesOf(99, 1),
	} {
		body = append(body, a...)
	}
	info := d.Message(7<<8 | 1)
	if info == nil || info.Name != "SMP_NEWTHING" {
		t.Fatalf("message 7/1 is %+v", info)
	}
	nodes := info.show(body)
	checkNodes(t, nodes, 0, len(body))
	var got strings.Builder
	flatten(&got, nodes, "")
	const want = `family AF_INET
pad 0x000000
bits B_ONE|0x4
SAMPLE_DATA
  ITEM_ID 9
SAMPLE_NAME "a"
SAMPLE_KIND "uno"
SAMPLE_LIST
  [1]
    ITEM_ID 1
  [2]
    ITEM_ID 2
SAMPLE_IP 10.0.0.1
SAMPLE_IP 0x010203
SAMPLE_MAC 02:00:00:00:00:ff
SAMPLE_AGE 1500ms
SAMPLE_RATE -2
SAMPLE_MASK 0xff
SAMPLE_HOPS
  [0]
    len 12
    flags 1
    hops 2
    SAMPLE_IP 10.0.0.2
  malformed 0x01
SAMPLE_PAIRS
  [0]
    a 80
    b 3
  malformed 0x01
SAMPLE_ARRAY
  [0] 80
  [0] 443
SAMPLE_ANY 7
SAMPLE_STATS
  STATS_APP 0x00160000
SAMPLE_FLAG
OTHER_NAME "x"
attribute 99 0x01
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if info := d.Message(7<<8 | 2); info == nil || info.Name != "SMP_DELTHING" || info.layout() != nil {
		t.Errorf("message 7/2 is %+v", info)
	}
	if info := d.Message(7<<8 | 3); info != nil {
		t.Errorf("message 7/3 is %+v", info)
	}
	got.Reset()
	flatten(&got, d.Message(7<<8|1).show(body[:3]), "")
	if got.String() != "family AF_INET\nmalformed 0x0000\n" {
		t.Errorf("three bytes are %s", got.String())
	}
}

func TestWordsMissing(t *testing.T) {
	t.Parallel()
	d := NewDictionary(sampleWords)
	body := append([]byte{2, 0, 0, 0, 0, 0, 0, 5}, bytesOf(2, 'u', 'n', 'o', 0)...)
	nest := len(body)
	body = append(body, bytesOf(3, bytesOf(1, 9)...)...)
	l := d.Message(7<<8 | 1).layout()
	for nest, want := range map[int]string{-1: "SAMPLE_NAME", nest: "SAMPLE_DATA ITEM_ID"} {
		if got := strings.Join(l.missing(body, nest, 1, nil), " "); got != want {
			t.Errorf("attribute 1 missing at %d is %s, want %s", nest, got, want)
		}
	}
	if got := pathAt(l, body, nest+5); got != "DATA/ITEM_ID" {
		t.Errorf("the path is %s", got)
	}
}

// A table shows by a dictionary what it has no row for.
func TestWordsInTable(t *testing.T) {
	t.Parallel()
	type sample struct {
		Kind string
		Data any
	}
	d := NewDictionary(sampleWords)
	table := Table[*sample]{Rows: func(s *sample) Rows {
		return Of(s,
			String(2, "SAMPLE_KIND", &s.Kind),
			NestBy(3, "SAMPLE_DATA", &s.Kind, &s.Data, nil),
			Named(d.Group("thing")),
		)
	}}
	b := append(bytesOf(3, bytesOf(1, 9)...), bytesOf(2, 'o', 'n', 'e', 0)...)
	b = append(append(b, bytesOf(14, bytesOf(1, 0, 80, 0, 0)...)...), bytesOf(98)...)
	var got strings.Builder
	flatten(&got, table.Show(b), "")
	const want = "SAMPLE_DATA\n  ITEM_ID 9\nSAMPLE_KIND \"one\"\nSAMPLE_STATS\n  STATS_APP\n    a 80\n    b 0\nattribute 98\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := table.Decode(b, new(sample)); err != nil {
		t.Error(err)
	}
}

// A message of very many attributes that all depend on another is shown in a time that grows with their number, and no
// faster: minutes would pass here.
func TestWordsMany(t *testing.T) {
	t.Parallel()
	body := []byte{2, 0, 0, 0, 0, 0, 0, 5}
	for range 200_000 {
		body = append(body, bytesOf(3)...)
	}
	if nodes := NewDictionary(sampleWords).Message(7<<8 | 1).show(body); len(nodes) != 200_003 {
		t.Errorf("%d nodes", len(nodes))
	}
}

// Whatever a dictionary says, and whatever is shown by it, nothing panics, and what is shown lies where it should.
func FuzzWords(f *testing.F) {
	f.Add(sampleWords, sampleBytes(f))
	f.Add("group thing A_\n. a ip:*\n1 B by . x\n\nkinds x\n* by B x\n\nmessages M_ 7\n1 A thing", []byte{1, 2, 3})
	f.Add("group thing -\n. a nest:4 thing\n1 B nest thing\n2 C list thing\n3 D hops thing\n\nmessages M_ 7\n1 A thing", make([]byte, 40))
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		d := NewDictionary(text)
		for typ := range uint16(4) {
			info := d.Message(7<<8 | typ)
			if info == nil || info.Name == "" {
				continue
			}
			nodes := info.show(b)
			if l := info.layout(); l != nil {
				l.missing(b, 5, 1, nil)
			}
			for _, n := range nodes {
				if n.Offset < 0 || n.Length < 0 || n.Offset+n.Length > len(b) {
					t.Fatalf("%+v is not within %d bytes", n, len(b))
				}
			}
		}
	})
}
