package nat_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "plumb/nat"
	"plumb/rtnl/wire"
)

// A message is one that plumb sends, and the command of nft that stands for it.
type message struct {
	name, command string
	bytes         []byte
}

// messages are all messages that plumb sends.
func messages(t testing.TB) []message {
	t.Helper()
	var all []message
	add := func(name, command string, requests ...wire.Request) {
		for _, r := range requests {
			b, err := r.Encode(1)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, message{name, command, b})
		}
	}
	lines := commands(script)
	requests := CreateRequests()
	if len(lines) != len(requests) {
		t.Fatalf("the script has %d commands, the table is made by %d messages", len(lines), len(requests))
	}
	for i, r := range requests {
		words := strings.Fields(lines[i])
		add(fmt.Sprintf("create-%02d-%s-%s", i, words[1], words[min(4, len(words)-1)]), "nft "+lines[i], r)
	}
	a := both()
	lines = commands(attachScript)
	if requests := AttachRequests(a); len(lines) != len(requests) {
		t.Fatalf("the script has %d commands, an attach %d messages", len(lines), len(requests))
	}
	for i, r := range AttachRequests(a) {
		add("attach-"+strings.Fields(lines[i])[4], "nft "+lines[i], r)
	}
	add("mark-full", "nft add element inet plumb full4 { 10.0.0.2 }", MarkRequests(a.IPv4.Addr)...)
	for i, line := range []string{"delete map inet plumb lease4", "delete map inet plumb lease6", "delete table inet plumb"} {
		add(fmt.Sprintf("remove-%d", i), "nft "+line, RemoveRequests()[i])
	}
	element := []Element{{Key: &Data{Value: a.IPv4.Addr.AsSlice()}}}
	lease := &ElementList{Header: Header{Family: NFPROTO_INET}, Table: TableName, Set: "lease4", Elements: element}
	add("detach-lease4", "nft delete element inet plumb lease4 { 10.0.0.2 }", DelElements(lease))
	lines = commands(redirectScript)
	for i, r := range RedirectRequests(redirectTo, NFT_TABLE_F_OWNER) {
		add(fmt.Sprintf("redirect-%d-%s", i, strings.Fields(lines[i])[1]), "nft "+lines[i], r)
	}
	add("batch-begin", "(the beginning of nft -f)", BeginBatch(0))
	add("batch-begin-genid", "(the beginning of nft -f, provided that the generation id is 7)", BeginBatch(7))
	add("batch-end", "(the end of nft -f)", EndBatch())
	for i, words := range []string{"-s", "-d", "-r", "-q"} {
		add("flush-addr"+words, "conntrack -D "+words+" "+a.IPv4.Addr.String(), FlushRequests(Flow{Addr: a.IPv4.Addr})[i])
	}
	port := uint16(53)
	stale := Connection{
		Header: Header{Family: NFPROTO_IPV6}, ID: 7,
		Orig: &Tuple{
			IP:    &TupleIP{Src: netip.MustParseAddr("2001:db8::9"), Dst: netip.MustParseAddr("2001:db8::1")},
			Proto: &TupleProto{Number: 17, SrcPort: &port, DstPort: &port},
		},
	}
	add("forget-connection", "conntrack -D -f ipv6 -p udp -s 2001:db8::9 -d 2001:db8::1 --sport 53 --dport 53", ForgetRequests(stale)...)
	published := Flow{Proto: 17, First: 5353, Last: 5353}
	add("flush-port", "conntrack -D -p udp --dport 5353", FlushRequests(published)...)
	published.Hosts = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	add("flush-port-host", "conntrack -D -p udp -d 192.0.2.1 --dport 5353", FlushRequests(published)...)
	for _, q := range queries() {
		all = append(all, message{q.name, q.command, q.sent(t)})
	}
	return all
}

// A query is a message that asks.
type query struct {
	name, command string
	ask           func(c *Conn) error
}

