package shell_test

import (
	"os/exec"
	"strings"
	"testing"

	"plumb/rtnl/shell"
)

// A shell reads each word as it was.
func TestQuote(t *testing.T) {
	t.Parallel()
	words := []string{
		"eth0", "", " ", "a b", "it's", `"x"`, "$HOME", "`id`", "*", "~", "{a,b}", "a;b", "a&b", "a|b", "#x", "!x", "\\", "\n", "tab\t", "é", "-n", "a=b", "[x]", "<>()",
	}
	out, err := exec.Command("sh", "-c", "printf '%s\\0' "+shell.Words(words...)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(words, "\x00") + "\x00"; string(out) != want {
		t.Errorf("sh reads %q, not %q", out, want)
	}
	for _, w := range []string{"eth0", "10.0.0.1/24", "net.ipv4.ip_forward=1", "02:00:00:00:00:01"} {
		if shell.Quote(w) != w {
			t.Errorf("%s is quoted: %s", w, shell.Quote(w))
		}
	}
}

func TestIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		namespace string
		commands  []string
		want      string
	}{
		{"", []string{"ip link show"}, "ip link show"},
		{"web", []string{"ip link show"}, "ip -n web link show"},
		{"web", []string{"tc qdisc show"}, "tc -n web qdisc show"},
		{"web", []string{"sysctl -w a=1"}, "ip netns exec web sysctl -w a=1"},
		{"web", []string{"ip -6 route show", "nft list tables"}, "ip -n web -6 route show\nip netns exec web nft list tables"},
		{"a b", []string{"ip link show"}, "ip -n 'a b' link show"},
	} {
		if got := shell.In(c.namespace, c.commands...); got != c.want {
			t.Errorf("%s in %q: %s, not %s", c.commands, c.namespace, got, c.want)
		}
	}
}
