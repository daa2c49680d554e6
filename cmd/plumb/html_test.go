package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A page of a run, of the demo, and of what fails: at most 1 MB, whole, and with every message that the text has.
// (rtnl/trace/page has what it looks like in a browser.)
func TestHTML(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := t.TempDir()
	plumb := filepath.Join(dir, "plumb")
	build(t, plumb) // the demo runs itself by its file's name
	for _, c := range []struct {
		name   string
		args   []string
		status int
	}{
		{"demo", nil, 0}, // the first: it compares the machine, on which a run's links go on dying when it has ended
		{"run", []string{"--name", "web", "-p", "8080:80", "--", "true"}, 0},
		{"run", []string{"--name", "web", "--uplink", "nobody", "--", "true"}, exitPlumb},
	} {
		name, file := fmt.Sprint(c.name, c.status), filepath.Join(dir, fmt.Sprint(c.name, c.status, ".html"))
		r := s.runProgram(plumb, append([]string{c.name, "--trace=short", "--html", file}, c.args...)...)
		if r.status != c.status {
			t.Fatalf("%s: status %d\n%s", name, r.status, r.stderr)
		}
		events, size := readPage(t, file)
		t.Logf("%s: %d events, %d bytes", name, events, size)
		if size > 1e6 {
			t.Errorf("the page of %s has %d bytes, want at most 1 MB", name, size)
		}
		lines := len(regexp.MustCompile(`(?m)^ *[0-9.]+ ms .*[→←]`).FindAllString(r.stderr, -1))
		if lines < 10 || events < lines {
			t.Errorf("the page of %s has %d events, the trace %d messages", name, events, lines)
		}
	}
	pcap, decoded := filepath.Join(dir, "x.pcap"), filepath.Join(dir, "decoded.html")
	s.succeeds("run", "--pcap", pcap, "--", "true")
	if err := os.WriteFile(decoded, []byte(s.succeeds("trace", "decode", "--html", pcap)), 0o644); err != nil {
		t.Fatal(err)
	}
	if events, _ := readPage(t, decoded); events < 100 {
		t.Errorf("the page of a capture has %d events", events)
	}
	if r := s.run("run", "--html", "/nowhere/x.html", "--", "true"); r.status != exitPlumb || !strings.Contains(r.stderr, "--html: open /nowhere/x.html") {
		t.Errorf("a file that cannot be made: %+v", r)
	}
}

// readPage counts the events in a page, and its bytes.
func readPage(t *testing.T, file string) (events int, size int64) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindSubmatch(b)
	var all struct{ Events [][]any }
	if data == nil || json.Unmarshal(data[1], &all) != nil || !strings.HasSuffix(strings.TrimSpace(string(b)), "</html>") {
		t.Fatalf("%s is no whole page", file)
	}
	return len(all.Events), int64(len(b))
}
