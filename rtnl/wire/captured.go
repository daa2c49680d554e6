package wire

import (
	"github.com/mdlayher/netlink"
)

// Refusal is what an answer that was captured refuses: the Error that a Conn would have made of it. It is nil where the
// answer refuses nothing, or cannot be read. Sent is the request's whole message, and may be nil where nobody knows it.
func (p *Protocol) Refusal(sent []byte, purpose string, answer []byte) *Error {
	h, body, _, err := parseHeader(answer)
	if err != nil || h.Type != netlink.Error && h.Type != netlink.Done {
		return nil
	}
	parts, err := splitAck(h.Type == netlink.Done, uint16(h.Flags), body)
	if err != nil || parts.errno == 0 {
		return nil
	}
	if sent == nil {
		sent = parts.request // whole, where the socket has not asked for less (NETLINK_CAP_ACK)
	}
	_, ack, _ := parseAck(h.Type == netlink.Done, uint16(h.Flags), body)
	request, asked, _, err := parseHeader(sent)
	if err == nil {
		r := Request{Info: p.infoOf(request, asked), Purpose: purpose}
		return r.refusal(sent[:request.Length], 0, parts.errno, ack)
	}
	r := Request{Info: &Info{Name: "the request"}, Purpose: purpose}
	if len(sent) >= headerSize { // its header alone
		r.Info = p.infoOf(request, nil)
	}
	e := r.failed(0, h.Sequence, parts.errno)
	if ack != nil {
		e.Message = ack.Msg
	}
	return e
}
