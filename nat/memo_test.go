package nat_test

import (
	"testing"
	"time"

	. "plumb/nat"
	"plumb/test/lab"
)

// TestIsAsLeft has somebody flush the ruleset, and another make the table anew, which the Conn that had attached before looks at: it is
// not as that attach has left it, though the Conn knows it as it is now.
func TestIsAsLeft(t *testing.T) {
	t.Parallel()
	host := lab.NewNS(t)
	c, other := dialIn(t, host), dialIn(t, host)
	first, second, third := asked("pl-1"), asked("pl-2"), asked("pl-3")
	attachAll(t, c, first, second)
	if as, err := c.IsAsLeft(second); !as || err != nil {
		t.Fatalf("after the attach: %v, %v", as, err)
	}
	if as, err := c.IsAsLeft(third); as || err != nil {
		t.Fatalf("before the attach: %v, %v", as, err)
	}
	run(t, host, "nft", "flush", "ruleset")
	attachAll(t, other, third)
	if stands, err := c.Stands(); !stands || err != nil {
		t.Fatalf("the table stands: %v, %v", stands, err)
	}
	if as, err := c.IsAsLeft(second); as || err != nil {
		t.Errorf("after a flush and with a new table: %v, %v", as, err)
	}
	// The same where the Conn itself has made it anew.
	run(t, host, "nft", "flush", "ruleset")
	if _, err := c.Nets(); err != nil {
		t.Fatal(err)
	}
	fourth := asked("pl-4")
	attachAll(t, c, fourth)
	if as, err := c.IsAsLeft(second); as || err != nil {
		t.Errorf("after a flush and its own new table: %v, %v", as, err)
	}
	if as, err := c.IsAsLeft(fourth); !as || err != nil {
		t.Errorf("who made the new table: %v, %v", as, err)
	}
	// And where it has itself given back what was attached.
	if removed, err := c.Reclaim(&fourth.Leases()[0]); !removed || err != nil {
		t.Fatalf("reclaim: %v, %v", removed, err)
	}
	if as, err := c.IsAsLeft(fourth); as || err != nil {
		t.Errorf("given back: %v, %v", as, err)
	}
}

func asked(link string) *Attachment {
	return &Attachment{Link: link, Comment: Comment{Name: link, IfIndex: 7, Taken: time.Second}, IPv4: lowest("10.0.0.2", "10.0.0.254", "10.0.0.0/24")}
}

func attachAll(t *testing.T, c *Conn, all ...*Attachment) {
	t.Helper()
	for _, a := range all {
		if _, err := c.Attach(a); err != nil {
			t.Fatalf("attach %s: %v", a.Link, err)
		}
	}
}

// What Look has seen is used where nothing has changed since, and costs an attach nothing but a second look where something has: who has taken the address
// that was seen free keeps it.
func TestLookBeforehand(t *testing.T) {
	t.Parallel()
	host := lab.NewNS(t)
	c, other := dialIn(t, host), dialIn(t, host)
	attachAll(t, c, asked("pl-1"), asked("pl-2"))
	for i, between := range []func(){
		func() {},
		func() { attachAll(t, other, asked("pl-other")) }, // by another, which the Conn does not know of
		func() { attachAll(t, c, asked("pl-own")) },       // by itself
		func() { run(t, host, "nft", "flush", "ruleset") },
	} {
		a := asked("pl-" + string(rune('a'+i)))
		var err error
		if a.Seen, err = c.Look(a); err != nil {
			t.Fatal(err)
		}
		between()
		attachAll(t, c, a)
		want := []string{"10.0.0.4", "10.0.0.6", "10.0.0.8", "10.0.0.2"}[i]
		if a.IPv4.Addr.String() != want {
			t.Errorf("%s has %s, want %s", a.Link, a.IPv4.Addr, want)
		}
		if l, err := other.Lease(a.IPv4.Addr); err != nil || l.Link != a.Link {
			t.Errorf("%s is leased to %+v, %v", a.IPv4.Addr, l, err)
		}
	}
}
