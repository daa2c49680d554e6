// Package lab seals tests off from the machine that runs them. A package whose tests touch the kernel's network says
//
//	func TestMain(m *testing.M) { lab.Main(m) }
//
// and its tests, benchmarks and fuzz targets run in a network namespace with no way out, in which they are root:
// as root in a namespace of root's, as a normal user in one that belongs to a user namespace of its own.
package lab

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container"
	"plumb/container/netns"
)

// outsideEnv tells a test binary that it runs sealed. Its value is the network namespace outside, so that it is not only believed
// but compared: a variable that leaked into a shell seals nothing. Fuzz workers inherit it with the namespace.
const outsideEnv = "PLUMB_TEST_OUTSIDE"

// Main runs the package's tests in a fresh, sealed network and mount namespace, and exits with their status. The loopback link there is
// down: a test that wants it up says so.
func Main(m *testing.M) {
	container.Init()
	inside, err := sealed()
	if err == nil && inside {
		os.Exit(runCompared(m))
	}
	if err == nil {
		err = reexec()
	}
	// Only failures come here.
	fmt.Fprintf(os.Stderr, "lab: seal the tests in a network namespace: %v\n", err)
	if onCI() {
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "lab: tests skipped (they need root, or user namespaces for normal users)")
	os.Exit(0)
}

// NeedTool returns the path of a program that a test compares with. Without it the test is skipped, or fails under CI=true.
func NeedTool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if onCI() {
		t.Fatalf("this test needs %s: %v", name, err)
	}
	t.Skipf("this test needs %s: %v", name, err)
	return ""
}

func onCI() bool { return os.Getenv("CI") == "true" }

// sealed reports whether this process already is in a network namespace that Main made.
func sealed() (bool, error) {
	outside := os.Getenv(outsideEnv)
	if outside == "" {
		return false, nil
	}
	here, err := netns.Current()
	if err != nil {
		return false, err
	}
	defer here.Close()
	return here.String() != outside, nil
}

// reexec runs this program again, sealed. It returns only an error.
func reexec() error {
	here, err := netns.Current()
	if err != nil {
		return err
	}
	outside := here.String()
	here.Close()
	if err := os.Setenv(outsideEnv, outside); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err = execSealed(); err != unix.EPERM {
			return err
		}
	}
	return runInUserNamespace() // a normal user, or a root without CAP_SYS_ADMIN
}

// execSealed replaces this process by itself in new namespaces: pid, status, signals and terminal stay what they were.
// exec keeps the namespaces of the one thread that calls it.
func execSealed() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return err // nothing has changed
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	return unix.Exec("/proc/self/exe", os.Args, os.Environ())
}

// runInUserNamespace runs this program in a child, since a process with threads cannot unshare its user namespace
// (unshare(2), EINVAL), and exits with the child's status.
func runInUserNamespace() error {
	runtime.LockOSThread() // Pdeathsig fires when the thread that cloned ends
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:                 unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		GidMappingsEnableSetgroups: false,
		Pdeathsig:                  unix.SIGKILL,
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		for s := range signals {
			cmd.Process.Signal(s) // an error says that it has ended, which Wait says too
		}
	}()
	err := cmd.Wait()
	if cmd.ProcessState == nil {
		return err
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		os.Exit(128 + int(status.Signal()))
	}
	os.Exit(status.ExitStatus())
	return nil
}
