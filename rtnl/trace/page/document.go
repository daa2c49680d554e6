package page

import (
	"embed"
	"encoding/binary"
	"html"
	"strings"

	"plumb/rtnl/wire"
)

// The page's own parts. page.html has the hashes of the style and the script in its Content-Security-Policy; a test says
// when they are not those.
//
//go:embed web
var web embed.FS

// scripts are the page's scripts, in the order in which they need each other.
var scripts = [...]string{"model.js", "scale.js", "network.js", "bytes.js", "detail.js", "page.js"}

// document is the whole page.
func document(o Options, events []wire.Event) string {
	return strings.NewReplacer(
		"{{title}}", html.EscapeString(o.Title), "{{style}}", style(), "{{script}}", script(), "{{data}}", string(data(o, events)),
	).Replace(bare(part("page.html")))
}

func part(name string) string {
	b, err := web.ReadFile("web/" + name)
	if err != nil {
		panic(err) // it is in the binary, or the binary was not built
	}
	return string(b)
}

// What stands between the tags is what the hashes are of.
func style() string {
	return "\n" + strings.NewReplacer(": ", ":", "; ", ";", ", ", ",", " {", "{", "{ ", "{", " }", "}").Replace(bare(part("page.css")))
}

// bare is a part without its indentation and the comments that have lines of their own: a reader of the page has no use for them.
func bare(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimLeft(line, "\t "); line != "\n" && !strings.HasPrefix(line, "//") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func script() string {
	var all strings.Builder
	all.WriteString("\n'use strict';\n")
	for _, name := range scripts {
		all.WriteString(bare(part(name)))
	}
	return all.String()
}

func sequence(message []byte) uint32 { return binary.NativeEndian.Uint32(message[8:]) }
