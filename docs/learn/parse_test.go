package learn_test

import (
	"regexp"
	"strings"
	"testing"
)

// A part of a chapter is text up to a directive and its block, or the rest of the text, which has no word.
type part struct {
	before string // text and the directive itself
	word   string // lab, file, code, bytes, svg
	args   string // the rest of the directive
	open   string // the line that opens the fenced block
	block  string // what is in it; of svg the image's line
	close  string // the line that ends it
}

var (
	directive = regexp.MustCompile(`(?ms)^<!-- ([a-z]+): (.*?) ?-->\n`)
	fence     = regexp.MustCompile("(?ms)\\A(```[a-z]+\n)(.*?)^(```\n)")
	image     = regexp.MustCompile(`\A!\[([^\]]+)\]\(img/([^)]+\.svg)\)\n`)
	linkTo    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// parse cuts a chapter at its directives.
func parse(t testing.TB, text string) []part {
	t.Helper()
	var parts []part
	for {
		at := directive.FindStringSubmatchIndex(text)
		if at == nil {
			return append(parts, part{before: text})
		}
		p := part{before: text[:at[1]], word: text[at[2]:at[3]], args: text[at[4]:at[5]]}
		text = text[at[1]:]
		if p.word == "svg" {
			p.block = image.FindString(text)
			text = text[len(p.block):]
		} else if m := fence.FindStringSubmatch(text); m != nil {
			p.open, p.block, p.close = m[1], m[2], m[3]
			text = text[len(m[0]):]
		}
		if p.block == "" && p.open == "" {
			t.Fatalf("no block after the directive %s: %s", p.word, p.args)
		}
		parts = append(parts, p)
	}
}

// links are the targets of a text's links and images, without what stands in blocks of code.
func links(text string) []string {
	var targets []string
	for _, line := range proseOf(text) {
		for _, m := range linkTo.FindAllStringSubmatch(line, -1) {
			targets = append(targets, m[1])
		}
	}
	return targets
}

// proseOf are the lines of a text that do not stand in blocks of code or in directives. The others are empty, so that an index is a line's number.
func proseOf(text string) []string {
	var lines []string
	code, comment := false, false
	for line := range strings.Lines(text) {
		isFence := strings.HasPrefix(line, "```")
		if isFence {
			code = !code
		}
		comment = comment || !code && strings.HasPrefix(line, "<!--")
		if code || comment || isFence {
			lines = append(lines, "")
		} else {
			lines = append(lines, line)
		}
		comment = comment && !strings.HasSuffix(line, "-->\n")
	}
	return lines
}

// A command is what is typed in a lab, and what it prints.
type command struct {
	typed  string // without the prompts
	shown  string // with them
	output string
}

const (
	prompt = "lab$ "
	goesOn = "> "
)

// commandsOf reads the block of a session.
func commandsOf(block string) []command {
	var list []command
	typing := false
	for line := range strings.Lines(block) {
		if typed, found := strings.CutPrefix(line, prompt); found {
			list = append(list, command{typed: typed, shown: line})
			typing = true
			continue
		}
		if len(list) == 0 {
			list = append(list, command{})
		}
		c := &list[len(list)-1]
		if typed, found := strings.CutPrefix(line, goesOn); found && typing {
			c.typed += typed
			c.shown += line
			continue
		}
		typing = false
		c.output += line
	}
	return list
}
