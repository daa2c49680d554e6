package wire

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// encoded is what the small protocol's message is, with everything in it.
func encoded(t *testing.T, v *thing) []byte {
	t.Helper()
	b, err := newThing.New(0, v, "").Encode(1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// One text has a row of every sort, and whatever a person or a trace can put around it.
func TestParseText(t *testing.T) {
	t.Parallel()
	text := "\n# a comment, and a command\n$ thing add\n" + `
  3.000 ms   host ← TEST_NEWTHING 0 seq=9 len=20
                 THING_NAME "an answer"
  3.100 ms   host · a step → and more
TEST_NEWTHING NLM_F_REQUEST len=999 seq=1  for the test → of it
	family=2 index=0x7                  # fields
	THING_NAME "web"
	` + "\x1b[1mTHING_MTU\x1b[0m 1500\r" + `

	THING_ZERO 0
	THING_INNER
		INNER_PORT 80
		INNER_DATA
			LEAF_SIZE 9
		INNER_KIND "leaf"
	THING_LIST
		THING_ELEM
			INNER_DATA 0x010203
			INNER_KIND "other"
		THING_ELEM
			INNER_PORT 1
	attribute 99 nla_type=0x8063 0x0102030405
`
	got, err := Parse(text, ParseOptions{Protocols: []*Protocol{testProtocol}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Parsed{{Protocol: testProtocol, Purpose: "for the test → of it", Message: encoded(t, sample()), Line: 8}}
	ignore := cmp.Comparer(func(a, b *Protocol) bool { return a == b })
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is given otherwise than the table would have it goes as it is given.
func TestParseOtherwise(t *testing.T) {
	t.Parallel()
	const head = "TEST_GETTHING NLM_F_REQUEST|ACK\n "
	h := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	for _, c := range []struct{ text, body string }{
		{"", "00000000 00000000"},
		{"family=255", "ff000000 00000000"},
		{"index=bytes:01020304 family=u8:7", "07000000 01020304"},
		{"THING_MTU 0x10", "00000000 00000000 0800 0200 10000000"},
		{"THING_MTU u16:16", "00000000 00000000 0600 0200 1000 0000"},
		{"THING_MTU be32:16", "00000000 00000000 0800 0200 00000010"},
		{"THING_MTU bytes:", "00000000 00000000 0400 0200"},
		{"THING_MTU nla_len=6 16", "00000000 00000000 0600 0200 10000000"},
		{"THING_MTU nla_len=7 nla_type=0x4002 bytes:01", "00000000 00000000 0700 0240 01000000"},
		{"THING_NAME \"\"", "00000000 00000000 0500 0100 00000000"},
		{"THING_NAME \"a\\x00b\"", "00000000 00000000 0800 0100 61006200"},
		{"THING_INNER", "00000000 00000000 0400 0480"},
		{"THING_INNER 0x0102", "00000000 00000000 0600 0480 01020000"},
		{"attribute 99", "00000000 00000000 0400 6300"},
		{"attribute 2 16", "00000000 00000000 0800 0200 10000000"},
		{"attribute 99\n  attribute 1 0xff", "00000000 00000000 0c00 6380 0500 0100 ff000000"},
		{"malformed 0x010203", "00000000 00000000 010203"},
		{"body=0x010203", "010203"},
		{"body=", ""},
	} {
		got, err := testProtocol.Parse(head + c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got = got[headerSize:native.Uint32(got)]
		if native.Uint16([]byte{1, 0}) != 1 {
			continue // the bytes here are a little-endian host's
		}
		if h(fmt.Sprintf("% x", got)) != h(c.body) {
			t.Errorf("%s: % x, want %s", c.text, got, c.body)
		}
	}
}

func TestParseHead(t *testing.T) {
	t.Parallel()
	put := func(length, typ, flags, seq, pid int) []byte {
		var e Encoder
		native.PutUint32(e.grow(4), uint32(length))
		native.PutUint16(e.grow(2), uint16(typ))
		native.PutUint16(e.grow(2), uint16(flags))
		native.PutUint32(e.grow(4), uint32(seq))
		native.PutUint32(e.grow(4), uint32(pid))
		return e.b
	}
	for _, c := range []struct {
		text string
		want []byte
	}{
		{"TEST_NEWTHING 0", put(24, 0x20, 0, 1, 0)},
		{"TEST_NEWTHING NLM_F_REQUEST|ACK|0x8000 nlmsg_seq=7", put(24, 0x20, 0x8005, 7, 0)},
		{"TEST_NEWTHING 0x301", put(24, 0x20, 0x301, 1, 0)},
		{"TEST_GETTHING NLM_F_REQUEST|DUMP|EXCL|CREATE nlmsg_len=7 nlmsg_type=9 nlmsg_flags=3 nlmsg_pid=5 len=1", put(7, 9, 3, 1, 5)},
		{"message 999 ACK", put(16, 999, 4, 1, 0)},
		{"NLMSG_NOOP ACK", put(16, 1, 4, 1, 0)},
	} {
		got, err := testProtocol.Parse(c.text)
		if err != nil || !bytes.Equal(got[:headerSize], c.want) {
			t.Errorf("%s: % x, %v, want % x", c.text, got[:min(headerSize, len(got))], err, c.want)
		}
	}
	all, err := testProtocol.Parse("TEST_NEWTHING 0\nTEST_NEWTHING 0 seq=5\nTEST_NEWTHING 0")
	if err != nil || len(all) != 3*24 || native.Uint32(all[8:]) != 1 || native.Uint32(all[24+8:]) != 5 || native.Uint32(all[48+8:]) != 6 {
		t.Errorf("three messages are numbered % x, %v", all, err)
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const head = "TEST_NEWTHING NLM_F_REQUEST\n"
	for _, c := range []struct{ text, want string }{
		{"", "there is no message in it"},
		{"# nothing\n  1.0 ms host ← TEST_NEWTHING 0", "there is no message in it"},
		{"TEST_NEWTHIN NLM_F_REQUEST", `line 1: "TEST_NEWTHIN" is no message type (near it: TEST_NEWTHING, TEST_GETTHING)`},
		{"TEST_NEWTHING", "line 1: TEST_NEWTHING has no flags"},
		{"TEST_NEWTHING NLM_F_REQUESTS", `"NLM_F_REQUESTS" is no flag (near it: NLM_F_REQUEST)`},
		{"TEST_NEWTHING 0 for the test", `"for" is not what stands after the flags`},
		{"TEST_NEWTHING 0 nlmsg_length=5", `no member "nlmsg_length" (near it: nlmsg_len`},
		{head + "THING_NAME \"x\"", "line 2: \"THING_NAME\" is no message type; attributes stand indented"},
		{head + " THING_NAMES \"x\"", `line 2: TEST_NEWTHING has no attribute "THING_NAMES" (near it: THING_NAME`},
		{head + " NAME \"x\"", `has no attribute "NAME" (near it: THING_NAME)`},
		{head + " THING_NAME web", `line 2: THING_NAME: web is no text in double quotes`},
		{head + " THING_NAME", "THING_NAME: nothing is no text"},
		{head + " THING_MTU much", "line 2: THING_MTU: much is no number of 32 bits"},
		{head + " THING_MTU 4294967296", "is no number of 32 bits"},
		{head + " THING_MTU u8:256", `"256" is no number of 8 bits`},
		{head + " THING_MTU bytes:123", "are no bytes"},
		{head + " THING_MTU 1\n  THING_MTU 1", "line 2: THING_MTU has a value, and nothing in it"},
		{head + " THING_INNER 0x00\n  INNER_PORT 1", "THING_INNER has either a value or attributes in it"},
		{head + " THING_INNER\n  INNER_PORT 1\n    INNER_KIND \"x\"", "INNER_PORT has a value"},
		{head + " THING_INNER\n    INNER_PORT 1\n  INNER_PORT 1", "line 4: \"INNER_PORT 1\" is indented as no line above it is"},
		{head + " THING_LIST\n  INNER_PORT 1", `THING_LIST is a list: what is in it is called THING_ELEM, not "INNER_PORT"`},
		{head + " familly=1", `line 2: TEST_NEWTHING has no field "familly" (near it: family)`},
		{head + " family=1 family=1", "family is given twice"},
		{head + " family=bytes:0102", "family: 2 bytes, where the field has 1"},
		{head + " family=1\n  index=1", "line 3: nothing can stand below fields"},
		{head + " attribute 70000 0x00", "an attribute's number is at most 16383"},
		{head + " attribute 99 0x0102… (500 bytes)", "the trace has left out bytes"},
		{head + " body=0x00\n THING_MTU 1", "body= is all of a body"},
		{head + " THING_NAME nla_len=many \"x\"", `nla_len: "many" is no number`},
		{head + strings.Repeat(" ", 1) + deep(40), "nested more than 32 deep"},
		{head + " attribute 99 bytes:" + strings.Repeat("00", 70000), "bytes of payload, 65531 is the most"},
	} {
		b, err := testProtocol.Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(b) > 0 {
			t.Errorf("%.60q: % x, %v, want %q", c.text, b[:min(len(b), 16)], err, c.want)
		}
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("attribute 1\n" + strings.Repeat(" ", i+2))
	}
	return b.String() + "attribute 1"
}

// A descriptor is given by the path of its file, which is opened by who sends the message.
func TestParseDescriptor(t *testing.T) {
	t.Parallel()
	type holder struct{ FD uint32 }
	table := Table[*holder]{Rows: func(h *holder) Rows {
		return Of(h, U32(1, "HOLDER_FD", &h.FD))
	}}
	m := &Message[holder]{Type: 0x30, Name: "TEST_HOLD", Body: &table}
	p := &Protocol{Name: "NETLINK_TEST", Lookup: func(typ uint16) *Info { return Find(typ, m.Info()) }}
	const text = "TEST_HOLD 0\n HOLDER_FD \"/some/where\""
	options := ParseOptions{Protocols: []*Protocol{p}}
	if _, err := Parse(text, options); err == nil || !strings.Contains(err.Error(), "files are not opened here") {
		t.Errorf("without Open: %v", err)
	}
	options.Open = func(path string) (int, error) {
		if path != "/some/where" {
			t.Errorf("it opens %q", path)
		}
		return 77, nil
	}
	all, err := Parse(text, options)
	if err != nil || len(all) != 1 || native.Uint32(all[0].Message[20:]) != 77 {
		t.Errorf("%v, %v", all, err)
	}
	options.Open = func(string) (int, error) { return 0, os.ErrNotExist }
	if _, err := Parse(text, options); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want os.ErrNotExist", err)
	}
}

// FuzzParse never panics, and what it takes is a message.
func FuzzParse(f *testing.F) {
	f.Add("TEST_NEWTHING NLM_F_REQUEST seq=1  x\n\tfamily=2\n\tTHING_INNER\n\t\tINNER_KIND \"leaf\"\n\t\tINNER_DATA\n\t\t\tLEAF_SIZE 9\n\tTHING_LIST\n\t\tTHING_ELEM")
	f.Add("TEST_GETTHING 0 nlmsg_len=3\n attribute 5 bytes:01\n body=0x00\n malformed 0x\n THING_MTU nla_len=1 be64:-1")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Parse(text, ParseOptions{Protocols: []*Protocol{testProtocol}})
		if err != nil {
			return
		}
		for _, m := range all {
			if len(m.Message) < headerSize || len(m.Message)%4 != 0 {
				t.Errorf("%q is % x", text, m.Message)
			}
			_, _ = testProtocol.View(m.whole())
		}
	})
}

// TestParseLongWord quotes no word at length that cannot be read: it may be as long as the text.
func TestParseLongWord(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x00", 1<<20)
	for _, text := range []string{long, "TEST_NEWTHING " + long, "TEST_NEWTHING NLM_F_REQUEST\n  " + long} {
		_, err := Parse(text, ParseOptions{Protocols: []*Protocol{testProtocol}})
		if err == nil || len(err.Error()) > 2000 {
			t.Errorf("%.40q: an error of %d bytes: %.200v", text, len(fmt.Sprint(err)), err)
		}
	}
}
