package ping_test

import (
	"testing"

	"plumb/container/netns"
	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// newHost is a namespace with lo up. Ping sockets are open to its group 0 or, with raw, to no group.
func newHost(t testing.TB, raw bool) *netns.NS {
	t.Helper()
	ns := lab.NewNS(t)
	if err := ns.Do(lab.LoopbackUp); err != nil {
		t.Fatal(err)
	}
	if !raw { // else it stays "1 0", which is nobody
		set(t, ns, "net.ipv4.ping_group_range", "0 0")
	}
	return ns
}

func set(t testing.TB, ns *netns.NS, sysctl, value string) {
	t.Helper()
	if err := ns.WriteSysctl(sysctl, value); err != nil {
		t.Fatal(err)
	}
}
