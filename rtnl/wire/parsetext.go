package wire

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A textLine is a line that says something of a message, and those that stand indented below it.
type textLine struct {
	number int    // from 1
	indent int    // columns
	text   string // without what a trace has around it
	below  []*textLine
}

func errorf(format string, args ...any) error {
	const most = 80 // of a word that is quoted: it may be as long as the text
	for i, a := range args {
		if word, ok := a.(string); ok && len(word) > most && strings.Contains(format, "%q") {
			args[i] = word[:most] + "..."
		}
	}
	return fmt.Errorf(format, args...)
}

func (l *textLine) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: %w", l.number, errorf(format, args...))
}

// maxNesting is how deep attributes may be nested in a text. What a trace shows is at most 16 deep.
const maxNesting = 32

// splitText makes a tree of each message's lines. isType knows the words that a message begins with.
func splitText(text string, isType func(string) bool) (heads []*textLine, err error) {
	var open []*textLine // the message, and the lines that the next could be in
	headIndent, skip := -1, false
	number := 0
	for raw := range strings.SplitSeq(text, "\n") {
		number++
		l := cleanLine(raw)
		l.number = number
		if strings.TrimSpace(l.text) == "" {
			continue
		}
		head, mark := l.headOf(isType)
		switch {
		case mark == "←" || mark == "·": // an answer, or a step: neither is sent
			headIndent, skip, open = l.indent, true, nil
		case mark == "→" || headIndent < 0 || l.indent <= headIndent:
			headIndent, skip = l.indent, false
			l.text = head
			heads = append(heads, l)
			open = []*textLine{l}
		case skip:
		default:
			if open, err = place(open, l); err != nil {
				return nil, err
			}
		}
	}
	if len(heads) == 0 {
		return nil, errorf("there is no message in it: it begins with a type and flags, such as RTM_GETLINK NLM_F_REQUEST|DUMP")
	}
	return heads, nil
}

// place puts a line below the one that it is in.
func place(open []*textLine, l *textLine) ([]*textLine, error) {
	for len(open) > 1 && l.indent <= open[len(open)-1].indent {
		open = open[:len(open)-1]
	}
	parent := open[len(open)-1]
	if n := len(parent.below); n > 0 && parent.below[0].indent != l.indent {
		return nil, l.errorf("%q is indented as no line above it is: what is in one attribute begins in one column", l.text)
	}
	if len(open) > maxNesting {
		return nil, l.errorf("attributes are nested more than %d deep", maxNesting)
	}
	parent.below = append(parent.below, l)
	return append(open, l), nil
}

// cleanLine takes off what is not the message's: colours, brackets, the indentation, comments and commands.
func cleanLine(raw string) *textLine {
	raw = strings.TrimRight(withoutColours(raw), " \t\r")
	l := &textLine{}
	for i, r := range raw {
		switch r {
		case ' ', '│', '┌', '└':
			l.indent++
		case '\t':
			l.indent += 8 - l.indent%8
		default:
			l.text = withoutComment(raw[i:])
			return l
		}
	}
	return l
}

// withoutComment takes off what begins with # or $; within a line there must be a space before the #, and no quotes around it.
func withoutComment(s string) string {
	if s[0] == '#' || s[0] == '$' {
		return ""
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '#' && !quoted && s[i-1] == ' ':
			return strings.TrimRight(s[:i], " \t")
		}
	}
	return s
}

// withoutColours takes off the escape sequences by which a terminal knows colours (ECMA-48, SGR).
func withoutColours(s string) string {
	for {
		start := strings.Index(s, "\x1b[")
		if start < 0 {
			return s
		}
		end := strings.IndexByte(s[start:], 'm')
		if end < 0 {
			return s[:start]
		}
		s = s[:start] + s[start+end+1:]
	}
}

// headOf is a line without the time, the namespace and the arrow that a message's first line has in a trace, and the arrow.
func (l *textLine) headOf(isType func(string) bool) (rest, mark string) {
	i := strings.IndexAny(l.text, "→←·\"=") // names have none of these, and what comes after the last two is a value
	if i < 0 || l.text[i] == '"' || l.text[i] == '=' {
		return l.text, ""
	}
	if first, _, _ := strings.Cut(l.text, " "); first == "message" || isType(first) {
		return l.text, "" // the arrow is in what the message is for
	}
	_, size := utf8.DecodeRuneInString(l.text[i:])
	rest = strings.TrimSpace(l.text[i+size:])
	if rest == "" {
		return l.text, ""
	}
	return rest, l.text[i : i+size]
}
