package names_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/container/lab"
	"plumb/container/names"
)

// short is a timeout for what is silent on purpose. Who is not has to answer within it, on a busy machine, too.
func short(s *names.Server) { s.Timeout, s.Attempts = time.Second, 1 }

func TestForward(t *testing.T) {
	t.Parallel()
	w := start(t, nil, nil)
	u := upstreamAt(t, w.host, "127.0.0.53", always(dnsmessage.RCodeSuccess, "192.0.2.1", "192.0.2.2"))
	w.upstreams.Store(&[]netip.AddrPort{u.at})
	query := withEDNS(question(0x1234, "Example.COM.", dnsmessage.TypeA), 4096)
	query.CheckingDisabled, query.AuthenticData, query.RecursionDesired = true, true, false
	query.Additionals[0].Body = &dnsmessage.OPTResource{Options: []dnsmessage.Option{{Code: 10, Data: []byte("cookies!")}}}
	for _, network := range []string{"udp", "tcp"} {
		for range 20 {
			if m := w.ask(t, network, query); data(m) != "192.0.2.1 192.0.2.2" || m.Answers[0].Header.TTL != 60 || m.Authoritative {
				t.Fatalf("%s: %v", network, m.GoString())
			}
		}
	}
	ids, ports := map[uint16]bool{}, map[uint16]bool{}
	for i, q := range u.asked {
		ids[q.ID], ports[u.ports[i]] = true, true
		opt := q.Additionals[0]
		if !slices.Equal(q.Questions, query.Questions) || !q.CheckingDisabled || !q.AuthenticData || q.RecursionDesired ||
			opt.Header.Class != 1232 || !opt.Header.DNSSECAllowed() || string(opt.Body.(*dnsmessage.OPTResource).Options[0].Data) != "cookies!" {
			t.Errorf("upstream was asked %v", q.GoString())
		}
	}
	// Drawn by chance, so that two may be alike.
	if len(ids) < 37 || len(ports) < 37 {
		t.Errorf("40 queries had %d ids and %d ports", len(ids), len(ports))
	}
}

// Whoever has no way out has no resolver that would be one.
func TestNoUpstream(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*names.Server){
		"an empty list": nil, "no function": func(s *names.Server) { s.Upstreams, s.Dial = nil, nil },
	} {
		w := start(t, someHosts(), change)
		for _, network := range []string{"udp", "tcp"} {
			if m := w.ask(t, network, withEDNS(question(1, "secret.evil.example.", dnsmessage.TypeTXT), 1232)); m.RCode != dnsmessage.RCodeRefused || m.RecursionAvailable {
				t.Errorf("%s, %s: %v", name, network, m.GoString())
			}
			if m := w.ask(t, network, question(1, "db.", dnsmessage.TypeA)); data(m) != "10.0.0.3" {
				t.Errorf("%s, %s: %v", name, network, m.GoString())
			}
		}
	}
}

// Others are asked where one does not answer, or speaks for itself alone.
func TestNextUpstream(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first  handler // nil for no socket
		change func(*names.Server)
		code   dnsmessage.RCode
		want   string
	}{
		"closed":   {nil, nil, 0, "192.0.2.2"},
		"silent":   {silent, short, 0, "192.0.2.2"},
		"SERVFAIL": {always(dnsmessage.RCodeServerFailure), nil, 0, "192.0.2.2"},
		"REFUSED":  {always(dnsmessage.RCodeRefused), nil, 0, "192.0.2.2"},
		"NXDOMAIN": {always(dnsmessage.RCodeNameError), nil, dnsmessage.RCodeNameError, ""},
		"no data":  {always(dnsmessage.RCodeSuccess), nil, 0, ""},
		"FORMERR":  {always(dnsmessage.RCodeFormatError), nil, dnsmessage.RCodeFormatError, ""},
		"SERVFAIL without the question": {func(q dnsmessage.Message, _ string) []dnsmessage.Message {
			m := reply(q, dnsmessage.RCodeServerFailure)
			m.Questions = nil
			return []dnsmessage.Message{m}
		}, nil, 0, "192.0.2.2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, nil, c.change)
			first := netip.MustParseAddrPort("127.0.0.53:53")
			if c.first != nil {
				upstreamAt(t, w.host, "127.0.0.53", c.first)
			}
			second := upstreamAt(t, w.host, "127.0.0.54", always(dnsmessage.RCodeSuccess, "192.0.2.2"))
			w.upstreams.Store(&[]netip.AddrPort{first, second.at})
			for _, network := range []string{"udp", "tcp"} {
				if m := w.ask(t, network, question(1, "a.example.", dnsmessage.TypeA)); m.RCode != c.code || data(m) != c.want {
					t.Errorf("%s: %v, want %d, %q", network, m.GoString(), c.code, c.want)
				}
			}
		})
	}
}

