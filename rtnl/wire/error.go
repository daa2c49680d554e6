package wire

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// An Error is the kernel's refusal of one message, or what else kept it from being carried out.
type Error struct {
	Op      string // what was attempted: the request's purpose, or its name
	Path    string // the attribute at fault, by names: "LINKINFO/INFO_DATA"; "" where the kernel does not say
	Message string // the kernel's own words (NLMSGERR_ATTR_MSG), or ""
	Missing string // the attribute that is needed and was not sent, by names like Path (NLMSGERR_ATTR_MISS_TYPE), or ""
	Err     error  // a unix.Errno, or what else went wrong

	Index    int    // of the message in its group, from 0
	Sequence uint32 // of the message; 0 where it was not sent
	Name     string // of the message's type
	Sent     []byte // the message as it was sent, header included
	Offset   int    // of the bytes at fault in Sent; 0 where the kernel does not say
}

// Error says what was attempted, on what, and why the kernel refused:
//
//	create pl-web: LINKINFO/INFO_DATA/VETH_INFO_PEER/IFNAME: Attribute failed policy validation (ERANGE)
//	create pl-web: file exists (EEXIST)
func (e *Error) Error() string {
	words := []string{e.Op}
	if e.Path != "" {
		words = append(words, e.Path)
	}
	if e.Missing != "" {
		words = append(words, e.Missing+" is missing")
	}
	switch {
	case e.Message != "":
		words = append(words, e.Message)
	case e.Err != nil:
		words = append(words, e.Err.Error())
	default:
		words = append(words, "refused")
	}
	text := strings.Join(words, ": ")
	if errno := unix.Errno(0); errors.As(e.Err, &errno) {
		text += " (" + ErrnoName(errno) + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Attribute is the payload of the attribute at fault, or nil where the kernel does not say.
func (e *Error) Attribute() []byte {
	if e.Offset <= 0 || e.Offset+attrHeader > len(e.Sent) {
		return nil
	}
	b := e.Sent[e.Offset:]
	n := int(native.Uint16(b))
	if n < attrHeader || n > len(b) {
		return nil
	}
	return b[attrHeader:n]
}

// ErrnoName is the name of an errno, such as EEXIST, as the kernel's sources spell it. It knows the one that is the
// kernel's own but that netlink families let out: ENOTSUPP, linux/errno.h.
func ErrnoName(errno unix.Errno) string {
	const enotsupp = 524
	switch errno {
	case enotsupp:
		return "ENOTSUPP"
	case unix.EOPNOTSUPP: // which the C library calls ENOTSUP too
		return "EOPNOTSUPP"
	}
	if name := unix.ErrnoName(errno); name != "" {
		return name
	}
	return errno.Error()
}

// Errors are all the refusals of one group of messages, in the messages' order.
type Errors []*Error

// Error lists the first few, and counts the others.
func (es Errors) Error() string {
	const most = 8
	var words []string
	for _, e := range es[:min(len(es), most)] {
		words = append(words, e.Error())
	}
	if more := len(es) - most; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, "; ")
}

// Unwrap gives the single refusals to errors.Is and errors.As.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// result is es as an error, in the messages' order: nil, the only one, or all.
func (es Errors) result() error {
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	sort.SliceStable(es, func(i, j int) bool { return es[i].Index < es[j].Index })
	return es
}

// Refusals lists the messages that err says were refused.
func Refusals(err error) Errors {
	if err == nil {
		return nil
	}
	if es := Errors(nil); errors.As(err, &es) {
		return es
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return Errors{e}
	}
	return nil
}

// op is what the request attempts.
func (r *Request) op() string {
	if r.Purpose != "" {
		return r.Purpose
	}
	return r.Name
}

// failed is the error of a request for a reason that the kernel did not give.
func (r *Request) failed(index int, seq uint32, err error) *Error {
	return &Error{Op: r.op(), Name: r.Name, Index: index, Sequence: seq, Err: err}
}
