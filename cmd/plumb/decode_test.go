package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"plumb/rtnl/trace/capture"
	"plumb/rtnl/wire"
	"plumb/test/lab"

	"github.com/google/go-cmp/cmp"
)

// traced runs plumb with --trace and --pcap, and returns what the first has shown and the path of the file.
func (s *site) traced(form string, args ...string) (text, file string) {
	s.t.Helper()
	file = filepath.Join(s.t.TempDir(), "file.pcap")
	r := s.run(append([]string{args[0], "--trace=" + form, "--pcap", file}, args[1:]...)...)
	text, _, failed := strings.Cut(r.stderr, "\nplumb: ") // the error, below the trace
	if failed {
		text += "\n"
	}
	if failed != (r.status != 0) {
		s.t.Errorf("plumb %s: status %d\n%s", strings.Join(args, " "), r.status, r.stderr)
	}
	return text, file
}

// What plumb has captured, it decodes to what it has shown: whole runs, one that is refused among them. Wireshark's tshark
// opens the same files.
func TestDecodeSaysTheSame(t *testing.T) {
	t.Parallel()
	tshark := lab.NeedTool(t, "tshark")
	s := newSite(t)
	_, one := s.process()
	_, two := s.process()
	for _, args := range [][]string{
		{"attach", "web", "--pid", fmt.Sprint(one), "-p", "8080:80", "--rate-out", "20mbit"},
		{"attach", "db", "--pid", fmt.Sprint(two), "-p", "8080:81"}, // which is refused
		{"attach", "db", "--pid", fmt.Sprint(two), "--network", "back", "--isolate"},
		{"ls"},
		{"inspect", "web"},
		{"doctor"},
		{"run", "--", "true"},
		{"gc"},
		{"detach", "web"},
		{"detach", "--all"},
	} {
		form := "text"
		switch args[0] {
		case "detach":
			form = "short"
		case "gc", "doctor":
			form = "json"
		}
		want, file := s.traced(form, args...)
		if want == "" {
			t.Errorf("plumb %s: no trace", args[0])
		}
		got := s.succeeds("trace", "decode", "--form", form, file)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("plumb %s (-traced +decoded):\n%s", strings.Join(args, " "), diff)
		}
		if args[0] == "attach" || args[0] == "run" { // which takes a second
			checkTshark(t, tshark, file)
		}
		if args[0] == "run" {
			ng := filepath.Join(t.TempDir(), "file.pcapng")
			runTshark(t, tshark, "-r", file, "-F", "pcapng", "-w", ng)
			if again := s.succeeds("trace", "decode", ng); again != got {
				t.Errorf("what tshark has made a pcapng of (-pcap +pcapng):\n%s", cmp.Diff(got, again))
			}
		}
	}
}

// What is piped in is decoded, and what cannot be is told, after all that can.
func TestDecodeStdin(t *testing.T) {
	t.Parallel()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes are a little-endian machine's")
	}
	s := newSite(t)
	const (
		dump  = "14 00 00 00 12 00 01 03 01 00 00 00 00 00 00 00 00 00 00 00\n"
		table = "01 00 00 00 08 00 01 00 6c 6f 32 00\n"
		route = "→ RTM_GETLINK NLM_F_REQUEST|DUMP seq=1 len=20\n"
	)
	for _, test := range []struct {
		args, stdin    string
		stdout, stderr string
		status         int
	}{
		{"--short", dump, route, "", 0},
		{"--form short -", dump, route, "", 0},
		{"--family generic", "10 00 00 00 10 00 01 00 01 00 00 00 00 00 00 00\n", "16", "", 0},
		{"--type NFT_MSG_NEWTABLE", table, "NFTA_TABLE_NAME \"lo2\"\n", "", 0},
		{"--type 0xa00 --family netfilter", table, "NFTA_TABLE_NAME \"lo2\"\n", "", 0},
		{"", dump + "\nand more", route, "plumb: trace: decode standard input: line 3: \"and\" is not pairs", 1},
		{"", "", "", "plumb: trace: decode standard input: there is no netlink message in it\n", 1},
		{"--type RTM_NEW", dump, "", "there is no message type of that name", 2},
		{"--family nobody", dump, "", "there is none of that name", 2},
		{"--form page", dump, "", "text, short, json or html is needed", 2},
		{"/nonexistent", "", "", "plumb: trace: open /nonexistent: no such file", 1},
		{"one two", "", "", "takes one file", 2},
	} {
		cmd := exec.Command(s.plumb, append([]string{"trace", "decode"}, strings.Fields(test.args)...)...)
		cmd.Stdin = strings.NewReader(test.stdin)
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		if status := cmd.ProcessState.ExitCode(); status != test.status || !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) ||
			test.stderr == "" && stderr.Len() > 0 {
			t.Errorf("plumb trace decode %s of %q: status %d\n%s%s", test.args, test.stdin, status, stdout.String(), stderr.String())
		}
	}
	if r := s.run("trace"); r.status != 2 || !strings.Contains(r.stderr, "what to do is missing: decode") {
		t.Errorf("plumb trace: status %d, %s", r.status, r.stderr)
	}
}

