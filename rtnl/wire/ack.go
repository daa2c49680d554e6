package wire

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// The kernel answers a message with NLMSG_ERROR, and ends a dump with NLMSG_DONE. Both bodies begin with an errno,
// negative, or 0 for an acknowledgement:
//
//	NLMSG_ERROR: int error, struct nlmsghdr of the request, [the request's body, unless NLM_F_CAPPED] [attributes]
//	NLMSG_DONE:  int error, [attributes]
//
// The attributes are there with NLM_F_ACK_TLVS: netlink_ack and netlink_dump_done, net/netlink/af_netlink.c.

// NLM_F_CAPPED and NLM_F_ACK_TLVS, linux/netlink.h.
const (
	flagCapped  = 0x100
	flagAckTLVs = 0x200
)

// extendedAck are the attributes of an answer: enum nlmsgerr_attrs, linux/netlink.h.
type extendedAck struct {
	Msg      string
	Offset   uint32 // bytes from the start of the request's header to what is at fault
	Cookie   []byte
	Policy   *policy
	MissType uint32  // the type of an attribute that should have been sent
	MissNest *uint32 // Offset of the attribute that it should have been in; nil for the message's body
}

var ackTable = Table[*extendedAck]{Rows: func(a *extendedAck) Rows {
	return Of(a,
		String(1, "NLMSGERR_ATTR_MSG", &a.Msg),
		U32(2, "NLMSGERR_ATTR_OFFS", &a.Offset),
		Bytes(3, "NLMSGERR_ATTR_COOKIE", &a.Cookie),
		Nest(4, "NLMSGERR_ATTR_POLICY", &a.Policy, &policyTable),
		U32(5, "NLMSGERR_ATTR_MISS_TYPE", &a.MissType),
		Opt(6, "NLMSGERR_ATTR_MISS_NEST", &a.MissNest),
	)
}}

// policy is what the kernel accepts of the attribute at fault: enum netlink_policy_type_attr, linux/netlink.h.
type policy struct {
	Type                 attrKind
	MinSigned, MaxSigned int64
	Min, Max             uint64
	MinLength, MaxLength uint32 // bytes
	Mask                 uint64
}

// attrKind is enum netlink_attribute_type, linux/netlink.h.
type attrKind uint32

func (k attrKind) String() string {
	kinds := [...]string{
		"INVALID", "FLAG", "U8", "U16", "U32", "U64", "S8", "S16", "S32", "S64", "BINARY", "STRING", "NUL_STRING",
		"NESTED", "NESTED_ARRAY", "BITFIELD32", "SINT", "UINT",
	}
	if int64(k) < int64(len(kinds)) {
		return "NL_ATTR_TYPE_" + kinds[k]
	}
	return strconv.FormatUint(uint64(k), 10)
}

var policyTable = Table[*policy]{Rows: func(p *policy) Rows {
	return Of(p,
		U32(1, "NL_POLICY_TYPE_ATTR_TYPE", &p.Type),
		U64(2, "NL_POLICY_TYPE_ATTR_MIN_VALUE_S", &p.MinSigned),
		U64(3, "NL_POLICY_TYPE_ATTR_MAX_VALUE_S", &p.MaxSigned),
		U64(4, "NL_POLICY_TYPE_ATTR_MIN_VALUE_U", &p.Min),
		U64(5, "NL_POLICY_TYPE_ATTR_MAX_VALUE_U", &p.Max),
		U32(6, "NL_POLICY_TYPE_ATTR_MIN_LENGTH", &p.MinLength),
		U32(7, "NL_POLICY_TYPE_ATTR_MAX_LENGTH", &p.MaxLength),
		U64(12, "NL_POLICY_TYPE_ATTR_MASK", &p.Mask),
	)
}}

// ackParts are the places in the body of an NLMSG_ERROR or NLMSG_DONE.
type ackParts struct {
	errno   unix.Errno // 0 for an acknowledgement
	request []byte     // the header of what is answered, and its body where it was sent back; nil with NLMSG_DONE
	tlvs    []byte     // the extended ACK, or what should be it; nil for none
	tlvsAt  int        // where it begins in the body
}

// splitAck finds the parts of an answer. An error is one that does not even hold its errno.
func splitAck(done bool, flags uint16, body []byte) (p ackParts, err error) {
	if done && len(body) == 0 {
		return p, nil // some families end a list with an empty NLMSG_DONE (devlink's regions)
	}
	n32, err := getNumber(body, 4, false)
	if err != nil {
		return p, err
	}
	code := int32(n32)
	if code < 0 { // a dump may end with a positive number, which is no error
		p.errno = unix.Errno(-int64(code))
	}
	p.tlvsAt = 4
	if !done {
		if len(body) < 4+headerSize {
			return p, ErrTruncated
		}
		n := headerSize
		if flags&flagCapped == 0 && p.errno != 0 {
			sent := native.Uint32(body[4:])
			n = int(min(max(sent, headerSize), uint32(len(body)-4)))
		}
		p.request = body[4 : 4+n]
		p.tlvsAt = min(4+align(n), len(body))
	}
	if flags&flagAckTLVs != 0 {
		p.tlvs = body[p.tlvsAt:]
	}
	return p, nil
}

// extended reads the extended ACK; it is nil where there is none. Of one that cannot be read what was understood is returned.
func (p *ackParts) extended() *extendedAck {
	if len(p.tlvs) == 0 {
		return nil
	}
	ack := new(extendedAck)
	_ = ackTable.Decode(p.tlvs, ack)
	return ack
}

// parseAck reads the body of an NLMSG_ERROR or NLMSG_DONE. An extended ACK that cannot be read does not hide the errno.
func parseAck(done bool, flags uint16, body []byte) (errno unix.Errno, ack *extendedAck, err error) {
	p, err := splitAck(done, flags, body)
	return p.errno, p.extended(), err
}

// refusal makes the Error of a request that the kernel answered with errno. sent is the request's whole message.
func (r *Request) refusal(sent []byte, index int, errno unix.Errno, ack *extendedAck) *Error {
	e := r.failed(index, native.Uint32(sent[8:]), errno)
	e.Sent = append([]byte{}, sent...)
	if ack == nil {
		return e
	}
	e.Message = ack.Msg
	l := r.layout()
	if l == nil {
		return e
	}
	body := sent[headerSize:]
	if off := int64(ack.Offset); off >= headerSize && off < int64(len(sent)) {
		e.Offset = int(off)
		e.Path = pathAt(l, body, e.Offset-headerSize)
	}
	if ack.MissType != 0 {
		nest := -1 // the body itself
		if ack.MissNest != nil && *ack.MissNest >= headerSize && int64(*ack.MissNest) < int64(len(sent)) {
			nest = int(*ack.MissNest) - headerSize
		}
		e.Missing = joinPath(l.missing(body, nest, uint16(ack.MissType), nil))
	}
	return e
}
