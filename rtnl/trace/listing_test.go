package trace_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"plumb/nat"
	"plumb/rtnl"
	"plumb/rtnl/trace"
	"plumb/rtnl/wire"
)

// listed is a message's listing, after a check that it has every byte once, in order.
func listed(t *testing.T, p *wire.Protocol, message []byte) string {
	t.Helper()
	var text strings.Builder
	if err := trace.Listing(&text, p, message); err != nil {
		t.Fatal(err)
	}
	at := 0
	for line := range strings.Lines(text.String()) {
		offset, rest, ok := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		n, err := strconv.ParseUint(offset, 16, 31)
		if !ok || err != nil || int(n) != at {
			t.Fatalf("%q begins at no %#x:\n%s", line, at, &text)
		}
		bytes, _, _ := strings.Cut(rest, "  ")
		for b := range strings.SplitSeq(bytes, " ") {
			if at >= len(message) || b != fmt.Sprintf("%02x", message[at]) {
				t.Fatalf("%q is not byte %#x, in\n%s", b, at, &text)
			}
			at++
		}
	}
	if at != len(message) {
		t.Fatalf("%d bytes of %d are listed:\n%s", at, len(message), &text)
	}
	return text.String()
}

func TestListing(t *testing.T) {
	t.Parallel()
	b, err := rtnl.NewLink(rtnl.VethPair(&rtnl.Link{Name: "pl-web"}, &rtnl.Link{Name: "eth0"}), "").Encode(1)
	if err != nil {
		t.Fatal(err)
	}
	text := listed(t, rtnl.Protocol, b)
	for _, want := range []string{
		"# nlmsg_flags NLM_F_REQUEST|ACK|EXCL|CREATE\n", "  # IFLA_IFNAME  nla_len 11\n", "  #   \"pl-web\"\n", "  #   (padding)\n",
		"  #       ifi_family AF_UNSPEC\n", "  #         \"eth0\"\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// Whatever is wrong with a message, each of its bytes is listed once.
func FuzzListing(f *testing.F) {
	for _, r := range []wire.Request{
		rtnl.NewLink(rtnl.VethPair(&rtnl.Link{Name: "pl-web"}, &rtnl.Link{Name: "eth0"}), ""),
		rtnl.SetConf(7, "", rtnl.Conf{ID: rtnl.ConfForwarding, Value: 1}),
	} {
		b, err := r.Encode(1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, false)
	}
	b, err := nat.Protocol.Parse("NFT_MSG_NEWRULE 0\n NFTA_RULE_EXPRESSIONS\n  NFTA_LIST_ELEM\n   NFTA_EXPR_NAME \"immediate\"\n   NFTA_EXPR_DATA\n    NFTA_IMMEDIATE_DREG reg 1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, true)
	f.Add([]byte{1, 2, 3}, false)
	f.Fuzz(func(t *testing.T, b []byte, filter bool) {
		if len(b) > 1<<16 {
			return
		}
		p := rtnl.Protocol
		if filter {
			p = nat.Protocol
		}
		listed(t, p, b)
	})
}
