package lookup_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/cmd/plumb/internal/lookup"
)

var onlyA = []dnsmessage.Type{lookup.TypeA}

// lines looks up and returns the records as text.
func lines(t *testing.T, r *lookup.Resolver, name string, types ...dnsmessage.Type) ([]string, error) {
	t.Helper()
	found, err := r.Lookup(t.Context(), name, types, false)
	var text []string
	for _, f := range found {
		for _, rec := range f.Records {
			text = append(text, rec.String())
		}
	}
	return text, err
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const code = dnsmessage.RCodeSuccess
	for name, c := range map[string]struct {
		records []dnsmessage.Resource
		want    []string
		err     error
	}{
		"one":     {[]dnsmessage.Resource{a("x.example.", "192.0.2.1")}, []string{"x.example. 60 IN A 192.0.2.1"}, nil},
		"case":    {[]dnsmessage.Resource{a("X.eXample.", "192.0.2.1")}, []string{"X.eXample. 60 IN A 192.0.2.1"}, nil},
		"nothing": {nil, nil, lookup.ErrNoRecords},
		"aliases": {
			[]dnsmessage.Resource{alias("y.example.", "z.example."), alias("x.example.", "y.example."), a("z.example.", "192.0.2.1")},
			[]string{"x.example. 60 IN CNAME y.example.", "y.example. 60 IN CNAME z.example.", "z.example. 60 IN A 192.0.2.1"},
			nil,
		},
		"an alias to itself":    {[]dnsmessage.Resource{alias("x.example.", "x.example.")}, nil, lookup.ErrNoRecords},
		"what nobody asked for": {[]dnsmessage.Resource{a("bank.example.", "192.0.2.66")}, nil, lookup.ErrNoRecords},
		"and beside the answer": {[]dnsmessage.Resource{a("bank.example.", "192.0.2.66"), a("x.example.", "192.0.2.1")}, []string{"x.example. 60 IN A 192.0.2.1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := lines(t, resolver(serve(t, always(code, c.records...))), "x.example", lookup.TypeA)
			if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestStrayMessagesAreNotBelieved(t *testing.T) {
	t.Parallel()
	forged := a("x.example.", "192.0.2.66")
	server := serve(t, func(q dnsmessage.Message, _ bool) []dnsmessage.Message {
		id, query, question, kind := reply(q, 0, forged), reply(q, 0, forged), reply(q, 0, forged), reply(q, 0, forged)
		id.ID++
		query.Response = false
		question.Questions = []dnsmessage.Question{{Name: dnsmessage.MustNewName("y.example."), Type: lookup.TypeA, Class: dnsmessage.ClassINET}}
		kind.Questions = []dnsmessage.Question{{Name: q.Questions[0].Name, Type: lookup.TypeAAAA, Class: dnsmessage.ClassINET}}
		return []dnsmessage.Message{id, query, question, kind, reply(q, 0, a("x.example.", "192.0.2.1"))}
	})
	got, err := lines(t, resolver(server), "x.example", lookup.TypeA)
	if want := []string{"x.example. 60 IN A 192.0.2.1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestServersInTurn(t *testing.T) {
	t.Parallel()
	good := always(dnsmessage.RCodeSuccess, a("x.example.", "192.0.2.1"))
	lame := func(q dnsmessage.Message, _ bool) []dnsmessage.Message {
		m := reply(q, dnsmessage.RCodeSuccess)
		m.RecursionAvailable = false
		return []dnsmessage.Message{m}
	}
	for name, first := range map[string]handler{
		"SERVFAIL": always(dnsmessage.RCodeServerFailure), "REFUSED": always(dnsmessage.RCodeRefused),
		"NOTIMP": always(dnsmessage.RCodeNotImplemented), "lame": lame,
	} {
		got, err := lines(t, resolver(serve(t, first), serve(t, good)), "x.example", lookup.TypeA)
		if err != nil || len(got) != 1 {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	// A name that does not exist is an answer: the next server is not asked.
	_, err := lines(t, resolver(serve(t, always(dnsmessage.RCodeNameError)), serve(t, good)), "x.example", lookup.TypeA)
	if !errors.Is(err, lookup.ErrNoName) {
		t.Errorf("NXDOMAIN: got %v", err)
	}
	// Nobody listens there, and the kernel says so at once.
	closed := netip.AddrPortFrom(freshIP(t), 53)
	got, err := lines(t, resolver(closed, serve(t, good)), "x.example", lookup.TypeA)
	if err != nil || len(got) != 1 {
		t.Errorf("closed port: got %q, %v", got, err)
	}
}

func TestErrorsNameTheServer(t *testing.T) {
	t.Parallel()
	refused, failed := serve(t, always(dnsmessage.RCodeRefused)), serve(t, always(dnsmessage.RCodeServerFailure))
	closed := netip.AddrPortFrom(freshIP(t), 53)
	impatient := resolver(serve(t, silent))
	impatient.Timeout, impatient.Attempts = 20*time.Millisecond, 2
	for name, c := range map[string]struct {
		r    *lookup.Resolver
		is   error
		want string
	}{
		"refused": {resolver(refused), lookup.ErrRefused, "x.example: the server refuses to answer (REFUSED), asked " + refused.String()},
		"two": {resolver(refused, failed), lookup.ErrServFail, "x.example: the server refuses to answer (REFUSED), asked " + refused.String() +
			"; the server failed (SERVFAIL), asked " + failed.String()},
		"closed":  {resolver(closed), syscall.ECONNREFUSED, "x.example: connection refused, asked " + closed.String()},
		"none":    {resolver(), lookup.ErrNoServers, "x.example: no name server to ask: /etc/resolv.conf names none"},
		"timeout": {impatient, lookup.ErrTimeout, "x.example: no answer in time (20ms, 2 tries), asked " + impatient.Servers[0].String()},
	} {
		_, err := c.r.Lookup(t.Context(), "x.example", onlyA, false)
		if !errors.Is(err, c.is) || err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
	}
}

func TestTruncatedAnswersComeByTCP(t *testing.T) {
	t.Parallel()
	server := serve(t, func(q dnsmessage.Message, tcp bool) []dnsmessage.Message {
		m := reply(q, 0, a("x.example.", "192.0.2.1"))
		if !tcp {
			m.Truncated, m.Answers = true, nil
		}
		return []dnsmessage.Message{m}
	})
	if got, err := lines(t, resolver(server), "x.example", lookup.TypeA); err != nil || len(got) != 1 {
		t.Errorf("got %q, %v", got, err)
	}
	cutShort := serve(t, func(q dnsmessage.Message, _ bool) []dnsmessage.Message {
		m := reply(q, 0)
		m.Truncated = true
		return []dnsmessage.Message{m}
	})
	if _, err := lines(t, resolver(cutShort), "x.example", lookup.TypeA); !errors.Is(err, lookup.ErrMalformed) {
		t.Errorf("truncated by TCP too: got %v", err)
	}
}

func TestServerWithoutEDNS(t *testing.T) {
	t.Parallel()
	server := serve(t, func(q dnsmessage.Message, _ bool) []dnsmessage.Message {
		if len(q.Additionals) > 0 {
			m := reply(q, dnsmessage.RCodeFormatError)
			m.Questions = nil
			return []dnsmessage.Message{m}
		}
		return []dnsmessage.Message{reply(q, 0, a("x.example.", "192.0.2.1"))}
	})
	if got, err := lines(t, resolver(server), "x.example", lookup.TypeA); err != nil || len(got) != 1 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOnlyTCP(t *testing.T) {
	t.Parallel()
	var udp atomic.Int32
	r := resolver(serve(t, func(q dnsmessage.Message, tcp bool) []dnsmessage.Message {
		if !tcp {
			udp.Add(1)
		}
		return []dnsmessage.Message{reply(q, 0, a("x.example.", "192.0.2.1"))}
	}))
	r.TCP = true
	if got, err := lines(t, r, "x.example", lookup.TypeA); err != nil || len(got) != 1 || udp.Load() != 0 {
		t.Errorf("got %q, %v, %d queries by UDP", got, err, udp.Load())
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 16)
	r := resolver(serve(t, func(q dnsmessage.Message, _ bool) []dnsmessage.Message {
		name := q.Questions[0].Name.String()
		asked <- name
		switch name {
		case "web.fails.example.":
			return []dnsmessage.Message{reply(q, dnsmessage.RCodeServerFailure)}
		case "web.has.example.":
			return []dnsmessage.Message{reply(q, 0, a(name, "192.0.2.1"))}
		}
		return []dnsmessage.Message{reply(q, dnsmessage.RCodeNameError)}
	}))
	r.Search = []string{"none.example", "fails.example", "has.example"}
	addrs, err := r.LookupAddrs(t.Context(), "web", lookup.TypeA)
	want := []string{"web.none.example.", "web.fails.example.", "web.has.example."}
	var got []string
	for range len(asked) {
		got = append(got, <-asked)
	}
	if err != nil || len(addrs) != 1 || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, asked for %v, want %v", addrs, err, got, want)
	}
	r.Search = r.Search[:2]
	if _, err = r.LookupAddrs(t.Context(), "web", lookup.TypeA); !errors.Is(err, lookup.ErrServFail) {
		t.Errorf("got %v, want the failure, which might hide a name", err)
	}
}

func TestOneTypeFails(t *testing.T) {
	t.Parallel()
	r := resolver(serve(t, func(q dnsmessage.Message, _ bool) []dnsmessage.Message {
		if q.Questions[0].Type == lookup.TypeAAAA {
			return []dnsmessage.Message{reply(q, dnsmessage.RCodeServerFailure)}
		}
		return []dnsmessage.Message{reply(q, 0, a("x.example.", "192.0.2.1"))}
	}))
	got, err := lines(t, r, "x.example", lookup.TypeA, lookup.TypeAAAA)
	if len(got) != 1 || !errors.Is(err, lookup.ErrServFail) {
		t.Errorf("Lookup: got %q, %v, want the address and the failure", got, err)
	}
	addrs, err := r.LookupAddrs(t.Context(), "x.example")
	if len(addrs) != 1 || err != nil {
		t.Errorf("LookupAddrs: got %v, %v, want the address", addrs, err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := resolver(serve(t, func(dnsmessage.Message, bool) []dnsmessage.Message { cancel(); return nil }))
	if _, err := r.Lookup(ctx, "x.example", onlyA, false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestHostsFileComesFirst(t *testing.T) {
	t.Parallel()
	r := resolver() // no server to ask
	r.Hosts = t.TempDir() + "/hosts"
	if err := os.WriteFile(r.Hosts, []byte("192.0.2.1 web.example web\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"web": "192.0.2.1", "192.0.2.9": "192.0.2.9", "localhost": "127.0.0.1", "x.localhost.": "127.0.0.1"} {
		addrs, err := r.LookupAddrs(t.Context(), name, lookup.TypeA)
		if err != nil || len(addrs) != 1 || addrs[0].String() != want {
			t.Errorf("%s: got %v, %v, want %s", name, addrs, err, want)
		}
	}
	got, err := r.LookupNames(t.Context(), netip.MustParseAddr("192.0.2.1"))
	if err != nil || len(got.Records) != 2 || got.Records[0].String() != "1.2.0.192.in-addr.arpa. 0 IN PTR web.example." {
		t.Errorf("names: got %v, %v", got, err)
	}
	_, err = r.LookupNames(t.Context(), netip.MustParseAddr("192.0.2.2"))
	if !errors.Is(err, lookup.ErrNoServers) || !strings.HasPrefix(err.Error(), "192.0.2.2: ") {
		t.Errorf("no names: got %v", err)
	}
}
