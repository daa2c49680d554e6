package rtnl_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"
)

// Names that are given quietly are the link's, whether the Conn knows already what the kernel does or not, and nobody is told of them before something else
// changes the link, which is up. The first that is a link's already ends it.
func TestAddAltNamesQuietly(t *testing.T) {
	t.Parallel()
	ns := lab.NewNS(t)
	c, events := dialIn(t, ns, wire.Config{}), dialIn(t, ns, wire.Config{})
	const lo = 1
	if err := c.Do(rtnl.SetLink(&rtnl.Link{Index: lo, Flags: unix.IFF_UP, Change: unix.IFF_UP}, "")); err != nil {
		t.Fatal(err)
	}
	if err := events.Subscribe(rtnl.GroupLink); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"short", "and-one-of-more-than-15-bytes"}, {"another-of-more-than-15-bytes"}} {
		if err := c.AddAltNamesQuietly(lo, names, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.AddAltNamesQuietly(lo, []string{"third", "lo", "fourth"}, ""); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a name that is a link's: %v, want EEXIST", err)
	}
	if err := c.Do(rtnl.SetLink(&rtnl.Link{Index: lo, Alias: "told"}, "")); err != nil {
		t.Fatal(err)
	}
	want := []string{"short", "and-one-of-more-than-15-bytes", "another-of-more-than-15-bytes", "third"}
	err := events.Listen(context.Background(), func(m netlink.Header, body []byte) error {
		e, err := rtnl.ParseEvent(m, body)
		if err != nil {
			return err
		}
		if e.Link.Alias == "" {
			t.Errorf("told of before: %+v", e.Link.AltNames)
		} else if got := e.Link.AltNames; got == nil || !slices.Equal(got.Names, want) {
			t.Errorf("it is called %+v, want %v", got, want)
		}
		return errSeenAll
	})
	if !errors.Is(err, errSeenAll) {
		t.Fatal(err)
	}
}
