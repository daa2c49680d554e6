package wire

import (
	"strconv"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Message is a message type: its number, its name in the kernel's header, and the table of its body.
type Message[T any] struct {
	Type uint16
	Name string
	Body *Table[*T]

	words Group // of none: it has a Body
}

// A Request is one message to be sent: a type, flags and a body. Message.New makes it.
type Request struct {
	*Info
	Flags   netlink.HeaderFlags
	Purpose string // what it is for, such as "create pl-web"; errors and traces say it

	value unsafe.Pointer // to the struct that the Info's body describes; nil for a body that is
	raw   []byte         // encoded already

	want  *Info          // the type of the message that answers a question: see Into, and Tally
	into  unsafe.Pointer // where the one answer goes; nil for what has not one
	tally *int           // how many answers there were; nil for what is not to be counted

	expected unix.Errno // see Expecting
}

// New makes a request of v, which is read when the request is sent. NLM_F_REQUEST is always set.
func (m *Message[T]) New(flags netlink.HeaderFlags, v *T, purpose string) Request {
	return request(m.Info(), flags, unsafe.Pointer(v), purpose)
}

//go:noinline
func request(i *Info, flags netlink.HeaderFlags, v unsafe.Pointer, purpose string) Request {
	return Request{Info: i, Flags: netlink.Request | flags, Purpose: purpose, value: v}
}

// Into makes a question of a request: the one message of type m that answers it goes to v. Questions may stand among other requests in
// what Do sends: the kernel handles them in turn, so that many cost one system call more for each answer, and no other.
func Into[T any](r Request, m *Message[T], v *T) Request {
	r.want, r.into = m.Info(), unsafe.Pointer(v)
	return r
}

// Expecting says that a refusal with this errno is no failure to the caller. Of such a one is not found out what in the message it is about,
// which takes longer than most messages do, unless there is a Tracer to be told.
func (r Request) Expecting(errno unix.Errno) Request {
	r.expected = errno
	return r
}

// Info is what a trace needs to know of a message type: a Message without its Go type.
type Info struct {
	Type uint16
	Name string
	body *rows // nil where there is no table

	words Group // of a dictionary, for the body of one that has no table
}

// layout is what describes the body; nil where nothing does.
func (i *Info) layout() layout {
	if i.body != nil {
		return i.body
	}
	if g := i.words.get(); g != nil {
		return g
	}
	return nil
}

// Info returns what a trace needs to know of m. It is m itself, whose fields are these, whatever T is.
func (m *Message[T]) Info() *Info { return (*Info)(unsafe.Pointer(m)) }

// Find finds a message type by its number, for a Protocol's Lookup; nil where there is none.
func Find(typ uint16, all ...*Info) *Info {
	for _, i := range all {
		if i.Type == typ {
			return i
		}
	}
	return nil
}

// A Protocol is a netlink family and its message types.
type Protocol struct {
	Name   string // NETLINK_ROUTE
	Family int    // unix.NETLINK_ROUTE
	// Lookup finds a message type, or returns nil.
	Lookup func(typ uint16) *Info
	// Asked finds the message type of what has NLM_F_REQUEST, where that has another body than its answer of the same
	// number has (sock_diag). It is nil where there is no such type.
	Asked func(typ uint16) *Info
	// Annotate gives values a meaning that other parts of their message say: after a View was made of the message, whose body is
	// body. It is nil where there is nothing to be added.
	Annotate func(v *View, body []byte)
	// Look finds the type of a message whose number does not say enough, by what is in it (generic netlink: a family's
	// command). It may learn from the messages that it is shown, in their order. It is nil, or returns nil, where the
	// number says enough.
	Look func(h netlink.Header, body []byte) *Info
}

// infoOf is Info, for a whole message.
func (p *Protocol) infoOf(h netlink.Header, body []byte) *Info {
	if p.Look != nil {
		if info := p.Look(h, body); info != nil {
			return info
		}
	}
	return p.own(h)
}

// own is infoOf without a look at the body.
func (p *Protocol) own(h netlink.Header) *Info {
	if p.Asked != nil && h.Flags&netlink.Request != 0 {
		if info := p.Asked(uint16(h.Type)); info != nil {
			return info
		}
	}
	return p.Info(uint16(h.Type))
}

// Info finds a message type of p, or one of netlink's own. One that is not known is named by its number.
func (p *Protocol) Info(typ uint16) *Info {
	own := []string{netlink.Noop: "NLMSG_NOOP", netlink.Error: "NLMSG_ERROR", netlink.Done: "NLMSG_DONE", netlink.Overrun: "NLMSG_OVERRUN"}
	if int(typ) < len(own) && own[typ] != "" {
		return &Info{Type: typ, Name: own[typ]}
	}
	if info := p.Lookup(typ); info != nil {
		return info
	}
	return &Info{Type: typ, Name: "message " + strconv.Itoa(int(typ))}
}

// Request makes a request of a type of p, with a body that is encoded already. NLM_F_REQUEST is always set.
func (p *Protocol) Request(typ uint16, body []byte, purpose string) Request {
	return Request{Info: p.Info(typ), Flags: netlink.Request, Purpose: purpose, raw: body}
}

// headerSize is the size of struct nlmsghdr, linux/netlink.h.
const headerSize = 16

// appendTo encodes the whole message, padded.
func (r *Request) appendTo(e *Encoder, flags netlink.HeaderFlags, seq uint32) {
	start := len(e.b)
	e.grow(headerSize)
	if r.value != nil {
		r.body.encode(e, r.value)
	}
	copy(e.grow(len(r.raw)), r.raw)
	n := len(e.b) - start
	h := e.b[start:]
	native.PutUint32(h[0:], uint32(n))
	native.PutUint16(h[4:], r.Type)
	native.PutUint16(h[6:], uint16(flags))
	native.PutUint32(h[8:], seq)
	// nlmsg_pid stays 0: the kernel takes the socket's own.
	e.pad()
}

// Encode returns the bytes of the whole message, header included, as it is sent with sequence number seq.
func (r Request) Encode(seq uint32) ([]byte, error) {
	var e Encoder
	r.appendTo(&e, r.Flags, seq)
	return e.b, e.err
}

// parseHeader splits the first message off b: its header, its body, and what comes after it.
func parseHeader(b []byte) (h netlink.Header, body, rest []byte, err error) {
	if len(b) < headerSize {
		return h, nil, nil, ErrTruncated
	}
	h = netlink.Header{
		Length:   native.Uint32(b[0:]),
		Type:     netlink.HeaderType(native.Uint16(b[4:])),
		Flags:    netlink.HeaderFlags(native.Uint16(b[6:])),
		Sequence: native.Uint32(b[8:]),
		PID:      native.Uint32(b[12:]),
	}
	if h.Length < headerSize || int64(h.Length) > int64(len(b)) {
		return h, nil, nil, ErrTruncated
	}
	n := int(h.Length)
	return h, b[headerSize:n], b[min(align(n), len(b)):], nil
}
