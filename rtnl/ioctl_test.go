package rtnl_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container/plan"
	. "plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// NameAndMTU says what RTM_GETLINK says.
func TestNameAndMTU(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	c := dialIn(t, ns, wire.Config{})
	pair := VethPair(&Link{Name: "a", Index: 70000, MTU: 1400}, &Link{Name: "b-of-15-letters", Index: 7, MTU: 9000})
	if err := c.Do(NewLink(pair, "")); err != nil {
		t.Fatal(err)
	}
	for _, index := range []uint32{1, 7, 70000} {
		l, err := c.LinkGist(index)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := c.LinkByIndex(index)
		if err != nil || l.Name != whole.Name || l.MTU != whole.MTU || l.Group != whole.Group || l.Index != whole.Index || l.Flags != whole.Flags {
			t.Errorf("the gist of %+v is %+v, %v", whole, l, err)
		}
		if name, mtu, err := c.NameAndMTU(index); err != nil || name != l.Name || mtu != l.MTU {
			t.Errorf("link %d: %q, %d, %v; want %q, %d", index, name, mtu, err, l.Name, l.MTU)
		}
	}
	if index, err := c.LinkIndex("b-of-15-letters"); err != nil || index != 7 {
		t.Errorf("the index of b-of-15-letters: %d, %v; want 7", index, err)
	}
	if _, _, err := c.NameAndMTU(8); !errors.Is(err, unix.ENODEV) {
		t.Errorf("no such link: %v, want ENODEV", err)
	}
	var planned *Conn
	if err := ns.Do(func() (err error) {
		planned, err = Dial(wire.Config{Transport: plan.New().Transport(unix.NETLINK_ROUTE)})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer planned.Close()
	if _, _, err := planned.NameAndMTU(1); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without a socket: %v, want ErrUnsupported", err)
	}
}
