package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// docs/reference.md has every command's help text, word for word, in the section with the command's name.
func TestReference(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	var usage bytes.Buffer
	printUsage(&usage)
	checkBlock(t, string(text), "## Commands", usage.String())
	for _, c := range commands() {
		checkBlock(t, string(text), "### plumb "+c.name, helpOf(t, c.name))
	}
	for section := range strings.SplitSeq(string(text), "\n### plumb ") {
		name, _, _ := strings.Cut(section, "\n")
		if strings.HasPrefix(section, "# ") { // what stands before the first of them
			continue
		}
		known := false
		for _, c := range commands() {
			known = known || c.name == name
		}
		if !known {
			t.Errorf("docs/reference.md has a section of %q, which is no command", name)
		}
	}
}

// checkBlock wants the first block of code after a heading to be what is wanted.
func checkBlock(t *testing.T, text, heading, want string) {
	t.Helper()
	_, section, found := strings.Cut(text, heading+"\n\n```\n")
	if !found {
		t.Errorf("docs/reference.md has no heading %q with a block of code after it", heading)
		return
	}
	if got, _, _ := strings.Cut(section, "```\n"); got != want {
		t.Errorf("docs/reference.md, %s, says\n%s\nthe program says\n%s", heading, got, want)
	}
}

// helpOf is what plumb COMMAND --help prints, and plumb help COMMAND.
func helpOf(t *testing.T, name string) string {
	t.Helper()
	var texts [2]string
	for i, args := range [][]string{{name, "--help"}, {"help", name}} {
		cmd := exec.Command(filepath.Join(program(t), "plumb"), args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, &stdout, &stderr
		if err := cmd.Run(); err != nil || stderr.Len() > 0 {
			t.Fatalf("plumb %s: %v\n%s", strings.Join(args, " "), err, &stderr)
		}
		texts[i] = stdout.String()
	}
	if texts[0] != texts[1] {
		t.Errorf("plumb %s --help says\n%s\nplumb help %[1]s says\n%s", name, texts[0], texts[1])
	}
	return texts[0]
}

// program is a directory in which this test binary is called plumb: see TestMain.
func program(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(dir, "plumb")); err != nil {
		t.Fatal(err)
	}
	return dir
}
