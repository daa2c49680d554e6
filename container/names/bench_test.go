package names_test

import (
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// One client that asks again when it has its answer: of the zone; of upstream, through the server; and of upstream without it,
// from the host, for comparison.
func BenchmarkQuery(b *testing.B) {
	w := start(b, someHosts(), nil)
	u := upstreamAt(b, w.host, "127.0.0.53", always(dnsmessage.RCodeSuccess, "192.0.2.1"), "udp")
	w.upstreams.Store(&[]netip.AddrPort{u.at})
	direct, err := w.host.DialContext(b.Context(), "udp", u.at.String())
	if err != nil {
		b.Fatal(err)
	}
	defer direct.Close()
	inside := w.dial(b, "udp")
	for _, c := range []struct {
		name, ask string
		direct    bool
	}{{"zone", "web.", false}, {"forwarded", "a.example.", false}, {"direct", "a.example.", true}} {
		msg := pack(b, question(1, c.ask, dnsmessage.TypeA))
		conn := inside
		if c.direct {
			conn = direct
		}
		b.Run(c.name, func(b *testing.B) {
			buf := make([]byte, 512)
			for b.Loop() {
				conn.Write(msg)
				if _, err := conn.Read(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