func TestAllUpstreamsFail(t *testing.T) {
	t.Parallel()
	w := start(t, nil, short)
	upstreamAt(t, w.host, "127.0.0.53", silent)
	upstreamAt(t, w.host, "127.0.0.54", always(dnsmessage.RCodeRefused))
	upstreamAt(t, w.host, "127.0.0.55", always(dnsmessage.RCodeSuccess, "192.0.2.5"), "udp")
	at := func(n int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(n)}), 53)
	}
	for _, c := range []struct {
		network   string
		upstreams []netip.AddrPort
		want      dnsmessage.RCode
	}{
		{"udp", []netip.AddrPort{at(53)}, dnsmessage.RCodeServerFailure},
		{"tcp", []netip.AddrPort{at(53)}, dnsmessage.RCodeServerFailure},
		{"udp", []netip.AddrPort{at(54), at(53), at(99)}, dnsmessage.RCodeRefused},
		{"tcp", []netip.AddrPort{at(55)}, dnsmessage.RCodeServerFailure}, // by UDP alone
	} {
		w.upstreams.Store(&c.upstreams)
		if m := w.ask(t, c.network, question(1, "a.example.", dnsmessage.TypeA)); m.RCode != c.want || !m.RecursionAvailable {
			t.Errorf("%s %v: %v, want code %d", c.network, c.upstreams, m.GoString(), c.want)
		}
	}
}

// A server that was silent is asked last, so that only the first query waits for it.
func TestSilentIsAskedLast(t *testing.T) {
	t.Parallel()
	w := start(t, nil, short)
	dead := upstreamAt(t, w.host, "127.0.0.53", silent)
	good := upstreamAt(t, w.host, "127.0.0.54", always(dnsmessage.RCodeSuccess, "192.0.2.2"))
	w.upstreams.Store(&[]netip.AddrPort{dead.at, good.at})
	for range 20 {
		w.ask(t, "udp", question(1, "a.example.", dnsmessage.TypeA))
	}
	if dead.count() != 1 || good.count() != 20 {
		t.Errorf("the silent one was asked %d times, the other %d times, want 1 and 20", dead.count(), good.count())
	}
}

func TestAttemptsAndRotation(t *testing.T) {
	t.Parallel()
	w := start(t, nil, func(s *names.Server) { s.Timeout, s.Attempts = time.Second, 3 })
	dead := upstreamAt(t, w.host, "127.0.0.53", silent)
	w.upstreams.Store(&[]netip.AddrPort{dead.at})
	if m := w.ask(t, "udp", question(1, "a.example.", dnsmessage.TypeA)); m.RCode != dnsmessage.RCodeServerFailure || dead.count() != 3 {
		t.Errorf("asked %d times, then %v", dead.count(), m.GoString())
	}
	w = start(t, nil, func(s *names.Server) { s.Rotate = true })
	one := upstreamAt(t, w.host, "127.0.0.53", always(dnsmessage.RCodeSuccess, "192.0.2.1"))
	two := upstreamAt(t, w.host, "127.0.0.54", always(dnsmessage.RCodeSuccess, "192.0.2.2"))
	w.upstreams.Store(&[]netip.AddrPort{one.at, two.at})
	for range 64 {
		w.ask(t, "udp", question(1, "a.example.", dnsmessage.TypeA))
	}
	if one.count() == 0 || two.count() == 0 {
		t.Errorf("asked %d and %d times", one.count(), two.count())
	}
}

