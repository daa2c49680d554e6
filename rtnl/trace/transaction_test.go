package trace

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// A transaction ends with the last answer that was asked for, refusals that were not asked for before it, and is done
// only if it was sent to its end and nothing of it was refused.
func TestTransactionsEnd(t *testing.T) {
	t.Parallel()
	m := messages()
	protocol := &wire.Protocol{Name: "NETLINK_TEST", Lookup: func(typ uint16) *wire.Info { return m[typ].Info() }}
	sent := func(typ uint16, flags netlink.HeaderFlags, seq uint32) wire.Event {
		return wire.Event{Namespace: "host", Protocol: protocol, Sent: true, Message: encode(t, m[typ], netlink.Request|flags, &link{}, seq)}
	}
	answer := func(seq uint32, errno unix.Errno) wire.Event {
		e := wire.Event{Namespace: "host", Protocol: protocol, Message: answered(t, seq, answer{Errno: -int32(errno), Type: 102})}
		if errno != 0 {
			e.Err = &wire.Error{Err: errno}
		}
		return e
	}
	begin, first, second, end := sent(100, 0, 1), sent(102, 0, 2), sent(102, netlink.Acknowledge, 3), sent(101, 0, 4)
	for name, c := range map[string]struct {
		events []wire.Event
		last   string
		want   string
	}{
		"done":    {[]wire.Event{begin, first, second, end, answer(3, 0)}, "seq=3", "committed"},
		"refused": {[]wire.Event{begin, first, second, end, answer(2, unix.EEXIST), answer(3, 0)}, "seq=3", "nothing of it done after"},
		"at once": {[]wire.Event{begin, first, second, end, answer(1, unix.ERESTART)}, "seq=1", "nothing of it done after"},
		"no end":  {[]wire.Event{begin, first, second, answer(3, 0)}, "seq=3", "nothing of it done for want of an end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			tracer := Text(&b, Options{})
			for _, e := range c.events {
				tracer.Trace(e)
			}
			_, closing, found := strings.Cut(b.String(), "└ ")
			if !found || !strings.Contains(closing, c.last) || !strings.Contains(closing, c.want) {
				t.Errorf("the transaction does not end with %s, %q:\n%s", c.last, c.want, &b)
			}
		})
	}
}
