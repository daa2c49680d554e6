package names

import (
	"encoding/binary"
	"errors"

	"golang.org/x/net/dns/dnsmessage"
)

// errStray is about a message that does not answer the query. A resolver waits on: giving up would let anyone who can send
// a packet end the lookup (RFC 5452, section 9.1).
var errStray = errors.New("a message that answers another question")

// errMalformed is about an answer that breaks off.
var errMalformed = errors.New("an answer that cannot be read")

// checkReply says whether msg answers q, which was sent with that id, and with which code.
func checkReply(msg []byte, id uint16, q *query) (dnsmessage.RCode, error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.ID != id || !h.Response || h.OpCode != 0 {
		return 0, errStray
	}
	question, err := p.Question()
	switch {
	case errors.Is(err, dnsmessage.ErrSectionDone) && h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError:
		// Some servers leave the question out of a refusal.
	case err != nil || !sameQuestion(question, q.question):
		return 0, errStray
	}
	if p.SkipAllQuestions() != nil || p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil || p.SkipAllAdditionals() != nil {
		if !h.Truncated { // which some servers take literally
			return 0, errMalformed
		}
	}
	return h.RCode, nil
}

// sameQuestion compares names without regard to case (RFC 4343). A client that has mixed it by intent gets the answer's
// bytes as they are, and looks itself.
func sameQuestion(a, b dnsmessage.Question) bool {
	return a.Type == b.Type && a.Class == b.Class && lower(a.Name.String()) == lower(b.Name.String())
}

// restore makes of upstream's answer the client's, in place: its id, and no more bytes than it can take. One that is too
// long, from a server that does not mind what it was told, is reduced to its head.
func (q *query) restore(msg []byte) []byte {
	if len(msg) > q.limit(ednsSize) {
		var p dnsmessage.Parser
		h, err := p.Start(msg)
		if err != nil {
			return q.answer(dnsmessage.RCodeServerFailure, nil, dnsmessage.Header{RecursionAvailable: true})
		}
		h.Truncated = true
		return q.answer(h.RCode, nil, h)
	}
	binary.BigEndian.PutUint16(msg, q.header.ID)
	return msg
}