// Messages that do not answer the query are not believed, and do not end the wait for the one that does.
func TestLies(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(*dnsmessage.Message){
		"id":       func(m *dnsmessage.Message) { m.ID++ },
		"question": func(m *dnsmessage.Message) { m.Questions = question(0, "b.example.", dnsmessage.TypeA).Questions },
		"type":     func(m *dnsmessage.Message) { m.Questions = question(0, "a.example.", dnsmessage.TypeAAAA).Questions },
		"none":     func(m *dnsmessage.Message) { m.Questions = nil },
		"query":    func(m *dnsmessage.Message) { m.Response = false },
		"opcode":   func(m *dnsmessage.Message) { m.OpCode = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, nil, short)
			var both atomic.Bool
			u := upstreamAt(t, w.host, "127.0.0.53", func(q dnsmessage.Message, network string) []dnsmessage.Message {
				forged := reply(q, dnsmessage.RCodeSuccess, "6.6.6.6")
				lie(&forged)
				if both.Load() {
					return []dnsmessage.Message{forged, forged, reply(q, dnsmessage.RCodeSuccess, "192.0.2.1")}
				}
				return []dnsmessage.Message{forged}
			})
			w.upstreams.Store(&[]netip.AddrPort{u.at})
			for _, network := range []string{"udp", "tcp"} {
				if m := w.ask(t, network, question(1, "a.example.", dnsmessage.TypeA)); m.RCode != dnsmessage.RCodeServerFailure || len(m.Answers) > 0 {
					t.Errorf("%s: believed: %v", network, m.GoString())
				}
			}
			both.Store(true)
			if m := w.ask(t, "udp", question(1, "a.example.", dnsmessage.TypeA)); data(m) != "192.0.2.1" {
				t.Errorf("the right answer behind it: %v", m.GoString())
			}
		})
	}
}

// Another name case is the same question: RFC 4343.
func TestCaseOfAnAnswer(t *testing.T) {
	t.Parallel()
	w := start(t, nil, nil)
	u := upstreamAt(t, w.host, "127.0.0.53", func(q dnsmessage.Message, _ string) []dnsmessage.Message {
		q.Questions = question(0, "a.example.", dnsmessage.TypeA).Questions
		return []dnsmessage.Message{reply(q, dnsmessage.RCodeSuccess, "192.0.2.1")}
	})
	w.upstreams.Store(&[]netip.AddrPort{u.at})
	b, err := roundTrip(w.dial(t, "udp"), "udp", pack(t, question(1, "A.eXample.", dnsmessage.TypeA)))
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil || data(m) != "192.0.2.1" || m.Questions[0].Name.String() != "a.example." {
		t.Errorf("%v, %v", m.GoString(), err)
	}
}

// An answer with all that is right, but from another socket than the one that was asked.
func TestWrongSource(t *testing.T) {
	t.Parallel()
	w := start(t, nil, short)
	forger, err := w.host.ListenPacket("udp", "127.0.0.66:53")
	if err != nil {
		t.Fatal(err)
	}
	defer forger.Close()
	asked := make(chan *upstream, 1) // the server that the query has reached
	sent := make(chan error, 1)
	u := upstreamAt(t, w.host, "127.0.0.53", func(q dnsmessage.Message, _ string) []dnsmessage.Message {
		m := reply(q, dnsmessage.RCodeSuccess, "6.6.6.6")
		b, err := m.Pack()
		if u := <-asked; err == nil {
			port := u.ports[len(u.ports)-1]
			_, err = forger.WriteTo(b, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)))
		}
		sent <- err
		return nil
	}, "udp")
	asked <- u
	w.upstreams.Store(&[]netip.AddrPort{u.at})
	m := w.ask(t, "udp", question(1, "a.example.", dnsmessage.TypeA))
	if err := <-sent; err != nil || m.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("sent: %v; believed: %v", err, m.GoString())
	}
}

// Who tries ids has few tries on each port.
func TestManyStrays(t *testing.T) {
	t.Parallel()
	w := start(t, nil, func(s *names.Server) { s.Attempts = 1 }) // and a timeout of its own that would not end here
	u := upstreamAt(t, w.host, "127.0.0.53", func(q dnsmessage.Message, _ string) (all []dnsmessage.Message) {
		for i := range names.MaxStrays + 1 {
			m := reply(q, dnsmessage.RCodeSuccess, "6.6.6.6")
			if i < names.MaxStrays {
				m.ID += uint16(i) + 1
			}
			all = append(all, m)
		}
		return all
	}, "udp")
	w.upstreams.Store(&[]netip.AddrPort{u.at})
	if m := w.ask(t, "udp", question(1, "a.example.", dnsmessage.TypeA)); m.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("guess %d was believed: %v", names.MaxStrays+1, m.GoString())
	}
}

