package rtnl_test

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"plumb/rtnl"
	"plumb/rtnl/wire"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// messages are all that rtnl can send.
func messages() []message {
	return slices.Concat(linkMessages(), addrMessages(), routeMessages(), neighMessages(), ruleMessages(), qdiscMessages())
}

// The bytes of each message are those in testdata, which are a little-endian host's. On a big-endian host the numbers'
// bytes are the other way round, so there the files are compared without them: offsets, names and values.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, m := range messages() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			got := annotate(t, m.command, sent(t, m))
			file := filepath.Join("testdata", m.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			wantText := string(want)
			if bigEndian() {
				wantText, got = withoutBytes(wantText), withoutBytes(got)
			}
			if diff := cmp.Diff(wantText, got); diff != "" {
				t.Errorf("%s (-want +got; -update writes it anew):\n%s", file, diff)
			}
		})
	}
}

// No file in testdata is of a message that is no more.
func TestGoldenFilesAreUsed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	all := messages()
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if !slices.ContainsFunc(all, func(m message) bool { return m.name == name }) {
			t.Errorf("%s is of no message", f)
		}
	}
}

// sent returns the bytes that a message is sent as.
func sent(t *testing.T, m message) []byte {
	t.Helper()
	r := &recorder{}
	c, err := rtnl.Dial(wire.Config{Transport: r})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.run(c, pureWorld()); !errors.Is(err, errRecorded) {
		t.Fatalf("%s sent nothing: %v", m.name, err)
	}
	return r.last
}

// A recorder is a transport that keeps what is sent, and refuses it.
type recorder struct{ last []byte }

var errRecorded = errors.New("recorded")

func (r *recorder) Send(b []byte) error               { r.last = slices.Clone(b); return errRecorded }
func (r *recorder) Receive([]byte, bool) (int, error) { return 0, errRecorded }
func (r *recorder) Join(uint32) error                 { return nil }
func (r *recorder) Grow(int) error                    { return nil }
func (r *recorder) SetReadDeadline(time.Time) error   { return nil }
func (r *recorder) Close() error                      { return nil }

// annotate writes a message for a reader: one line for each field or attribute, with its offset in the message.
func annotate(t *testing.T, command string, b []byte) string {
	t.Helper()
	v, err := rtnl.Protocol.View(b)
	if err != nil {
		t.Fatal(err)
	}
	binary.NativeEndian.PutUint32(b[8:], 1) // the sequence number: a message may come second
	a := &annotator{b: b}
	fmt.Fprintf(&a.text, "# %s\n\n", command)
	a.line(0, 4, "nlmsg_len", fmt.Sprint(v.Header.Length))
	a.line(4, 2, "nlmsg_type", v.Name)
	a.line(6, 2, "nlmsg_flags", strings.Join(v.Flags, "|"))
	a.line(8, 4, "nlmsg_seq", "1")
	a.line(12, 4, "nlmsg_pid", "0")
	a.nodes(v.Nodes, "")
	if a.at != len(b) {
		t.Errorf("%d bytes of %d are not shown", len(b)-a.at, len(b))
	}
	return a.text.String()
}

type annotator struct {
	b    []byte
	text strings.Builder
	at   int // all bytes before it are written
}

func (a *annotator) nodes(nodes []wire.Node, indent string) {
	for _, n := range nodes {
		begin := 16 + n.Offset
		if n.Header > 0 {
			a.line(begin, n.Header, indent+n.Name, "")
		}
		if len(n.Children) > 0 {
			a.nodes(n.Children, indent+"  ")
		} else if n.Length > n.Header {
			name := indent + "  "
			if n.Header == 0 {
				name = indent + n.Name
			}
			a.line(begin+n.Header, n.Length-n.Header, name, n.Value)
		}
		if end := (16 + n.Offset + n.Length + 3) &^ 3; n.Header > 0 && end > a.at {
			a.line(a.at, end-a.at, indent+"  (padding)", "")
		}
	}
}

// bytesWidth is the widest that the column of bytes gets: 8 to a line.
const bytesWidth = 8 * 3

func (a *annotator) line(at, n int, name, value string) {
	text := strings.TrimRight(name+" "+value, " ")
	if strings.TrimSpace(name) == "" {
		text = name + value
	}
	for first := true; n > 0; first = false {
		some := min(n, 8)
		if !first {
			text = ""
		}
		line := fmt.Sprintf("%4d  %-*s %s", at, bytesWidth, fmt.Sprintf("% x", a.b[at:at+some]), text)
		a.text.WriteString(strings.TrimRight(line, " ") + "\n")
		at, n = at+some, n-some
	}
	a.at = at
}

// withoutBytes takes the bytes out of an annotated message.
func withoutBytes(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if len(line) > 6 && line[0] != '#' {
			lines[i] = line[:6] + line[min(6+bytesWidth, len(line)):]
		}
	}
	return strings.Join(lines, "\n")
}

func bigEndian() bool { return binary.NativeEndian.Uint16([]byte{0, 1}) == 1 }
