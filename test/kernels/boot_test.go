package kernels

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumb/test/lab"
)

// bootTime is how long a machine may live. It takes a tenth of that, if it has a processor for itself.
const bootTime = 4 * time.Minute

// programs are what goes into every initramfs. TestMain makes the directory; build fills it.
var programs string

// A machine boots one kernel.
type machine struct {
	kernel  kernel
	cmdline string // added to the kernel's command line
	steps   []Step
}

// boot boots the machine and returns what came of its steps. The test fails where they were not all taken.
func (m machine) boot(t *testing.T) []Result {
	t.Helper()
	qemu := lab.NeedTool(t, "qemu-system-x86_64")
	dir := t.TempDir()
	initramfs, console, report := filepath.Join(dir, "initramfs"), filepath.Join(dir, "console"), filepath.Join(dir, "report")
	if err := m.writeInitramfs(initramfs); err != nil {
		t.Fatalf("write the initramfs: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), bootTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, qemu, "-accel", "tcg", "-m", "512", "-smp", "1", "-nodefaults", "-no-reboot", "-display", "none", "-nic", "none",
		"-kernel", m.kernel.file("vmlinuz"), "-initrd", initramfs,
		"-append", strings.TrimSpace("console=ttyS0 quiet panic=-1 loglevel=5 "+m.cmdline),
		"-serial", "file:"+console, "-serial", "file:"+report)
	output, err := cmd.CombinedOutput()
	results := readReport(t, report)
	if state := cmd.ProcessState; state != nil {
		t.Logf("Linux %s: %d steps of %d, %.1f s of a processor", m.kernel.version, len(results), len(m.steps), (state.UserTime() + state.SystemTime()).Seconds())
	}
	text, readErr := os.ReadFile(console)
	if err != nil || readErr != nil || len(results) < len(m.steps) || results[len(results)-1].Err != "" {
		for _, r := range results {
			t.Log(r)
		}
		t.Fatalf("the machine did not get to the end: %v\n%s\nits console:\n%s", errors.Join(err, readErr, ctx.Err()), output, text)
	}
	if bytes.Contains(text, []byte("Call Trace:")) {
		t.Errorf("the kernel complains:\n%s", text)
	} else if testing.Verbose() {
		t.Logf("the console:\n%s", text)
	}
	return results
}

func readReport(t *testing.T, file string) []Result {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("the machine has reported nothing: %v", err)
	}
	var results []Result
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var r Result
		if err := d.Decode(&r); err == io.EOF {
			return results
		} else if err != nil {
			t.Fatalf("read the machine's report: %v\n%q", err, text)
		}
		results = append(results, r)
	}
}

// writeInitramfs writes all that there is on the machine.
func (m machine) writeInitramfs(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	n := &newcWriter{w: f}
	for _, dir := range []string{"bin", "dev", "etc", "image", "image/bin", "modules", "proc", "run", "sys"} {
		n.Directory(dir, 0o755)
	}
	n.Character("dev/console", 0o600, 5, 1)
	for name, program := range map[string]string{"init": "init", "bin/plumb": "plumb"} {
		content, err := os.ReadFile(filepath.Join(programs, program))
		if err != nil {
			return err
		}
		n.File(name, 0o755, content)
	}
	for _, step := range m.steps {
		if step.Do != DoLoad {
			continue
		}
		for _, module := range step.Args {
			if err := m.addModule(n, module); err != nil {
				return err
			}
		}
	}
	steps, err := json.Marshal(m.steps)
	if err != nil {
		return err
	}
	n.File("steps.json", 0o644, steps)
	return errors.Join(n.Close(), f.Close())
}

// addModule adds a module, unless the kernel has it built in.
func (m machine) addModule(n *newcWriter, name string) error {
	files, err := filepath.Glob(m.kernel.file("modules/" + name + ".ko*"))
	if err != nil || len(files) == 0 {
		return err
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	n.File("modules/"+filepath.Base(files[0]), 0o644, content)
	return nil
}
