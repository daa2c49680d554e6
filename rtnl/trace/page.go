package trace

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"plumb/rtnl/wire"
)

// A page is the text of one event.
type page struct {
	strings.Builder
	color     bool
	whole     bool // what is long is not cut: a message that was sent can be sent again from the text
	since     time.Duration
	namespace string
	bytes     bool   // of each message
	command   string // what would do the same, a line for each command
	bracket   string // of a transaction, before the head: two characters
	gutter    string // and before the lines below it
}

// Colours, as ANSI terminals know them (ECMA-48, SGR).
const (
	bold  = "1"
	red   = "31"
	green = "32"
	dim   = "2"
)

func (p *page) paint(sgr, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

// head writes the first line of an event. Times are in milliseconds, as most of what the kernel does here takes some
// tenths of one.
func (p *page) head(arrow, what, rest string) {
	ms := string(appendMilliseconds(nil, p.since)) + " ms"
	fmt.Fprintf(p, "%s %s%s %s %s%s\n", p.paint(dim, ms), p.bracket, clean(p.namespace), arrow, what, rest)
}

// appendMilliseconds appends a time in milliseconds with three decimals, ten characters wide.
func appendMilliseconds(b []byte, d time.Duration) []byte {
	const width = 10
	us := d.Round(time.Microsecond) / time.Microsecond
	sign := ""
	if us < 0 {
		us, sign = -us, "-"
	}
	var digits [24]byte
	number := strconv.AppendInt(digits[:0], int64(us/1000), 10)
	for n := len(sign) + len(number) + 4; n < width; n++ {
		b = append(b, ' ')
	}
	b = append(append(b, sign...), number...)
	ms := us % 1000
	return append(b, '.', '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10))
}

// commands writes the commands on lines of their own.
func (p *page) commands() {
	if p.command == "" {
		return
	}
	for c := range strings.SplitSeq(p.command, "\n") {
		p.line(0, "$ ", p.paint(dim, clean(c)))
	}
}

// line writes a line below the head. The mark takes the place of the last of the indentation.
func (p *page) line(depth int, mark, s string) {
	const margin = 14                 // where the bracket stands
	width := 4 * (min(depth, 16) + 1) // whatever nests deeper than this was made to
	if mark != "" {
		width -= 2
	}
	p.WriteString(strings.Repeat(" ", margin) + p.gutter + strings.Repeat(" ", width) + mark + s + "\n")
}

// nodes writes the fields of a fixed struct on one line, and each attribute on its own.
func (p *page) nodes(nodes []wire.Node, depth int) {
	var fields []string
	flush := func() {
		if len(fields) > 0 {
			p.line(depth, "", strings.Join(fields, " "))
			fields = nil
		}
	}
	for i := range nodes {
		n := &nodes[i]
		if n.Header == 0 && n.Name != "malformed" && n.Children == nil {
			if n.Name != "pad" {
				fields = append(fields, n.Name+"="+p.cut(clean(n.Value)))
			}
			continue
		}
		flush()
		p.line(depth, "", p.named(n))
		p.nodes(n.Children, depth+1)
	}
	flush()
}

// named is a node on a line of its own, without its children.
func (p *page) named(n *wire.Node) string {
	if n.Value == "" {
		return p.paint(bold, clean(n.Name))
	}
	return p.paint(bold, clean(n.Name)) + " " + p.cut(clean(n.Value))
}

// flags joins names as a C programmer would, with the prefix on the first alone.
func flags(names []string) string {
	if len(names) == 0 {
		return "0"
	}
	short := []string{names[0]}
	for _, name := range names[1:] {
		short = append(short, strings.TrimPrefix(name, "NLM_F_"))
	}
	return strings.Join(short, "|")
}

// cut shortens what no one reads to its end, such as statistics in hexadecimal.
func (p *page) cut(s string) string {
	if p.whole {
		return s
	}
	const (
		most    = 260      // characters; IFLA_IFALIAS, the longest text that means something, has 255 bytes
		mostHex = 2 + 2*32 // characters, for 32 bytes
	)
	if digits, isHex := strings.CutPrefix(s, "0x"); isHex && len(s) > mostHex {
		return s[:mostHex] + "… (" + strconv.Itoa(len(digits)/2) + " bytes)"
	}
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "… (" + strconv.Itoa(len(s)) + " characters)"
}

// clean makes visible what would move a terminal's cursor: names come from outside.
func clean(s string) string {
	plain := true // mostly it is
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

func arrow(sent bool) string {
	if sent {
		return "→"
	}
	return "←"
}

// purpose is what the message is for, set off from what comes before it.
func purpose(e *wire.Event) string {
	if e.Purpose == "" {
		return ""
	}
	return "  " + clean(e.Purpose)
}
