package wire

import (
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
)

// A textHead is what the first line of a message says: struct nlmsghdr.
type textHead struct {
	line     *textLine
	protocol *Protocol
	typ      uint16
	flags    uint16
	seq, pid uint32
	length   *uint32 // that the text insists on; nil for the true one
	purpose  string
}

func (h *textHead) header() netlink.Header {
	return netlink.Header{Type: netlink.HeaderType(h.typ), Flags: netlink.HeaderFlags(h.flags)}
}

// put writes the header at the start of a message that is there.
func (h *textHead) put(b []byte) {
	length := uint32(len(b))
	if h.length != nil {
		length = *h.length
	}
	native.PutUint32(b[0:], length)
	native.PutUint16(b[4:], h.typ)
	native.PutUint16(b[6:], h.flags)
	native.PutUint32(b[8:], h.seq)
	native.PutUint32(b[12:], h.pid)
}

// head reads the first line of a message.
func (p *parser) head(l *textLine) (*textHead, error) {
	text, purpose, _ := strings.Cut(l.text, "  ")
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, l.errorf("there is no message type in it, such as RTM_GETLINK, and flags")
	}
	name := words[0]
	words = words[1:]
	if name == "message" && len(words) > 0 {
		name += " " + words[0]
		words = words[1:]
	}
	found := p.find(name)
	if found == nil {
		return nil, l.errorf("%q is no message type%s; attributes stand indented below their message", name, p.nearTypes(name))
	}
	h := &textHead{line: l, protocol: found.protocol, typ: found.typ, seq: p.seq + 1, purpose: strings.TrimSpace(purpose)}
	if len(words) == 0 {
		return nil, l.errorf("%s has no flags: NLM_F_REQUEST|ACK asks the kernel, and for an answer; 0 are none", name)
	}
	flags, err := parseFlags(words[0])
	if err != nil {
		return nil, l.errorf("%s: %w", name, err)
	}
	h.flags = flags
	for _, word := range words[1:] {
		if err := h.set(word); err != nil {
			return nil, l.errorf("%s: %w", name, err)
		}
	}
	p.seq = h.seq
	return h, nil
}

// set reads one of the header's members.
func (h *textHead) set(word string) error {
	name, value, ok := strings.Cut(word, "=")
	bits := 32
	if name == "nlmsg_type" || name == "nlmsg_flags" {
		bits = 16
	}
	n, err := strconv.ParseUint(value, 0, bits)
	if !ok || err != nil {
		return errorf("%q is not what stands after the flags: seq=N, and where they shall be otherwise than is right, nlmsg_len=N, nlmsg_type=N, nlmsg_flags=N, nlmsg_pid=N; what the message is for comes after two spaces", word)
	}
	switch name {
	case "len": // as a trace has it: the true one is computed
	case "seq", "nlmsg_seq":
		h.seq = uint32(n)
	case "nlmsg_pid":
		h.pid = uint32(n)
	case "nlmsg_type":
		h.typ = uint16(n)
	case "nlmsg_flags":
		h.flags = uint16(n)
	case "nlmsg_len":
		length := uint32(n)
		h.length = &length
	default:
		return errorf("struct nlmsghdr has no member %q%s", name, near(name, headMembers()))
	}
	return nil
}

func headMembers() []string {
	return []string{"seq", "len", "nlmsg_len", "nlmsg_type", "nlmsg_flags", "nlmsg_seq", "nlmsg_pid"}
}

// allFlags are the names of all flags of struct nlmsghdr: whatever the verb, a learner may send any.
func allFlags() Names {
	names := commonFlags()
	for _, verb := range []string{"GET", "NEW", "DEL", "NLMSG_ERROR"} {
		names = append(names, verbFlags(verb)...)
	}
	return names
}

// parseFlags reads flags as a trace shows them: by names with | between them, of which the prefix may be left out, or in numbers.
func parseFlags(text string) (uint16, error) {
	var flags uint16
	for word := range strings.SplitSeq(text, "|") {
		if n, err := strconv.ParseUint(word, 0, 16); err == nil {
			flags |= uint16(n)
			continue
		}
		name := "NLM_F_" + strings.TrimPrefix(word, "NLM_F_")
		found := false
		var names []string
		for _, n := range allFlags() {
			names = append(names, n.Name)
			if n.Name == name {
				flags |= uint16(n.Value)
				found = true
			}
		}
		if !found {
			return 0, errorf("%q is no flag%s", word, near(name, names))
		}
	}
	return flags, nil
}
