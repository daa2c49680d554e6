package container_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"plumb/container"
	"plumb/rtnl"
)

// What is sent to a container as soon as it is attached comes: no packet waits for another second because the host end has no queue yet.
func TestHostEndSendsAtOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.attach(container.Network{Name: "first"})
	sender, err := w.host.ListenPacket("udp4", ":0")
	must(t, err)
	defer sender.Close()
	for i := range 40 {
		box := w.box(fmt.Sprintf("b-%d", i))
		receiver, err := box.ListenPacket("udp4", ":7000")
		must(t, err)
		a, err := w.h.Attach(t.Context(), container.Network{Name: "web", NoIPv6: i%4 != 0}, box.NS())
		must(t, err)
		// A list of links has the kernel do nothing for them, as a question about one has: rtnl_dump_ifinfo.
		links, err := w.host.Rtnl().Links()
		must(t, err)
		for _, l := range links {
			if l.Index == a.HostIndex && l.OperState != rtnl.OperUp {
				t.Errorf("%s is %s", l.Name, l.OperState)
			}
		}
		_, err = sender.WriteTo([]byte("first"), net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.Addr.Addr(), 7000)))
		must(t, err)
		if text, err := read(receiver); text != "first" || err != nil {
			t.Errorf("it receives %q, %v", text, err)
		}
		must(t, receiver.Close())
		w.detach("web")
		if t.Failed() {
			return
		}
	}
}
