package lab

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// zoneTTL is how long an answer of the lab may be kept, in seconds.
const zoneTTL = 300

// A Zone is what a name server of the lab knows: names, in lower case and with a final dot, and their
// records. Any other name does not exist.
type Zone map[string][]dnsmessage.Resource

// Add gives name, with or without its final dot, a record of the type t. It panics when name or body
// cannot be packed: zones are written in code.
func (z Zone) Add(name string, t dnsmessage.Type, body dnsmessage.ResourceBody) {
	r := dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: fqdn(name), Type: t, Class: dnsmessage.ClassINET, TTL: zoneTTL},
		Body:   body,
	}
	if _, err := (&dnsmessage.Message{Answers: []dnsmessage.Resource{r}}).Pack(); err != nil {
		panic(fmt.Sprintf("lab: zone: %s: %v", name, err))
	}
	key := strings.ToLower(r.Header.Name.String())
	z[key] = append(z[key], r)
}

// AddHost gives name its addresses, and each address the name.
func (z Zone) AddHost(name string, addrs ...netip.Addr) {
	for _, a := range addrs {
		if a.Is4() {
			z.Add(name, dnsmessage.TypeA, &dnsmessage.AResource{A: a.As4()})
		} else {
			z.Add(name, dnsmessage.TypeAAAA, &dnsmessage.AAAAResource{AAAA: a.As16()})
		}
		z.Add(reverseName(a), dnsmessage.TypePTR, &dnsmessage.PTRResource{PTR: fqdn(name)})
	}
}

// Internet is the zone of the lab's internet: google.com, example.com, and large.example.com, whose TXT
// records no datagram holds. Addresses that were given to example.com by RFC 5737 and RFC 3849 go nowhere.
func Internet() Zone {
	z := Zone{}
	z.AddHost("google.com", netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("2001:4860:4860::8888"))
	z.AddHost("example.com", netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:100::1"))
	z.Add("www.example.com", dnsmessage.TypeCNAME, &dnsmessage.CNAMEResource{CNAME: fqdn("example.com")})
	z.Add("example.com", dnsmessage.TypeMX, &dnsmessage.MXResource{Pref: 10, MX: fqdn("mail.example.com")})
	z.Add("example.com", dnsmessage.TypeNS, &dnsmessage.NSResource{NS: fqdn("google.com")})
	z.Add("example.com", dnsmessage.TypeTXT, &dnsmessage.TXTResource{TXT: []string{"v=spf1 -all"}})
	z.Add("_http._tcp.example.com", dnsmessage.TypeSRV, &dnsmessage.SRVResource{Priority: 1, Weight: 2, Port: 80, Target: fqdn("example.com")})
	z.Add("example.com", dnsmessage.TypeSOA, &dnsmessage.SOAResource{
		NS: fqdn("google.com"), MBox: fqdn("hostmaster.example.com"), Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, MinTTL: zoneTTL,
	})
	for i := range 20 {
		text := fmt.Sprintf("%02d ", i) + strings.Repeat("x", 200)
		z.Add("large.example.com", dnsmessage.TypeTXT, &dnsmessage.TXTResource{TXT: []string{text}})
	}
	return z
}

// ServeDNS answers datagrams from the zone, which must not change any more.
func (s *Services) ServeDNS(pc net.PacketConn, z Zone) {
	s.packets(pc, func(p []byte, _ net.Addr) []byte { return z.answer(p, true) })
}

// ServeDNSTCP answers connections from the zone: any number of questions, each after its length
// (RFC 1035, section 4.2.2).
func (s *Services) ServeDNSTCP(l net.Listener, z Zone) {
	s.accept(l, func(conn net.Conn) {
		for {
			var size [2]byte
			if _, err := io.ReadFull(conn, size[:]); err != nil {
				return
			}
			query := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(conn, query); err != nil {
				return
			}
			a := z.answer(query, false)
			if a == nil {
				return
			}
			if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
				return
			}
		}
	})
}

// answer is the message that answers a query, or nil for what is none.
func (z Zone) answer(query []byte, datagram bool) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil || h.Response {
		return nil
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{
		ID: h.ID, Response: true, OpCode: h.OpCode, Authoritative: true,
		RecursionDesired: h.RecursionDesired, RecursionAvailable: true,
	}}
	m.Questions, err = p.AllQuestions()
	switch {
	case h.OpCode != 0:
		m.RCode = dnsmessage.RCodeNotImplemented
	case err != nil || len(m.Questions) != 1:
		m.RCode, m.Questions = dnsmessage.RCodeFormatError, nil
	case m.Questions[0].Class != dnsmessage.ClassINET:
		m.RCode = dnsmessage.RCodeRefused
	default:
		m.RCode, m.Answers = z.find(m.Questions[0])
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	if datagram && len(packed) > payloadSize(&p) {
		m.Truncated, m.Answers = true, nil
		packed, err = m.Pack()
		if err != nil {
			return nil
		}
	}
	return packed
}

// find follows aliases within the zone.
func (z Zone) find(q dnsmessage.Question) (dnsmessage.RCode, []dnsmessage.Resource) {
	var answers []dnsmessage.Resource
	owner := strings.ToLower(q.Name.String())
	for range 8 { // an alias may lead to itself
		records, ok := z[owner]
		if !ok {
			if len(answers) == 0 && !z.above(owner) {
				return dnsmessage.RCodeNameError, nil
			}
			break
		}
		alias := ""
		for _, r := range records {
			if r.Header.Type == q.Type || q.Type == dnsmessage.TypeALL {
				answers = append(answers, r)
			} else if c, ok := r.Body.(*dnsmessage.CNAMEResource); ok {
				answers, alias = append(answers, r), strings.ToLower(c.CNAME.String())
			}
		}
		if alias == "" {
			break
		}
		owner = alias
	}
	return dnsmessage.RCodeSuccess, answers
}

// above reports whether name exists because a name below it does: RFC 8020.
func (z Zone) above(name string) bool {
	for n := range z {
		if strings.HasSuffix(n, "."+name) || name == "." {
			return true
		}
	}
	return false
}

// payloadSize is how large a datagram the client takes: 512 bytes, or what its OPT record says (RFC 6891,
// section 6.2.3). p stands behind the questions.
func payloadSize(p *dnsmessage.Parser) int {
	const classic = 512 // RFC 1035, section 2.3.4
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return classic
	}
	for {
		h, err := p.AdditionalHeader()
		if err != nil {
			return classic
		}
		if h.Type == dnsmessage.TypeOPT {
			return max(classic, int(h.Class))
		}
		if p.SkipAdditional() != nil {
			return classic
		}
	}
}

// fqdn is name with its final dot. It panics when that is longer than 255 bytes.
func fqdn(name string) dnsmessage.Name {
	if !strings.HasSuffix(name, ".") {
		name += "."
	}
	return dnsmessage.MustNewName(name)
}

// reverseName is where the DNS keeps the name of an address: RFC 1035, section 3.5; RFC 3596, section 2.5.
func reverseName(a netip.Addr) string {
	b := a.AsSlice()
	s := ""
	for _, c := range b {
		if a.Is4() {
			s = fmt.Sprintf("%d.", c) + s
		} else {
			s = fmt.Sprintf("%x.%x.", c&0xf, c>>4) + s
		}
	}
	if a.Is4() {
		return s + "in-addr.arpa."
	}
	return s + "ip6.arpa."
}
