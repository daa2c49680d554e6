package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// collect reads a source to its end.
func collect(t testing.TB, s Source) ([]Packet, error) {
	t.Helper()
	var packets []Packet
	for {
		p, err := s.Next()
		if err == io.EOF {
			return packets, nil
		}
		if err != nil {
			return packets, err
		}
		p.Data = append([]byte(nil), p.Data...)
		packets = append(packets, p)
	}
}

// types are the families and message types in packets from a little-endian machine: →0/16 is an RTM_NEWLINK to the kernel.
func types(packets []Packet) string {
	var words []string
	for _, p := range packets {
		arrow := "←"
		if p.Sent {
			arrow = "→"
		}
		for b := p.Data; len(b) >= headerSize; {
			words = append(words, fmt.Sprintf("%s%d/%d", arrow, p.Family, binary.LittleEndian.Uint16(b[4:])))
			n := (binary.LittleEndian.Uint32(b) + 3) &^ 3
			b = b[min(uint64(n), uint64(len(b))):]
		}
	}
	return strings.Join(words, " ")
}

// The files are of strace 6.1: ip link add v0 type veth peer name v1; nft add table ip t.
func TestStraceForms(t *testing.T) {
	t.Parallel()
	const all = "→0/16 ←0/2 →0/16 ←0/2 →12/2576 ←12/2575 →12/2576 ←12/2575 →12/16 →12/2560 →12/17"
	for file, want := range map[string]string{
		"strace-all-options": all,
		"strace-processes":   all,
		"strace-relative":    all,
		"strace-raw-names":   all,
		"strace-sent-only":   "→0/16 →0/16 →12/2576 →12/2576 →12/16 →12/2560 →12/17",
		"strace-strings":     "→0/16 →12/2576 →12/2576",
	} {
		f, err := os.Open(filepath.Join("testdata", file+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		packets, err := collect(t, NewStrace(f))
		if got := types(packets); got != want || err != nil {
			t.Errorf("%s: got %s and %v, want %s", file, got, err, want)
		}
		for i, p := range packets {
			if p.Missing != 0 || p.Namespace == "" || i > 0 && p.Time.Before(packets[i-1].Time) {
				t.Errorf("%s: packet %d is %+v", file, i, p)
			}
		}
	}
}

// The lines are as strace prints them, with less in them. Data is what should be read of them, in hexadecimal.
func TestStraceLines(t *testing.T) {
	t.Parallel()
	const message = `10 00 00 00 03 00 00 00 01 00 00 00 00 00 00 00`
	const dump = " | 00000  10 00 00 00 03 00 00 00  01 00 00 00 00 00 00 00  |  |  ff ff |\n"
	escaped := `"\x` + strings.ReplaceAll(message, " ", `\x`) + `"`
	for _, test := range []struct {
		name, trace string
		want        string // what Sprint shows of the packets
	}{
		{"the result comes later", "7 10:00:00.5 sendto(3, [{nlmsg_len=16 <unfinished ...>\n8 10:00:01 read(4, \"\", 1) = 0\n7 10:00:02 <... sendto resumed>, 16, 0, NULL, 0) = 16\n" + dump, "→ -1 7 10:00:00.5 16"},
		{"an answer comes later", "7 10:00:00.5 recvfrom(3, <unfinished ...>\n7 10:00:02 <... recvfrom resumed>[{nlmsg_len=16}], 16, 0, NULL, 0) = 16 <1.5>\n" + dump, "← -1 7 10:00:03.5 16"},
		{"a resumed line alone", "7 <... sendto resumed>[{nlmsg_len=16}], 16, 0, NULL, 0) = 16\n" + dump, "→ -1 7 16"},
		{"octal", `sendto(3, "\20\0\0\0\3\0\0\0\1\0\0\0\0\0\0\0", 16, 0, {sa_family=AF_NETLINK}, 12) = 16`, "→ -1  16"},
		{"hexadecimal", `[pid    12] sendto(3<NETLINK:[GENERIC:12]>, ` + escaped + `, 16, 0, NULL, 0) = 16`, "→ 16 12 16"},
		{"shortened", `sendto(3<NETLINK:[ROUTE:12]>, ` + escaped + `..., 40, 0, NULL, 0) = 40`, "→ 0  16+24"},
		{"buffers", `sendmsg(3<NETLINK:[ROUTE:12]>, {msg_iov=[{iov_base=` + escaped + `, iov_len=16}, {iov_base=` + escaped + `, iov_len=16}], msg_iovlen=2}, 0) = 32`, "→ 0  32"},
		{"dumped buffers", "sendmsg(3<NETLINK:[ROUTE:12]>, {...}, 0) = 32\n * 16 bytes in buffer 0\n" + dump + " * 16 bytes in buffer 1\n" + dump, "→ 0  32"},
		{"datagrams", "recvmmsg(3<NETLINK:[ROUTE:12]>, ...) = 2\n = 1 buffers in vector 0\n * 16 bytes in buffer 0\n" + dump + " = 1 buffers in vector 1\n * 16 bytes in buffer 0\n" + dump, "← 0  16 ← 0  16"},
		{"looked at only", "recvfrom(3<NETLINK:[ROUTE:12]>, [{nlmsg_len=16}], 16, MSG_PEEK|MSG_TRUNC, NULL, 0) = 16\n" + dump, ""},
		{"the words of a flag in a string", `sendto(3<NETLINK:[ROUTE:12]>, "MSG_PEEK\0\0\0\0\0\0\0\0", 16, 0, NULL, 0) = 16`, "→ 0  16"},
		{"refused by the socket", "sendto(3<NETLINK:[ROUTE:12]>, " + escaped + ", 16, 0, NULL, 0) = -1 EPERM (Operation not permitted)", ""},
		{"another socket", "socket(AF_INET, SOCK_DGRAM, 0) = 3\nsendto(3, " + escaped + ", 16, 0, NULL, 0) = 16", ""},
		{"a descriptor that is a file's now", "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3\nread(3, \"a text of 16 byt\", 16) = 16", ""},
		{"another file", "write(3</tmp/x>, " + escaped + ", 16) = 16", ""},
		{"a thread's socket", "7 socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) = 3\n8 write(3, " + escaped + ", 16) = 16", "→ 12 8 16"},
		{"a child's file, perhaps", "7 socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) = 3\n8 write(3, \"a text of 16 byt\", 16) = 16", ""},
		{"nobody knows it", "write(3, " + escaped + ", 16) = 16", "→ -1  16"},
		{"nobody knows it, and it is none", `write(3, "a text of 16 byt", 16) = 16`, ""},
		{"a family by number", "socket(0x10, 0x3, 0xc) = 3\nwrite(3, " + escaped + ", 16) = 16", "→ 12  16"},
		{"a program's output between", "sendto(3<NETLINK:[ROUTE:12]>, [{nlmsg_len=16}], 16, 0, NULL, 0) = 16\n" + dump + "    link/ether\n | 00000  ff\n", "→ 0  16"},
		{"cut in the dump", "sendto(3<NETLINK:[ROUTE:12]>, [{nlmsg_len=16}], 16, 0, NULL, 0) = 16\n" + dump[:30], "→ 0  7+9"},
	} {
		packets, err := collect(t, NewStrace(strings.NewReader(test.trace)))
		var words []string
		for _, p := range packets {
			at := ""
			if !p.Time.IsZero() {
				at = p.Time.Format("15:04:05.999999 ")
			}
			arrow := map[bool]string{true: "→", false: "←"}[p.Sent]
			word := fmt.Sprintf("%s %d %s %s%d", arrow, p.Family, p.Namespace, at, len(p.Data))
			if p.Missing > 0 {
				word += fmt.Sprintf("+%d", p.Missing)
			}
			words = append(words, word)
		}
		if got := strings.Join(words, " "); got != test.want || err != nil {
			t.Errorf("%s: got %q and %v, want %q", test.name, got, err, test.want)
		}
	}
}

func TestStraceWithoutBytes(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/strace-no-bytes.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if packets, err := collect(t, NewStrace(f)); len(packets) > 0 || !errors.Is(err, ErrNoBytes) {
		t.Errorf("got %d packets and %v", len(packets), err)
	}
}

func TestStraceLongLine(t *testing.T) {
	t.Parallel()
	r := io.MultiReader(strings.NewReader("socket(AF_INET, 0) = 3\n"), io.LimitReader(endless{}, 2*maxLine))
	if packets, err := collect(t, NewStrace(r)); len(packets) > 0 || err == nil || !strings.Contains(err.Error(), "line 2: is longer than") {
		t.Errorf("got %d packets and %v", len(packets), err)
	}
}

// endless is one line without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func FuzzStrace(f *testing.F) {
	files, err := filepath.Glob("testdata/strace-*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("got %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b[:min(len(b), 3000)]))
	}
	f.Fuzz(func(t *testing.T, trace string) {
		packets, _ := collect(t, NewStrace(strings.NewReader(trace)))
		size := 0
		for _, p := range packets {
			size += len(p.Data)
		}
		if size > len(trace) {
			t.Errorf("%d bytes of messages in %d characters", size, len(trace))
		}
	})
}
