package container_test

import (
	"net/netip"
	"testing"

	"plumb/container"
	clab "plumb/container/lab"
)

// without runs fn without plumb's rules, to see that an attack is a real one, and puts them back.
func (w *town) without(fn func()) {
	w.t.Helper()
	w.flush()
	fn()
	_, err := w.h.Repair()
	must(w.t, err)
}

// needIPv6 skips a test where the kernel has none.
func (w *town) needIPv6() {
	w.t.Helper()
	if !w.host.Addr6().IsValid() {
		w.t.Skip("a kernel without IPv6")
	}
}

// A case is somebody to attack.
type target struct {
	what     string
	listener *listener
	addr     string
	after    forged // a packet that may come there
}

// A forged source reaches neither the host, nor a neighbour, nor the outside: another's address, the gateway's, one of the host's
// or of the world's, none at all, or the link-local address of another.
func TestForgedSources(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.needIPv6()
	box, a := w.attach(container.Network{Name: "attacker"})
	neighbour, _ := w.attach(container.Network{Name: "neighbour"})
	attacker := w.attacker(box, a)
	host, next, out := listen(t, w.host), listen(t, neighbour), listen(t, w.Internet())
	for _, c := range []struct {
		sources []string
		targets []target
	}{
		{
			[]string{"10.0.0.3", "10.0.0.99", "10.0.0.1", w.host.Addr4().String(), "8.8.4.4", "127.0.0.1", "0.0.0.0", "10.1.0.2", "255.255.255.255"},
			[]target{
				{"the gateway", host, "10.0.0.1", follow("10.0.0.2", "10.0.0.1")},
				{"the neighbour", next, "10.0.0.3", follow("10.0.0.2", "10.0.0.3")},
				{"the outside", out, "8.8.8.8", follow("10.0.0.2", "8.8.8.8")},
			},
		},
		{
			[]string{plumb6 + "3", plumb6 + "99", plumb6 + "1", w.host.Addr6().String(), "2001:4860:4860::8844", "::1", "::", "fe80::1", "fe80::3", "ff02::1", "::ffff:10.0.0.2", "64:ff9b::a00:2"},
			[]target{
				{"the gateway", host, plumb6 + "1", follow(plumb6+"2", plumb6+"1")},
				{"the host's end", host, "fe80::1", follow(plumb6+"2", plumb6+"1")},
				{"all nodes", host, "ff02::1", follow(plumb6+"2", plumb6+"1")},
				{"the neighbour", next, plumb6 + "3", follow(plumb6+"2", plumb6+"3")},
				{"the outside", out, clab.NameServer6, follow(plumb6+"2", clab.NameServer6)},
			},
		},
	} {
		for _, to := range c.targets {
			for _, source := range c.sources {
				for name, p := range attacks(netip.MustParseAddr(source), netip.MustParseAddr(to.addr), 7000) {
					if err := to.listener.keptOut(attacker, p, to.after); err != nil {
						t.Errorf("%s to %s: %v", name, to.what, err)
					}
				}
			}
		}
	}
	w.without(func() {
		for _, c := range []struct {
			to     *listener
			source string
			target string
		}{
			{host, "10.0.0.99", "10.0.0.1"}, {next, "10.0.0.99", "10.0.0.3"}, {out, "10.0.0.99", "8.8.8.8"},
			{host, plumb6 + "99", plumb6 + "1"}, {host, "fe80::3", "fe80::1"}, {host, "fe80::3", "ff02::1"},
			{next, plumb6 + "99", plumb6 + "3"}, {out, plumb6 + "99", clab.NameServer6},
		} {
			for name, p := range attacks(netip.MustParseAddr(c.source), netip.MustParseAddr(c.target), 7000) {
				if err := c.to.comes(attacker, p); err != nil {
					t.Errorf("%s without rules: %v", name, err)
				}
			}
		}
	})
}

// plumb6 is the default subnet of IPv6, without its last part.
const plumb6 = "fd70:6c75:6d62::"
