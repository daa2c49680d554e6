package learn_test

import (
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// snippet is the body of a function of a file in this directory, with the output that an Example has.
func snippet(t testing.TB, name string) string {
	t.Helper()
	file, function, _ := strings.Cut(name, "#")
	text := readFile(t, file)
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		f, is := d.(*ast.FuncDecl)
		if !is || f.Name.Name != function {
			continue
		}
		if !strings.HasPrefix(function, "Example") { // something that Examples use is shown whole
			return text[set.Position(f.Pos()).Offset:set.Position(f.End()).Offset] + "\n"
		}
		body := text[set.Position(f.Body.Lbrace).Offset+1 : set.Position(f.Body.Rbrace).Offset]
		var out strings.Builder
		for line := range strings.Lines(strings.Trim(body, "\n") + "\n") {
			out.WriteString(strings.TrimPrefix(line, "\t"))
		}
		return out.String()
	}
	t.Fatalf("%s has no function %s", file, function)
	return ""
}

var exampleName = regexp.MustCompile(`(?m)^func (Example\w*)\(`)

// examples are the names of this directory's Examples.
func examples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		for _, m := range exampleName.FindAllStringSubmatch(readFile(t, file), -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// The lines of golden files that hold bytes: rtnl's have the offset before and the words after them, nat's nothing else.
var (
	wordedBytes = regexp.MustCompile(`^ *(\d+)  ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  .*)?$`)
	plainBytes  = regexp.MustCompile(`^ {8}((?:[0-9a-f]{2} )*[0-9a-f]{2})$`)
	offset      = regexp.MustCompile(`^ *(\d+)  +\S`)
)

// span reads "FROM-TO", bytes of a message; nothing is all of it.
func span(t testing.TB, s string) (from, to int) {
	t.Helper()
	if s == "" {
		return 0, 1 << 16
	}
	if _, err := fmt.Sscanf(s, "%d-%d", &from, &to); err != nil {
		t.Fatalf("%q is not FROM-TO: %v", s, err)
	}
	return from, to
}

// golden opens a golden file by its path in the repository.
func golden(t testing.TB, name string) string {
	t.Helper()
	return readFile(t, filepath.Join("..", "..", name))
}

// goldenText is a golden file, or the lines of it that show some of the bytes.
func goldenText(t testing.TB, name, bytes string) string {
	t.Helper()
	text := golden(t, name)
	if bytes == "" {
		return text
	}
	from, to := span(t, bytes)
	var out strings.Builder
	at := -1
	for line := range strings.Lines(text) {
		if m := offset.FindStringSubmatch(line); m != nil {
			at, _ = strconv.Atoi(m[1])
		}
		if at >= from && at < to {
			out.WriteString(line)
		}
	}
	return out.String()
}

// goldenBytes is the message that a golden file shows.
func goldenBytes(t testing.TB, name string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(golden(t, name)) {
		line = strings.TrimRight(line, "\n")
		digits := ""
		if m := plainBytes.FindStringSubmatch(line); m != nil {
			digits = m[1]
		} else if m := wordedBytes.FindStringSubmatch(line); m != nil {
			digits = m[2]
		}
		some, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, some...)
	}
	return b
}
