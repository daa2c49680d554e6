package container_test

import (
	"testing"

	"plumb/container"
	clab "plumb/container/lab"
	"plumb/rtnl"
)

// What a host remembers of the attach before is looked at again, and where it is not so any more the attach goes by what there is.
func TestRecalled(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	h, err := container.OpenHost(container.HostOptions{NS: w.host.NS(), Notice: w.note}) // with a tracer nothing is recalled
	must(t, err)
	t.Cleanup(func() { h.Close() })
	attach := func(name string) (*clab.Host, *container.Attachment) {
		box := w.box(name)
		a, err := h.Attach(t.Context(), container.Network{Name: name}, box.NS())
		must(t, err)
		t.Cleanup(func() { w.detach(name) })
		return box, a
	}
	uplink := w.link(w.host, clab.UplinkName)
	setMTU := func(mtu uint32) func() {
		return func() { must(t, w.host.Rtnl().Do(rtnl.SetLink(&rtnl.Link{Index: uplink.Index, MTU: mtu}, ""))) }
	}
	box, first := attach("first")
	boxes, all := []*clab.Host{box}, []*container.Attachment{first}
	for _, c := range []struct {
		name   string
		change func()
		mtu    uint32
	}{
		{"nothing", func() {}, uplink.MTU},
		{"smaller", setMTU(1400), 1400},
		{"as-small", func() {}, 1400},
		{"flushed", func() { nft(t, w.host, "flush ruleset") }, 1400},
		{"larger", setMTU(uplink.MTU), uplink.MTU},
		{"not-alone", func() {
			box, a := w.attach(container.Network{Name: "others"})
			boxes, all = append(boxes, box), append(all, a)
		}, uplink.MTU},
	} {
		c.change()
		box, a := attach(c.name)
		boxes, all = append(boxes, box), append(all, a)
		w.looksRight(box, a)
		if a.MTU != c.mtu {
			t.Errorf("%s: the MTU is %d, want %d", c.name, a.MTU, c.mtu)
		}
		w.apart(boxes, all)
	}
}
