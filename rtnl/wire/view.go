package wire

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A View is a whole message, named and taken apart. Every form that a trace can have is made of it.
type View struct {
	Header netlink.Header
	Name   string   // of the type: RTM_NEWLINK
	Flags  []string // by the kernel's names, and one hexadecimal number for bits that have none
	Nodes  []Node   // the body; offsets count from its start, 16 bytes after the message's
}

// View takes the first message of b apart. The error wraps ErrTruncated where b does not hold a whole message; what
// is wrong within its body is shown as such.
func (p *Protocol) View(b []byte) (View, error) {
	v, info, body, err := p.head(b)
	if err != nil {
		return View{}, err
	}
	switch h := v.Header; {
	case h.Type == netlink.Error || h.Type == netlink.Done:
		v.Nodes = p.viewAnswer(h, body)
	default:
		v.Nodes = info.show(body)
		if p.Annotate != nil {
			p.Annotate(&v, body)
		}
	}
	return v, nil
}

// Head is View without the body, for a fraction of the price.
func (p *Protocol) Head(b []byte) (View, error) {
	v, _, _, err := p.head(b)
	return v, err
}

func (p *Protocol) head(b []byte) (v View, info *Info, body []byte, err error) {
	h, body, _, err := parseHeader(b)
	if err != nil {
		return View{}, nil, nil, err
	}
	info = p.infoOf(h, body)
	v = View{Header: h, Name: info.Name}
	if h.Flags != 0 {
		v.Flags = strings.Split(flagNames(info.Name, h.Flags), "|")
	}
	return v, info, body, nil
}

// show is what a body says, or its bytes where its type is not known.
func (i *Info) show(body []byte) []Node {
	if l := i.layout(); l != nil {
		return l.show(body, 0, nil)
	}
	if len(body) > 0 {
		return []Node{{Name: "body", Value: hex(body), Length: len(body)}}
	}
	return nil
}

// viewAnswer takes the body of an NLMSG_ERROR or NLMSG_DONE apart.
func (p *Protocol) viewAnswer(h netlink.Header, body []byte) []Node {
	parts, err := splitAck(h.Type == netlink.Done, uint16(h.Flags), body)
	if err != nil {
		return malformed(body, 0)
	}
	var nodes []Node
	if len(body) >= 4 {
		nodes = append(nodes, Node{Name: "error", Value: errorValue(body), Length: 4, Form: Number})
	}
	if parts.request != nil {
		nodes = append(nodes, p.viewRequest(parts.request))
	}
	if parts.tlvs != nil {
		return append(nodes, of(&ackTable).show(parts.tlvs, parts.tlvsAt, nil)...)
	}
	return append(nodes, malformed(body[min(parts.tlvsAt, len(body)):], parts.tlvsAt)...)
}

// errorValue is the errno at the start of an answer, as a person wants to see it.
func errorValue(body []byte) string {
	code := int32(native.Uint32(body))
	if code >= 0 {
		return strconv.Itoa(int(code))
	}
	return "-" + ErrnoName(unix.Errno(-int64(code)))
}

// viewRequest shows the header of the message that is answered, and its body where the kernel sent it back: struct
// nlmsgerr's member msg, linux/netlink.h.
func (p *Protocol) viewRequest(b []byte) Node {
	const at = 4 // after nlmsgerr's error
	info := p.Info(native.Uint16(b[4:]))
	flags := flagNames(info.Name, netlink.HeaderFlags(native.Uint16(b[6:])))
	number := func(i int) string { return strconv.FormatUint(uint64(native.Uint32(b[i:])), 10) }
	request := Node{Name: "msg", Offset: at, Length: len(b), Children: []Node{
		{Name: "nlmsg_len", Value: number(0), Offset: at, Length: 4, Form: Number},
		{Name: "nlmsg_type", Value: info.Name, Offset: at + 4, Length: 2, Form: Number},
		{Name: "nlmsg_flags", Value: flags, Offset: at + 6, Length: 2, Form: Number},
		{Name: "nlmsg_seq", Value: number(8), Offset: at + 8, Length: 4, Form: Number},
		{Name: "nlmsg_pid", Value: number(12), Offset: at + 12, Length: 4, Form: Number},
	}}
	body := b[headerSize:]
	if len(body) == 0 {
		return request
	}
	h := netlink.Header{Type: netlink.HeaderType(native.Uint16(b[4:])), Flags: netlink.HeaderFlags(native.Uint16(b[6:]))}
	sent := Node{Name: "body", Offset: at + headerSize, Length: len(body)}
	if l := p.infoOf(h, body).layout(); l != nil {
		sent.Children = l.show(body, sent.Offset, nil)
	} else {
		sent.Value = hex(body)
	}
	request.Children = append(request.Children, sent)
	return request
}

// The flags of struct nlmsghdr, linux/netlink.h. What the upper bits mean depends on the message's verb.
func commonFlags() Names {
	return Names{
		{0x01, "NLM_F_REQUEST"},
		{0x02, "NLM_F_MULTI"},
		{0x04, "NLM_F_ACK"},
		{0x08, "NLM_F_ECHO"},
		{0x10, "NLM_F_DUMP_INTR"},
		{0x20, "NLM_F_DUMP_FILTERED"},
	}
}

// verbFlags are the flags whose meaning the message's type decides: kernels have no table of it, but the names of all
// types in all families say which they are.
func verbFlags(typeName string) Names {
	if typeName == "NLMSG_ERROR" || typeName == "NLMSG_DONE" {
		return Names{{flagCapped, "NLM_F_CAPPED"}, {flagAckTLVs, "NLM_F_ACK_TLVS"}}
	}
	for word := range strings.SplitSeq(typeName, "_") {
		switch {
		case strings.HasPrefix(word, "GET"):
			return Names{{0x300, "NLM_F_DUMP"}, {0x100, "NLM_F_ROOT"}, {0x200, "NLM_F_MATCH"}, {0x400, "NLM_F_ATOMIC"}}
		case strings.HasPrefix(word, "NEW"), strings.HasPrefix(word, "SET"):
			return Names{{0x100, "NLM_F_REPLACE"}, {0x200, "NLM_F_EXCL"}, {0x400, "NLM_F_CREATE"}, {0x800, "NLM_F_APPEND"}}
		case strings.HasPrefix(word, "DEL"), strings.HasPrefix(word, "DESTROY"):
			return Names{{0x100, "NLM_F_NONREC"}, {0x200, "NLM_F_BULK"}}
		}
	}
	return nil
}

// flagNames names the flags of a message of a type.
func flagNames(typeName string, flags netlink.HeaderFlags) string {
	return slices.Concat(commonFlags(), verbFlags(typeName)).Flags(uint64(flags))
}
