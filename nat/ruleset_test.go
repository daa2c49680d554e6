package nat_test

import (
	"testing"

	. "plumb/nat"
	"plumb/test/lab"
)

func TestRulesetReadsAsAPersonWouldHaveWrittenIt(t *testing.T) {
	t.Parallel()
	host := lab.NewNS(t)
	c := dialIn(t, host)
	// One element a set: the kernel lists them in the order of a hash that differs each time.
	a := both()
	a.Publish[0].Count = 1
	if err := attach(c, a); err != nil {
		t.Fatal(err)
	}
	if err := c.Record(Record{Link: "eth0"}, Record{Link: "eth0", IPv6: true, Was: "accept_ra=1"}); err != nil {
		t.Fatal(err)
	}
	golden(t, "table.nft", run(t, host, "nft", "list", "table", "inet", "plumb"))
}
