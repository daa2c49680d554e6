package sockdiag_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	"plumb/rtnl/sockdiag"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

func TestMain(m *testing.M) {
	if lab.Emulated() != "" {
		os.Exit(m.Run()) // there is no kernel to be sealed off from: those tests skip themselves
	}
	lab.Main(m)
}

func dialIn(t testing.TB, ns *netns.NS, config wire.Config) *sockdiag.Conn {
	t.Helper()
	var c *sockdiag.Conn
	if err := ns.Do(func() (err error) { c, err = sockdiag.Dial(config); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A bound is a socket to be opened.
type bound struct {
	kind    int // SOCK_*
	addr    unix.Sockaddr
	v6Only  bool
	device  string
	connect unix.Sockaddr
}

// open opens it in a namespace, whose lo is up.
func open(t testing.TB, ns *netns.NS, b bound) {
	t.Helper()
	var fd int
	err := ns.Do(func() (err error) {
		if err := lab.LoopbackUp(); err != nil {
			return err
		}
		family := unix.AF_INET
		if _, v6 := b.addr.(*unix.SockaddrInet6); v6 {
			family = unix.AF_INET6
		}
		fd, err = unix.Socket(family, b.kind|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if b.v6Only {
		check("IPV6_V6ONLY", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1))
	}
	if b.device != "" {
		check("SO_BINDTODEVICE", unix.BindToDevice(fd, b.device))
	}
	check("bind", unix.Bind(fd, b.addr))
	if b.connect != nil {
		check("connect", unix.Connect(fd, b.connect))
	} else if b.kind == unix.SOCK_STREAM {
		check("listen", unix.Listen(fd, 5))
	}
}

func v4(a [4]byte, port int) unix.Sockaddr  { return &unix.SockaddrInet4{Addr: a, Port: port} }
func v6(a [16]byte, port int) unix.Sockaddr { return &unix.SockaddrInet6{Addr: a, Port: port} }

var (
	any4, lo4   = [4]byte{}, [4]byte{127, 0, 0, 1}
	any6, lo6   = [16]byte{}, [16]byte{15: 1}
	mappedLocal = [16]byte{10: 0xff, 0xff, 127, 0, 0, 1}
)
