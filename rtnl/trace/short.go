package trace

import (
	"encoding/binary"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"plumb/rtnl/wire"
)

// Short is Text with one line for each message, and one for all the messages of a dump. It is made to cost little: bodies are
// not taken apart, names are looked up once, and a line is put together in a buffer that is used again.
func Short(w io.Writer, options Options) wire.Tracer {
	return &short{w: w, options: options, names: map[typeAndFlags]headNames{}}
}

type short struct {
	options Options

	mu           sync.Mutex // guards what follows
	w            io.Writer
	b            []byte
	names        map[typeAndFlags]headNames
	parts        parts
	transactions transactions
	dumps        []dump
}

// A typeAndFlags is what of a message its name and its flags' names depend on.
type typeAndFlags struct {
	protocol *wire.Protocol
	typ      netlink.HeaderType
	flags    netlink.HeaderFlags
}

type headNames struct{ name, flags string }

// A dump is one that was asked for, and how much of its answer has come.
type dump struct {
	namespace string
	protocol  *wire.Protocol
	seq       uint32
	messages  int
	bytes     int
	name      string // of the messages' type
}

// Trace implements wire.Tracer.
func (s *short) Trace(e wire.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.options.Start.IsZero() {
		s.options.Start = e.Time
	}
	command := ""
	if s.options.Commands != nil {
		command = s.options.Commands.Command(e)
	}
	s.b = s.b[:0]
	s.write(&e)
	if command != "" && len(s.b) > 0 {
		s.b = s.b[:len(s.b)-1] // the end of the line
		s.add("  $ ", clean(strings.ReplaceAll(command, "\n", "; ")), "\n")
	}
	if len(s.b) > 0 {
		_, _ = s.w.Write(s.b)
	}
}

func (s *short) write(e *wire.Event) {
	switch {
	case e.Kind == wire.KindBegin || e.Kind == wire.KindEnd:
		p := page{color: s.options.Color}
		if e.Kind == wire.KindBegin {
			p.begins(s.parts.begin(e), e)
		} else {
			p.ends(s.parts.end(e), e)
		}
		s.add(p.String())
		return
	case e.Message == nil:
		s.head(e, e.Time, outside, "·")
		s.name(clean(e.Purpose))
		if e.Err != nil {
			s.add(": ", s.paint(red, clean(why(e.Err))))
		}
		s.after(e)
		s.add("\n")
		return
	}
	if h, ok := header(e.Message); ok && e.Protocol != nil {
		s.message(e, &wire.View{Header: h})
		return
	}
	s.head(e, e.Time, outside, arrow(e.Sent))
	s.add(s.paint(red, "unreadable"), purpose(e), "\n")
}

// header reads a message's struct nlmsghdr.
func header(b []byte) (h netlink.Header, ok bool) {
	if len(b) < headerSize {
		return h, false
	}
	n := binary.NativeEndian
	h = netlink.Header{
		Length: n.Uint32(b), Type: netlink.HeaderType(n.Uint16(b[4:])), Flags: netlink.HeaderFlags(n.Uint16(b[6:])),
		Sequence: n.Uint32(b[8:]), PID: n.Uint32(b[12:]),
	}
	return h, h.Length >= headerSize && uint64(h.Length) <= uint64(len(b))
}

func (s *short) message(e *wire.Event, v *wire.View) {
	key := typeAndFlags{e.Protocol, v.Header.Type, v.Header.Flags}
	known, ok := s.names[key]
	if !ok || e.Protocol.Family == unix.NETLINK_GENERIC { // whose names are in the bodies; rtnetlink's Look finds no other name
		head, _ := e.Protocol.Head(e.Message) // its header was looked at
		known = headNames{clean(head.Name), flags(head.Flags)}
		s.names[key] = known
	}
	v.Name = known.name
	if s.collect(e, v) {
		return
	}
	if strings.HasSuffix(v.Name, "_BATCH_BEGIN") {
		if whole, err := e.Protocol.View(e.Message); err == nil {
			v.Nodes = whole.Nodes
		}
	}
	place, of := s.transactions.place(e, v)
	s.head(e, e.Time, place, arrow(e.Sent))
	s.name(known.name)
	s.add(" ", known.flags, " seq=")
	s.number(uint64(v.Header.Sequence))
	s.add(" len=")
	s.number(uint64(v.Header.Length))
	if e.Purpose != "" {
		s.add("  ", clean(e.Purpose))
	}
	s.outcome(e, v)
	s.after(e)
	s.add("\n")
	if place == last {
		s.add(of.total(e, s.paint), "\n")
	}
}

