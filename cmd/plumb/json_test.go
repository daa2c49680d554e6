package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzJSONString holds jsonString against the standard library's reader.
func FuzzJSONString(f *testing.F) {
	for _, s := range []string{"", "web", "a\"b\\c", "\x00\n\x7f", "é☃\U0001f600", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal([]byte(jsonString(s)), &back); err != nil {
			t.Fatalf("%q is written as %s: %v", s, jsonString(s), err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); len([]rune(back)) != len([]rune(s)) || strings.ToValidUTF8(s, "") == s && back != want {
			t.Errorf("%q comes back as %q", s, back)
		}
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	got := jsonObject("name", jsonString("web"), "ports", jsonList([]jsonText{jsonNumber(80), jsonNumber(443)}), "none", jsonList(nil))
	if want := jsonText(`{"name": "web", "ports": [80, 443], "none": []}`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
