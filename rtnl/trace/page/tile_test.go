package page_test

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/trace/page"
	"plumb/rtnl/wire"
)

// checkTiles fails the test where a byte of s is in no child, or in two.
func checkTiles(t *testing.T, s *page.Span) {
	t.Helper()
	if s.Children == nil {
		return
	}
	at := s.Offset
	for i := range s.Children {
		c := &s.Children[i]
		if c.Offset != at || c.Length <= 0 || c.Name == "" {
			t.Fatalf("%s begins at byte %d with length %d in %s, want it at %d", c.Name, c.Offset, c.Length, s.Name, at)
		}
		checkTiles(t, c)
		at += c.Length
	}
	if at != s.Offset+s.Length {
		t.Fatalf("the children of %s end at byte %d, and it at %d", s.Name, at, s.Offset+s.Length)
	}
}

// A golden is a message of the golden files of rtnl or nat.
type golden struct {
	name     string
	protocol *wire.Protocol
	message  []byte
}

// The bytes of a golden file: after their offset, with rtnl; in lines of their own, with nat.
var (
	lineOfRTNL = regexp.MustCompile(`(?m)^ +(\d+)  ((?:[0-9a-f]{2} ?)+)`)
	lineOfNAT  = regexp.MustCompile(`(?m)^ {8}()((?:[0-9a-f]{2} ?)+)$`)
)

// goldens are all golden messages. Their bytes are a little-endian host's.
func goldens(t testing.TB) []golden {
	t.Helper()
	var all []golden
	for _, of := range []struct {
		dir      string
		protocol *wire.Protocol
		line     *regexp.Regexp
	}{{"../../testdata", rtnl.Protocol, lineOfRTNL}, {"../../../nat/testdata", nat.Protocol, lineOfNAT}} {
		files, err := filepath.Glob(filepath.Join(of.dir, "*.txt"))
		if err != nil || len(files) < 30 {
			t.Fatalf("%d golden files in %s: %v", len(files), of.dir, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var message []byte
			for _, line := range of.line.FindAllStringSubmatch(string(text), -1) {
				at := len(message)
				if line[1] != "" {
					at, _ = strconv.Atoi(line[1])
				}
				b, err := hex.DecodeString(strings.ReplaceAll(line[2], " ", ""))
				if err != nil || at < len(message) {
					t.Fatalf("%s: at %d: %v", file, at, err)
				}
				message = append(message, make([]byte, at-len(message))...) // the padding of a struct has no line
				message = append(message, b...)
			}
			if len(message) < 16 {
				t.Fatalf("%s has %d bytes of a message", file, len(message))
			}
			all = append(all, golden{strings.TrimSuffix(filepath.Base(file), ".txt"), of.protocol, message})
		}
	}
	return all
}

func littleEndian(t *testing.T) {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the golden files are a little-endian host's")
	}
}

// Every byte of every message that plumb sends has a meaning.
func TestTileGolden(t *testing.T) {
	t.Parallel()
	littleEndian(t)
	for _, g := range goldens(t) {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			v, err := g.protocol.View(g.message)
			if err != nil {
				t.Fatal(err)
			}
			s := page.Tile(g.message, v)
			if s.Length != len(g.message) {
				t.Fatalf("%d bytes of %d", s.Length, len(g.message))
			}
			checkTiles(t, &s)
			for _, leaf := range s.Leaves() {
				if leaf.Kind == page.Rest {
					t.Errorf("bytes %d to %d have no meaning: %s", leaf.Offset, leaf.Offset+leaf.Length, leaf.Name)
				}
				if leaf.Kind == page.Padding && leaf.Offset%4+leaf.Length > 4 {
					t.Errorf("%d bytes of padding at %d: more than what alignment needs", leaf.Length, leaf.Offset)
				}
			}
		})
	}
}

// What a leaf is, in a message of all kinds of leaves.
func TestTileKinds(t *testing.T) {
	t.Parallel()
	littleEndian(t)
	var message []byte
	for _, g := range goldens(t) {
		if g.name == "link-pair" {
			message = g.message
		}
	}
	v, err := rtnl.Protocol.View(message)
	if err != nil {
		t.Fatal(err)
	}
	whole := page.Tile(message, v)
	var got []string
	for _, l := range whole.Leaves()[:16] {
		got = append(got, string("mfFAltpN_?"[l.Kind])+" "+l.Name)
	}
	want := "F nlmsg_len|F nlmsg_type|F nlmsg_flags|F nlmsg_seq|F nlmsg_pid|F ifi_family|_ padding|F ifi_type|F ifi_index|F ifi_flags|F ifi_change|" +
		"l nla_len|t nla_type|p IFLA_IFNAME|N NUL|_ padding"
	if strings.Join(got, "|") != want {
		t.Errorf("the leaves are\n%s\nwant\n%s", strings.Join(got, "|"), want)
	}
}

// Whatever a message is, its spans tile it.
func FuzzTile(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.message)
		f.Add(g.message[:len(g.message)-len(g.message)%16-3])
	}
	f.Add([]byte{})
	f.Add([]byte("no message"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, protocol := range []*wire.Protocol{rtnl.Protocol, nat.Protocol} {
			v, _ := protocol.View(b)
			s := page.Tile(b, v)
			if s.Length != len(b) {
				t.Fatalf("%d bytes of %d", s.Length, len(b))
			}
			checkTiles(t, &s)
		}
	})
}
