package lookup

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// udpSize is how large an answer by UDP may be, in bytes: what passes every link unfragmented, as agreed
// on the DNS flag day of 2020. Larger ones come by TCP.
const udpSize = 1232

// packQuery writes a recursive query. With edns it tells the server udpSize, in an OPT record (RFC 6891);
// without, an answer by UDP has at most 512 bytes.
func packQuery(id uint16, q dnsmessage.Question, edns bool) ([]byte, error) {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{q},
	}
	if edns {
		var h dnsmessage.ResourceHeader
		if err := h.SetEDNS0(udpSize, dnsmessage.RCodeSuccess, false); err != nil {
			return nil, err
		}
		m.Additionals = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.OPTResource{}}}
	}
	return m.Pack()
}

// errStray is a message that does not belong to the query. A resolver waits on, for the right one:
// giving up here would let anyone who can send a packet end the lookup (RFC 5452, section 9.1).
var errStray = errors.New("a message that answers another question")

// A reply is what a server answered to a question.
type reply struct {
	rcode     dnsmessage.RCode
	truncated bool // answers is empty then
	lame      bool // neither an authority nor a recursive resolver, and without an answer
	answers   []dnsmessage.Resource
}

// parseReply reads the answer to the query with that id and question. It returns errStray for any other
// message, and ErrMalformed for one that breaks off.
func parseReply(msg []byte, id uint16, q dnsmessage.Question) (reply, error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.ID != id || !h.Response || h.OpCode != 0 {
		return reply{}, errStray
	}
	questions, err := p.AllQuestions()
	// Some servers leave the question out of a refusal.
	silent := err == nil && len(questions) == 0 && h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError
	if !silent && (err != nil || len(questions) != 1 || !sameQuestion(questions[0], q)) {
		return reply{}, errStray
	}
	r := reply{rcode: h.RCode, truncated: h.Truncated}
	if h.Truncated {
		return r, nil
	}
	if r.answers, err = p.AllAnswers(); err != nil {
		return reply{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	r.lame = h.RCode == dnsmessage.RCodeSuccess && len(r.answers) == 0 && !h.Authoritative && !h.RecursionAvailable
	return r, nil
}

// sameQuestion compares names without regard to case: RFC 4343.
func sameQuestion(a, b dnsmessage.Question) bool {
	return a.Type == b.Type && a.Class == b.Class && sameName(a.Name, b.Name)
}

func sameName(a, b dnsmessage.Name) bool { return strings.EqualFold(a.String(), b.String()) }

// records picks what answers the question: from its name along the aliases to the records of its type.
// A server may add others, which nobody asked for and which must not be believed (RFC 5452, section 6).
// It returns ErrNoRecords, with the aliases, when there is none of the type.
func (r reply) records(q dnsmessage.Question) ([]Record, error) {
	var list []Record
	owner := q.Name
	for range len(r.answers) + 1 { // each step uses up an alias, so a loop of them ends as well
		var alias *dnsmessage.CNAMEResource
		found := false
		for _, a := range r.answers {
			if a.Header.Class != dnsmessage.ClassINET || !sameName(a.Header.Name, owner) {
				continue
			}
			if a.Header.Type == q.Type || q.Type == dnsmessage.TypeALL {
				list, found = append(list, newRecord(a)), true
			} else if c, ok := a.Body.(*dnsmessage.CNAMEResource); ok && alias == nil {
				list, alias = append(list, newRecord(a)), c
			}
		}
		if found {
			return list, nil
		}
		if alias == nil {
			break
		}
		owner = alias.CNAME
	}
	return list, ErrNoRecords
}

// verdict turns the code of an answer into an error. Those that speak of the server alone leave it to the
// next server to answer: next is true.
func (r reply) verdict() (next bool, err error) {
	switch r.rcode {
	case dnsmessage.RCodeSuccess:
		if r.lame {
			return true, errors.New("the server does not know, and asks nobody else")
		}
		return false, nil
	case dnsmessage.RCodeNameError:
		return false, ErrNoName
	case dnsmessage.RCodeServerFailure:
		return true, ErrServFail
	case dnsmessage.RCodeRefused:
		return true, ErrRefused
	case dnsmessage.RCodeFormatError:
		return true, errors.New("the server cannot read the question (FORMERR)")
	case dnsmessage.RCodeNotImplemented:
		return true, errors.New("the server does not answer such questions (NOTIMP)")
	}
	return true, fmt.Errorf("the server answers with code %d", r.rcode)
}
