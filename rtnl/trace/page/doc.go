// Package page writes a trace as one HTML file that needs nothing else: what the option --html FILE makes. It shows all
// messages and steps on one axis of time, the network as they build it, and of each message every byte: which field it is
// of, which C struct or attribute, and what in the kernel handles it.
//
// The file is made of three parts: page.html, with page.css and the scripts of web/ in it; the messages, as JSON, which
// encode.go writes; and what the kernel's headers and functions are called (headers.txt, handlers.txt). That each byte
// of a message belongs to exactly one field is Tile's doing, and what a reader points at in the page is its result.
//
// Names and texts in messages come from outside. They are in the file as JSON strings in which no character means
// anything to HTML, the scripts make text nodes of them and never markup, and the page's own Content-Security-Policy lets
// nothing run but the scripts that it names by their hashes, and nothing be fetched at all.
package page
