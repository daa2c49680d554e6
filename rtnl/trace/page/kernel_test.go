package page

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// The functions are in this machine's kernel. (Not all of them: a compiler puts some into those that call them, and a kernel
// without a bridge has none of its.)
func TestHandlersAreInTheKernel(t *testing.T) {
	t.Parallel()
	lab.NeedKernel(t)
	symbols, err := os.ReadFile("/proc/kallsyms")
	if err != nil || !strings.Contains(string(symbols), " rtnl_newlink\n") {
		t.Skipf("the kernel does not tell its symbols: %v", err)
	}
	missing, all := []string{}, readHandlers()
	for _, f := range all {
		if !regexp.MustCompile(`(?m) ` + f.name + `(\.[a-z0-9.]+)?(\t.*)?$`).Match(symbols) {
			missing = append(missing, f.name)
		}
	}
	if len(missing) > len(all)/20 {
		t.Errorf("%d functions of %d are not in this kernel: %q", len(missing), len(all), missing)
	}
}

// Each line is one that can be used, and every message that plumb sends has a handler: those of the golden files.
func TestHandlersAreComplete(t *testing.T) {
	t.Parallel()
	hs, names := readHandlers(), map[string]bool{}
	for words := range table(handlersText) {
		does := words[1]
		if n := len(words); n < 4 || n > 5 || does != "do" && does != "dump" && does != "fill" || !strings.HasSuffix(words[n-1], ".c") {
			t.Errorf("%q is no line of handlers.txt", words)
		}
		names[words[0]] = true
	}
	sent := 0
	for _, pattern := range []string{"../../testdata/*.txt", "../../../nat/testdata/*.txt"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m := regexp.MustCompile(`(?m)(?:^|nlmsg_type )((?:RTM|NFT_MSG|NFNL_MSG|IPCTNL_MSG)_\w+)`).FindStringSubmatch(string(text))
			if m == nil {
				continue
			}
			sent++
			if !names[m[1]] {
				t.Errorf("%s: nothing is known to handle %s", file, m[1])
			}
		}
	}
	if sent < 100 || len(hs) < 100 {
		t.Errorf("%d messages were looked at, and %d handlers are known", sent, len(hs))
	}
}

// The function depends on the family, on whether it is a dump, and on who sends.
func TestHandlers(t *testing.T) {
	t.Parallel()
	hs := readHandlers()
	for _, test := range []struct {
		name   string
		sent   bool
		dump   bool
		family byte
		want   string
	}{
		{"RTM_NEWLINK", true, false, 0, "rtnl_newlink net/core/rtnetlink.c"},
		{"RTM_NEWLINK", false, false, 0, "rtnl_fill_ifinfo net/core/rtnetlink.c"},
		{"RTM_GETLINK", true, true, 0, "rtnl_dump_ifinfo net/core/rtnetlink.c"},
		{"RTM_NEWADDR", true, false, 2, "inet_rtm_newaddr net/ipv4/devinet.c"},
		{"RTM_NEWADDR", true, false, 10, "inet6_rtm_newaddr net/ipv6/addrconf.c"},
		{"RTM_GETROUTE", true, true, 2, "inet_dump_fib net/ipv4/fib_frontend.c"},
		{"RTM_GETROUTE", true, false, 10, "inet6_rtm_getroute net/ipv6/route.c"},
		{"NFT_MSG_NEWSETELEM", true, false, 1, "nf_tables_newsetelem net/netfilter/nf_tables_api.c"},
		{"NFT_MSG_GETSETELEM", true, true, 1, "nf_tables_dump_set net/netfilter/nf_tables_api.c"},
		{"NLMSG_ERROR", false, false, 0, "netlink_ack net/netlink/af_netlink.c"},
		{"message 99", true, false, 0, " "},
	} {
		v := wire.View{Name: test.name}
		if test.dump {
			v.Header.Flags = flagDump
		}
		message := make([]byte, headerSize+4)
		message[headerSize] = test.family
		f := hs.of(wire.Event{Sent: test.sent, Message: message}, v)
		if got := f.name + " " + f.file; got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

// Each header declares the struct, or names of the prefix.
func TestHeaders(t *testing.T) {
	t.Parallel()
	const include = "/usr/include"
	if _, err := os.Stat(include + "/linux/netlink.h"); err != nil {
		lab.NeedTool(t, "gcc") // its headers come with it
	}
	for words := range table(headersText) {
		text, err := os.ReadFile(filepath.Join(include, words[1]))
		if err != nil {
			t.Errorf("%s: %v", words[0], err)
			continue
		}
		want := `\b` + words[0]
		if len(words) == 3 {
			want = `(?s)struct ` + words[2] + ` \{[^}]*\b` + words[0]
		}
		if !regexp.MustCompile(want).Match(text) {
			t.Errorf("%s has no %s", words[1], want)
		}
	}
}
