package rtnl_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"plumb/rtnl"
	"plumb/rtnl/wire"
)

// event is a message as a tracer sees it that is sent.
func event(namespace string, b []byte) wire.Event {
	return wire.Event{Namespace: namespace, Protocol: rtnl.Protocol, Sent: true, Message: b}
}

// The command of each message is the one above its golden file, which TestCaptions runs: so it does what the message does.
func TestCommands(t *testing.T) {
	t.Parallel()
	all := messages()
	byName := make(map[string]message, len(all))
	for _, m := range all {
		byName[m.name] = m
	}
	for _, m := range all {
		c := rtnl.Commands{Namespace: func(uint32) string { return "container" }}
		c.List(event("host", sent(t, byName["link-pair"])))
		c.List(wire.Event{Namespace: "host", Protocol: rtnl.Protocol, Message: linkAnswer(t, 6, "br0")})
		if m.name == "link-delete-index" || m.name == "link-get-index" {
			c = rtnl.Commands{} // which has seen nothing
		}
		c.Namespace = nil
		namespace := "host"
		if m.inside {
			namespace = "container"
		}
		want := m.command
		if strings.HasPrefix(want, "(") {
			want = ""
		}
		if got := strings.Join(c.List(event(namespace, sent(t, m))), " && "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", m.name, got, want)
		}
	}
}

// linkAnswer is what the kernel tells of a link.
func linkAnswer(t *testing.T, index uint32, name string) []byte {
	t.Helper()
	b, err := rtnl.NewLink(&rtnl.Link{Index: index, Name: name}, "").Encode(1)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What a command cannot say has none, and what cannot be read neither.
func TestNoCommand(t *testing.T) {
	t.Parallel()
	unknown := []wire.Attr{{Type: 200, Data: []byte{1, 2, 3, 4}}}
	for name, r := range map[string]wire.Request{
		"an unknown attribute of a link":           rtnl.SetUp(7, ""),
		"an unknown attribute of an address":       rtnl.NewAddr(&rtnl.Addr{Family: rtnl.IPv4, Index: 7, Local: gateway, Address: gateway, Rest: unknown}, ""),
		"an unknown attribute of a route":          rtnl.NewRoute(&rtnl.Route{Family: rtnl.IPv4, Type: 1, Out: 7, Rest: unknown}, ""),
		"a route by an object of its own":          rtnl.NewRoute(&rtnl.Route{Family: rtnl.IPv4, Type: 1, NextHopID: 7}, ""),
		"an address without an address":            rtnl.NewAddr(&rtnl.Addr{Family: rtnl.IPv4, Index: 7}, ""),
		"a kind of link that has data of its own":  rtnl.NewLink(&rtnl.Link{Name: "x", Info: &rtnl.LinkInfo{Kind: "unheard-of", Data: wire.Raw{5, 0, 1, 0, 1, 0, 0, 0}}}, ""),
		"a kind of qdisc that has data of its own": rtnl.NewQdisc(&rtnl.Qdisc{Index: 7, Kind: "unheard-of", Options: wire.Raw{5, 0, 1, 0, 1, 0, 0, 0}}, ""),
	} {
		b, err := r.Encode(1)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "of a link") {
			b = binary.NativeEndian.AppendUint16(b, 8)
			b = binary.NativeEndian.AppendUint16(b, 200)
			b = append(b, 1, 2, 3, 4)
		}
		var c rtnl.Commands
		if got := c.List(event("host", b)); got != nil {
			t.Errorf("%s: %s", name, got)
		}
		if got := c.List(event("host", b[:17])); got != nil {
			t.Errorf("%s, cut off: %s", name, got)
		}
	}
}

func FuzzCommands(f *testing.F) {
	for _, m := range messages() {
		r := &recorder{}
		c, err := rtnl.Dial(wire.Config{Transport: r})
		if err != nil {
			f.Fatal(err)
		}
		_ = m.run(c, pureWorld())
		f.Add(r.last)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c rtnl.Commands
		for range 2 {
			if got := strings.Join(c.List(event("host", b)), ""); strings.Contains(got, "%!") || strings.Contains(got, "invalid IP") {
				t.Errorf("%q", got)
			}
		}
	})
}