// outcome is what an answer says.
func (s *short) outcome(e *wire.Event, v *wire.View) {
	switch {
	case e.Err != nil:
		s.add(": ", s.paint(red, clean(why(e.Err))))
	case v.Header.Type == netlink.Done:
		s.add(": the end")
		s.collected(e, v)
	case v.Header.Type != netlink.Error:
	case errnoOf(e.Message) != 0:
		s.add(": ", s.paint(red, wire.ErrnoName(unix.Errno(-errnoOf(e.Message)))))
	default:
		s.add(": ", s.paint(green, "done"))
	}
}

// collect notes that a dump was asked for, and what of its answer comes: what it takes in is shown at its end.
func (s *short) collect(e *wire.Event, v *wire.View) bool {
	switch {
	case e.Sent:
		if v.Header.Flags&netlink.Dump == netlink.Dump && strings.Contains(v.Name, "GET") {
			const most = 16 // that have not ended: an answer may have been lost
			s.dumps = append(s.dumps[max(0, len(s.dumps)-most+1):], dump{namespace: e.Namespace, protocol: e.Protocol, seq: v.Header.Sequence})
		}
		return false
	case v.Header.Flags&netlink.Multi == 0 || v.Header.Type == netlink.Done:
		return false
	}
	for i := range s.dumps {
		if d := &s.dumps[i]; d.of(e) && d.seq == v.Header.Sequence {
			d.messages++
			d.bytes += int(v.Header.Length)
			d.name = v.Name
			return true
		}
	}
	return false
}

func (d *dump) of(e *wire.Event) bool { return d.namespace == e.Namespace && d.protocol == e.Protocol }

// collected tells what the dump has brought that ends here.
func (s *short) collected(e *wire.Event, v *wire.View) {
	for i := range s.dumps {
		if d := &s.dumps[i]; d.of(e) && d.seq == v.Header.Sequence {
			s.add(" of ")
			s.number(uint64(d.messages))
			if d.messages > 0 {
				s.add(" ", d.name, ", ")
				s.number(uint64(d.bytes))
				s.add(" bytes")
			}
			s.dumps = append(s.dumps[:i], s.dumps[i+1:]...)
			return
		}
	}
}

// head begins a line.
func (s *short) head(e *wire.Event, at time.Time, p place, arrow string) {
	if s.options.Color {
		s.add("\x1b[" + dim + "m")
	}
	s.b = appendMilliseconds(s.b, at.Sub(s.options.Start))
	s.add(" ms")
	if s.options.Color {
		s.add("\x1b[0m")
	}
	s.add(" ", p.head(), clean(e.Namespace), " ", arrow, " ")
}

func (s *short) after(e *wire.Event) {
	switch {
	case e.Latency <= 0:
	case e.Latency < time.Millisecond: // the usual, without the price of a string
		s.add(" after ")
		tenths := uint64(e.Latency+50) / 100
		s.number(tenths / 10)
		if tenths%10 > 0 {
			s.b = append(s.b, '.', '0'+byte(tenths%10))
		}
		s.add("µs")
	default:
		s.add(" after ", round(e.Latency))
	}
}

func (s *short) add(words ...string) {
	for _, w := range words {
		s.b = append(s.b, w...)
	}
}

func (s *short) number(n uint64) { s.b = strconv.AppendUint(s.b, n, 10) }

// name writes what is emphasized.
func (s *short) name(name string) {
	if s.options.Color {
		s.add("\x1b["+bold+"m", name, "\x1b[0m")
		return
	}
	s.add(name)
}

func (s *short) paint(sgr, text string) string {
	p := page{color: s.options.Color}
	return p.paint(sgr, text)
}
