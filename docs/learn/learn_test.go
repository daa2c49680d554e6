// Package learn_test keeps the tutorial true. Each chapter says in comments, which a reader does not see, where its blocks come from; the
// tests make every block anew and compare:
//
//	<!-- lab: NAME -->             before a block: a session in a sealed lab. Lines with "lab$ " are typed, and "> " goes on with them; the rest
//	                               is what comes of it. A NAME is one lab, from its first block in the chapter to the last. "lab: NAME fails"
//	                               is a block with a command whose exit status is not 0, and "lab: NAME soon" one whose commands only
//	                               look, and are asked again for a while until they say what stands there: the kernel works on by itself.
//	<!-- file: NAME -->            before a block: the reader saves it as NAME, and the chapter's labs have it
//	<!-- code: FILE#FUNC -->       before a block: the body of a function in this directory, such as an Example
//	<!-- bytes: FILE [FROM-TO] --> before a block: a golden file of the repository, or its bytes FROM to TO alone
//	<!-- svg: bytes FILE [FROM-TO] -->, <!-- svg: topology ... -->, <!-- svg: steps ... -->, <!-- svg: graph ... -->,
//	<!-- svg: bars ... -->         before an image: draws it. Its title and description are the image's text.
//
// go test ./docs/learn -update writes what differs. All languages have the same directives, in the same order.
package learn_test

import (
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumb/test/lab"
)

var update = flag.Bool("update", false, "write blocks and pictures anew")

func TestMain(m *testing.M) { lab.Main(m) }

// init keeps the main thread to the main goroutine: chapter 6 says why.
func init() { runtime.LockOSThread() }

// languages are the directories that have the chapters: English is the one that the others are compared with.
func languages(t testing.TB) []string {
	t.Helper()
	more, err := filepath.Glob("../*/learn")
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{"."}, more...)
}

// chapters are the files of a language, in the order in which they are read.
func chapters(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no chapters in %s: %v", dir, err)
	}
	return files
}

// Everything that a chapter shows is what it would be if it were made now.
func TestChapters(t *testing.T) {
	t.Parallel()
	lab.NeedKernel(t)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		t.Skip("the chapters show the bytes of a little-endian machine")
	}
	bin := buildPlumb(t)
	for _, dir := range languages(t) {
		for _, file := range chapters(t, dir) {
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				checkChapter(t, file, bin)
			})
		}
	}
}

func checkChapter(t *testing.T, file, bin string) {
	t.Helper()
	stored := readFile(t, file)
	c := &chapter{t: t, dir: filepath.Dir(file), bin: bin, work: t.TempDir(), sessions: map[string]*session{}}
	made := c.remake(stored)
	if *update && made != stored {
		if err := os.WriteFile(file, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(stored, "\n"), strings.Split(made, "\n")); diff != "" {
		t.Errorf("%s is not what it would be now (-stored +made); -update writes it anew:\n%s", file, diff)
	}
}

// A chapter is one file, while it is made anew.
type chapter struct {
	t        *testing.T
	dir      string // where the file is
	bin      string // where plumb is
	work     string // where the labs' shells are
	sessions map[string]*session
}

// remake is the chapter with every block made anew.
func (c *chapter) remake(text string) string {
	c.t.Helper()
	var out strings.Builder
	for _, p := range parse(c.t, text) {
		out.WriteString(p.before)
		switch p.word {
		case "":
			continue
		case "svg":
			c.picture(p)
			out.WriteString(p.block)
			continue
		}
		out.WriteString(p.open + c.block(p) + p.close)
	}
	return out.String()
}

// block is what stands in a fenced block.
func (c *chapter) block(p part) string {
	c.t.Helper()
	name, rest, _ := strings.Cut(p.args, " ")
	switch p.word {
	case "lab":
		return c.session(name).replay(p.block, rest)
	case "file":
		if err := os.WriteFile(filepath.Join(c.work, filepath.Base(name)), []byte(p.block), 0o644); err != nil {
			c.t.Fatal(err)
		}
		return p.block
	case "code":
		return snippet(c.t, name)
	case "bytes":
		return goldenText(c.t, name, rest)
	}
	c.t.Errorf("%s: there is no directive %q", p.args, p.word)
	return p.block
}

// All languages say the same: the same directives in the same order, but for the words in pictures.
func TestTranslations(t *testing.T) {
	t.Parallel()
	for _, file := range chapters(t, ".") {
		want := directives(t, file)
		for _, dir := range languages(t)[1:] {
			if diff := cmp.Diff(want, directives(t, filepath.Join(dir, file))); diff != "" {
				t.Errorf("%s is not a translation of %s (-English +translation):\n%s", filepath.Join(dir, file), file, diff)
			}
		}
	}
}

// directives are what a chapter's blocks come from, the files that it has, and what is typed in its labs.
func directives(t *testing.T, file string) []string {
	t.Helper()
	var list []string
	for _, p := range parse(t, readFile(t, file)) {
		first, _, _ := strings.Cut(p.args, "\n")
		if p.word != "" {
			list = append(list, p.word+": "+first)
		}
		if p.word == "file" {
			list = append(list, p.block)
		}
		if p.word == "lab" {
			for _, command := range commandsOf(p.block) {
				list = append(list, command.typed)
			}
		}
	}
	return list
}

// Every Example is shown somewhere, and every picture that is there.
func TestNothingIsUnused(t *testing.T) {
	t.Parallel()
	for _, dir := range languages(t) {
		var all strings.Builder
		for _, file := range chapters(t, dir) {
			all.WriteString(readFile(t, file))
		}
		for _, name := range examples(t) {
			if !strings.Contains(all.String(), "#"+name+" -->") {
				t.Errorf("%s: %s is not shown", dir, name)
			}
		}
		pictures, err := filepath.Glob(filepath.Join(dir, "img", "*.svg"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pictures {
			if !strings.Contains(all.String(), "(img/"+filepath.Base(p)+")") {
				t.Errorf("%s is not shown", p)
			}
		}
	}
}

// Links within the repository lead somewhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, dir := range languages(t) {
		for _, file := range chapters(t, dir) {
			for _, target := range links(readFile(t, file)) {
				path, _, _ := strings.Cut(target, "#")
				if path == "" || strings.Contains(target, "://") {
					continue
				}
				if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
					t.Errorf("%s links to %s: %v", file, target, err)
				}
			}
		}
	}
}

// The index names every chapter, in order.
func TestIndex(t *testing.T) {
	t.Parallel()
	for _, dir := range languages(t) {
		var want, got []string
		for _, file := range chapters(t, dir) {
			if base := filepath.Base(file); base != "README.md" {
				want = append(want, base)
			}
		}
		for _, target := range links(readFile(t, filepath.Join(dir, "README.md"))) {
			if slices.Contains(want, target) {
				got = append(got, target)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s/README.md does not list the chapters in order (-chapters +listed):\n%s", dir, diff)
		}
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
