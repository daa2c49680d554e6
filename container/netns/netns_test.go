package netns_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"plumb/container/netns"
	"plumb/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

func fresh(t testing.TB) *netns.NS {
	t.Helper()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func current(t testing.TB) *netns.NS {
	t.Helper()
	ns, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func TestNewIsElsewhere(t *testing.T) {
	t.Parallel()
	here, a, b := current(t), fresh(t), fresh(t)
	if a.Equal(here) || b.Equal(here) || a.Equal(b) {
		t.Fatalf("here %s, new %s and %s: not three", here, a, b)
	}
	if again := current(t); !again.Equal(here) {
		t.Fatalf("the thread moved from %s to %s", here, again)
	}
}

func TestDoRunsInsideAndComesBack(t *testing.T) {
	t.Parallel()
	here, ns := current(t), fresh(t)
	want := errors.New("fn's own")
	var inside *netns.NS
	err := ns.Do(func() (err error) {
		if inside, err = netns.Current(); err != nil {
			return err
		}
		return want
	})
	if err != want {
		t.Fatalf("Do returned %v, want fn's error", err)
	}
	defer inside.Close()
	if !inside.Equal(ns) {
		t.Errorf("fn ran in %s, want %s", inside, ns)
	}
	if after := current(t); !after.Equal(here) {
		t.Errorf("the caller is in %s, was in %s", after, here)
	}
}

func TestDoHereStaysOnItsThread(t *testing.T) {
	t.Parallel()
	here, ns := current(t), fresh(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid, want := unix.Gettid(), errors.New("fn's own")
	err := ns.DoHere(func() error {
		if at := unix.Gettid(); at != tid {
			t.Errorf("fn ran on thread %d, want %d", at, tid)
		}
		return errors.Join(want, mustBe(ns))
	})
	if err.Error() != want.Error() {
		t.Errorf("DoHere returned %v, want fn's error", err)
	}
	if err := mustBe(here); err != nil {
		t.Error(err)
	}
}

// Every thread of the process must be at home after Do and DoHere, however fn ended.
func TestNoThreadStaysBehind(t *testing.T) {
	here, ns := current(t), fresh(t)
	for range 50 {
		for _, do := range []func(func() error) error{ns.Do, ns.DoHere} {
			do(func() error { return nil })
			exiting(do)
		}
		panicking(t, ns)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		thread, err := netns.FromPath("/proc/self/task/" + task.Name() + "/ns/net")
		if errors.Is(err, unix.ENOENT) {
			continue // has ended
		}
		if err != nil {
			t.Fatal(err)
		}
		if !thread.Equal(here) {
			t.Errorf("thread %s is in %s, want %s", task.Name(), thread, here)
		}
		thread.Close()
	}
}

func panicking(t *testing.T, ns *netns.NS) {
	t.Helper()
	defer func() {
		text, isText := recover().(string)
		if !isText || !strings.Contains(text, "on purpose") || !strings.Contains(text, "panicking") {
			t.Errorf("panic came out as %q, want its value and stack", text)
		}
	}()
	ns.Do(func() error { panic("on purpose") })
}

func exiting(do func(func() error) error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(func() error { runtime.Goexit(); return nil })
	}()
	<-done
}

func TestDoNests(t *testing.T) {
	t.Parallel()
	a, b := fresh(t), fresh(t)
	err := a.Do(func() error {
		if err := b.Do(func() error { return mustBe(b) }); err != nil {
			return err
		}
		return mustBe(a)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func mustBe(want *netns.NS) error {
	got, err := netns.Current()
	if err != nil {
		return err
	}
	defer got.Close()
	if !got.Equal(want) {
		return errors.New("in " + got.String() + ", want " + want.String())
	}
	return nil
}

// When fn leaves the thread without the right to return, Do and DoHere say so, and the thread is gone afterwards.
func TestThreadThatCannotReturnIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*netns.NS, func() error) error{
		"Do": (*netns.NS).Do,
		"DoHere": func(ns *netns.NS, fn func() error) error {
			done := make(chan error)
			go netns.OnLostThread(func() { done <- ns.DoHere(fn) }) // the main thread could not end
			return <-done
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tid int
			err := do(fresh(t), func() error {
				tid = unix.Gettid()
				var caps [2]unix.CapUserData
				return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &caps[0]) // of this thread alone
			})
			if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "given up") {
				t.Fatalf("%s returned %v, want EPERM and that the thread is given up", name, err)
			}
			for {
				err := unix.Tgkill(os.Getpid(), tid, 0)
				if errors.Is(err, unix.ESRCH) {
					return
				}
				runtime.Gosched()
			}
		})
	}
}

