package sockdiag_test

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/sockdiag"
	"plumb/rtnl/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The bytes of each question are those in testdata. On a big-endian host, whose bytes are others, it is only checked that they can
// be shown.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		name, command string
		family, proto uint8
	}{
		{"list-tcp4", "ss -lt4", unix.AF_INET, unix.IPPROTO_TCP},
		{"list-tcp6", "ss -lt6", unix.AF_INET6, unix.IPPROTO_TCP},
		{"list-udp4", "ss -lu4", unix.AF_INET, unix.IPPROTO_UDP},
		{"list-sctp6", "ss -lS6", unix.AF_INET6, unix.IPPROTO_SCTP},
	} {
		r := sockdiag.Question(m.family, m.proto)
		r.Flags |= netlink.Dump
		b, err := r.Encode(1)
		if err != nil {
			t.Fatal(err)
		}
		v, err := sockdiag.Protocol.View(b)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		fmt.Fprintf(&text, "# %s\n\n%s %s\n   0  struct nlmsghdr\n        % x\n", m.command, v.Name, strings.Join(v.Flags, "|"), b[:16])
		at := 16
		for _, n := range v.Nodes {
			if 16+n.Offset != at {
				t.Fatalf("%s: %s is at %d, bytes are shown to %d", m.name, n.Name, 16+n.Offset, at)
			}
			fmt.Fprintf(&text, "%4d  %s %s\n        % x\n", at, n.Name, n.Value, b[at:at+n.Length])
			at += n.Length
		}
		if at != len(b) {
			t.Errorf("%s: %d bytes of %d are not shown", m.name, len(b)-at, len(b))
		}
		if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
			continue
		}
		file := filepath.Join("testdata", m.name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), text.String()); diff != "" {
			t.Errorf("%s (-want +got; -update writes it anew):\n%s", file, diff)
		}
	}
}

// An answer is shown as an answer, though its number is the question's.
func TestAnswerIsShown(t *testing.T) {
	t.Parallel()
	body, err := sockdiag.AnswerTable.Encode(&sockdiag.InetAnswer{Family: unix.AF_INET6, State: 10, V6Only: 1, Inode: 4711})
	if err != nil {
		t.Fatal(err)
	}
	b, err := sockdiag.Protocol.Request(unix.SOCK_DIAG_BY_FAMILY, body, "").Encode(1)
	if err != nil {
		t.Fatal(err)
	}
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_MULTI)
	v, err := sockdiag.Protocol.View(b)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprint(v.Nodes)
	for _, want := range []string{"idiag_state LISTEN", "idiag_inode 4711", "INET_DIAG_SKV6ONLY 1"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %s in %s", want, shown)
		}
	}
}

// Every field survives, and every beginning of a message is decoded or is ErrTruncated.
func TestEveryFieldGoesThere(t *testing.T) {
	t.Parallel()
	testTable(t, sockdiag.AnswerTable)
	testTable(t, sockdiag.QuestionTable)
}

func testTable[T any](t *testing.T, table *wire.Table[*T]) {
	t.Helper()
	want := sample[T]()
	b, err := table.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got := new(T)
	if err := table.Decode(b, got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %+v, %v, want %+v", got, err, want)
	}
	for n := range b {
		if err := table.Decode(b[:n], new(T)); err != nil && !errors.Is(err, wire.ErrTruncated) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
		table.Show(b[:n])
	}
}

// sample has a value of its own in every field.
func sample[T any]() *T {
	v := new(T)
	n := uint64(0)
	var fill func(f reflect.Value)
	fill = func(f reflect.Value) {
		switch {
		case f.CanUint():
			n++
			f.SetUint(n)
		case f.Kind() == reflect.Struct:
			for i := range f.NumField() {
				fill(f.Field(i))
			}
		case f.Kind() == reflect.Array:
			for i := range f.Len() {
				fill(f.Index(i))
			}
		default:
			f.Set(reflect.ValueOf([]wire.Attr{{Type: 999, Data: []byte{1, 2, 3}}}))
		}
	}
	fill(reflect.ValueOf(v).Elem())
	return v
}

func FuzzAnswer(f *testing.F)   { fuzzTable(f, sockdiag.AnswerTable) }
func FuzzQuestion(f *testing.F) { fuzzTable(f, sockdiag.QuestionTable) }

// fuzzTable wants of any bytes that they can be shown, and that what was decoded of them stays the same when it is
// encoded and decoded again.
func fuzzTable[T any](f *testing.F, table *wire.Table[*T]) {
	b, err := table.Encode(sample[T]())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		table.Show(b)
		first, second := new(T), new(T)
		if table.Decode(b, first) != nil {
			return
		}
		again, err := table.Encode(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Decode(again, second); err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("%x: decoded %+v, and then %+v, %v", b, first, second, err)
		}
	})
}
