package rtnl_test

import (
	"flag"
	"os"
	"testing"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

func TestMain(m *testing.M) {
	if lab.Emulated() != "" {
		// There is no kernel to be sealed off from. The tests that need one skip themselves, which examples cannot.
		flag.Parse()
		if err := flag.Set("test.skip", "^Example"); err != nil {
			panic(err)
		}
		os.Exit(m.Run())
	}
	lab.Main(m)
}

// A world is a host and a container, as two fresh namespaces and a socket in each. In a pure test there are none.
type world struct {
	host, inside   *netns.NS
	conn, peerConn *rtnl.Conn
	fd             uint32 // what IFLA_NET_NS_FD says
}

// pureWorld is where golden bytes come from.
func pureWorld() *world { return &world{fd: 9} }

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{}
	w.host, w.conn = newHost(t, "host")
	w.inside, w.peerConn = newHost(t, "container")
	w.fd = uint32(w.inside.FD())
	return w
}

// newHost makes a network namespace and a socket in it.
func newHost(t testing.TB, name string) (*netns.NS, *rtnl.Conn) {
	t.Helper()
	ns := lab.NewNS(t)
	return ns, dialIn(t, ns, wire.Config{Namespace: name})
}

func dialIn(t testing.TB, ns *netns.NS, config wire.Config) *rtnl.Conn {
	t.Helper()
	var c *rtnl.Conn
	err := ns.Do(func() (err error) {
		c, err = rtnl.Dial(config)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
