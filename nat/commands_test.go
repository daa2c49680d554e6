package nat_test

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	. "plumb/nat"
	"plumb/rtnl/shell"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// event is a message as a tracer sees it that is sent.
func event(b []byte) wire.Event {
	return wire.Event{Namespace: "host", Protocol: Protocol, Sent: true, Message: b}
}

// pasted is a command of the golden files as a shell takes it.
func pasted(command string) string {
	script, is := strings.CutPrefix(command, "nft ")
	switch {
	case strings.HasPrefix(command, "("):
		return ""
	case is && shell.Words(strings.Fields(script)...) != script:
		return "nft " + shell.Quote(script)
	}
	return command
}

// The command of each message is the one above its golden file. TestNftMakesTheSame has nft carry those out.
func TestCommands(t *testing.T) {
	t.Parallel()
	var c Commands
	for _, m := range messages(t) {
		if got, want := c.Command(event(m.bytes)), pasted(m.command); got != want {
			t.Errorf("%s:\n got %s\nwant %s", m.name, got, want)
		}
	}
}

// Of all kinds of sets that a command can be written for.
const setsScript = `
create table inet t { comment "a table's"; }
create table ip6 t6
create set inet t a { type ipv4_addr; flags timeout; timeout 30s; gc-interval 10s; size 100; comment "with timeouts"; }
create set inet t b { type ether_addr . mark; policy memory; }
create map inet t c { type inet_service : verdict; }
create set inet t d { type ipv6_addr . inet_service; flags interval; }
create set inet t e { type ifname; limit rate over 10/second burst 5 packets; }
create set inet t f { type ipv4_addr; flags interval; }
create chain inet t own { comment "mine"; }
create chain inet t pre { type filter hook prerouting priority mangle; policy drop; }
create chain ip6 t6 out { type route hook output priority -7; policy accept; }
create element inet t a { 10.0.0.1 timeout 5000s comment "one", 10.0.0.2 timeout 3000s }
create element inet t b { 02:00:00:00:00:01 . 0x7 }
create element inet t c { 22 : accept, 23 : jump own, 24 comment "no" : drop }
create element inet t d { fd00::/64 . 80-90, fd01::1 . 443 }
create element inet t e { "eth0.5" limit rate over 10/second burst 5 packets comment "x" }
create element inet t f { 10.0.0.0/24, 10.1.0.5-10.1.0.9 }
delete element inet t c { 24 }
add element inet t c { 24 : goto own }
insert rule inet t own ip saddr @a accept
add rule inet t own ip saddr 10.0.0.1 drop
flush chain inet t own
delete set inet t b
delete table ip6 t6
`

// What nft sends for the script, read by its commands, is the script.
func TestCommandsOfNft(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	strace := lab.NeedTool(t, "strace")
	nft := lab.NeedTool(t, "nft")
	var c Commands
	for _, line := range commands(setsScript) {
		out := run(t, ns, strace, "-e", "trace=sendmsg", "-e", "write=all", nft, line)
		var got []string
		for _, b := range sentMessages(t, out) {
			if command := c.Command(event(b)); command != "" {
				got = append(got, command)
			}
		}
		if want := pasted("nft " + line); len(got) != 1 || got[0] != want {
			t.Errorf("got %q\nwant %s", got, want)
		}
	}
}

// Names that nft would read as something else have no command: it could do anything.
func TestCommandsOfOddNames(t *testing.T) {
	t.Parallel()
	const odd = `x"; flush ruleset; "`
	in := Header{Family: NFPROTO_INET}
	drop := &Immediate{Dest: NFT_REG_VERDICT, Data: &Data{Verdict: &Verdict{Code: NFT_JUMP, Chain: odd}}}
	lookup := []any{&Meta{Dest: NFT_REG_1, Key: NFT_META_IIFNAME}, &Lookup{Set: odd, Source: NFT_REG_1}}
	name := []any{&Meta{Dest: NFT_REG_1, Key: NFT_META_IIFNAME}, &Cmp{Source: NFT_REG_1, Data: &Data{Value: IfName(`a";b"`)}}}
	for what, r := range map[string]wire.Request{
		"table":      NewTable(&Table{Header: in, Name: odd}, 0),
		"comment":    NewTable(&Table{Header: in, Name: "t", UserData: CommentData(odd)}, 0),
		"chain":      NewChain(&Chain{Header: in, Table: "t", Name: odd}, 0),
		"type":       NewChain(&Chain{Header: in, Table: "t", Name: "c", Type: odd, Hook: &Hook{}}, 0),
		"device":     NewChain(&Chain{Header: in, Table: "t", Name: "c", Type: "filter", Hook: &Hook{Device: odd}}, 0),
		"set":        NewSet(&Set{Header: in, Table: "t", Name: odd, KeyType: TypeMark, KeyLen: 4}, 0),
		"rule":       NewRule(&Rule{Header: in, Table: "t", Chain: odd, Expressions: Exprs(&Masq{})}, 0),
		"jump":       NewRule(&Rule{Header: in, Table: "t", Chain: "c", Expressions: Exprs(drop)}, 0),
		"lookup":     NewRule(&Rule{Header: in, Table: "t", Chain: "c", Expressions: Exprs(lookup...)}, 0),
		"name":       NewRule(&Rule{Header: in, Table: "t", Chain: "c", Expressions: Exprs(name...)}, 0),
		"log":        NewRule(&Rule{Header: in, Table: "t", Chain: "c", Expressions: Exprs(&Log{Prefix: odd})}, 0),
		"object":     NewRule(&Rule{Header: in, Table: "t", Chain: "c", Expressions: Exprs(&ObjRef{Type: NFT_OBJECT_COUNTER, Name: odd})}, 0),
		"element":    NewElements(&ElementList{Header: in, Table: TableName, Set: "isolate", Elements: []Element{{Key: &Data{Value: IfName(`a";b"`)}}}}, 0),
		"of element": NewElements(&ElementList{Header: in, Table: TableName, Set: "isolate", Elements: []Element{{Key: &Data{Value: IfName("a")}, UserData: CommentData(odd)}}}, 0),
	} {
		b, err := r.Encode(1)
		if err != nil {
			t.Fatal(err)
		}
		var c Commands
		if got := c.Command(event(b)); got != "" {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// sentMessages are the messages in what strace dumps of the data that is sent: " | 00000  14 00 00 00 10 00 01 00  00 00 00 00 00 00 00 00  ..."
func sentMessages(t *testing.T, out string) [][]byte {
	t.Helper()
	var data []byte
	for line := range strings.Lines(out) {
		dump, is := strings.CutPrefix(line, " | ")
		if !is || len(dump) < 7+49 {
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(dump[7:7+49], " ", ""))
		if err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		data = append(data, b...)
	}
	var all [][]byte
	for len(data) >= 16 {
		n := int(binary.NativeEndian.Uint32(data))
		if n < 16 || n > len(data) {
			t.Fatalf("a message of %d bytes, of %d", n, len(data))
		}
		all = append(all, data[:n])
		data = data[min((n+3)&^3, len(data)):]
	}
	return all
}

func FuzzCommands(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(m.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Commands
		for range 2 {
			if got := c.Command(event(b)); strings.Contains(got, "%!") || strings.Contains(got, "invalid IP") {
				t.Errorf("%q", got)
			}
		}
	})
}
