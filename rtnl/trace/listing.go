package trace

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"plumb/rtnl/wire"
)

// Listing writes the bytes of a message, those of each field on lines of their own, with what they mean behind them:
//
//	0020: 0a 00 03 00              # IFLA_IFNAME  nla_len 10
//	0024: 76 65 74 68 30 00        #   "veth0"
//	002a: 00 00                    #   (padding)
//
// The offsets, hexadecimal, count from the message's first byte, as those of an extended ACK do. What is left of the # is what xxd
// writes, and reads with -r.
func Listing(w io.Writer, p *wire.Protocol, message []byte) error {
	l := listing{message: message}
	v, err := p.View(message)
	if err != nil {
		l.line(0, len(message), "(no whole message: "+err.Error()+")")
		_, err = io.WriteString(w, l.text.String())
		return err
	}
	l.line(0, 4, fmt.Sprintf("nlmsg_len %d", v.Header.Length))
	l.line(4, 2, "nlmsg_type "+v.Name)
	l.line(6, 2, "nlmsg_flags "+flags(v.Flags))
	l.line(8, 4, fmt.Sprintf("nlmsg_seq %d", v.Header.Sequence))
	l.line(12, 4, fmt.Sprintf("nlmsg_pid %d", v.Header.PID))
	l.nodes(v.Nodes, 0)
	l.padding(len(message), 0)
	_, err = io.WriteString(w, l.text.String())
	return err
}

type listing struct {
	message []byte
	text    strings.Builder
	at      int // the bytes before it are written
}

func (l *listing) nodes(nodes []wire.Node, depth int) {
	for i := range nodes {
		n := &nodes[i]
		begin := headerSize + n.Offset
		end := min(begin+n.Length, len(l.message))
		l.padding(begin, depth)
		indent := strings.Repeat("  ", depth)
		switch {
		case n.Header == 0 && n.Children == nil:
			l.line(begin, n.Length, indent+clean(n.Name+" "+n.Value))
		case n.Header == 0: // a struct among fields
			l.nodes(n.Children, depth)
		default:
			l.line(begin, n.Header, indent+clean(n.Name)+l.lengthOf(begin))
			if n.Children == nil {
				l.line(begin+n.Header, n.Length-n.Header, indent+"  "+clean(n.Value))
			} else {
				l.nodes(n.Children, depth+1)
			}
		}
		l.padding(end, depth)
		if n.Header > 0 {
			l.padding(min((end+3)&^3, len(l.message)), depth)
		}
	}
}

// lengthOf is what an attribute's header says of its length.
func (l *listing) lengthOf(at int) string {
	if at+2 > len(l.message) {
		return ""
	}
	return fmt.Sprintf("  nla_len %d", binary.NativeEndian.Uint16(l.message[at:]))
}

// padding writes the bytes up to end that nothing else has.
func (l *listing) padding(end, depth int) {
	if end > l.at {
		l.line(l.at, end-l.at, strings.Repeat("  ", depth)+"  (padding)")
	}
}

// line writes n bytes, 8 on a line.
func (l *listing) line(at, n int, text string) {
	const perLine = 8
	for n > 0 && at < len(l.message) {
		some := min(n, perLine, len(l.message)-at)
		line := fmt.Sprintf("%04x: % x", at, l.message[at:at+some])
		if text != "" {
			line = fmt.Sprintf("%-*s  # %s", 5+3*perLine, line, text)
		}
		l.text.WriteString(line + "\n")
		at, n, text = at+some, n-some, ""
	}
	l.at = max(l.at, at)
}
