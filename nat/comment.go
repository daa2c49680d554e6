package nat

import (
	"strconv"
	"strings"
	"time"
)

// A Comment is what a lease tells of its holder. On the element it is text that a person can read: "web if 1234 at 5678.123".
type Comment struct {
	Name    string        // of the container
	IfIndex uint32        // of the host end
	Taken   time.Duration // when the lease was taken: CLOCK_BOOTTIME, of which the text keeps the milliseconds
	Options Options       // in map link alone: what else there is of the attachment
}

// same reports whether both are of the same attachment: a name may come again, with another index and another time.
func (c Comment) same(other Comment) bool {
	return c.IfIndex == other.IfIndex && c.Taken.Milliseconds() == other.Taken.Milliseconds()
}

// The words between the parts of a comment.
const (
	commentIndex = " if "
	commentTaken = " at "
	commentWith  = " with "
)

// String is the text: at most 127 bytes, for which a long name is cut.
func (c Comment) String() string {
	if c.IfIndex == 0 && c.Taken == 0 {
		return cut(c.Name, maxComment)
	}
	var b [96]byte
	tail := append(b[:0], commentIndex...)
	tail = strconv.AppendUint(tail, uint64(c.IfIndex), 10)
	tail = append(tail, commentTaken...)
	ms := max(0, c.Taken.Milliseconds())
	tail = strconv.AppendInt(tail, ms/1000, 10)
	tail = append(tail, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
	if c.Options != 0 {
		tail = append(append(tail, commentWith...), c.Options.String()...)
	}
	return cut(c.Name, maxComment-len(tail)) + string(tail)
}

// ParseComment reads what String wrote. Any other text is a Comment that has only a name.
func ParseComment(text string) Comment {
	i := strings.LastIndex(text, commentIndex)
	if i < 0 {
		return Comment{Name: text}
	}
	index, taken, ok := strings.Cut(text[i+len(commentIndex):], commentTaken)
	taken, with, has := strings.Cut(taken, commentWith)
	var options Options
	if has {
		options, has = parseOptions(with)
		ok = ok && has
	}
	n, err := strconv.ParseUint(index, 10, 32)
	ms, good := parseMillis(taken)
	if !ok || err != nil || !good {
		return Comment{Name: text}
	}
	return Comment{Name: text[:i], IfIndex: uint32(n), Taken: time.Duration(ms) * time.Millisecond, Options: options}
}

// parseMillis reads seconds with three decimals.
func parseMillis(text string) (ms int64, ok bool) {
	whole, fraction, found := strings.Cut(text, ".")
	if !found || len(fraction) != 3 || len(whole) > 10 || strings.ContainsAny(text, "+-_") {
		return 0, false
	}
	ms, err := strconv.ParseInt(whole+fraction, 10, 64)
	return ms, err == nil && ms < int64(1<<63-1)/int64(time.Millisecond)
}
