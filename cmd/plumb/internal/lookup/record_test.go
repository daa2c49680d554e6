package lookup_test

import (
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"plumb/cmd/plumb/internal/lookup"
)

func TestRecordsAsInAMasterFile(t *testing.T) {
	t.Parallel()
	const owner = "x.example."
	n := dnsmessage.MustNewName
	for _, c := range []struct {
		body dnsmessage.ResourceBody
		want string
	}{
		{&dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 1, 15: 1}}, "AAAA 2001::1"},
		{&dnsmessage.MXResource{Pref: 10, MX: n("mail.example.")}, "MX 10 mail.example."},
		{&dnsmessage.NSResource{NS: n("ns.example.")}, "NS ns.example."},
		{&dnsmessage.PTRResource{PTR: n("p.example.")}, "PTR p.example."},
		{&dnsmessage.SRVResource{Priority: 1, Weight: 2, Port: 80, Target: n("s.example.")}, "SRV 1 2 80 s.example."},
		{&dnsmessage.SOAResource{NS: n("ns.example."), MBox: n("m.example."), Serial: 1, Refresh: 2, Retry: 3, Expire: 4, MinTTL: 5}, "SOA ns.example. m.example. 1 2 3 4 5"},
		{&dnsmessage.TXTResource{TXT: []string{`say "hi"`, "\x1b[2J\\"}}, `TXT "say \"hi\"" "\027[2J\\"`},
		{&dnsmessage.NSResource{NS: n("\x1b[2J.")}, `NS \027[2J.`},
		{&dnsmessage.UnknownResource{Type: 99, Data: []byte{1, 0xfe}}, `TYPE99 \# 2 01fe`},
		{&dnsmessage.HTTPSResource{SVCBResource: dnsmessage.SVCBResource{Priority: 1, Target: n("."), Params: []dnsmessage.SVCParam{{Key: 1, Value: []byte("\x02h2")}}}}, `HTTPS 1 . key1="\002h2"`},
	} {
		kind := typeOf(t, c.want)
		got, err := lines(t, resolver(serve(t, always(0, record(owner, kind, c.body)))), owner, kind)
		if want := []string{owner + " 60 IN " + c.want}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

// typeOf reads the type that stands first in a line.
func typeOf(t *testing.T, line string) dnsmessage.Type {
	t.Helper()
	for i := range line {
		if line[i] == ' ' {
			kind, err := lookup.ParseType(line[:i])
			if err != nil {
				t.Fatal(err)
			}
			if lookup.TypeName(kind) != line[:i] {
				t.Errorf("%s is printed as %s", line[:i], lookup.TypeName(kind))
			}
			return kind
		}
	}
	t.Fatalf("no type in %q", line)
	return 0
}

func FuzzReply(f *testing.F) {
	q := dnsmessage.Question{Name: dnsmessage.MustNewName("x.example."), Type: lookup.TypeA, Class: dnsmessage.ClassINET}
	m := reply(dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{q}}, 0,
		alias("x.example.", "y.example."), a("y.example.", "192.0.2.1"))
	seed, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, uint16(1))
	f.Fuzz(func(t *testing.T, msg []byte, kind uint16) {
		q := q
		q.Type = dnsmessage.Type(kind)
		r, err := lookup.ParseReply(msg, 7, q)
		if err != nil {
			return
		}
		records, err := r.Records(q)
		if err == nil && len(records) == 0 {
			t.Error("an answer without a record, and without an error")
		}
		for _, rec := range records {
			for _, c := range []byte(rec.String()) {
				if c < ' ' || c > '~' {
					t.Errorf("%q would reach the terminal", rec.String())
				}
			}
		}
	})
}
