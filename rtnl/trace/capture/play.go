package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"plumb/rtnl/wire"

	"golang.org/x/sys/unix"
)

// Options say how a capture is understood.
type Options struct {
	// Protocol finds the protocol of a family, or returns nil.
	Protocol func(family int) *wire.Protocol
	// Family is that of packets whose capture does not tell it. AnyFamily guesses it by the messages' types.
	Family int
	// Header is the type of messages that come without their header, one a packet; nil where they have it.
	Header *uint16
	// Start is called with the time that the trace counted from, where the capture says it. It may be nil.
	Start func(time.Time)
}

// Play tells a tracer of all that a capture holds, in order: of each message, and, in plumb's own captures, of each step.
// Answers are joined to their requests, so that they have the request's purpose, a latency, and say what they refuse.
// After an error it has told of all that came before.
func Play(s Source, o Options, t wire.Tracer) error {
	p := player{options: o, tracer: t, protocols: map[int]*wire.Protocol{}, asked: map[exchange]*asked{}}
	for n := 1; ; n++ {
		packet, err := s.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = p.packet(&packet)
			if err != nil {
				err = fmt.Errorf("packet %d: %w", n, err)
			}
		}
		if err != nil {
			return err
		}
	}
}

type player struct {
	options   Options
	tracer    wire.Tracer
	protocols map[int]*wire.Protocol
	asked     map[exchange]*asked
	order     []exchange // of asked, the oldest first
	size      int        // bytes in asked
}

// An exchange is a request and its answers.
type exchange struct {
	namespace, socket string
	family            int
	sequence          uint32
}

type asked struct {
	at      time.Time
	message []byte
	purpose string
}

// What is kept of requests that may still be answered: those before are forgotten.
const (
	maxAsked     = 1 << 12
	maxAskedSize = 16 << 20 // bytes
)

// errByteOrder is of messages from a machine of the other byte order.
var errByteOrder = errors.New("its messages have the byte order of another kind of machine: decode it on one of that kind")

func (p *player) packet(packet *Packet) error {
	if packet.Note != nil && len(packet.Data) == 0 {
		p.step(packet)
		return nil
	}
	if t := p.options.Header; t != nil && len(packet.Data)+headerSize <= maxPacket {
		packet.Data, packet.Sent = withHeader(*t, packet.Data), true
	}
	data := packet.Data
	if packet.Missing == 0 && !tiled(binary.NativeEndian, data) && tiled(foreign(), data) {
		return errByteOrder
	}
	if packet.Family == AnyFamily {
		packet.Family = p.guess(data)
	}
	for len(data) > 0 {
		n, whole := len(data), false
		if len(data) >= headerSize {
			if said := binary.NativeEndian.Uint32(data); said >= headerSize && uint64(said) <= uint64(len(data)) {
				n, whole = int(said), true
			}
		}
		p.message(packet, data[:n], whole)
		data = data[min((n+3)&^3, len(data)):]
	}
	return nil
}

// withHeader puts a header before a body.
func withHeader(typ uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(headerSize+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, make([]byte, headerSize-len(b))...)
	return append(b, body...)
}

// guess is the family of messages that come without: that of Options, or nfnetlink's where a type has a subsystem in its
// upper byte, as those of nftables have (linux/netfilter/nfnetlink.h), or else rtnetlink's.
func (p *player) guess(data []byte) int {
	if p.options.Family != AnyFamily {
		return p.options.Family
	}
	for len(data) >= headerSize {
		if binary.NativeEndian.Uint16(data[4:]) >= 1<<8 {
			return unix.NETLINK_NETFILTER
		}
		n := max(headerSize, binary.NativeEndian.Uint32(data))
		data = data[min((uint64(n)+3)&^3, uint64(len(data))):]
	}
	return unix.NETLINK_ROUTE
}

