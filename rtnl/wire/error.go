package wire

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// An Error is the kernel's refusal of one message.
type Error struct {
	Op      string // what was attempted: the request's purpose, or its name
	Path    string // the attribute at fault, by names: "LINKINFO/INFO_DATA"; "" where the kernel does not say
	Message string // the kernel's own words (NLMSGERR_ATTR_MSG), or ""
	Missing string // the attribute that is needed and was not sent (NLMSGERR_ATTR_MISS_TYPE), or ""
	Err     error  // a unix.Errno, or what else went wrong

	Index  int    // of the message in its group
	Name   string // of the message's type
	Sent   []byte // the message as it was sent, header included
	Offset int    // of the bytes at fault in Sent; 0 where the kernel does not say
}

// Error says what was attempted, on what, and why the kernel refused.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Path != "" {
		b.WriteString(": " + e.Path)
	}
	if e.Missing != "" {
		b.WriteString(": " + e.Missing + " is missing")
	}
	why := e.Message
	errno, isErrno := e.Err.(unix.Errno)
	switch {
	case why == "" && e.Err != nil:
		why = e.Err.Error()
	case why == "":
		why = "refused"
	}
	b.WriteString(": " + why)
	if isErrno {
		fmt.Fprintf(&b, " (%s)", unix.ErrnoName(errno))
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Errors are all the refusals of one group of messages, in the messages' order.
type Errors []*Error

func (es Errors) Error() string {
	words := make([]string, len(es))
	for i, e := range es {
		words[i] = e.Error()
	}
	return strings.Join(words, "; ")
}

func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// result is es as an error: nil, the only one, or all.
func (es Errors) result() error {
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	return es
}

// Refusals lists the refused messages that err tells of.
func Refusals(err error) Errors {
	if es := (Errors)(nil); errors.As(err, &es) {
		return es
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return Errors{e}
	}
	return nil
}

// The attributes of an extended ACK: enum nlmsgerr_attrs, linux/netlink.h.
type extendedAck struct {
	Msg      string
	Offset   uint32
	MissType uint32
	MissNest uint32
	Policy   *struct{}
	Unknown  []Attr
}

var ackTable = Table[extendedAck]{
	String(1, "NLMSGERR_ATTR_MSG", func(a *extendedAck) *string { return &a.Msg }),
	U32(2, "NLMSGERR_ATTR_OFFS", func(a *extendedAck) *uint32 { return &a.Offset }),
	U32(5, "NLMSGERR_ATTR_MISS_TYPE", func(a *extendedAck) *uint32 { return &a.MissType }),
	U32(6, "NLMSGERR_ATTR_MISS_NEST", func(a *extendedAck) *uint32 { return &a.MissNest }),
	Unknown(func(a *extendedAck) *[]Attr { return &a.Unknown }),
}

// NLM_F_CAPPED and NLM_F_ACK_TLVS, linux/netlink.h.
const (
	flagCapped  = 0x100
	flagAckTLVs = 0x200
)

// parseAck reads the body of an NLMSG_ERROR or NLMSG_DONE: the errno (0 for an acknowledgement) and the extended ACK.
func parseAck(done bool, flags uint16, body []byte) (errno unix.Errno, ack extendedAck, err error) {
	code, err := getNumber[int32](body, 4, false)
	if err != nil {
		return 0, ack, err
	}
	rest := body[4:]
	if !done { // struct nlmsgerr: the request's header comes next, and the request itself where it is not capped
		if len(rest) < headerSize {
			return 0, ack, ErrTruncated
		}
		n := headerSize
		if flags&flagCapped == 0 && code != 0 {
			n = align(int(native.Uint32(rest)))
		}
		if n > len(rest) || n < headerSize {
			n = len(rest)
		}
		rest = rest[n:]
	}
	if flags&flagAckTLVs != 0 {
		if err := ackTable.Decode(rest, &ack); err != nil {
			return 0, ack, fmt.Errorf("extended ACK: %w", err)
		}
	}
	if code > 0 {
		code = 0
	}
	return unix.Errno(-code), ack, nil
}

// refusal makes the Error of a request that the kernel answered with errno.
func refusal(r *Request, sent []byte, index int, errno unix.Errno, ack extendedAck) *Error {
	e := &Error{Op: r.op(), Message: ack.Msg, Err: errno, Index: index, Name: r.Name, Sent: append([]byte{}, sent...)}
	if r.body == nil || len(sent) < headerSize {
		return e
	}
	body := sent[headerSize:]
	if off := int(ack.Offset); off >= headerSize && off < len(sent) {
		e.Offset = off
		e.Path = PathAt(r.body, body, off-headerSize)
	}
	if ack.MissType != 0 {
		e.Missing = "attribute " + utoa(uint16(ack.MissType))
	}
	return e
}

// op is what the request attempts.
func (r *Request) op() string {
	if r.Purpose != "" {
		return r.Purpose
	}
	return r.Name
}
