package wire

import (
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
)

// A trace shows a message as text; Parse reads that text, and makes the message again: the same tables know both ways.
//
//	RTM_NEWLINK NLM_F_REQUEST|ACK|EXCL|CREATE seq=1     the type, the flags, and what else struct nlmsghdr has
//	    ifi_family=AF_UNSPEC ifi_index=0                the fields of the fixed struct: those that are left out are 0
//	    IFLA_IFNAME "veth0"                             an attribute on a line, and what is in it on further lines,
//	    IFLA_LINKINFO                                   indented
//	        IFLA_INFO_KIND "veth"
//
// Lengths and padding are computed. What a trace has besides (times, namespaces, brackets, len=, answers, steps, lines that begin
// with $ or #) is passed over, so that text that was copied from one is good as it is.
//
// Every value can be given otherwise than its table would have it, to see what the kernel says to that:
//
//	IFLA_MTU 1500              as the table has it
//	IFLA_MTU u16:1500          a number of another width (u8, u16, u32, u64, and be16, be32, be64 in network byte order)
//	IFLA_MTU bytes:dc05        bytes, none at all too
//	attribute 99 0xdeadbeef    an attribute that has no name
//	IFLA_MTU nla_len=6 1500    another length than the true one
//	IFLA_MTU nla_type=0x8004 1500
//
// and nlmsg_len=, nlmsg_type=, nlmsg_flags=, nlmsg_seq= and nlmsg_pid= in the first line. body=0x... are a body's bytes.

// ParseOptions say what Parse knows.
type ParseOptions struct {
	// Protocols are those whose messages the text may hold. A type that is given by its number is of the first.
	Protocols []*Protocol
	// Open opens the file that a descriptor is given by, as in IFLA_NET_NS_FD "/proc/1234/ns/net"; nil: that is an error.
	// The descriptor must stay open until the message is sent.
	Open func(path string) (fd int, err error)
}

// A Parsed is one message that Parse has read.
type Parsed struct {
	Protocol *Protocol
	Purpose  string // what the text says it is for, after the first line's numbers, or ""
	Message  []byte // the whole message, padded; its length (nlmsg_len) may be another where the text says so
	Line     int    // of the text, from 1, where it begins
}

// Parse reads the messages of a text. Answers (←) and steps (·) in it are passed over. An error names the line.
//
// A message without a sequence number has the one after that of the message before it; the first has 1.
func Parse(text string, options ParseOptions) ([]Parsed, error) {
	p := parser{options: options}
	heads, err := splitText(text, p.isType)
	if err != nil {
		return nil, err
	}
	var all []Parsed
	for _, l := range heads {
		one, err := p.message(l)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// Parse reads messages of this protocol, and returns them one after the other: a datagram.
func (p *Protocol) Parse(text string) ([]byte, error) {
	all, err := Parse(text, ParseOptions{Protocols: []*Protocol{p}})
	var b []byte
	for i := range all {
		b = append(b, all[i].Message...)
	}
	return b, err
}

type parser struct {
	options ParseOptions
	seq     uint32 // of the last message
	types   map[string]*typeOf
}

// A typeOf is a message type that was looked up by its name.
type typeOf struct {
	protocol *Protocol
	typ      uint16
}

// ownTypes are the types that all protocols have: linux/netlink.h.
var ownTypes = [...]string{1: "NLMSG_NOOP", 2: "NLMSG_ERROR", 3: "NLMSG_DONE", 4: "NLMSG_OVERRUN"}

// find finds a message type by its name, or by "message" and its number; nil where there is none.
func (p *parser) find(name string) *typeOf {
	if t, known := p.types[name]; known {
		return t
	}
	if p.types == nil {
		p.types = map[string]*typeOf{}
	}
	t := p.lookUp(name)
	p.types[name] = t
	return t
}

func (p *parser) lookUp(name string) *typeOf {
	if len(p.options.Protocols) == 0 {
		return nil
	}
	if number, ok := strings.CutPrefix(name, "message "); ok {
		typ, err := strconv.ParseUint(number, 0, 16)
		if err != nil {
			return nil
		}
		return &typeOf{p.options.Protocols[0], uint16(typ)}
	}
	for typ, own := range ownTypes {
		if own != "" && own == name {
			return &typeOf{p.options.Protocols[0], uint16(typ)}
		}
	}
	for _, protocol := range p.options.Protocols {
		if typ, ok := protocol.TypeOf(name); ok {
			return &typeOf{protocol, typ}
		}
	}
	return nil
}

func (p *parser) isType(name string) bool { return p.find(name) != nil }

// TypeOf is the number of the message type called name. Where an answer has the number of another request (ctnetlink has such), it
// is that of the request called so.
func (p *Protocol) TypeOf(name string) (typ uint16, ok bool) {
	for info := range p.types() {
		if info.Name != name {
			continue
		}
		if !ok {
			typ, ok = info.Type, true
		}
		asked := p.own(netlink.Header{Type: netlink.HeaderType(info.Type), Flags: netlink.Request})
		if asked.Name == name {
			return info.Type, true
		}
	}
	return typ, ok
}

// types yields all message types that the protocol knows.
func (p *Protocol) types() func(yield func(*Info) bool) {
	return func(yield func(*Info) bool) {
		// Of all families' numbers, none is beyond: netfilter has less than 16 subsystems of 256 types each
		// (linux/netfilter/nfnetlink.h), generic netlink ends at GENL_MAX_ID, 1023.
		for typ := range 1 << 12 {
			if info := p.Lookup(uint16(typ)); info != nil && !yield(info) {
				return
			}
		}
	}
}

// message makes a message of its lines.
func (p *parser) message(l *textLine) (Parsed, error) {
	h, err := p.head(l)
	if err != nil {
		return Parsed{}, err
	}
	b, err := p.anyBody(h, l.below)
	if err != nil {
		return Parsed{}, err
	}
	e := Encoder{b: b}
	h.put(e.b)
	e.pad()
	return Parsed{Protocol: h.protocol, Purpose: h.purpose, Line: l.number, Message: e.b}, nil
}

// anyBody makes a message without its header. What describes the body of a type depends on the body, for some: it is the one
// that makes a body that it describes. The fields of a fixed struct that is not the type's own, which some programs send to ask
// for all, are known by how long that struct is.
func (p *parser) anyBody(h *textHead, lines []*textLine) (b []byte, err error) {
	const long = 16 // struct ifinfomsg, the longest
	info := h.protocol.own(h.header())
	b, err = p.tryBody(h, info, lines)
	if err == nil {
		if other := h.protocol.infoOf(h.header(), b[headerSize:]); other.layout() != info.layout() {
			if again, err := p.tryBody(h, other, lines); err == nil {
				return again, nil
			}
		}
		return b, nil
	}
	for _, size := range []int{1, long} {
		other := h.protocol.infoOf(h.header(), make([]byte, size))
		if b, otherErr := p.tryBody(h, other, lines); otherErr == nil {
			return b, nil
		}
	}
	return nil, err
}

// tryBody makes the body of a type, behind room for its header.
func (p *parser) tryBody(h *textHead, info *Info, lines []*textLine) ([]byte, error) {
	var e Encoder
	e.grow(headerSize)
	if err := p.body(&e, info.layout(), lines, info.Name); err != nil {
		return nil, err
	}
	if e.err != nil {
		return nil, h.line.errorf("%w", e.err)
	}
	return e.b, nil
}
