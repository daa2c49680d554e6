package page

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"plumb/rtnl/wire"
)

// The messages are in the page as one JSON object (RFC 8259):
//
//	title     string
//	start     string     RFC 3339, of time 0
//	big       0 or 1     whether the traced machine is big-endian
//	headers   [[prefix, header], [prefix, header, struct], ...]
//	strings   [string, ...], to which all other parts refer by index; 0 is ""
//	events    [[time, namespace, protocol, how, purpose, latency, error, offset, request, command, name, flags,
//	          function, file, bytes, spans], ...]
//
// Times are in nanoseconds. how is 0 for what was received, 1 sent, 2 a step, 3 and 4 for the beginning and the end of a part of
// the work. error is why it failed, or why a part that begins is done; offset where in the request the kernel points. request is the index of the event that is answered, or -1. bytes is base64. spans are the
// spans of Tile in the order in which they begin, four numbers each: 256*depth + 16*Kind + Form, name, value, length. What
// the page works out for itself is left out: the message, its header, the leaves of attributes without children.

// An encoder writes the JSON.
type encoder struct {
	b        []byte
	handlers handlers
	texts    []string
	index    map[string]int
}

// text is the index of a string.
func (e *encoder) text(s string) int {
	i, ok := e.index[s]
	if !ok {
		i = len(e.texts)
		e.texts, e.index[s] = append(e.texts, s), i
	}
	return i
}

func (e *encoder) add(words ...string) {
	for _, s := range words {
		e.b = append(e.b, s...)
	}
}

func (e *encoder) numbers(ns ...int) {
	for _, n := range ns {
		e.b = append(strconv.AppendInt(e.b, int64(n), 10), ',')
	}
}

// end ends a list.
func (e *encoder) end() {
	if last := len(e.b) - 1; e.b[last] == ',' {
		e.b = e.b[:last]
	}
	e.add("]")
}

// data is the JSON of a page.
func data(o Options, events []wire.Event) []byte {
	e := &encoder{handlers: readHandlers(), index: map[string]int{}}
	e.text("")
	began, to := o.start(events), answered(events)
	e.add(`{"title":`, quote(o.Title), `,"start":`, quote(began.Format(microseconds)), `,"big":`, strconv.Itoa(bigEndian()), `,"headers":[`)
	for words := range table(headersText) {
		e.add(list(words), ",")
	}
	e.end()
	e.add(`,"events":[`)
	for i := range events {
		command := ""
		if o.Commands != nil {
			command = o.Commands.Command(events[i])
		}
		e.event(events[i], events[i].Time.Sub(began), to[i], command)
		e.add(",")
	}
	e.end()
	e.add(`,"strings":`, list(e.texts), "}")
	return e.b
}

const microseconds = "2006-01-02T15:04:05.000000Z07:00"

func bigEndian() int { return 1 - int(binary.NativeEndian.Uint16([]byte{1, 0})&1) }

// How an event came to be.
const (
	received = iota
	sent
	step
	begin
	end
)

// howOf says how an event came to be.
func howOf(e wire.Event) int {
	switch {
	case e.Kind == wire.KindBegin:
		return begin
	case e.Kind == wire.KindEnd:
		return end
	case e.Message == nil:
		return step
	case e.Sent:
		return sent
	}
	return received
}

func (e *encoder) event(event wire.Event, at time.Duration, to int, command string) {
	var v wire.View
	protocol, why, offset := "", event.Why, 0
	if event.Protocol != nil && event.Message != nil {
		protocol = event.Protocol.Name
		v, _ = event.Protocol.View(event.Message) // what is none is shown as bytes
	}
	if event.Err != nil {
		why, offset = strings.TrimPrefix(event.Err.Error(), event.Err.Op+": "), event.Err.Offset
	}
	handler := e.handlers.of(event, v)
	e.add("[", strconv.FormatInt(int64(at), 10), ",")
	e.numbers(e.text(event.Namespace), e.text(protocol), howOf(event), e.text(event.Purpose))
	e.add(strconv.FormatInt(int64(event.Latency), 10), ",")
	e.numbers(e.text(why), offset, to, e.text(command), e.text(v.Name), e.text(strings.Join(v.Flags, "|")),
		e.text(handler.name), e.text(handler.file))
	e.add(`"`, base64.StdEncoding.EncodeToString(event.Message), `",[`)
	whole := Tile(event.Message, v)
	e.spans(whole.Children, 0, event.Message)
	e.end()
	e.add("]")
}

// spans writes what the page cannot work out.
func (e *encoder) spans(spans []Span, depth int, message []byte) {
	for i := range spans {
		s := &spans[i]
		switch {
		case s.Kind == AttrLength || s.Kind == AttrType || depth == 0 && s.Kind == Struct && s.Offset == 0:
			continue
		case s.Length == 0:
			continue
		}
		e.numbers(256*depth+16*int(s.Kind)+int(s.Form), e.text(s.Name), e.value(s, message), s.Length)
		if !plain(s) {
			e.spans(s.Children, depth+1, message)
		}
	}
}

// plain reports whether the leaves of a span are those that any attribute has.
func plain(s *Span) bool {
	if s.Kind != Attribute {
		return s.Children == nil
	}
	for i := range s.Children {
		switch s.Children[i].Kind {
		case AttrLength, AttrType, Payload, Terminator:
		default:
			return false
		}
	}
	return true
}

// value is the index of a value, or -1 for one that is the bytes in hexadecimal.
func (e *encoder) value(s *Span, message []byte) int {
	bytes := message[s.Offset : s.Offset+s.Length]
	if s.Kind == Attribute {
		bytes = bytes[attrHeader:]
	}
	if s.Value != "" && s.Value == "0x"+hex.EncodeToString(bytes) {
		return -1
	}
	return e.text(s.Value)
}

func list(words []string) string {
	quoted := make([]string, len(words))
	for i, s := range words {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// quote writes a JSON string in which no character means anything to HTML or to a script: it stands within an element
// script, which "</script" would end and "<!--" would not let end. Bytes that are not UTF-8 become U+FFFD.
func quote(s string) string {
	b := append(make([]byte, 0, len(s)+2), '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == '<' || r == '>' || r == '&' || r == 0x7f || r == 0x2028 || r == 0x2029:
			const digits = "0123456789abcdef"
			b = append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return string(append(b, '"'))
}
