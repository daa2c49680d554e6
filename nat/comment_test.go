package nat_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "plumb/nat"
)

func TestComment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		comment Comment
		text    string
	}{
		{Comment{"web", 1234, 5678123 * time.Millisecond, 0}, "web if 1234 at 5678.123"},
		{Comment{"web", 4294967295, time.Millisecond, 0}, "web if 4294967295 at 0.001"},
		{Comment{"what if 3 at 5.000", 7, time.Second, 0}, "what if 3 at 5.000 if 7 at 1.000"},
		{Comment{Name: "plain"}, "plain"},
		{Comment{"web", 7, time.Second, Internal | NoHost}, "web if 7 at 1.000 with internal,no-host"},
		{Comment{"", 1, time.Second, 0}, " if 1 at 1.000"},
	} {
		if got := c.comment.String(); got != c.text {
			t.Errorf("%+v is written %q, want %q", c.comment, got, c.text)
		}
		if got := ParseComment(c.text); got != c.comment {
			t.Errorf("%q is read %+v, want %+v", c.text, got, c.comment)
		}
	}
	for _, text := range []string{"web if x at 1.000", "web if 1 at 1", "web if 1 at -1.000", "web if 1", "web if 4294967296 at 1.000", "web if 1 at 1.0000", "web if 1 at 1.000 with x"} {
		if got := ParseComment(text); got != (Comment{Name: text}) {
			t.Errorf("%q is read %+v, want a name", text, got)
		}
	}
}

func TestLongNamesAreCut(t *testing.T) {
	t.Parallel()
	for n := 100; n < 140; n++ {
		c := Comment{strings.Repeat("é", n), 1234, 5678123 * time.Millisecond, 0}
		text := c.String()
		if len(text) > 127 || !utf8.ValidString(text) || !strings.HasSuffix(text, "é if 1234 at 5678.123") {
			t.Errorf("%d letters are written %q, %d bytes", n, text, len(text))
		}
		if got := CommentData(text).Comment(); got != text {
			t.Errorf("as user data it is %q, want %q", got, text)
		}
	}
}

func FuzzComment(f *testing.F) {
	f.Add("web if 1234 at 5678.123")
	f.Add("web if 1 at 9999999999.999")
	f.Add("x at 1.000 if 3")
	f.Fuzz(func(t *testing.T, text string) {
		first := ParseComment(text)
		again := first.String()
		if len(again) > 127 {
			t.Errorf("%q is written with %d bytes", text, len(again))
		}
		if second := ParseComment(again); len(text) <= 100 && first.Taken+time.Duration(first.IfIndex) != 0 && second != first {
			t.Errorf("%q is read %+v, written %q and read %+v", text, first, again, second)
		}
	})
}

func FuzzUserData(f *testing.F) {
	f.Add([]byte(CommentData("web")))
	f.Add([]byte{0, 4, 2, 0, 0, 0, 7, 2, 'x', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		u := UserData(b)
		if text := u.Comment(); len(text) > 255 {
			t.Errorf("a comment of %d bytes", len(text))
		}
		_, _ = u.SetComment(), u.String()
	})
}
