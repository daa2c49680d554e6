package names_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/container/names"
)

func addrs(list ...string) []netip.Addr {
	var all []netip.Addr
	for _, a := range list {
		all = append(all, netip.MustParseAddr(a))
	}
	return all
}

func someHosts() []names.Host {
	return []names.Host{
		{Names: []string{"web", "web.example"}, Addrs: addrs("10.0.0.2", "fd70::2")},
		{Names: []string{"db", "store"}, Addrs: addrs("10.0.0.3")},
		{Names: []string{"db2", "Store"}, Addrs: addrs("10.0.0.4")},
		{Names: []string{"six", "six"}, Addrs: addrs("fd70::6")},
		{Names: []string{"bad..name", strings.Repeat("x", 64)}, Addrs: addrs("10.0.0.9")},
		{Names: []string{"example.com"}, Addrs: addrs("10.0.0.5")},
	}
}

func TestZone(t *testing.T) {
	t.Parallel()
	w := start(t, someHosts(), nil)
	upstream := upstreamAt(t, w.host, "127.0.0.53", always(dnsmessage.RCodeNameError))
	w.upstreams.Store(&[]netip.AddrPort{upstream.at})
	for _, c := range []struct {
		name string
		typ  dnsmessage.Type
		want string
	}{
		{"web.", dnsmessage.TypeA, "10.0.0.2"},
		{"web.", dnsmessage.TypeAAAA, "fd70::2"},
		{"WeB.", dnsmessage.TypeA, "10.0.0.2"},
		{"web.", dnsmessage.TypeALL, "10.0.0.2 fd70::2"},
		{"web.example.", dnsmessage.TypeA, "10.0.0.2"},
		{"store.", dnsmessage.TypeA, "10.0.0.3 10.0.0.4"},
		{"db.", dnsmessage.TypeA, "10.0.0.3"},
		{"six.", dnsmessage.TypeAAAA, "fd70::6"},
		{"example.", dnsmessage.TypeA, "10.0.0.5"},
		{"2.0.0.10.in-addr.arpa.", dnsmessage.TypePTR, "web."},
		{"4.0.0.10.IN-ADDR.arpa.", dnsmessage.TypePTR, "db2."},
		{"6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.d.f.ip6.arpa.", dnsmessage.TypePTR, "six."},
		{"6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.D.F.IP6.ARPA.", dnsmessage.TypePTR, "six."},
		// A known name has nothing but its addresses, and nobody else is asked for more.
		{"db.", dnsmessage.TypeAAAA, ""},
		{"six.", dnsmessage.TypeA, ""},
		{"web.", dnsmessage.TypeMX, ""},
		{"web.", dnsmessage.Type(65), ""}, // HTTPS, which browsers ask for first
		{"2.0.0.10.in-addr.arpa.", dnsmessage.TypeA, ""},
	} {
		for _, network := range []string{"udp", "tcp"} {
			m := w.ask(t, network, question(7, c.name, c.typ))
			if m.RCode != dnsmessage.RCodeSuccess || data(m) != c.want || !m.Authoritative || !m.RecursionAvailable || m.Truncated {
				t.Errorf("%s %s %v: %v, want %q", network, c.name, c.typ, m.GoString(), c.want)
			}
			for _, r := range m.Answers {
				if r.Header.TTL != 0 || r.Header.Name != m.Questions[0].Name {
					t.Errorf("%s: a record of %s that may be kept for %d s", c.name, r.Header.Name, r.Header.TTL)
				}
			}
		}
	}
	if n := upstream.count(); n > 0 {
		t.Errorf("upstream was asked %d times for what is known: %v", n, upstream.asked)
	}
	for _, name := range []string{
		"webs.", "sub.web.", ".", "9.0.0.10.in-addr.arpa.", "02.0.0.10.in-addr.arpa.", "0.0.10.in-addr.arpa.", "1.2.0.0.10.in-addr.arpa.",
		"in-addr.arpa.", "g" + strings.Repeat(".0", 31) + ".ip6.arpa.", strings.Repeat("00.", 21) + "ip6.arpa.", "bad.name.",
	} {
		asked := upstream.count()
		m := w.ask(t, "udp", question(8, name, dnsmessage.TypePTR))
		if upstream.count() != asked+1 || m.RCode != dnsmessage.RCodeNameError || m.Authoritative {
			t.Errorf("%s is not known, and upstream was asked %d times: %v", name, upstream.count()-asked, m.GoString())
		}
	}
}

