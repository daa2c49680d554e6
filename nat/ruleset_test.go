package nat_test

import (
	"net/netip"
	"testing"

	"plumb/test/lab"
)

func TestRulesetReadsAsAPersonWouldHaveWrittenIt(t *testing.T) {
	t.Parallel()
	host := lab.NewNS(t)
	c := dialIn(t, host)
	// One element a set: the kernel lists them in the order of a hash that differs each time.
	web4, web6 := web(), web()
	web4.Internal = true
	web6.Addr, web6.Subnet = netip.MustParseAddr("fd70::2"), netip.MustParsePrefix("fd70::/64")
	if err := c.Attach(web4, web6); err != nil {
		t.Fatal(err)
	}
	if err := c.RecordForwarding("eth0"); err != nil {
		t.Fatal(err)
	}
	golden(t, "table.nft", run(t, host, "nft", "list", "table", "inet", "plumb"))
}
