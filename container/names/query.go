package names

import (
	"errors"

	"golang.org/x/net/dns/dnsmessage"
)

// A query is what a client has said, as far as it matters.
type query struct {
	header   dnsmessage.Header
	question dnsmessage.Question
	edns     *dnsmessage.Resource // its OPT record, RFC 6891; nil for none
	tcp      bool
}

const (
	headerLen  = 12   // bytes: RFC 1035, section 4.1.1
	maxQuery   = 4096 // bytes; a question and its EDNS record have some hundred
	plainSize  = 512  // bytes of an answer by UDP, for a client without EDNS
	ednsSize   = 1232 // and with it, as far as upstreams are told: what every link passes whole (DNS flag day 2020)
	localSize  = 4096 // and as far as answers of our own go, which pass lo alone
	streamSize = 65535
)

// errSilence is about what deserves no answer: what is no query. To answer an answer could go on for ever.
var errSilence = errors.New("not a query")

// What dnsmessage has no name for.
const (
	rcodeBadVersion dnsmessage.RCode = 16  // RFC 6891, section 9
	firstMetaType   dnsmessage.Type  = 128 // to 255: types that only questions have, RFC 6895, section 3.1
)

// readQuery reads a client's message. code is not success where that is all the answer there will be.
func readQuery(msg []byte, tcp bool) (q *query, code dnsmessage.RCode, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response {
		return nil, 0, errSilence
	}
	q = &query{header: h, tcp: tcp}
	if h.OpCode != 0 {
		return q, dnsmessage.RCodeNotImplemented, nil
	}
	if q.question, err = p.Question(); err != nil {
		return q, dnsmessage.RCodeFormatError, nil
	}
	if _, err := p.Question(); !errors.Is(err, dnsmessage.ErrSectionDone) { // RFC 9619
		return q, dnsmessage.RCodeFormatError, nil
	}
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil || !q.readEDNS(&p) {
		q.edns = nil
		return q, dnsmessage.RCodeFormatError, nil
	}
	return q, q.verdict(), nil
}

// readEDNS finds the OPT record among the additional ones, of which there is one at most (RFC 6891, section 6.1.1).
func (q *query) readEDNS(p *dnsmessage.Parser) bool {
	for {
		h, err := p.AdditionalHeader()
		switch {
		case errors.Is(err, dnsmessage.ErrSectionDone):
			return true
		case err != nil:
			return false
		case h.Type != dnsmessage.TypeOPT:
			// A TSIG record signs the id, which is another upstream.
			if p.SkipAdditional() != nil {
				return false
			}
			continue
		case q.edns != nil || h.Name.String() != ".":
			return false
		}
		body, err := p.OPTResource()
		if err != nil {
			return false
		}
		q.edns = &dnsmessage.Resource{Header: h, Body: &body}
	}
}

// verdict says what becomes of a query that could be read.
func (q *query) verdict() dnsmessage.RCode {
	t := q.question.Type
	switch {
	case q.edns != nil && q.edns.Header.TTL>>16&0xff != 0: // the version
		return rcodeBadVersion
	case t == dnsmessage.TypeOPT || t == 0:
		return dnsmessage.RCodeFormatError
	case q.question.Class != dnsmessage.ClassINET: // CHAOS: which program upstream is concerns nobody inside
		return dnsmessage.RCodeRefused
	case t >= firstMetaType && t < dnsmessage.TypeALL: // zone transfers, TKEY and the like
		return dnsmessage.RCodeRefused
	}
	return dnsmessage.RCodeSuccess
}

// limit is how many bytes an answer may have, of which local is the limit of our own over UDP.
func (q *query) limit(local int) int {
	switch {
	case q.tcp:
		return streamSize
	case q.edns == nil:
		return plainSize
	}
	return min(max(int(q.edns.Header.Class), plainSize), local)
}

// pack is the query as upstream gets it.
func (q *query) pack(id uint16) ([]byte, error) {
	m := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: id, RecursionDesired: q.header.RecursionDesired,
			AuthenticData: q.header.AuthenticData, CheckingDisabled: q.header.CheckingDisabled,
		},
		Questions: []dnsmessage.Question{q.question},
	}
	if q.edns != nil {
		r := *q.edns
		r.Header.Class = dnsmessage.Class(q.limit(ednsSize)) // the size
		if q.tcp {
			r.Header.Class = ednsSize
		}
		m.Additionals = []dnsmessage.Resource{r}
	}
	return m.Pack()
}
