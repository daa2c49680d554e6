package wire

import (
	"context"
	"errors"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

func TestListen(t *testing.T) {
	t.Parallel()
	c, f := dialFake(t, ackAll)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := ""
	see := func(_ netlink.Header, body []byte) error {
		var v thing
		if err := thingTable.Decode(body, &v); err != nil {
			return err
		}
		if seen += v.Name; v.Name == "d" {
			cancel()
		}
		return nil
	}
	// What is queued behind the loss is thrown away, so that all that happens afterwards is told.
	f.queue = []any{join(named(0, "a"), named(0, "b")), unix.ENOBUFS, named(0, "x"), named(0, "y")}
	if err := c.Listen(ctx, see); !errors.Is(err, unix.ENOBUFS) {
		t.Fatalf("got %v, want ENOBUFS", err)
	}
	if len(f.queue) > 0 {
		t.Fatalf("%d datagrams are left over, until which the kernel loses more", len(f.queue))
	}
	f.queue = []any{named(0, "c"), named(0, "d")}
	if err := c.Listen(ctx, see); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that the context is done", err)
	}
	if seen != "abcd" {
		t.Errorf("saw %q, want abcd", seen)
	}

	// The deadline that ended it is gone.
	f.queue = []any{named(0, "e")}
	enough := errors.New("enough")
	err := c.Listen(t.Context(), func(netlink.Header, []byte) error { return enough })
	if err != enough {
		t.Errorf("listening again: got %v, want %v", err, enough)
	}
	if err := c.Do(create("a")); err != nil {
		t.Errorf("sending after it: %v", err)
	}
}

func TestListenToNonsense(t *testing.T) {
	t.Parallel()
	c, f := dialFake(t, ackAll)
	f.queue = []any{[]byte{1, 2, 3}}
	err := c.Listen(t.Context(), func(netlink.Header, []byte) error { return nil })
	if !errors.Is(err, ErrTruncated) {
		t.Errorf("got %v, want %v", err, ErrTruncated)
	}
}
