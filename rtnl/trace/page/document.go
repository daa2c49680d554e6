package page

import (
	_ "embed" // the page's own parts
	"encoding/binary"
	"strings"

	"plumb/rtnl/wire"
)

// The page's own parts. pageHTML has the hashes of the style and the script in its Content-Security-Policy; a test says
// when they are not those. (They are single strings, for an embed.FS makes the program 8 KB larger.)
var (
	//go:embed web/page.html
	pageHTML string
	//go:embed web/page.css
	pageCSS string

	//go:embed web/model.js
	modelJS string
	//go:embed web/scale.js
	scaleJS string
	//go:embed web/network.js
	networkJS string
	//go:embed web/bytes.js
	bytesJS string
	//go:embed web/detail.js
	detailJS string
	//go:embed web/page.js
	pageJS string
)

// document is the whole page.
func document(o Options, events []wire.Event) string {
	return strings.NewReplacer(
		"{{title}}", escape(o.Title), "{{style}}", style(), "{{script}}", script(), "{{data}}", string(data(o, events)),
	).Replace(bare(pageHTML))
}

// escape makes text of what has characters of HTML's in it, as html.EscapeString does, with whose package come the names of
// all characters: 65 KB.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "'", "&#39;", "<", "&lt;", ">", "&gt;", `"`, "&#34;").Replace(text)
}

// What stands between the tags is what the hashes are of.
func style() string {
	return "\n" + strings.NewReplacer(": ", ":", "; ", ";", ", ", ",", " {", "{", "{ ", "{", " }", "}").Replace(bare(pageCSS))
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

// script is all scripts, in the order in which they need each other.
func script() string {
	return "\n'use strict';\n" + bare(modelJS) + bare(scaleJS) + bare(networkJS) + bare(bytesJS) + bare(detailJS) + bare(pageJS)
}

func sequence(message []byte) uint32 { return binary.NativeEndian.Uint32(message[8:]) }
