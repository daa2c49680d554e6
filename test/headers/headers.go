// Package headers reads the kernel's headers, for tests that compare the names and numbers in plumb's dictionaries with
// them.
package headers

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Dir is where libc's development package puts the headers.
const Dir = "/usr/include/linux"

// An Enum is one enum of a header.
type Enum struct {
	File  string
	Names []string // in the header's order
}

// Headers are the names that headers define.
type Headers struct {
	Value map[string]int64 // of enumerators, and of macros that are numbers
	Enums []Enum
}

var (
	comments   = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	macros     = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+)$`)
	directives = regexp.MustCompile(`(?m)^[ \t]*#.*$`)
	enums      = regexp.MustCompile(`(?s)\benum\b\s*\w*\s*\{(.*?)\}`)
)

// Read reads headers of Dir, or skips the test where there are none. Of the further ones only values are compared: the
// dictionary need not have all of their names.
func Read(t testing.TB, files []string, further ...string) *Headers {
	t.Helper()
	if _, err := os.Stat(Dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s: install libc6-dev", err)
		}
		t.Skipf("%s: install libc6-dev", err)
	}
	h := &Headers{Value: map[string]int64{}}
	for _, file := range append(slices.Clone(files), further...) {
		b, err := os.ReadFile(filepath.Join(Dir, file))
		if err != nil {
			t.Fatal(err)
		}
		h.read(file, string(b))
	}
	h.Enums = slices.DeleteFunc(h.Enums, func(e Enum) bool { return slices.Contains(further, e.File) })
	return h
}

func (h *Headers) read(file, text string) {
	text = comments.ReplaceAllString(strings.ReplaceAll(text, "\\\n", " "), " ")
	found := macros.FindAllStringSubmatch(text, -1)
	define := func() {
		for _, m := range found {
			if v, ok := h.eval(m[2]); ok {
				if _, there := h.Value[m[1]]; !there {
					h.Value[m[1]] = v
				}
			}
		}
	}
	define()
	for _, m := range enums.FindAllStringSubmatch(directives.ReplaceAllString(text, ""), -1) {
		h.enum(file, m[1])
	}
	define() // of those that are made of enumerators
}

func (h *Headers) enum(file, body string) {
	e := Enum{File: file}
	next := int64(0)
	for item := range strings.SplitSeq(body, ",") {
		name, value, given := strings.Cut(item, "=")
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if v, ok := h.eval(value); given && ok {
			next = v
		}
		h.Value[name] = next
		e.Names = append(e.Names, name)
		next++
	}
	h.Enums = append(h.Enums, e)
}

var shift = regexp.MustCompile(`^(?:_BITUL|BIT)?\(?\s*(\w+)\s*(?:<<\s*(\w+)\s*)?\)?$`)

// eval is the value of what these headers have: numbers, names, shifts, and names and numbers joined by | or +.
func (h *Headers) eval(text string) (int64, bool) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") && strings.Count(text, "(") == 1 {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	for _, op := range []string{"|", "+"} {
		if a, b, ok := strings.Cut(text, op); ok {
			x, okX := h.eval(a)
			y, okY := h.eval(b)
			return map[string]int64{"|": x | y, "+": x + y}[op], okX && okY
		}
	}
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		v, ok := h.eval(rest)
		return -v, ok
	}
	if v, ok := h.Value[text]; ok {
		return v, true
	}
	if m := shift.FindStringSubmatch(text); m != nil && (m[2] != "" || strings.Contains(text, "BIT")) {
		if m[1] == text {
			return 0, false
		}
		a, okA := h.eval(m[1])
		if m[2] == "" {
			return 1 << a, okA
		}
		b, okB := h.eval(m[2])
		return a << b, okA && okB
	}
	v, err := strconv.ParseInt(strings.TrimRight(text, "uUlL"), 0, 64)
	return v, err == nil
}
