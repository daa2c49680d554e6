package names_test

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/container/names"
)

func seeds(f *testing.F) [][]byte {
	f.Helper()
	plain := question(1, "web.example.", dnsmessage.TypeA)
	other := question(1, "a.example.", dnsmessage.TypeAAAA)
	reverse := question(1, "2.0.0.10.in-addr.arpa.", dnsmessage.TypePTR)
	reverse6 := question(1, "6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.d.f.ip6.arpa.", dnsmessage.TypePTR)
	all := question(1, "web.", dnsmessage.TypeALL)
	var list [][]byte
	for _, m := range []dnsmessage.Message{plain, other, reverse, reverse6, all, withEDNS(plain, 1232), withEDNS(other, 100)} {
		b := pack(f, m)
		list = append(list, b, b[:len(b)-1])
	}
	return list
}

// A client's message: whatever it is, the answer can be read, fits, and has the client's id; and so can what upstream gets.
func FuzzQuery(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, false)
		f.Add(b, true)
	}
	zone := names.NewZone(someHosts())
	f.Fuzz(func(t *testing.T, msg []byte, tcp bool) {
		answer := names.Respond(zone, msg, tcp)
		if answer != nil {
			var m dnsmessage.Message
			if err := m.Unpack(answer); err != nil {
				t.Fatalf("%v in % x", err, answer)
			}
			if !m.Response || m.ID != uint16(msg[0])<<8|uint16(msg[1]) || m.RecursionAvailable {
				t.Errorf("answered by %v", m.GoString())
			}
			if len(answer) > 4096 && !tcp {
				t.Errorf("%d bytes by UDP", len(answer))
			}
		}
		forwarded := names.Forwarded(msg, 4711, tcp)
		if forwarded == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(forwarded); err != nil {
			t.Fatalf("forwarded: %v in % x", err, forwarded)
		}
		if m.ID != 4711 || m.Response || m.OpCode != 0 || len(m.Questions) != 1 || len(m.Answers)+len(m.Authorities) > 0 || len(m.Additionals) > 1 {
			t.Errorf("forwarded is %v", m.GoString())
		}
		if again := names.Forwarded(forwarded, 4711, tcp); string(again) != string(forwarded) {
			t.Errorf("forwarded twice it is another:\n% x\n% x", forwarded, again)
		}
	})
}

// An upstream's message: what is taken for an answer is one to the question, and fits the client.
func FuzzReply(f *testing.F) {
	query := withEDNS(question(7, "a.example.", dnsmessage.TypeA), 600)
	plain := question(7, "a.example.", dnsmessage.TypeA)
	var many []string
	for range 60 {
		many = append(many, "192.0.2.1")
	}
	for _, m := range []dnsmessage.Message{
		reply(query, 0, "192.0.2.1"), reply(query, dnsmessage.RCodeServerFailure), reply(query, 0, many...), query,
	} {
		m.ID = 4711
		b := pack(f, m)
		for _, tcp := range []bool{false, true} {
			f.Add(pack(f, query), b, tcp)
			f.Add(pack(f, plain), b, tcp)
			f.Add(pack(f, plain), b[:len(b)-3], tcp)
		}
	}
	f.Fuzz(func(t *testing.T, query, msg []byte, tcp bool) {
		restored := names.Restored(query, msg, 4711, tcp)
		if restored == nil {
			return
		}
		var p dnsmessage.Parser
		h, err := p.Start(restored)
		if err != nil || !h.Response || h.ID != uint16(query[0])<<8|uint16(query[1]) {
			t.Fatalf("%v, %v", h.GoString(), err)
		}
		if err := p.SkipAllQuestions(); err != nil && !h.Truncated {
			t.Fatal(err)
		}
		if !tcp && len(restored) > 1232 {
			t.Errorf("%d bytes by UDP", len(restored))
		}
	})
}
