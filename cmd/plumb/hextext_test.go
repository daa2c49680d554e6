package main

import (
	"bytes"
	"strings"
	"testing"

	"plumb/rtnl"
	"plumb/rtnl/trace"
)

func TestHexText(t *testing.T) {
	t.Parallel()
	const whole = "14000000 1200 0103 01000000 00000000 00000000"
	want, err := parseHexText(whole, rtnl.Protocol)
	if err != nil || len(want) != 1 || len(want[0].Message) != 20 {
		t.Fatalf("%v, %v", want, err)
	}
	for _, text := range []string{
		"0x14000000120001030100000000000000\n\n0x00000000\n",
		"0000: 14 00 00 00   # the length: 14\n0004: 12 00 01 03 01 00 00 00 00 00 00 00 00 00 00 00",
		"00000000: 1400 0000 1200 0103 0100 0000 0000 0000  ................\n00000010: 0000 0000                                ....\n",
	} {
		got, err := parseHexText(text, rtnl.Protocol)
		if err != nil || len(got) != 1 || !bytes.Equal(got[0].Message, want[0].Message) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	two, err := parseHexText("0000: "+whole+"\n0000: "+whole, rtnl.Protocol)
	if err != nil || len(two) != 2 {
		t.Errorf("two messages: %v, %v", two, err)
	}
	for _, c := range []struct{ text, want string }{
		{"", "no bytes"},
		{"# 00", "no bytes"},
		{"0000: 0g", "no bytes: hexadecimal"},
		{"000", "no bytes: hexadecimal"},
		{"x: 00", "no offset"},
		{"0000: 00\n0002: 00", "line 2 says that it begins at 0x2"},
	} {
		if got, err := parseHexText(c.text, rtnl.Protocol); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, %v, want %q", c.text, got, err, c.want)
		}
	}
}

// FuzzHexText reads what a listing has of any bytes.
func FuzzHexText(f *testing.F) {
	f.Add([]byte{20, 0, 0, 0, 18, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "0000: 00 # x\n00")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		_, _ = parseHexText(text, rtnl.Protocol)
		var listing strings.Builder
		if err := trace.Listing(&listing, rtnl.Protocol, b); err != nil || len(b) == 0 {
			return
		}
		messages, err := parseHexText(listing.String(), rtnl.Protocol)
		if err != nil {
			t.Fatalf("%v: of\n%s", err, &listing)
		}
		var got []byte
		for _, m := range messages {
			got = append(got, m.Message...)
		}
		if !bytes.Equal(got, b) {
			t.Errorf("% x is read as % x of\n%s", b, got, &listing)
		}
	})
}
