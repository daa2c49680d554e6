package names

import "golang.org/x/net/dns/dnsmessage"

// answer packs what is said here and not upstream. A message that would be too long for the client has the records that
// fit, and says so.
func (q *query) answer(code dnsmessage.RCode, records []dnsmessage.Resource, h dnsmessage.Header) []byte {
	h.ID, h.Response, h.OpCode, h.RCode = q.header.ID, true, q.header.OpCode, code&0xf
	h.RecursionDesired, h.CheckingDisabled = q.header.RecursionDesired, q.header.CheckingDisabled
	m := dnsmessage.Message{Header: h}
	if q.question.Name.Length > 0 {
		m.Questions = []dnsmessage.Question{q.question}
	}
	if q.edns != nil {
		var r dnsmessage.ResourceHeader
		if r.SetEDNS0(localSize, code, q.edns.Header.DNSSECAllowed()) == nil {
			m.Additionals = []dnsmessage.Resource{{Header: r, Body: &dnsmessage.OPTResource{}}}
		}
	}
	n := q.fit(records)
	m.Answers, m.Truncated = records[:n], h.Truncated || n < len(records)
	msg, err := m.Pack()
	if err != nil { // a question that was unpacked can be packed; should it not, there is an answer nevertheless
		m.Questions, m.Answers, m.RCode = nil, nil, dnsmessage.RCodeServerFailure
		msg, _ = m.Pack()
	}
	return msg
}

// fit is how many of the records an answer to the client has room for. Their names are the question's, which Pack makes a
// pointer of 2 bytes, and a record's fixed part has 10 (RFC 1035, section 4.1.3).
func (q *query) fit(records []dnsmessage.Resource) int {
	const fixed = 2 + 10
	size := headerLen + int(q.question.Name.Length) + 1 + 4
	if q.edns != nil {
		size += 1 + 10 // with the root as its name
	}
	limit := q.limit(localSize)
	for i, r := range records {
		size += fixed
		switch body := r.Body.(type) {
		case *dnsmessage.AResource:
			size += 4
		case *dnsmessage.AAAAResource:
			size += 16
		case *dnsmessage.PTRResource:
			size += int(body.PTR.Length) + 1
		}
		if size > limit {
			return i
		}
	}
	return len(records)
}