// A truncated answer is passed on, and what does not fit the client is truncated.
func TestTruncation(t *testing.T) {
	t.Parallel()
	w := start(t, nil, nil)
	many := make([]string, 60) // 960 bytes
	for i := range many {
		many[i] = fmt.Sprintf("192.0.2.%d", i)
	}
	honest := func(q dnsmessage.Message, network string) []dnsmessage.Message {
		if network == "udp" {
			m := reply(q, dnsmessage.RCodeSuccess, many[:3]...)
			m.Truncated = true
			return []dnsmessage.Message{m}
		}
		return []dnsmessage.Message{reply(q, dnsmessage.RCodeSuccess, many...)}
	}
	one := upstreamAt(t, w.host, "127.0.0.53", honest)
	two := upstreamAt(t, w.host, "127.0.0.54", always(dnsmessage.RCodeSuccess, many...)) // whatever it is told
	query := question(1, "a.example.", dnsmessage.TypeA)
	for _, c := range []struct {
		from      netip.AddrPort
		network   string
		query     dnsmessage.Message
		records   int
		truncated bool
	}{
		{one.at, "udp", query, 3, true},
		{one.at, "tcp", query, 60, false},
		{two.at, "udp", query, 0, true},
		{two.at, "udp", withEDNS(query, 1232), 60, false},
		{two.at, "tcp", query, 60, false},
	} {
		w.upstreams.Store(&[]netip.AddrPort{c.from})
		if m := w.ask(t, c.network, c.query); len(m.Answers) != c.records || m.Truncated != c.truncated || m.RCode != 0 {
			t.Errorf("%s from %s: %d records, truncated %v, want %d, %v", c.network, c.from, len(m.Answers), m.Truncated, c.records, c.truncated)
		}
	}
}

// The upstreams are those of the moment: the host's resolv.conf changes.
func TestUpstreamsChange(t *testing.T) {
	t.Parallel()
	w := start(t, nil, nil)
	for i := range 4 {
		want := fmt.Sprintf("192.0.2.%d", i)
		u := upstreamAt(t, w.host, fmt.Sprintf("127.0.1.%d", i), always(dnsmessage.RCodeSuccess, want))
		w.upstreams.Store(&[]netip.AddrPort{u.at})
		if m := w.ask(t, "udp", question(1, "a.example.", dnsmessage.TypeA)); data(m) != want {
			t.Errorf("%v, want %s", m.GoString(), want)
		}
	}
}

// The lab's own name server, by both families and protocols.
func TestRealUpstream(t *testing.T) {
	t.Parallel()
	w := start(t, nil, nil)
	for _, server := range []string{lab.NameServer4, lab.NameServer6} {
		w.upstreams.Store(&[]netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr(server), 53)})
		for _, network := range []string{"udp", "tcp"} {
			if m := w.ask(t, network, question(1, "google.com.", dnsmessage.TypeA)); data(m) != "8.8.8.8" {
				t.Errorf("%s %s: %v", server, network, m.GoString())
			}
			if m := w.ask(t, network, question(1, "nosuch.example.", dnsmessage.TypeA)); m.RCode != dnsmessage.RCodeNameError {
				t.Errorf("%s %s: %v", server, network, m.GoString())
			}
			m := w.ask(t, network, question(1, "large.example.com.", dnsmessage.TypeTXT))
			if m.Truncated != (network == "udp") || len(m.Answers) != map[string]int{"tcp": 20}[network] && network == "tcp" {
				t.Errorf("%s %s: truncated %v, %d records", server, network, m.Truncated, len(m.Answers))
			}
		}
	}
}

func TestAThousandAtOnce(t *testing.T) {
	t.Parallel()
	const n = 1000
	w := start(t, someHosts(), nil)
	pc, err := w.host.ListenPacket("udp", "127.0.0.53:53")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	w.upstreams.Store(&[]netip.AddrPort{netip.MustParseAddrPort("127.0.0.53:53")})
	pc.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 4096)
	conns, answers := make([]net.Conn, n), make([]func(), n)
	addrOf := func(i int) string { return fmt.Sprintf("10.9.%d.%d", i/250, i%250) }
	for i := range n {
		conns[i] = w.dial(t, "udp")
		conns[i].Write(pack(t, question(uint16(i), "n-"+addrOf(i)+".", dnsmessage.TypeA)))
		k, from, err := pc.ReadFrom(buf)
		if err != nil {
			t.Fatalf("upstream was not asked for %d: %v", i, err)
		}
		var q dnsmessage.Message
		if err := q.Unpack(buf[:k]); err != nil {
			t.Fatal(err)
		}
		answers[i] = func() { pc.WriteTo(pack(t, reply(q, dnsmessage.RCodeSuccess, addrOf(i))), from) }
	}
	for i := range n { // all of them are under way; the last is answered first
		answers[n-1-i]()
	}
	for i, conn := range conns {
		k, err := conn.Read(buf)
		var m dnsmessage.Message
		if err == nil {
			err = m.Unpack(buf[:k])
		}
		if err != nil || m.ID != uint16(i) || data(m) != addrOf(i) {
			t.Errorf("query %d: %v, %v", i, m.GoString(), err)
		}
	}
}
