package capture

import (
	"strconv"
	"strings"
	"time"
)

// A straceCall is one line that strace printed, taken apart:
//
//	[pid 4711] 17:30:49.926945 (+ 0.000031) [ 46] sendmsg(3<NETLINK:[ROUTE:4711]>, {...}, 0) = 84 <0.000027>
//
// All before the name and all after the result is there by strace's options -f, -t, -r, -n and -T.
type straceCall struct {
	pid    string
	at     time.Time
	after  time.Duration // -r: since the line before; -1 where it is not given
	name   string
	args   string
	resume bool // what follows "<... sendmsg resumed>"
	cut    bool // it ends in "<unfinished ...>"
	result int  // -1 for a failure
	took   time.Duration
}

// parseStraceLine takes a line apart. It is no call where ok is false: a signal, an exit, or a program's own output.
func parseStraceLine(line string) (c straceCall, ok bool) {
	c.after = -1
	rest := c.prefix(line)
	if after, found := strings.CutPrefix(rest, "<... "); found {
		name, after, found := strings.Cut(after, " resumed>")
		if !found {
			return c, false
		}
		c.name, c.resume = name, true
		rest = after
	} else {
		name, after, found := strings.Cut(rest, "(")
		if !found || !isWord(name) {
			return c, false
		}
		c.name, rest = name, after
	}
	rest = strings.TrimRight(rest, " ")
	if before, found := strings.CutSuffix(rest, "<unfinished ...>"); found {
		c.args, c.cut = before, true
		return c, true
	}
	return c, c.outcome(rest)
}

// outcome takes apart what follows the opening parenthesis: the arguments, and the result after the last ") = ".
func (c *straceCall) outcome(s string) bool {
	for end := len(s); ; {
		end = strings.LastIndex(s[:end], ")")
		if end < 0 {
			return false
		}
		after, found := strings.CutPrefix(strings.TrimLeft(s[end+1:], " "), "= ")
		if !found {
			continue
		}
		c.args = s[:end]
		c.result = -1
		word, _, _ := strings.Cut(after, " ")
		word, _, _ = strings.Cut(word, "<") // the -y annotation of a descriptor
		if n, err := strconv.ParseInt(word, 0, 32); err == nil {
			c.result = int(n)
		}
		if i := strings.LastIndex(after, "<"); i >= 0 {
			c.took, _ = time.ParseDuration(strings.TrimSuffix(after[i+1:], ">") + "s")
		}
		return true
	}
}

// prefix reads what stands before the call, and returns the rest of the line.
func (c *straceCall) prefix(s string) string {
	if after, found := strings.CutPrefix(s, "[pid "); found {
		s = strings.TrimLeft(after, " ")
		c.pid, s, _ = strings.Cut(s, "] ")
	}
	for first := c.pid == ""; ; first = false {
		s = strings.TrimLeft(s, " ")
		switch {
		case s == "":
			return s
		case s[0] == '(' || s[0] == '[': // (+ 0.000031) and [ 46]: times since the line before, numbers of system calls
			closing := strings.IndexAny(s, ")]")
			if closing < 0 {
				return s
			}
			if s[0] == '(' {
				c.relative(strings.TrimLeft(s[1:closing], "+ "))
			}
			s = s[closing+1:]
		case s[0] >= '0' && s[0] <= '9':
			word, after, _ := strings.Cut(s, " ")
			if strings.ContainsAny(word, ":.") {
				c.clock(word)
			} else if first {
				c.pid = word
			}
			s = after
		default:
			c.pid, _, _ = strings.Cut(c.pid, "<") // -Y: 4711<ip>
			return s
		}
	}
}

// clock reads a time: 17:30:49, 17:30:49.926945, seconds since 1970, or seconds since the line before.
func (c *straceCall) clock(word string) {
	if !strings.Contains(word, ":") {
		c.relative(word)
		return
	}
	for _, layout := range []string{"15:04:05", time.RFC3339} { // a fraction after the seconds is read too
		if t, err := time.Parse(layout, word); err == nil {
			c.at = t
			return
		}
	}
}

// relative reads seconds: since 1970 where there are many.
func (c *straceCall) relative(word string) {
	const many = 100_000_000 // three years: no call takes that long
	d, err := time.ParseDuration(word + "s")
	switch {
	case err != nil || d < 0:
	case d >= many*time.Second:
		c.at = time.Unix(0, int64(d)) // seconds since 1970 fit until 2262
	default:
		c.after = d
	}
}

func isWord(s string) bool {
	for _, r := range s {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return s != ""
}

// bare is s without what stands between its quotation marks, which may be anything.
func bare(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, `"`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(`""`)
		_, n := unquoteC(rest)
		s = rest[n:]
	}
}

// unquoteC reads a C string from after its opening quotation mark up to its closing one: the bytes, and how much of s
// it took with that mark. Escapes are as strace writes them: \x7f, octal, and the letters of C.
func unquoteC(s string) (b []byte, n int) { return unquoteUntil(s, '"') }

func unquoteUntil(s string, mark byte) (b []byte, n int) {
	for n < len(s) {
		switch s[n] {
		case mark:
			return b, n + 1
		case '\\':
			c, size := unescapeC(s[n:])
			b, n = append(b, c), n+size
		default:
			b, n = append(b, s[n]), n+1
		}
	}
	return b, n
}

// unescapeC reads one escape sequence, from its backslash on.
func unescapeC(s string) (c byte, n int) {
	if len(s) < 2 {
		return '\\', len(s)
	}
	if s[1] == 'x' {
		end := 2
		for end < min(4, len(s)) && isHex(s[end]) {
			end++
		}
		v, _ := strconv.ParseUint(s[2:end], 16, 8)
		return byte(v), end
	}
	end := 1
	for end < min(4, len(s)) && s[end] >= '0' && s[end] <= '7' {
		end++
	}
	if end > 1 {
		v, _ := strconv.ParseUint(s[1:end], 8, 16)
		return byte(v), end
	}
	if i := strings.IndexByte("abtnvfr", s[1]); i >= 0 {
		return "\a\b\t\n\v\f\r"[i], 2
	}
	return s[1], 2
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
