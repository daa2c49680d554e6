package container_test

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"plumb/container"
)

// helperEnv makes the test binary a helper program instead: a command for a container that has no other, or a program that runs containers.
const helperEnv = "PLUMB_TEST_HELPER"

var helpers = map[string]func() int{
	"nothing":   func() int { return 0 },
	"hello":     func() int { fmt.Println("hello"); return 0 },
	"caps":      capabilities,
	"move":      move,
	"type":      typeOnTerminal,
	"victim":    victim,
	"chroot":    runInChroot,
	"tty":       runOnTerminal,
	"exercise":  exercise,
	"attendant": attend,
	"mortal":    dieAtWork,
	"exec":      execHere,
	"exe":       programFlags,
	"wait":      func() int { os.Stdin.Read(make([]byte, 1)); return 0 },
}

// capabilities prints the effective ones in hexadecimal.
func capabilities() int {
	status, err := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if caps, found := strings.CutPrefix(line, "CapEff:\t"); found {
			fmt.Print(caps)
		}
	}
	if err != nil {
		fmt.Println(err)
	}
	return 0
}

// typeOnTerminal puts a character into the terminal's input, as if it were typed.
func typeOnTerminal() int {
	char := []byte("x")
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&char[0])))
	fmt.Println("typed:", errno)
	return 0
}

// move enters a layered root by moving it over /, and writes there.
func move() int {
	if err := container.EnterByMove(); err != nil {
		fmt.Println("enter:", err)
		return 1
	}
	if err := os.WriteFile(os.Getenv("MARK"), []byte("x"), 0o644); err != nil {
		fmt.Println("write:", err)
		return 1
	}
	fmt.Println("moved")
	return 0
}

// victim runs a container that never ends by itself. Everything in it holds stdout.
func victim() int {
	spec := sh("sleep 1000 & sleep 1000")
	spec.Stdout = os.Stdout
	p, err := container.StartProcess(context.Background(), spec)
	if err == nil {
		err = p.Release(testFiles)
	}
	fmt.Println("running", err)
	p.Wait()
	return 1
}

// runInChroot changes the root directory to one that holds this program and /proc, and runs a container there.
func runInChroot() int {
	err := unix.Chroot(os.Getenv("CHROOT"))
	if err == nil {
		err = os.Chdir("/")
	}
	if err != nil {
		fmt.Println("chroot:", err)
		return 1
	}
	return runHere(container.ProcessSpec{Args: []string{"/helper"}, Env: []string{helperEnv + "=caps"}, Hostname: "box"})
}

// runHere runs a container with this process's streams.
func runHere(spec container.ProcessSpec) int {
	spec.Stdin, spec.Stdout, spec.Stderr = os.Stdin, os.Stdout, os.Stderr
	p, err := container.StartProcess(context.Background(), spec)
	if err != nil {
		fmt.Println("start:", err)
		return 125
	}
	defer container.ForwardSignals(p, os.Stderr)()
	if err := p.Release(testFiles); err != nil {
		fmt.Println("release:", err)
		return 125
	}
	status, err := p.Wait()
	if err != nil {
		fmt.Println("wait:", err)
	}
	return status
}

func helperCommand(name string, env ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		exe = "/proc/self/exe"
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), helperEnv+"="+name), env...)
	return cmd
}

// tinyRootfs returns a directory that holds nothing but the test binary, as /helper, and what it is linked with (nothing,
// unless it was built with cgo or the race detector).
func tinyRootfs(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, "/proc/self/exe", filepath.Join(dir, "helper"))
	for _, library := range libraries(t) {
		copyFile(t, library, filepath.Join(dir, library))
	}
	return dir
}

// libraries returns the paths of the dynamic loader and the shared libraries of this program.
func libraries(t testing.TB) []string {
	t.Helper()
	program, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	section := program.Section(".interp")
	if section == nil {
		return nil
	}
	loader, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	found := []string{strings.TrimRight(string(loader), "\x00")}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if len(fields) == 6 && strings.Contains(fields[5], ".so") && !slices.Contains(found, fields[5]) {
			found = append(found, fields[5])
		}
	}
	return found
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	syscall.ForkLock.RLock() // a process that another test starts would have the file, too, for a moment: ETXTBSY
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}
