package capture

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// A Note is what plumb's own captures have beside a message, or instead of one. A pcap has no place for it, so it is a
// netlink message after the one that it is about: NLMSG_NOOP, which netlink(7) says is to be ignored, with lines of text.
//
//	plumb
//	namespace host
//	purpose create pl-web
//	latency 32300
//
// The latency is in nanoseconds. A step's, and that of the beginning or the end of a part of the work, stands alone, in a
// packet of family NETLINK_USERSOCK, and has the error and its errno in lines of their own. Line ends and backslashes in a
// value are \n and \\. Lines with other words may be there, and are to be ignored.
type Note struct {
	Kind      string        // what it is, where there is no message: "start", "begin", "end", or "" for a step
	Namespace string        // the name of the network namespace
	Purpose   string        // what the request is for, or what the step or the part does
	Why       string        // why a part is done
	Latency   time.Duration // of an answer since its request, or of a step or a part
	Error     string        // why a step or a part failed
	Errno     int           // its number; 0 for none
}

// The kinds of notes that stand alone, but for a step's.
const (
	KindStart = "start" // what the times of the trace count from
	KindBegin = "begin" // a part of the work begins
	KindEnd   = "end"   // and ends
)

const (
	noteMark = "plumb\n"
	typeNoop = 1 // NLMSG_NOOP, linux/netlink.h
)

// Append appends the note's message to b.
func (n *Note) Append(b []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, headerSize)...)
	b = append(b, noteMark...)
	b = noteLine(b, "kind", n.Kind)
	b = noteLine(b, "namespace", n.Namespace)
	b = noteLine(b, "purpose", n.Purpose)
	b = noteLine(b, "why", n.Why)
	if n.Latency != 0 {
		b = noteLine(b, "latency", strconv.FormatInt(int64(n.Latency), 10))
	}
	b = noteLine(b, "error", n.Error)
	if n.Errno != 0 {
		b = noteLine(b, "errno", strconv.Itoa(n.Errno))
	}
	binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start))
	binary.NativeEndian.PutUint16(b[start+4:], typeNoop)
	for (len(b)-start)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// noteLine appends one of a note's lines, unless its value is empty.
//
//go:noinline
func noteLine(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return append(b, key+" "+strings.NewReplacer("\\", `\\`, "\n", `\n`).Replace(value)+"\n"...)
}

// cutNote takes the note off the end of a packet's data; nil where there is none.
func cutNote(data []byte) ([]byte, *Note) {
	order := binary.NativeEndian
	for end := len(data); ; {
		at := bytes.LastIndex(data[:end], []byte(noteMark)) - headerSize
		if at < 0 {
			return data, nil
		}
		n := uint64(order.Uint32(data[at:]))
		if order.Uint16(data[at+4:]) == typeNoop && (n+3)&^3 == uint64(len(data)-at) && n >= headerSize {
			return data[:at], parseNote(string(data[at+headerSize : at+int(n)]))
		}
		end = at + headerSize + len(noteMark) - 1
	}
}

func parseNote(text string) *Note {
	n := &Note{}
	for line := range strings.SplitSeq(text, "\n") {
		key, value, _ := strings.Cut(line, " ")
		value = strings.NewReplacer(`\\`, "\\", `\n`, "\n").Replace(value)
		switch key {
		case "kind":
			n.Kind = value
		case "namespace":
			n.Namespace = value
		case "purpose":
			n.Purpose = value
		case "why":
			n.Why = value
		case "latency":
			v, _ := strconv.ParseInt(value, 10, 64)
			n.Latency = time.Duration(v)
		case "error":
			n.Error = value
		case "errno":
			n.Errno, _ = strconv.Atoi(value)
		}
	}
	return n
}
