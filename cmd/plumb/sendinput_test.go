package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSendInput is about what an argument of plumb send is: a file, or words, or bytes.
func TestSendInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, size int) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct {
		words   []string
		hex     bool
		want    string // the text
		refused string // a part of the error
	}{
		{words: []string{"RTM_GETLINK", "NLM_F_REQUEST"}, want: "RTM_GETLINK NLM_F_REQUEST"},
		{words: []string{"RTM_GETLINK NLM_F_REQUEST"}, want: "RTM_GETLINK NLM_F_REQUEST"},
		{words: []string{"RTM_GETLINK"}, want: "RTM_GETLINK"},
		{words: []string{"1400000012"}, hex: true, want: "1400000012"},
		{words: []string{"RTM_GETLINK"}, hex: true, refused: "no such file"},
		{words: []string{"message.txt"}, refused: "a message in words is its type"},
		{words: []string{""}, refused: "the text is empty"},
		{words: []string{dir}, refused: "is a directory"},
		{words: []string{file("fits", maxSendText)}, want: strings.Repeat("\x00", maxSendText)},
		{words: []string{file("long", maxSendText+1)}, refused: "is longer than"},
		{words: []string{"/dev/zero"}, refused: "is longer than"},
	} {
		text, err := inputOf(test.words, test.hex)
		if test.refused == "" && (err != nil || text != test.want) {
			t.Errorf("%.40q: %.40q, %v", test.words, text, err)
		}
		if test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)) {
			t.Errorf("%.40q: %v, want: %s", test.words, err, test.refused)
		}
	}
}