// checkTshark opens a file with tshark, which must find nothing wrong with it, and the messages that plumb finds.
func checkTshark(t *testing.T, tshark, file string) {
	t.Helper()
	text := runTshark(t, tshark, "-r", file, "-V")
	if i := strings.Index(text, "Malformed"); i >= 0 {
		t.Errorf("tshark:\n%s", text[max(0, i-2000):i+200])
	}
	if out := runTshark(t, tshark, "-r", file, "-T", "json"); !json.Valid([]byte(out)) {
		t.Error("tshark prints JSON that is none")
	}
	var got, want []string
	for frame := range strings.SplitSeq(text, "\nFrame ") {
		if m := tsharkHeader.FindStringSubmatch(frame); m != nil {
			got = append(got, m[1]+" len="+m[2]+" seq="+m[3])
		}
	}
	collect := tracerFunc(func(e wire.Event) {
		if e.Message == nil {
			want = append(want, "Nothing")
			return
		}
		v, err := e.Protocol.View(e.Message)
		if err != nil {
			t.Error(err)
			return
		}
		name, known := tsharkNames[v.Name]
		if !known {
			name = fmt.Sprintf("0x%04x", uint16(v.Header.Type))
		}
		want = append(want, fmt.Sprintf("%s len=%d seq=%d", name, v.Header.Length, v.Header.Sequence))
	})
	if err := play(file, capture.Options{Start: func(time.Time) { want = append(want, "Nothing") }}, collect); err != nil {
		t.Error(err)
	}
	for i := range got {
		if i < len(want) && want[i] == "Nothing" { // a step: only a note, whose length plumb does not tell
			got[i], _, _ = strings.Cut(got[i], " ")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("%d messages; (-plumb +tshark):\n%s", len(got), diff)
	}
}

// tsharkHeader is the first message in a packet.
var tsharkHeader = regexp.MustCompile(`(?s)header \(type: ([^)]*)\)\n +Length: (\d+)\n.*?\n +Sequence: (\d+)\n`)

// What tshark 4.0 calls the message types that it knows.
var tsharkNames = map[string]string{
	"NLMSG_ERROR": "Error", "NLMSG_DONE": "End of a dump", "SOCK_DIAG_BY_FAMILY": "SOCK_DIAG_BY_FAMILY",
	"RTM_NEWLINK": "Create network interface", "RTM_DELLINK": "Remove network interface",
	"RTM_GETLINK": "Get network interface info", "RTM_SETLINK": "Set network interface info",
	"RTM_NEWADDR": "Add IP address", "RTM_DELADDR": "Delete IP address", "RTM_GETADDR": "Get IP address",
	"RTM_NEWROUTE": "Add network route", "RTM_DELROUTE": "Delete network route", "RTM_GETROUTE": "Get network route",
	"RTM_NEWNEIGH": "Add neighbor table entry", "RTM_DELNEIGH": "Delete neighbor table entry", "RTM_GETNEIGH": "Get neighbor table entry",
	"RTM_NEWRULE": "Add routing rule", "RTM_DELRULE": "Delete routing rule", "RTM_GETRULE": "Get routing rule",
	"RTM_NEWQDISC": "Add queueing discipline", "RTM_DELQDISC": "Delete queueing discipline", "RTM_GETQDISC": "Get queueing discipline",
	"RTM_NEWNETCONF": "RTM_NEWNETCONF", "RTM_GETNETCONF": "RTM_GETNETCONF",
	"RTM_NEWLINKPROP": "RTM_NEWLINKPROP", "RTM_DELLINKPROP": "RTM_DELLINKPROP",
}

func runTshark(t *testing.T, tshark string, args ...string) string {
	t.Helper()
	cmd := exec.Command(tshark, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	said := strings.TrimSpace(strings.ReplaceAll(stderr.String(), `Running as user "root" and group "root". This could be dangerous.`, ""))
	if err != nil || said != "" {
		t.Errorf("tshark %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(out)
}

type tracerFunc func(e wire.Event)

func (f tracerFunc) Trace(e wire.Event) { f(e) }
