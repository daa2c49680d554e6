package learn_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"plumb/test/lab"
)

// buildPlumb makes the program, and returns the directory that it is in.
func buildPlumb(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(lab.NeedTool(t, "go"), "build", "-o", filepath.Join(dir, "plumb"), "plumb/cmd/plumb")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build plumb: %v\n%s", err, out)
	}
	return dir
}

// A session is a shell in a sealed lab, as a reader of the chapter has one.
type session struct {
	t     *testing.T
	typed *os.File
	pipe  *os.File // what it prints
	out   *bufio.Reader
}

const (
	commandTime = time.Minute      // that a command may take
	soon        = 30 * time.Second // that the kernel may take for what it does by itself
)

// ended is what ends the output of each command: a character that no output has, and the exit status.
const ended = '\x1e'

// session is the session of a name, which begins where it is first asked for and ends with the test.
func (c *chapter) session(name string) *session {
	c.t.Helper()
	if s := c.sessions[name]; s != nil {
		return s
	}
	in, typed := pipe(c.t)
	out, printed := pipe(c.t)
	cmd := exec.Command(filepath.Join(c.bin, "plumb"), "lab", "--", "/bin/sh")
	cmd.Dir = c.work
	cmd.Env = append(os.Environ(), "PATH="+c.bin+":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TERM=dumb", "NO_COLOR=1", "TZ=UTC")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, printed, printed
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	in.Close()
	printed.Close()
	s := &session{t: c.t, typed: typed, pipe: out, out: bufio.NewReader(out)}
	c.t.Cleanup(func() {
		typed.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with what was left in the background
		_ = cmd.Wait()
		out.Close()
	})
	c.sessions[name] = s
	return s
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// replay types the commands of a block, and returns the block with what they print now. What is the same but for times and
// the like stays as it was.
func (s *session) replay(block, how string) string {
	s.t.Helper()
	var out strings.Builder
	fails, failed := how == "fails", false
	for _, c := range commandsOf(block) {
		output, status := s.run(c.typed)
		for start := time.Now(); how == "soon" && normal(output) != normal(c.output) && time.Since(start) < soon; {
			output, status = s.run(c.typed)
		}
		failed = failed || status != "0"
		if status != "0" && !fails {
			s.t.Errorf("exit status %s of\n%s%s", status, c.typed, output)
		}
		if normal(output) == normal(c.output) {
			output = c.output
		}
		out.WriteString(c.shown + output)
	}
	if fails && !failed {
		s.t.Errorf("every command succeeds in a block that is said to fail:\n%s", block)
	}
	return out.String()
}

// run types one command and reads what it prints, and its exit status.
func (s *session) run(typed string) (output, status string) {
	s.t.Helper()
	if _, err := fmt.Fprintf(s.typed, "%s\nprintf '\\036%%d\\n' $?\n", strings.TrimRight(typed, "\n")); err != nil {
		s.t.Fatal(err)
	}
	if err := s.pipe.SetReadDeadline(time.Now().Add(commandTime)); err != nil {
		s.t.Fatal(err)
	}
	output, err := s.out.ReadString(ended)
	if err == nil {
		status, err = s.out.ReadString('\n')
	}
	if err != nil {
		s.t.Fatalf("the lab's shell does not go on (%v) after\n%s%s", err, typed, output)
	}
	output = strings.TrimSuffix(output, string(ended))
	if output != "" && !strings.HasSuffix(output, "\n") {
		output += "\n"
	}
	return output, strings.TrimSpace(status)
}

// What is different each time, and stands in the chapters as it was once.
var different = []struct {
	what   *regexp.Regexp
	normal string
}{
	{regexp.MustCompile(`\d+\.\d+(/\d+\.\d+)+ ms`), "TIMES"},                               // statistics of times
	{regexp.MustCompile(` *\b\d+(\.\d+)?( ?(ns|µs|ms|s)\b)`), " TIME"},                     // times
	{regexp.MustCompile(`\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b`), "MAC"},                      // Ethernet addresses, but for those below
	{regexp.MustCompile(`net:\[\d+\]`), "net:[INODE]"},                                     // namespaces
	{regexp.MustCompile(`\b(pid|portid|nlmsg_pid)[ =]\d{2,}`), "$1=PID"},                   // ports of sockets, and processes
	{regexp.MustCompile(`(← RTM_NEWLINK .*len=)\d+`), "${1}LENGTH"},                        // newer kernels tell more of a link
	{regexp.MustCompile(`\b\d{8,}\b`), "NUMBER"},                                           // indexes of links that plumb chooses, handles, ids
	{regexp.MustCompile(`(\d+\.\d+\.\d+\.\d+:)(3[2-9]|[45]\d|60)\d{3}\b`), "${1}PORT"},     // ports that the kernel chooses
	{regexp.MustCompile(`\b(sport|dport|id)=(3[2-9]|[45]\d|60)\d{3}\b`), "${1}=EPHEMERAL"}, // ports and ids in connections
}

// own are addresses that the chapters give to links, and compare.
var own = regexp.MustCompile(`\b02:70:6c:00:00:([0-9a-f]{2})\b`)

// normal is an output without what is different each time.
func normal(output string) string {
	output = own.ReplaceAllString(output, "OWN-$1")
	for _, d := range different {
		output = d.what.ReplaceAllString(output, d.normal)
	}
	return output
}