// protocol is that of a family. Of one that is not known, messages have numbers and bytes.
func (p *player) protocol(family int) *wire.Protocol {
	if p.protocols[family] == nil {
		known := p.options.Protocol(family)
		if known == nil {
			known = &wire.Protocol{Name: FamilyName(family), Family: family, Lookup: func(uint16) *wire.Info { return nil }}
		}
		p.protocols[family] = known
	}
	return p.protocols[family]
}

// step tells of what was done without a message, and of the parts of the work.
func (p *player) step(packet *Packet) {
	n := packet.Note
	if n.Kind == KindStart {
		if p.options.Start != nil {
			p.options.Start(packet.Time)
		}
		return
	}
	e := wire.Event{Kind: wire.KindStep, Time: packet.Time, Namespace: n.Namespace, Purpose: n.Purpose, Why: n.Why, Latency: n.Latency}
	switch n.Kind {
	case KindBegin:
		e.Kind = wire.KindBegin
	case KindEnd:
		e.Kind = wire.KindEnd
	}
	if n.Error != "" {
		e.Err = &wire.Error{Op: n.Purpose, Err: &stepError{n.Error, unix.Errno(n.Errno)}}
	}
	p.tracer.Trace(e)
}

// A stepError is an error that was captured.
type stepError struct {
	text  string
	errno unix.Errno
}

func (e *stepError) Error() string { return e.text }

func (e *stepError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

// message tells of one message. One that is not whole has its first bytes.
func (p *player) message(packet *Packet, b []byte, whole bool) {
	e := wire.Event{
		Time: packet.Time, Namespace: packet.Namespace, Protocol: p.protocol(packet.Family), Sent: packet.Sent, Message: b,
	}
	if packet.Note != nil {
		e.Namespace, e.Purpose, e.Latency = packet.Note.Namespace, packet.Note.Purpose, packet.Note.Latency
	}
	purpose := e.Purpose
	if !whole && !cutShort(&e, packet.Missing) {
		p.tracer.Trace(e)
		return
	}
	x := exchange{e.Namespace, packet.Socket, packet.Family, binary.NativeEndian.Uint32(b[8:])}
	if packet.Sent {
		p.remember(x, &e, purpose)
	} else {
		p.join(&e, x, packet)
	}
	p.tracer.Trace(e)
}

// cutShort makes what there is of a message one that is whole, so that it can be shown as far as it goes.
func cutShort(e *wire.Event, missing int) bool {
	n := uint32(len(e.Message))
	if n < headerSize || missing == 0 || binary.NativeEndian.Uint32(e.Message) <= n {
		return false
	}
	e.Purpose = fmt.Sprintf("cut short by the capture, %d bytes before its end", binary.NativeEndian.Uint32(e.Message)-n)
	e.Message = append([]byte(nil), e.Message...)
	binary.NativeEndian.PutUint32(e.Message, n)
	return true
}

// remember keeps a request for its answers.
func (p *player) remember(x exchange, e *wire.Event, purpose string) {
	if old := p.asked[x]; old != nil {
		p.size -= len(old.message)
	} else {
		p.order = append(p.order, x)
	}
	p.asked[x] = &asked{e.Time, append([]byte(nil), e.Message...), purpose}
	p.size += len(e.Message)
	for len(p.order) > maxAsked || p.size > maxAskedSize && len(p.order) > 1 {
		oldest := p.order[0]
		p.order = p.order[1:]
		p.size -= len(p.asked[oldest].message)
		delete(p.asked, oldest)
	}
}

// join makes an event an answer, where its request is known.
func (p *player) join(e *wire.Event, x exchange, packet *Packet) {
	var sent []byte
	if r := p.asked[x]; r != nil {
		sent = r.message
		if packet.Note == nil {
			if e.Purpose == "" {
				e.Purpose = r.purpose
			}
			if !r.at.IsZero() && !e.Time.IsZero() {
				e.Latency = max(0, e.Time.Sub(r.at))
			}
		}
	}
	e.Err = e.Protocol.Refusal(sent, e.Purpose, e.Message)
}
