package compare

import (
	"encoding/binary"
	"strings"

	"plumb/rtnl/wire"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Set is the requests of one set-up, in order: a wire.Tracer that collects them. It is not to be called concurrently.
type Set struct {
	Requests []Request
	Dropped  int // requests over the most that are kept

	names   names
	pending map[sent]int // the latest request with a sequence number, by its place in Requests
}

// MaxRequests is the most that a Set keeps.
const MaxRequests = 20_000

// A sent names a request to its answers.
type sent struct {
	namespace string
	family    int
	sequence  uint32
}

// A Request is what one message asks for.
type Request struct {
	Type       string // RTM_NEWLINK
	What       string // what it is about: "pl-web"
	Purpose    string // why it was sent, where that is known
	Attributes []Attribute

	key    string // Type and What
	whole  string // all that is compared
	family int
}

// An Attribute is a field, an attribute, the flags of the header, or the refusal that a request has met.
type Attribute struct {
	Name  string // by the names on the way to it: IFLA_LINKINFO/IFLA_INFO_KIND
	Value string
}

// Trace implements wire.Tracer.
func (s *Set) Trace(e wire.Event) {
	if e.Message == nil || e.Protocol == nil {
		return
	}
	v, err := e.Protocol.View(e.Message)
	if err != nil {
		return
	}
	id := sent{e.Namespace, e.Protocol.Family, v.Header.Sequence}
	if !e.Sent {
		s.answer(id, e, v)
		return
	}
	s.names.learn(e.Namespace, v.Nodes)
	if only(v) {
		return
	}
	if len(s.Requests) >= MaxRequests {
		s.Dropped++
		return
	}
	r := Request{Type: v.Name, Purpose: e.Purpose, family: e.Protocol.Family}
	r.Attributes = append(r.Attributes, Attribute{"nlmsg_flags", flags(v.Flags)})
	r.Attributes = s.names.flatten(r.Attributes, e.Namespace, "", v.Nodes)
	r.What = identity(r.Attributes)
	if s.pending == nil {
		s.pending = map[sent]int{}
	}
	s.pending[id] = len(s.Requests)
	s.Requests = append(s.Requests, r)
}

// only reports whether a message changes nothing: it asks, or frames a transaction.
func only(v wire.View) bool {
	for word := range strings.SplitSeq(v.Name, "_") {
		if strings.HasPrefix(word, "GET") {
			return true
		}
	}
	return v.Header.Flags&netlink.Request == 0 || strings.Contains(v.Name, "_BATCH_") || strings.HasPrefix(v.Name, "SOCK_DIAG")
}

// answer takes what the kernel says: names of links, and refusals.
func (s *Set) answer(id sent, e wire.Event, v wire.View) {
	if v.Header.Type != netlink.Error {
		s.names.learn(e.Namespace, v.Nodes)
		return
	}
	i, ok := s.pending[id]
	if !ok || e.Err == nil || len(e.Message) < 20 {
		return
	}
	errno := unix.Errno(-int32(binary.NativeEndian.Uint32(e.Message[16:])))
	s.Requests[i].Attributes = append(s.Requests[i].Attributes, Attribute{"refused", wire.ErrnoName(errno)})
}

// flags are those that change what a message means, without those that say how it is answered.
func flags(all []string) string {
	var kept []string
	for _, f := range all {
		switch f {
		case "NLM_F_REQUEST", "NLM_F_ACK", "NLM_F_ECHO", "NLM_F_MULTI":
		default:
			kept = append(kept, strings.TrimPrefix(f, "NLM_F_"))
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "NLM_F_" + strings.Join(kept, "|")
}

// finish makes what Compare looks at, once all is known of each request.
func (s *Set) finish() {
	for i := range s.Requests {
		r := &s.Requests[i]
		r.key = r.Type + " " + r.What
		var b strings.Builder
		for _, a := range r.Attributes {
			b.WriteString(a.Name + "\x00" + a.Value + "\x00")
		}
		r.whole = b.String()
	}
}

// identity is what a request is about, from the attributes that name it: a link by its name, or else by its index, an
// address by the near end's, where the two ends differ.
func identity(attributes []Attribute) string {
	local := false
	for _, a := range attributes {
		local = local || a.Name == "IFA_LOCAL"
	}
	var words []string
	for _, a := range attributes {
		before, ok := identifying(a.Name)
		word := before + strings.Trim(a.Value, `"`)
		switch {
		case !ok, a.Value == "0", local && a.Name == "IFA_ADDRESS", len(words) > 0 && words[len(words)-1] == word:
		default:
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}
