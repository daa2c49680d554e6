package learn_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A translation has a twin of each chapter, and of nothing else.
func TestTwins(t *testing.T) {
	t.Parallel()
	names := func(dir string) []string {
		var list []string
		for _, kind := range []string{"*.md", "img/*.svg"} {
			files, err := filepath.Glob(filepath.Join(dir, kind))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				name, err := filepath.Rel(dir, file)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, name)
			}
		}
		return list
	}
	for _, dir := range languages(t)[1:] {
		if diff := cmp.Diff(names("."), names(dir)); diff != "" {
			t.Errorf("%s has other files (-English +translation):\n%s", dir, diff)
		}
	}
}

// A translation is built as its chapter is: the same headings, paragraphs, lists, tables, code and pictures, in the same order.
// So what is added in one language is missed in the others.
func TestTranslationsHaveTheSameShape(t *testing.T) {
	t.Parallel()
	for _, file := range chapters(t, ".") {
		want := shape(t, readFile(t, file))
		for _, dir := range languages(t)[1:] {
			twin := filepath.Join(dir, file)
			if diff := cmp.Diff(want, shape(t, readFile(t, twin))); diff != "" {
				t.Errorf("%s is not built as %s is (-English +translation):\n%s", twin, file, diff)
			}
		}
	}
}

// shape is a line for each paragraph, with what is the same in all languages.
func shape(t *testing.T, text string) []string {
	t.Helper()
	var list []string
	for _, p := range parse(t, text) {
		prose, directive, _ := strings.Cut(p.before, "<!-- ")
		for prose != "" {
			before, after, found := strings.Cut(prose, "\n```")
			for paragraph := range strings.SplitSeq(before, "\n\n") {
				if paragraph = strings.TrimSpace(paragraph); paragraph != "" {
					list = append(list, shapeOf(paragraph))
				}
			}
			if !found {
				break
			}
			code, rest, _ := strings.Cut(after, "\n```\n")
			list = append(list, "code: "+withoutWords(code))
			prose = rest
		}
		if p.word == "svg" {
			list = append(list, "picture "+numbers(directive)+image.FindStringSubmatch(p.block)[2])
		}
	}
	return list
}

var (
	aside     = regexp.MustCompile(` */\*.*?\*/| *// .*`)
	withDigit = regexp.MustCompile(`[\w./-]*\d[\w./-]*`)
	codeSpan  = regexp.MustCompile("`[^`\n]+`")
	listItem  = regexp.MustCompile(`(?m)^- `)
	emphasis  = regexp.MustCompile(`^\*\*\d\.\*\*`)
	openTag   = regexp.MustCompile(`^</?\w+>`)
)

// shapeOf is what a paragraph is, and how many parts it has.
func shapeOf(paragraph string) string {
	switch first, _, _ := strings.Cut(paragraph, " "); {
	case strings.Trim(first, "#") == "":
		return first
	case first == "-":
		return fmt.Sprintf("list of %d", len(listItem.FindAllString(paragraph, -1)))
	case strings.HasPrefix(first, "|"):
		return fmt.Sprintf("table of %d rows, %d bars", strings.Count(paragraph, "\n"), strings.Count(paragraph, "|"))
	}
	return "text " + emphasis.FindString(paragraph) + openTag.FindString(paragraph)
}

// withoutWords is a block of code without its comments, and of a block that is not code its number of lines.
func withoutWords(code string) string {
	language, rest, _ := strings.Cut(code, "\n")
	if language == "" {
		return fmt.Sprint(strings.Count(rest, "\n"), " lines")
	}
	return language + "\n" + aside.ReplaceAllString(rest, "")
}

// numbers are the words of a picture's description that have a digit in them, line by line: the rest is in one language.
func numbers(directive string) string {
	var out strings.Builder
	for line := range strings.Lines(directive) {
		words := withDigit.FindAllString(line, -1)
		slices.Sort(words)
		out.WriteString(strings.Join(words, " ") + "\n")
	}
	return out.String()
}

// The kernel's names, the commands and the files that a chapter speaks of are those that its translations speak of.
func TestTranslationsNameTheSame(t *testing.T) {
	t.Parallel()
	for _, file := range chapters(t, ".") {
		want := named(readFile(t, file))
		for _, dir := range languages(t)[1:] {
			twin := filepath.Join(dir, file)
			if diff := cmp.Diff(want, named(readFile(t, twin))); diff != "" {
				t.Errorf("%s names other things than %s (-English +translation):\n%s", twin, file, diff)
			}
		}
	}
}

// named are the spans of code in a chapter's prose, each once.
func named(text string) []string {
	var list []string
	for _, line := range proseOf(text) {
		list = append(list, codeSpan.FindAllString(line, -1)...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// French has a space that no line breaks at before the high punctuation marks and inside the quotation marks.
func TestFrenchSpaces(t *testing.T) {
	t.Parallel()
	for _, file := range chapters(t, "../fr/learn") {
		for i, line := range proseOf(readFile(t, file)) {
			line = codeSpan.ReplaceAllString(line, "`code`")
			line = linkTo.ReplaceAllString(line, "](there)")
			if at := breakable.FindString(line); at != "" {
				t.Errorf("%s:%d: %q needs a no-break space", file, i+1, at)
			}
		}
	}
}

// breakable is a mark with an ordinary space or none, and what is around it.
var breakable = regexp.MustCompile("\\S*(?:[^\u00a0\u202f\\s][;!?»]|[^\u00a0\u202f\\s]:\\s|[ \t][:;!?»]|«[^\u00a0\u202f])\\S*")
