package rtnl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"plumb/container/netns"
	"plumb/rtnl"
	"plumb/rtnl/wire"
	"plumb/test/lab"

	"golang.org/x/sys/unix"
)

// tc says of the link what was asked for, whatever the rate, and counts what Qdiscs counts.
func TestTcSeesTBF(t *testing.T) {
	t.Parallel()
	lab.NeedTool(t, "tc")
	w := newWorld(t)
	if err := w.conn.Do(rtnl.NewLink(pair(w), "test")); err != nil {
		t.Fatal(err)
	}
	const ms = 1e6 // ns
	for _, rate := range []uint64{8_000, 1_250_000, 1 << 32, 125e9} {
		burst := uint32(max(rate/1000, 3000))
		limit := burst + 1<<20
		if err := w.conn.Do(rtnl.NewQdisc(rtnl.TBFOf(hostEnd, rate, burst, limit), "test")); err != nil {
			t.Fatal(err)
		}
		seen := tcQdisc(t, w.host, "pl-web")
		o := seen.Options
		if seen.Kind != "tbf" || seen.Handle != "1:" || !seen.Root || o.Rate != rate || o.Burst > burst || o.Burst < burst*99/100 {
			t.Errorf("of %d bytes a second with a burst of %d tc says %+v", rate, burst, seen)
		}
		// How long a packet can have to wait: the limit, less the bucket.
		if want := uint64(limit-burst) * 1000 * ms / rate / 1000; o.Latency > want*101/100+1 || o.Latency < want*99/100 {
			t.Errorf("of %d bytes a second tc says that a packet waits %d µs, not %d", rate, o.Latency, want)
		}
	}
	own, err := w.conn.Qdiscs(hostEnd)
	if err != nil || len(own) != 1 {
		t.Fatalf("%+v, %v", own, err)
	}
	if err := w.conn.Do(rtnl.DelQdisc(&own[0], "test")); err != nil {
		t.Errorf("what Qdiscs tells cannot be removed: %v", err)
	}
	if seen := tcQdisc(t, w.host, "pl-web"); seen.Kind == "tbf" {
		t.Errorf("removed, and tc says %+v", seen)
	}
}

type tcQdiscJSON struct {
	Kind, Handle string
	Root         bool
	Bytes        uint64
	Packets      uint64
	Options      struct {
		Rate    uint64
		Burst   uint32
		Latency uint64 `json:"lat"` // µs
	}
}

func tcQdisc(t *testing.T, ns *netns.NS, dev string) tcQdiscJSON {
	t.Helper()
	var out []byte
	err := ns.Do(func() (err error) {
		out, err = exec.Command("tc", "-j", "-s", "qdisc", "show", "dev", dev).Output()
		return err
	})
	var all []tcQdiscJSON
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d qdiscs", len(all))
	}
	if err != nil {
		t.Fatalf("tc qdisc show dev %s: %v: %s", dev, err, out)
	}
	return all[0]
}

// The kernel's refusals are those that the functions name.
func TestQdiscRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := func(kind string, handle rtnl.QdiscHandle) *rtnl.Qdisc {
		return &rtnl.Qdisc{Index: hostEnd, Parent: rtnl.QdiscRoot, Kind: kind, Handle: handle}
	}
	if err := w.conn.Do(rtnl.NewLink(pair(w), "test")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		r    wire.Request
		want error
	}{
		{"no such kind", rtnl.NewQdisc(root("nosuchkind", 1<<16), "test"), unix.ENOENT},
		{"nothing to remove", rtnl.DelQdisc(root("", 0), "test"), unix.ENOENT},
		{"no such link", rtnl.NewQdisc(rtnl.TBFOf(99, 1e6, 3000, 9000), "test"), unix.ENODEV},
		{"no rate", rtnl.NewQdisc(root("tbf", 1<<16), "test"), unix.EINVAL},
		{"a tbf, to be able to go on", rtnl.NewQdisc(rtnl.TBFOf(hostEnd, 1e6, 3000, 9000), "test"), nil},
		{"remove another", rtnl.DelQdisc(root("", 7<<16), "test"), unix.EINVAL},
		{"remove another kind", rtnl.DelQdisc(root("pfifo", 1<<16), "test"), unix.EINVAL},
		{"remove", rtnl.DelQdisc(root("tbf", 1<<16), "test"), nil},
	} {
		if err := w.conn.Do(c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
