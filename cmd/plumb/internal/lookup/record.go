package lookup

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// The types of records that people ask for by name, from the registry of RFC 6895.
const (
	TypeA    = dnsmessage.TypeA
	TypeAAAA = dnsmessage.TypeAAAA
	TypePTR  = dnsmessage.TypePTR
)

// typeNames has one entry for each type that ParseType knows.
func typeNames() map[dnsmessage.Type]string {
	return map[dnsmessage.Type]string{
		TypeA: "A", TypeAAAA: "AAAA", TypePTR: "PTR", dnsmessage.TypeCNAME: "CNAME",
		dnsmessage.TypeMX: "MX", dnsmessage.TypeTXT: "TXT", dnsmessage.TypeNS: "NS",
		dnsmessage.TypeSRV: "SRV", dnsmessage.TypeSOA: "SOA", dnsmessage.TypeALL: "ANY",
		dnsmessage.TypeHINFO: "HINFO", dnsmessage.TypeSVCB: "SVCB", dnsmessage.TypeHTTPS: "HTTPS",
	}
}

// ParseType reads a type's name, or TYPE and its number (RFC 3597, section 5).
func ParseType(s string) (dnsmessage.Type, error) {
	s = strings.ToUpper(s)
	for t, name := range typeNames() {
		if name == s {
			return t, nil
		}
	}
	if number, ok := strings.CutPrefix(s, "TYPE"); ok {
		if n, err := strconv.ParseUint(number, 10, 16); err == nil && n > 0 {
			return dnsmessage.Type(n), nil
		}
	}
	return 0, fmt.Errorf("%q is not a type of record: want A, AAAA, CNAME, MX, TXT, NS, SRV, PTR, SOA, ANY or TYPEn", s)
}

// TypeName is what ParseType reads.
func TypeName(t dnsmessage.Type) string {
	if name, ok := typeNames()[t]; ok {
		return name
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// A Record is one line of an answer.
type Record struct {
	Name  string // with a final dot
	TTL   uint32 // seconds
	Class string
	Type  string
	Data  string // as in a master file: RFC 1035, section 5

	Addr   netip.Addr // of an A or AAAA record
	Target string     // of a CNAME or PTR record
}

// String is the record's line in a master file: RFC 1035, section 5.
func (r Record) String() string {
	return fmt.Sprintf("%s %d %s %s %s", r.Name, r.TTL, r.Class, r.Type, r.Data)
}

func newRecord(m dnsmessage.Resource) Record {
	r := Record{Name: printName(m.Header.Name), TTL: m.Header.TTL, Class: "IN", Type: TypeName(m.Header.Type)}
	switch b := m.Body.(type) {
	case *dnsmessage.AResource:
		r.Addr = netip.AddrFrom4(b.A)
		r.Data = r.Addr.String()
	case *dnsmessage.AAAAResource:
		r.Addr = netip.AddrFrom16(b.AAAA)
		r.Data = r.Addr.String()
	case *dnsmessage.CNAMEResource:
		r.Target = b.CNAME.String()
		r.Data = printName(b.CNAME)
	case *dnsmessage.PTRResource:
		r.Target = b.PTR.String()
		r.Data = printName(b.PTR)
	default:
		r.Data = data(m.Body)
	}
	return r
}

// data prints the body of a record that lookups do not follow.
func data(body dnsmessage.ResourceBody) string {
	switch b := body.(type) {
	case *dnsmessage.NSResource:
		return printName(b.NS)
	case *dnsmessage.MXResource:
		return fmt.Sprintf("%d %s", b.Pref, printName(b.MX))
	case *dnsmessage.SRVResource:
		return fmt.Sprintf("%d %d %d %s", b.Priority, b.Weight, b.Port, printName(b.Target))
	case *dnsmessage.SOAResource:
		return fmt.Sprintf("%s %s %d %d %d %d %d", printName(b.NS), printName(b.MBox),
			b.Serial, b.Refresh, b.Retry, b.Expire, b.MinTTL)
	case *dnsmessage.TXTResource:
		var s []string
		for _, text := range b.TXT {
			s = append(s, `"`+escape(text, `"\`, ' ')+`"`)
		}
		return strings.Join(s, " ")
	case *dnsmessage.HTTPSResource:
		return service(b.SVCBResource)
	case *dnsmessage.SVCBResource:
		return service(*b)
	case *dnsmessage.UnknownResource:
		return fmt.Sprintf(`\# %d %x`, len(b.Data), b.Data) // RFC 3597, section 5
	}
	return "?"
}

// service prints the parameters by number: RFC 9460, section 2.1, allows it for every one.
func service(b dnsmessage.SVCBResource) string {
	s := fmt.Sprintf("%d %s", b.Priority, printName(b.Target))
	for _, p := range b.Params {
		s += fmt.Sprintf(` key%d="%s"`, p.Key, escape(string(p.Value), `"\`, ' '))
	}
	return s
}

// printName escapes what a name from the wire may hold and a terminal should not see.
func printName(n dnsmessage.Name) string { return escape(n.String(), `"\;()@$`, '!') }

// escape writes special characters and those outside first to '~' as \X or \DDD: RFC 1035, section 5.1.
func escape(s, special string, first byte) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < first || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		case strings.IndexByte(special, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