func queries() []query {
	return []query{
		{"get-genid", "(what nft begins with)", func(c *Conn) error { _, err := c.GenID(); return err }},
		{"get-table", "nft list table inet plumb", func(c *Conn) error { _, err := c.Table(NFPROTO_INET, TableName); return err }},
		{"get-set", "nft list map inet plumb lease4", func(c *Conn) error { _, err := c.Set(NFPROTO_INET, TableName, "lease4"); return err }},
		{"get-lease", "nft get element inet plumb lease4 { 10.0.0.2 }", func(c *Conn) error { _, err := c.Lease(web().IPv4.Addr); return err }},
		{"get-free", "(no command: nft get element fails as a whole where one of 10.0.0.2, 10.0.0.3, ... is not there)", func(c *Conn) error { _, err := c.LeasedOf(firstRun()); return err }},
		{"list-full", "nft list set inet plumb full4", func(c *Conn) error { _, err := c.Marks(web().IPv4.Addr); return err }},
		{"list-leases", "nft list map inet plumb lease4", func(c *Conn) error { _, err := c.Leases(); return err }},
		{"list-connections", "conntrack -L", func(c *Conn) error { _, err := c.Connections(NFPROTO_UNSPEC); return err }},
		{"count-connections", "conntrack -C", func(c *Conn) error { _, err := c.CountConnections(); return err }},
		{"list-tables", "nft list tables", func(c *Conn) error { _, err := c.Tables(NFPROTO_UNSPEC); return err }},
		{"list-chains", "nft list chains inet", func(c *Conn) error { _, err := c.Chains(NFPROTO_INET); return err }},
		{"list-sets", "nft list sets table inet plumb", func(c *Conn) error { _, err := c.Sets(NFPROTO_INET, TableName); return err }},
		{"list-rules", "nft list chain inet plumb guard", func(c *Conn) error { _, err := c.Rules(NFPROTO_INET, TableName, "guard"); return err }},
	}
}

// sent is what the query sends.
func (q query) sent(t testing.TB) []byte {
	t.Helper()
	r := &recorder{}
	c, err := Dial(wire.Config{Transport: r})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.ask(c); !errors.Is(err, errRecorded) {
		t.Fatalf("%s sent nothing: %v", q.name, err)
	}
	binary.NativeEndian.PutUint32(r.last[8:], 1) // the sequence number
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

// The bytes of each message are those in testdata, which are a little-endian host's. On a big-endian host the headers of messages and
// attributes, and what registers hold of meta and ct, are the other way round: there the files are compared without their bytes, by
// names and offsets, and without the values that are host-order bytes.
func TestGolden(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, m := range messages(t) {
		if used[m.name+".txt"] {
			t.Errorf("two messages are called %s", m.name)
		}
		used[m.name+".txt"] = true
		got := annotate(t, m)
		if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
			compareBigEndian(t, m.name, got)
			continue
		}
		golden(t, m.name+".txt", got)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !used[filepath.Base(f)] {
			t.Errorf("%s is of no message", f)
		}
	}
}

// annotate writes a message for a reader: one line for each field or attribute, with its offset in the message.
func annotate(t *testing.T, m message) string {
	t.Helper()
	v, err := Protocol.View(m.bytes)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n\n%s %s\n", m.command, v.Name, strings.Join(v.Flags, "|"))
	at := 0
	line := func(n int, words string) {
		fmt.Fprintf(&text, "%4d  %s\n", at, words)
		for n > 0 {
			some := min(n, 16)
			fmt.Fprintf(&text, "        % x\n", m.bytes[at:at+some])
			at, n = at+some, n-some
		}
	}
	line(16, "struct nlmsghdr")
	var walk func(nodes []wire.Node, indent string)
	walk = func(nodes []wire.Node, indent string) {
		for _, n := range nodes {
			begin, end := 16+n.Offset, 16+n.Offset+n.Length
			if n.Header > 0 {
				end = (end + 3) &^ 3
			}
			if begin != at {
				t.Fatalf("%s: %s is at %d, bytes are shown to %d", m.name, n.Name, begin, at)
			}
			if len(n.Children) > 0 {
				line(n.Header, indent+n.Name)
				walk(n.Children, indent+"  ")
				continue
			}
			line(end-begin, strings.TrimRight(indent+n.Name+" "+n.Value, " "))
		}
	}
	walk(v.Nodes, "")
	if at != len(m.bytes) {
		t.Errorf("%s: %d bytes of %d are not shown", m.name, len(m.bytes)-at, len(m.bytes))
	}
	return text.String()
}

// compareBigEndian compares with the golden file of a little-endian host all but bytes.
func compareBigEndian(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	if want, got := withoutBytes(string(want)), withoutBytes(got); want != got {
		t.Errorf("%s:\n--- want\n%s\n--- got\n%s", name, want, got)
	}
}

// withoutBytes leaves the bytes out of what annotate wrote, and values that are nothing but bytes.
func withoutBytes(text string) string {
	var kept []string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "        ") {
			continue
		}
		if i := strings.Index(line, "DATA_VALUE 0x"); i >= 0 {
			line = line[:i]
		}
		if i := strings.Index(line, "SET_USERDATA "); i >= 0 { // it holds numbers in the host's order
			line = line[:i]
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\n")
}