func TestNamesComeAndGo(t *testing.T) {
	t.Parallel()
	w := start(t, nil, nil)
	c := w.dial(t, "udp")
	for i := range 50 {
		want := fmt.Sprintf("10.0.0.%d", i+2)
		w.zone.Store(names.NewZone([]names.Host{{Names: []string{"web"}, Addrs: addrs(want)}}))
		var m dnsmessage.Message
		ask := func() dnsmessage.Message {
			b, err := roundTrip(c, "udp", pack(t, question(uint16(i), "web.", dnsmessage.TypeA)))
			if err == nil {
				err = m.Unpack(b)
			}
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		if got := data(ask()); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		w.zone.Store(nil)
		if m := ask(); m.RCode != dnsmessage.RCodeRefused || len(m.Answers) > 0 {
			t.Fatalf("a name that has gone: %v", m.GoString())
		}
	}
}

// All addresses of a name that has many, as far as they fit: the rest is had by TCP.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	var hosts []names.Host
	for i := range 250 {
		a := fmt.Sprintf("10.0.0.%d", i+2)
		hosts = append(hosts, names.Host{Names: []string{fmt.Sprintf("w%d", i), "all"}, Addrs: addrs(a, fmt.Sprintf("fd70::%x", i+2))})
	}
	w := start(t, hosts, nil)
	query := question(1, "all.", dnsmessage.TypeALL)
	for _, c := range []struct {
		network string
		query   dnsmessage.Message
		limit   int
		least   int // records that must be there
	}{
		{"udp", query, 512, 20},
		{"udp", withEDNS(query, 512), 512, 20},
		{"udp", withEDNS(query, 100), 512, 20}, // RFC 6891, section 6.2.3
		{"udp", withEDNS(query, 1232), 1232, 45},
		{"udp", withEDNS(query, 65535), 4096, 150},
		{"tcp", query, 65535, 500},
		{"tcp", withEDNS(query, 512), 65535, 500},
	} {
		b, err := roundTrip(w.dial(t, c.network), c.network, pack(t, c.query))
		if err != nil {
			t.Fatal(err)
		}
		var m dnsmessage.Message
		if err := m.Unpack(b); err != nil {
			t.Fatal(err)
		}
		if len(b) > c.limit || len(m.Answers) < c.least || m.Truncated != (len(m.Answers) < 500) {
			t.Errorf("%s: %d bytes, limit %d, %d records of 500, truncated %v", c.network, len(b), c.limit, len(m.Answers), m.Truncated)
		}
		if len(m.Additionals) != len(c.query.Additionals) {
			t.Errorf("%s: %d additional records for a query with %d", c.network, len(m.Additionals), len(c.query.Additionals))
		}
		seen := map[string]bool{}
		for _, r := range m.Answers {
			seen[data(dnsmessage.Message{Answers: []dnsmessage.Resource{r}})] = true
		}
		if len(seen) != len(m.Answers) {
			t.Errorf("%s: %d different ones of %d", c.network, len(seen), len(m.Answers))
		}
	}
}

// What is odd has the answer that the RFCs want, or none.
func TestOddQueries(t *testing.T) {
	t.Parallel()
	w := start(t, someHosts(), nil)
	upstream := upstreamAt(t, w.host, "127.0.0.53", always(dnsmessage.RCodeSuccess, "192.0.2.1"))
	w.upstreams.Store(&[]netip.AddrPort{upstream.at})
	edit := func(change func(m *dnsmessage.Message)) []byte {
		m := question(9, "web.", dnsmessage.TypeA)
		change(&m)
		return pack(t, m)
	}
	plain := edit(func(*dnsmessage.Message) {})
	patch := func(b []byte, at int, value byte) []byte {
		b = slices.Clone(b)
		b[at] = value
		return b
	}
	const silence = 0xffff
	badVersion := withEDNS(question(9, "web.", dnsmessage.TypeA), 1232)
	badVersion.Additionals[0].Header.TTL |= 1 << 16
	twoOPT := withEDNS(question(9, "web.", dnsmessage.TypeA), 1232)
	twoOPT.Additionals = append(twoOPT.Additionals, twoOPT.Additionals[0])
	for name, c := range map[string]struct {
		msg  []byte
		want dnsmessage.RCode
	}{
		"an answer":             {edit(func(m *dnsmessage.Message) { m.Response = true }), silence},
		"nothing":               {nil, silence},
		"half a header":         {plain[:7], silence},
		"a header alone":        {patch(plain[:12], 5, 0), dnsmessage.RCodeFormatError},
		"cut off":               {plain[:len(plain)-1], dnsmessage.RCodeFormatError},
		"more questions said":   {patch(plain, 5, 2), dnsmessage.RCodeFormatError},
		"more answers said":     {patch(plain, 7, 2), dnsmessage.RCodeFormatError},
		"more additionals said": {patch(plain, 11, 2), dnsmessage.RCodeFormatError},
		"two questions":         {edit(func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }), dnsmessage.RCodeFormatError},
		"two OPT records":       {pack(t, twoOPT), dnsmessage.RCodeFormatError},
		"a name in a loop":      {append(slices.Clone(plain[:12]), 0xc0, 12, 0, 1, 0, 1), dnsmessage.RCodeFormatError},
		"EDNS version 1":        {pack(t, badVersion), 16},
		"status":                {edit(func(m *dnsmessage.Message) { m.OpCode = 2 }), dnsmessage.RCodeNotImplemented},
		"notify":                {edit(func(m *dnsmessage.Message) { m.OpCode = 4 }), dnsmessage.RCodeNotImplemented},
		"update":                {edit(func(m *dnsmessage.Message) { m.OpCode = 5 }), dnsmessage.RCodeNotImplemented},
		"class CHAOS":           {edit(func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }), dnsmessage.RCodeRefused},
		"class ANY":             {edit(func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassANY }), dnsmessage.RCodeRefused},
		"AXFR":                  {edit(func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeAXFR }), dnsmessage.RCodeRefused},
		"type OPT":              {edit(func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeOPT }), dnsmessage.RCodeFormatError},
		"a plain one":           {plain, dnsmessage.RCodeSuccess},
	} {
		t.Run(name, func(t *testing.T) {
			// Another query behind it shows, without waiting, that there was no answer.
			after := pack(t, question(10, "db.", dnsmessage.TypeA))
			conn := w.dial(t, "udp")
			conn.Write(c.msg)
			b, err := roundTrip(conn, "udp", after)
			if err != nil {
				t.Fatal(err)
			}
			var m dnsmessage.Message
			if err := m.Unpack(b); err != nil {
				t.Fatal(err)
			}
			code := m.RCode
			for _, r := range m.Additionals {
				code = r.Header.ExtendedRCode(code)
			}
			if m.ID == 10 {
				code = silence
			}
			if code != c.want || !m.Response {
				t.Errorf("answered by %v, want code %d", m.GoString(), c.want)
			}
		})
	}
	if n := upstream.count(); n > 0 {
		t.Errorf("upstream was asked %d times: %v", n, upstream.asked)
	}
}