func TestFromPIDAndPidfd(t *testing.T) {
	t.Parallel()
	here := current(t)
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	openers := map[string]func() (*netns.NS, error){
		"FromPID":           func() (*netns.NS, error) { return netns.FromPID(cmd.Process.Pid) },
		"FromPidfd":         func() (*netns.NS, error) { return netns.FromPidfd(pidfd) },
		"fromPidfdByProc":   func() (*netns.NS, error) { return netns.FromPidfdByProc(pidfd) },
		"FromPath /proc/…":  func() (*netns.NS, error) { return netns.FromPath(procPath(cmd.Process.Pid)) },
		"FromPath a second": func() (*netns.NS, error) { return netns.FromPath("/proc/self/fd/" + itoa(here.FD())) },
	}
	for name, open := range openers {
		ns, err := open()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !ns.Equal(here) {
			t.Errorf("%s: %s, want %s", name, ns, here)
		}
		if flags, err := unix.FcntlInt(uintptr(ns.FD()), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: fd flags %#x, %v: not close-on-exec", name, flags, err)
		}
		ns.Close()
	}
	stdin.Close()
	cmd.Wait()
	for _, name := range []string{"FromPID", "FromPidfd", "fromPidfdByProc"} {
		if _, err := openers[name](); !errors.Is(err, unix.ESRCH) {
			t.Errorf("%s of an ended process: %v, want ESRCH", name, err)
		}
	}
}

func TestFromPathRefusesWhatIsNoNetNS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{
		fifo: "a FIFO", file: "a regular file", dir: "a directory", "/dev/null": "a device",
		"/proc/self/ns/mnt": "a mount namespace", "/proc/self/ns/user": "a user namespace",
	} {
		_, err := netns.FromPath(path)
		if !errors.Is(err, netns.ErrNotNetNS) || !strings.Contains(err.Error(), kind) || !strings.Contains(err.Error(), path) {
			t.Errorf("FromPath(%s): %v, want ErrNotNetNS with the path and %q", path, err, kind)
		}
	}
	if _, err := netns.FromPath(filepath.Join(dir, "none")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a path that does not exist: %v, want ENOENT", err)
	}
}

func TestCloseTwice(t *testing.T) {
	t.Parallel()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ns.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := ns.Do(func() error { t.Error("fn ran in a closed namespace"); return nil }); !errors.Is(err, unix.EBADF) {
		t.Errorf("Do after Close: %v, want EBADF", err)
	}
}

func TestSysctl(t *testing.T) {
	t.Parallel()
	a, b := fresh(t), fresh(t)
	if err := a.WriteSysctl("net.ipv4.ip_forward", "1"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"net.ipv4.ip_forward": "1", "net/ipv4/ip_forward": "1", "net.ipv4.conf.lo.forwarding": "1"} {
		if got, err := a.ReadSysctl(name); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
	if got, err := b.ReadSysctl("net.ipv4.ip_forward"); err != nil || got != "0" {
		t.Errorf("the other namespace's ip_forward is %q, %v, want 0", got, err)
	}
	if _, err := a.ReadSysctl("net.no.such"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("an unknown sysctl: %v, want ENOENT", err)
	}
	for _, name := range []string{"", "net/../kernel", "/etc/passwd", "net..ipv4"} {
		if _, err := a.ReadSysctl(name); !errors.Is(err, unix.EINVAL) {
			t.Errorf("name %q: %v, want EINVAL", name, err)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	ns := fresh(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := ns.Do(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// What Do costs without the hand-off to another thread.
func BenchmarkDoHere(b *testing.B) {
	ns := fresh(b)
	err := ns.Do(func() error {
		for b.Loop() {
			if err := ns.DoHere(func() error { return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkCurrent(b *testing.B) {
	for b.Loop() {
		ns, err := netns.Current()
		if err != nil {
			b.Fatal(err)
		}
		ns.Close()
	}
}

func procPath(pid int) string { return "/proc/" + itoa(pid) + "/ns/net" }

func itoa(n int) string { return strconv.Itoa(n) }
