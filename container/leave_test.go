package container_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/nat"
)

// A detach asks for the container's own leases, and for a few others, however many there are: it lists none of them. Published ports are listed, and its own go.
func TestDetachAmongMany(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	const others, victim = 70, 30
	for i := range others {
		n := container.Network{Name: fmt.Sprint("c", i), Publish: []container.Publish{
			{Proto: unix.IPPROTO_TCP, HostPort: uint16(8000 + i), Port: 80, Count: 1},
			{Proto: unix.IPPROTO_UDP, Host: netip.MustParseAddr("192.0.2.1"), HostPort: uint16(9000 + 2*i), Port: 53, Count: 2},
		}}
		w.attach(n)
	}
	leases, err := w.nat.Set(nat.NFPROTO_INET, nat.TableName, "lease4")
	must(t, err)
	if leases.Count == nil {
		t.Skip("a kernel that does not count elements (before Linux 6.17): leases are listed")
	}
	log := &eventLog{}
	h, err := container.OpenHost(container.HostOptions{NS: w.host.NS(), Tracer: log})
	must(t, err)
	found, err := h.Detach(fmt.Sprint("c", victim))
	must(t, err)
	must(t, h.Close())
	if !found {
		t.Error("it was not found")
	}
	for _, e := range log.events {
		if e.Sent && strings.HasPrefix(e.Purpose, "list the elements of set lease") {
			t.Errorf("%s", e.Purpose)
		}
	}
	ports, err := w.nat.Ports()
	must(t, err)
	for _, p := range ports {
		if p.Name == fmt.Sprint("c", victim) {
			t.Errorf("port %d is published still", p.HostPort)
		}
	}
	if len(ports) != (others-1)*(2+2) { // tcp of both families, and two of an address
		t.Errorf("%d ports are published", len(ports))
	}
	_, err = w.h.DetachAll("") // or each of them would be waited for
	must(t, err)
}
