package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxSendText is the longest text that is read: what a socket's buffer holds of messages (net.core.wmem_max, some 200 KB) is shorter in any words.
const maxSendText = 4 << 20

// inputOf is the text that the arguments give: of a file, of standard input, or themselves.
func inputOf(words []string, hex bool) (string, error) {
	switch {
	case len(words) == 0 && isTerminal(os.Stdin):
		return "", usagef("give a FILE, a TEXT such as 'RTM_GETLINK NLM_F_REQUEST|DUMP', or - for standard input")
	case len(words) == 0 || len(words) == 1 && words[0] == "-":
		return readText("standard input", os.Stdin)
	case len(words) > 1 || strings.ContainsAny(words[0], " \n"):
		return strings.Join(words, " "), nil
	case words[0] == "":
		return "", usagef("the text is empty: give a FILE, a TEXT such as 'RTM_GETLINK NLM_F_REQUEST|DUMP', or - for standard input")
	}
	f, err := os.Open(words[0])
	if errors.Is(err, fs.ErrNotExist) && isText(words[0], hex) {
		return words[0], nil
	}
	if err != nil {
		return "", fmt.Errorf("%w; a message in words is its type and its flags, such as 'RTM_GETLINK NLM_F_REQUEST|DUMP'", err)
	}
	defer f.Close()
	return readText(words[0], f)
}

// isText reports whether one word that is no file's name can be a message: the name of a type, or bytes.
func isText(word string, hex bool) bool {
	digits := "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_|"
	if hex {
		digits = "0123456789abcdefABCDEF"
	}
	return strings.Trim(word, digits) == ""
}

// readText reads all of a text that is not too long.
func readText(name string, r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSendText+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > maxSendText {
		return "", fmt.Errorf("%s is longer than %d bytes, which no socket takes at once", name, maxSendText)
	}
	return string(b), nil
}
